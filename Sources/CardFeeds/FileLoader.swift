public import CardBulk
internal import CardCSV
public import CardModel
public import CardStore

/// What became of one file.
public struct FileReport: Sendable {
    /// A problem as it is shown to the person who loads the file.
    public struct Shown: Sendable {
        /// In the file that was read.
        public let line: Int
        /// Where a mended row stood at first: a file and a line.
        public let origin: String?
        public let problem: RowProblem
        public let isReject: Bool
    }

    /// Problems kept to be shown; all of them are in the problem files.
    public static let shownMax = 20

    public let path: String
    /// nil when each row has its own, as in a file of rejects.
    public let feed: FeedID?
    /// Rows below the header, blank lines not counted.
    public internal(set) var rows = 0
    /// What became of the facts, once they are in the store.
    public var counts = CommitCounts()
    public internal(set) var rejects = 0
    public internal(set) var rejectsByReason: [String: Int] = [:]
    public internal(set) var warnings = 0
    public internal(set) var warningsByReason: [String: Int] = [:]
    public internal(set) var shown: [Shown] = []
    /// Columns of the file that the feed has no use for.
    public internal(set) var unusedColumns: [String] = []
    /// Where rejected rows were written, when there are any.
    public internal(set) var rejectsPath: String?
    /// Where rows with warnings were written, when there are any.
    public internal(set) var warningsPath: String?
    /// Bytes of the file itself, packed when it is.
    public internal(set) var bytes = 0
    /// What else a person should know of the file.
    public internal(set) var note: String?
    /// What stands in a document of JSON or XML at the places that were asked for.
    var values: [String?] = []
}

/// How far the reading of a file has come.
public struct FileProgress: Sendable {
    public let path: String
    /// Of the file itself, packed when it is.
    public let bytesRead: Int
    /// nil when it is not known, as for standard input.
    public let sizeBytes: Int?
    public let rows: Int
}

/// Reads partners' files for a ``BulkLoad``, which brings what they say into a store.
///
/// Large files of UTF-8 are cut into chunks that all cores read: see ``ChunkedFile``.
public struct FileLoader {
    /// What loading a file does with each of its rows.
    public enum Mode: Sendable {
        /// Adds the row's event.
        case add
        /// Voids the event with the row's identity.
        case void
    }

    private static let pieceBytes = 1 << 20
    /// The longest row that is read; longer ones are rejected.
    public static let maxRowBytes = 1 << 20

    private let collector: any FactSink
    private let number: Int
    private let chunkBytes: Int
    private let threads: Int
    private let mode: Mode
    private let problemDirectory: String
    private let runName: String
    private let nowSeconds: Int64
    private let onProgress: (FileProgress) -> Void
    /// For rows of several files; nil when each file has its own.
    var problemFiles: ProblemFiles?
    /// Asked between pieces; reading ends with ``FileLoadError/stopped(path:)``.
    var shouldStop: () -> Bool = { false }
    /// The most that a file may have when it is unpacked.
    var unpackedBytesMax = Int.max
    /// Called with what was read of a file, also of one that failed.
    var onReport: (FileReport) -> Void = { _ in }

    /// - Parameters:
    ///   - collector: where the facts go.
    ///   - number: what this file's facts are counted by.
    ///   - threads: how many to read with.
    ///   - chunkBytes: how much each of them reads at a time.
    ///   - problemDirectory: where files of rejects and warnings go; made when it is needed.
    ///   - runName: begins the names of those files, and must differ from run to run.
    ///   - nowSeconds: the time, in seconds since 1970.
    ///   - onProgress: called once for each piece read, on the calling thread.
    public init(
        collector: any FactSink, number: Int = 0, mode: Mode = .add, threads: Int = 1,
        chunkBytes: Int = 4 << 20, problemDirectory: String, runName: String, nowSeconds: Int64,
        onProgress: @escaping (FileProgress) -> Void = { _ in }
    ) {
        self.collector = collector
        self.number = number
        self.threads = threads
        self.chunkBytes = chunkBytes
        self.mode = mode
        self.problemDirectory = problemDirectory
        self.runName = runName
        self.nowSeconds = nowSeconds
        self.onProgress = onProgress
    }

    /// The path that stands for standard input.
    public static let standardInput = "-"

    /// Reads one file, packed by gzip or not.
    ///
    /// - Parameter path: a regular file, or ``standardInput``.
    /// - Throws: ``FileLoadError`` when the file cannot be read to its end. Problems noted until
    ///   then are in the problem files, and the rows before the failure are with the collector.
    public func load(_ path: String, as profile: FeedProfile) throws(FileLoadError) -> FileReport {
        try load(path, called: nil, as: profile)
    }

    /// - Parameters:
    ///   - name: what people call the file, when that is not its path.
    ///   - values: places in a document of JSON or XML whose values the report gets.
    func load(
        _ path: String, called name: String?, as profile: FeedProfile, values: [String] = []
    ) throws(FileLoadError) -> FileReport {
        guard profile.kind == .cards else {
            throw .document(
                path: path,
                "the feed '\(profile.id)' is of customers, whom a server pulls; no file is loaded")
        }
        return try run(path, called: name, feed: profile.id) { (input, run) throws(FileLoadError) in
            if profile.format != .csv {
                return try readRecords(&input, as: profile, &run, values: values)
            }
            if try readChunks(&input, as: profile, &run) { return }
            try read(&input, as: profile, &run)
        }
    }

    /// Reads a file on all threads; false, with nothing read, when it is not one for that.
    private func readChunks(
        _ input: inout UnpackedFile, as profile: FeedProfile, _ run: inout FileRun
    ) throws(FileLoadError) -> Bool {
        guard let sizeBytes = input.file.sizeBytes, sizeBytes > chunkBytes else { return false }
        let file = try ChunkedFile(
            input.file, profile, chunkBytes: chunkBytes, nowSeconds: nowSeconds)
        guard let file else { return false }
        let path = run.report.path
        try file.read(input.file, threads: threads, &run) { bytesRead, rows in
            onProgress(
                FileProgress(
                    path: path, bytesRead: bytesRead, sizeBytes: sizeBytes, rows: rows))
        }
        return true
    }

    /// Reads a little here and there in a file, for the collector to cut its ranges by. What cannot
    /// be read is left out: ``load(_:as:)`` tells of it.
    ///
    /// - Parameter pieces: how many places to read at.
    public func sample(_ path: String, as profile: FeedProfile, pieces: Int) {
        guard path != Self.standardInput else { return }
        do {
            let file = try InputFile(path: path)
            let chunked = try ChunkedFile(
                file, profile, chunkBytes: chunkBytes, nowSeconds: nowSeconds)
            try chunked?.sample(file, pieces: pieces) { collector.addSample($0) }
        } catch {
            return
        }
    }

    /// Reads rows that were rejected, or had warnings, and were mended since: what
    /// ``holdsProblems(_:)`` says is one of our own problem files. Each row is read as one of the
    /// file that it came from.
    ///
    /// - Parameters:
    ///   - feeds: where the rows' feeds are found.
    ///   - feed: the only feed whose rows are read; those of others are rejected.
    /// - Throws: as ``load(_:as:)`` does.
    public func loadMended(
        _ path: String, _ feeds: FeedSet, only feed: FeedID? = nil
    ) throws(FileLoadError) -> FileReport {
        try loadMended(path, called: nil, feeds, only: feed)
    }

    func loadMended(
        _ path: String, called name: String?, _ feeds: FeedSet, only feed: FeedID?
    ) throws(FileLoadError) -> FileReport {
        try run(path, called: name, feed: nil) { (input, run) throws(FileLoadError) in
            var mended = MendedRows(feeds, only: feed, nowSeconds: nowSeconds)
            let dialect = CSVDialect()
            // A raw row of any length that is read has room, also with every quote doubled.
            let maxBytes = 2 * (Self.maxRowBytes + ProblemFile.headerBytesMax) + Self.pieceBytes
            var reader = CSVReader(dialect: dialect, maxRowBytes: maxBytes)
            try read(&input, .auto, &run, &reader) { (row, run, _, _) throws(FileLoadError) in
                try mended.take(row, &run)
            }
        }
    }

    /// Whether a file has the header of a problem file. False when it cannot be read.
    public static func holdsProblems(_ path: String) -> Bool {
        let start = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
        defer { start.deallocate() }
        let count: Int
        do {
            var input = UnpackedFile(try InputFile(path: path))
            count = try input.read(into: start)
        } catch {
            // Whoever reads the file itself says why it cannot be read.
            return false
        }
        let bytes = UnsafeRawBufferPointer(rebasing: start[..<count])
            .assumingMemoryBound(to: UInt8.self)
        return MendedRows.isHeader(of: bytes.span)
    }

    private func run(
        _ path: String, called calledName: String?, feed: FeedID?,
        _ body: (inout UnpackedFile, inout FileRun) throws(FileLoadError) -> Void
    ) throws(FileLoadError) -> FileReport {
        let isStandardInput = path == Self.standardInput
        let name = calledName ?? (isStandardInput ? "stdin" : path)
        var input: UnpackedFile
        do {
            input = UnpackedFile(
                isStandardInput
                    ? InputFile(standardInputCalled: name)
                    : try InputFile(path: path, called: name),
                unpackedBytesMax: unpackedBytesMax)
        } catch {
            throw .file(error)
        }
        var run = FileRun(
            report: FileReport(path: name, feed: feed), number: number, mode: mode,
            collector: collector, problemFiles: problemFiles ?? makeProblemFiles(name),
            closesProblemFiles: problemFiles == nil)
        var failure: FileLoadError?
        do throws(FileLoadError) {
            try body(&input, &run)
        } catch {
            failure = error
        }
        run.report.bytes = input.bytesRead
        defer { onReport(run.report) }
        return try run.finish(after: failure)
    }

    private func read(
        _ input: inout UnpackedFile, as profile: FeedProfile, _ run: inout FileRun
    ) throws(FileLoadError) {
        var format: RowFormat?
        var source: FactBuffer.Source?
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: profile.delimiter), maxRowBytes: Self.maxRowBytes)
        try read(&input, profile.encoding, &run, &reader) {
            (row, run, input, text) throws(FileLoadError) in
            if let format, let source {
                let (problems, isReject) = format.rows.read(row, into: &run.facts, source)
                if problems.isEmpty {
                    try run.finishRow()
                    return
                }
                let origin = RowOrigin(
                    file: run.report.path, line: row.line, feed: "\(profile.id)",
                    header: format.header)
                let note = RowNote(row, problems, isReject: isReject)
                // The bytes of a row are in the file, whole, only when nothing was made of them.
                if text.encoding == .utf8, !input.isPacked, input.file.sizeBytes != nil {
                    try run.note(note, at: row.line, origin, format, input.file)
                } else {
                    try run.note(note, at: row.line, origin, format)
                }
                try run.finishRow()
                return
            }
            do throws(HeaderError) {
                let found = try RowFormat(header: row, profile, nowSeconds: nowSeconds)
                run.report.unusedColumns = found.unusedTitles
                format = found
                source = run.source(profile)
            } catch {
                // The file's first bytes may tell why better than titles made of them.
                let foreign = ForeignFormat.advice(for: text.start, readAs: text.encoding)
                throw .header(
                    path: run.report.path, foreign.map(HeaderError.foreignFormat) ?? error)
            }
        }
    }

    /// How the bytes of a file were taken for text.
    private struct Text {
        let start: [UInt8]
        let encoding: TextEncoding
    }

    private typealias TakeRow = (
        borrowing CSVRow, inout FileRun, borrowing UnpackedFile, Text
    ) throws(FileLoadError) -> Void

    /// Reads all rows, the header too.
    private func read(
        _ input: inout UnpackedFile, _ encoding: FeedProfile.Encoding, _ run: inout FileRun,
        _ reader: inout CSVReader, _ take: TakeRow
    ) throws(FileLoadError) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.pieceBytes, alignment: 16)
        defer { buffer.deallocate() }
        var count = try readChunk(&input, buffer)
        let start = [UInt8](buffer[..<min(count, TextEncoding.startBytesMax)])
        let text = Text(start: start, encoding: encoding.encoding(of: start.span))
        var transcoder = UTF8Transcoder(from: text.encoding)
        while count > 0 {
            let chunk = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            let bytes = chunk.assumingMemoryBound(to: UInt8.self)
            try transcoder.read(bytes.span) { (utf8) throws(FileLoadError) in
                try reader.read(utf8) { (row) throws(FileLoadError) in
                    try take(row, &run, input, text)
                }
            }
            try tell(input, run)
            count = try readChunk(&input, buffer)
        }
        try transcoder.finish { (utf8) throws(FileLoadError) in
            try reader.read(utf8) { (row) throws(FileLoadError) in
                try take(row, &run, input, text)
            }
        }
        try reader.finish { (row) throws(FileLoadError) in try take(row, &run, input, text) }
    }

    /// Between two pieces of a file.
    private func tell(
        _ input: borrowing UnpackedFile, _ run: borrowing FileRun
    ) throws(FileLoadError) {
        if shouldStop() { throw .stopped(path: run.report.path) }
        onProgress(
            FileProgress(
                path: run.report.path, bytesRead: input.bytesRead,
                sizeBytes: input.file.sizeBytes, rows: run.report.rows))
    }

    /// Reads a document of records, of which each becomes a row below a header of ours.
    private func readRecords(
        _ input: inout UnpackedFile, as profile: FeedProfile, _ run: inout FileRun,
        values: [String]
    ) throws(FileLoadError) {
        var rows = try RecordRows(profile, path: run.report.path, nowSeconds: nowSeconds)
        let document = RecordDocument(
            format: profile.format, records: profile.records, fields: rows.fields, values: values)
        run.report.values = try document.read(&input, called: run.report.path) {
            (record) throws(FileLoadError) in
            try rows.take(record, &run)
        } onPiece: { (input) throws(FileLoadError) in
            try tell(input, run)
        }
    }

    private func readChunk(
        _ input: inout UnpackedFile, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(FileLoadError) -> Int {
        do {
            return try input.read(into: buffer)
        } catch {
            throw .file(error)
        }
    }

    private func makeProblemFiles(_ path: String) -> ProblemFiles {
        ProblemFiles(directory: problemDirectory, runName: runName, sourcePath: path)
    }
}

/// Why a file could not be read to its end.
public enum FileLoadError: Error, Equatable, Sendable, CustomStringConvertible {
    case file(FileError)
    case header(path: String, HeaderError)
    case bulk(path: String, BulkError)
    /// A document of JSON or XML is not what it should be.
    case document(path: String, String)
    case stopped(path: String)
    /// The store did not take what was read.
    case store(path: String, String)

    public var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .header(let path, let error): "\(path): \(error)"
        case .bulk(let path, let error): "\(path): \(error)"
        case .document(let path, let what): "\(path): \(what)"
        case .store(let path, let what): "\(path): \(what)"
        case .stopped(let path): "\(path): the reading was stopped"
        }
    }
}
