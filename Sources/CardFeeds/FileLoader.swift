internal import CardCSV
public import CardModel
public import CardService
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
    public internal(set) var counts = CommitCounts()
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

/// Reads partners' files into a store, or undoes what reading them did.
///
/// Loading is safe to repeat and to interrupt: facts that are known already change nothing, and
/// what was committed stays.
public struct FileLoader {
    /// What loading a file does with each of its rows.
    public enum Mode: Sendable {
        /// Adds the row's event.
        case add
        /// Voids the event with the row's identity.
        case void
    }

    private static let chunkBytes = 1 << 20
    /// The longest row that is read; longer ones are rejected.
    public static let maxRowBytes = 1 << 20

    private let writer: BatchWriter
    private let mode: Mode
    private let problemDirectory: String
    private let runName: String
    private let nowSeconds: Int64
    private let onProgress: (FileProgress) -> Void

    /// - Parameters:
    ///   - problemDirectory: where files of rejects and warnings go; made when it is needed.
    ///   - runName: begins the names of those files, and must differ from run to run.
    ///   - nowSeconds: the time, in seconds since 1970.
    ///   - onProgress: called once for each piece read, on the calling thread.
    public init(
        writer: BatchWriter, mode: Mode = .add, problemDirectory: String, runName: String,
        nowSeconds: Int64, onProgress: @escaping (FileProgress) -> Void = { _ in }
    ) {
        self.writer = writer
        self.mode = mode
        self.problemDirectory = problemDirectory
        self.runName = runName
        self.nowSeconds = nowSeconds
        self.onProgress = onProgress
    }

    /// The path that stands for standard input.
    public static let standardInput = "-"

    /// Reads one file, packed by gzip or not; everything in it is durable when this returns.
    ///
    /// - Parameter path: a regular file, or ``standardInput``.
    /// - Throws: ``FileLoadError`` when the file cannot be read to its end. Problems noted until
    ///   then are in the problem files, and the rows before the failure are in the store, as far as
    ///   that takes them.
    public func load(_ path: String, as profile: FeedProfile) throws(FileLoadError) -> FileReport {
        try run(path, feed: profile.id) { (input, run) throws(FileLoadError) in
            try read(&input, as: profile, &run)
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
        try run(path, feed: nil) { (input, run) throws(FileLoadError) in
            var mended = MendedRows(feeds, only: feed, nowSeconds: nowSeconds)
            let dialect = CSVDialect()
            // A raw row of any length that is read has room, also with every quote doubled.
            let maxBytes = 2 * (Self.maxRowBytes + ProblemFile.headerBytesMax) + Self.chunkBytes
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
        _ path: String, feed: FeedID?,
        _ body: (inout UnpackedFile, inout FileRun) throws(FileLoadError) -> Void
    ) throws(FileLoadError) -> FileReport {
        let isStandardInput = path == Self.standardInput
        let name = isStandardInput ? "stdin" : path
        var input: UnpackedFile
        do {
            input = UnpackedFile(
                isStandardInput
                    ? InputFile(standardInputCalled: name) : try InputFile(path: path))
        } catch {
            throw .file(error)
        }
        var run = FileRun(
            report: FileReport(path: name, feed: feed), mode: mode, writer: writer,
            rejects: problemFile(name, "rejects"), warnings: problemFile(name, "warnings"))
        var failure: FileLoadError?
        do throws(FileLoadError) {
            try body(&input, &run)
        } catch {
            failure = error
        }
        return try run.finish(after: failure)
    }

    private func read(
        _ input: inout UnpackedFile, as profile: FeedProfile, _ run: inout FileRun
    ) throws(FileLoadError) {
        var format: RowFormat?
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: profile.delimiter), maxRowBytes: Self.maxRowBytes)
        try read(&input, profile.encoding, &run, &reader) {
            (row, run, input, text) throws(FileLoadError) in
            if let format {
                let reading = format.rows.read(row)
                if reading.problems.isEmpty {
                    try run.finishRow(reading.fact)
                    return
                }
                let origin = RowOrigin(
                    file: run.report.path, line: row.line, feed: "\(profile.id)",
                    header: format.header)
                // The bytes of a row are in the file, whole, only when nothing was made of them.
                if text.encoding == .utf8, !input.isPacked, input.file.sizeBytes != nil {
                    try run.take(reading, row, at: row.line, origin, format, input.file)
                } else {
                    try run.take(reading, row, at: row.line, origin, format)
                }
                return
            }
            do throws(HeaderError) {
                let found = try RowFormat(header: row, profile, nowSeconds: nowSeconds)
                run.report.unusedColumns = found.unusedTitles
                format = found
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
            byteCount: Self.chunkBytes, alignment: 16)
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
            onProgress(
                FileProgress(
                    path: run.report.path, bytesRead: input.bytesRead,
                    sizeBytes: input.file.sizeBytes, rows: run.report.rows))
            count = try readChunk(&input, buffer)
        }
        try transcoder.finish { (utf8) throws(FileLoadError) in
            try reader.read(utf8) { (row) throws(FileLoadError) in
                try take(row, &run, input, text)
            }
        }
        try reader.finish { (row) throws(FileLoadError) in try take(row, &run, input, text) }
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

    private func problemFile(_ path: String, _ kind: String) -> ProblemFile {
        ProblemFile(
            directory: problemDirectory, runName: runName, sourcePath: path, kind: kind)
    }
}

/// Why a file could not be read to its end. What was read of it before may have been committed.
public enum FileLoadError: Error, Equatable, Sendable, CustomStringConvertible {
    case file(FileError)
    case header(path: String, HeaderError)
    case write(path: String, WriteError)

    public var description: String {
        switch self {
        case .file(let error): "\(error)"
        case .header(let path, let error): "\(path): \(error)"
        case .write(let path, let error): "\(path): \(error)"
        }
    }
}
