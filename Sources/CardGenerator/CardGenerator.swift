internal import Glibc

/// Makes the files of four partners for any number of cards, and a manifest that says what must
/// come out when they are loaded.
///
/// The bytes of the files are a function of ``Options`` (all but `threads` and `overwrites`): the
/// same on every machine. Memory does not grow with the number of cards. docs/generate.md lists
/// what the files contain, and how often.
public struct CardGenerator: Sendable {
    /// What to make.
    public struct Options: Sendable {
        public static let cardsMax = 1_000_000_000
        /// 2003-01-01T00:00:00Z to 2090-01-01T00:00:00Z: all rows' times must be times that can be
        /// loaded.
        public static let nowRange: ClosedRange<Int64> = 1_041_379_200...3_786_912_000
        /// 2024-07-01T00:00:00Z
        public static let nowDefault: Int64 = 1_719_792_000

        /// 0 to ``cardsMax``.
        public let cards: Int
        public let seed: UInt64
        /// In ``nowRange``, seconds since 1970: no row is later, save those dated in the future.
        public let nowSeconds: Int64
        /// Whether there are rows dated 2098, which the loader warns about.
        public let hasFutureRows: Bool
        /// At least 1.
        public let threads: Int
        /// Whether files that are there may be replaced.
        public let overwrites: Bool

        public init(
            cards: Int, seed: UInt64 = 1, nowSeconds: Int64 = nowDefault,
            hasFutureRows: Bool = false, threads: Int = 1, overwrites: Bool = false
        ) {
            precondition((0...Self.cardsMax).contains(cards), "too many cards, or too few")
            precondition(Self.nowRange.contains(nowSeconds), "a time for which there is no run")
            precondition(threads >= 1, "a run takes a thread at least")
            self.cards = cards
            self.seed = seed
            self.nowSeconds = nowSeconds
            self.hasFutureRows = hasFutureRows
            self.threads = threads
            self.overwrites = overwrites
        }
    }

    /// How far a run has come.
    public struct Progress: Sendable {
        public let cards: Int
        public let totalCards: Int
        public let bytes: Int
    }

    public static let manifestName = "manifest.json"
    /// The names of the four files.
    public static let fileNames = PartnerFile.allCases.map(\.name)

    private let options: Options

    public init(_ options: Options) {
        self.options = options
    }

    /// Makes the files and the manifest in `directory`, which is made when there is none.
    ///
    /// The manifest is written last: where there is one, the files are complete.
    public func run(
        in directory: String, onProgress: (Progress) -> Void = { _ in }
    ) throws(GeneratorError) -> Manifest {
        try prepare(directory)
        var files: [OutputFile] = []
        for file in PartnerFile.allCases {
            files.append(
                try OutputFile(
                    path: directory + "/" + file.name, overwrites: options.overwrites))
        }
        var bytes = [Int](repeating: 0, count: files.count)
        for file in PartnerFile.allCases {
            let head = FileEnds.head(file, options)
            try files[file.rawValue].write(head)
            bytes[file.rawValue] += head.count
        }
        var manifest = try BlockLine(options, files: files).run(onProgress)
        for file in PartnerFile.allCases {
            let index = file.rawValue
            let tail = FileEnds.tail(file, options, &manifest.files[index])
            try files[index].write(tail)
            try files[index].close()
            manifest.files[index].bytes += bytes[index] + tail.count
        }
        let output = try OutputFile(
            path: directory + "/" + Self.manifestName, overwrites: options.overwrites)
        try output.write(manifest.json(options))
        try output.close()
        return manifest
    }

    private func prepare(_ directory: String) throws(GeneratorError) {
        if mkdir(directory, 0o777) != 0, errno != EEXIST { throw GeneratorError(path: directory) }
        let manifestPath = directory + "/" + Self.manifestName
        if options.overwrites {
            // An old manifest must not speak for new files.
            guard unlink(manifestPath) == 0 || errno == ENOENT else {
                throw GeneratorError(path: manifestPath)
            }
            return
        }
        let paths = Self.fileNames.map { directory + "/" + $0 } + [manifestPath]
        let existing = paths.filter { access($0, F_OK) == 0 }
        guard existing.isEmpty else { throw .exists(existing) }
    }
}
