internal import CardCSV
public import CardModel
public import CardService
public import CardStore

/// What became of one file.
public struct FileReport: Sendable {
    /// A problem as it is shown to the person who loads the file.
    public struct Shown: Sendable {
        public let line: Int
        public let problem: RowProblem
        public let isReject: Bool
    }

    /// Problems kept to be shown; all of them are in the problem files.
    public static let shownMax = 20

    public let path: String
    public let feed: FeedID
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
    public let bytesRead: Int
    public let sizeBytes: Int
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

    /// Reads one file; everything in it is durable when this returns.
    ///
    /// - Throws: ``FileLoadError`` when the file cannot be read to its end. Problems noted until
    ///   then are in the problem files, and the rows before the failure are in the store, as far as
    ///   that takes them.
    public func load(_ path: String, as profile: FeedProfile) throws(FileLoadError) -> FileReport {
        let file: InputFile
        do {
            file = try InputFile(path: path)
        } catch {
            throw .file(error)
        }
        var run = FileRun(
            report: FileReport(path: path, feed: profile.id), profile: profile, mode: mode,
            nowSeconds: nowSeconds, writer: writer,
            rejects: problemFile(path, "rejects"), warnings: problemFile(path, "warnings"))
        var failure: FileLoadError?
        do throws(FileLoadError) {
            try read(file, &run)
        } catch {
            failure = error
        }
        return try run.finish(after: failure)
    }

    private func read(
        _ file: borrowing InputFile, _ run: inout FileRun
    ) throws(FileLoadError) {
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: run.profile.delimiter), maxRowBytes: Self.maxRowBytes)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.chunkBytes, alignment: 16)
        defer { buffer.deallocate() }
        var bytesRead = 0
        while true {
            let count: Int
            do {
                count = try file.read(into: buffer)
            } catch {
                throw .file(error)
            }
            if count == 0 { break }
            bytesRead += count
            let chunk = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            let bytes = chunk.assumingMemoryBound(to: UInt8.self)
            try reader.read(bytes.span) { (row) throws(FileLoadError) in
                try run.take(row, file)
            }
            onProgress(
                FileProgress(
                    path: file.path, bytesRead: bytesRead, sizeBytes: file.sizeBytes,
                    rows: run.report.rows))
        }
        try reader.finish { (row) throws(FileLoadError) in try run.take(row, file) }
    }

    private func problemFile(_ path: String, _ kind: String) -> ProblemFile {
        ProblemFile(
            directory: problemDirectory, runName: runName, sourcePath: path, kind: kind)
    }
}

/// The state of reading one file.
private struct FileRun: ~Copyable {
    /// Facts read between two hand-overs to the writer: sorting more of them together makes
    /// neighbours in the B+tree of more of them.
    private static let batchFacts = 100_000

    var report: FileReport
    let profile: FeedProfile
    let mode: FileLoader.Mode
    let nowSeconds: Int64
    let writer: BatchWriter
    var rejects: ProblemFile
    var warnings: ProblemFile
    private var rows: RowReader?
    private var facts: [CardFact] = []

    init(
        report: FileReport, profile: FeedProfile, mode: FileLoader.Mode, nowSeconds: Int64,
        writer: BatchWriter, rejects: consuming ProblemFile, warnings: consuming ProblemFile
    ) {
        self.report = report
        self.profile = profile
        self.mode = mode
        self.nowSeconds = nowSeconds
        self.writer = writer
        self.rejects = rejects
        self.warnings = warnings
    }

    mutating func take(
        _ row: borrowing CSVRow, _ file: borrowing InputFile
    ) throws(FileLoadError) {
        guard let rows else {
            let map = try columnMap(row, file)
            report.unusedColumns = map.unusedTitles
            self.rows = RowReader(profile, map, nowSeconds: nowSeconds)
            return
        }
        report.rows += 1
        let reading = rows.read(row)
        do {
            if let fact = reading.fact {
                // What is voided needs no advice on how it could have been better.
                if mode == .add {
                    for problem in reading.problems {
                        report.note(problem, line: row.line, isReject: false)
                        try warnings.append(
                            problem, line: row.line, file, row.byteRange, hiding: hidden(problem))
                    }
                }
                try add(fact)
            } else {
                for problem in reading.problems {
                    report.note(problem, line: row.line, isReject: true)
                    try rejects.append(
                        problem, line: row.line, file, row.byteRange, hiding: hidden(problem))
                }
            }
        } catch let error as FileError {
            throw .file(error)
        } catch let error as WriteError {
            throw .write(path: report.path, error)
        } catch {
            preconditionFailure("these calls throw nothing else, not \(error)")
        }
    }

    /// Reads the header. When it does not do, the file's first bytes may tell why better than
    /// titles made of them.
    private func columnMap(
        _ header: borrowing CSVRow, _ file: borrowing InputFile
    ) throws(FileLoadError) -> ColumnMap {
        do {
            return try ColumnMap(header: header, profile)
        } catch {
            let start: [UInt8]
            do {
                start = try file.bytes(
                    in: 0..<min(file.sizeBytes, ForeignFormat.startBytesMax))
            } catch {
                throw .file(error)
            }
            let foreign = ForeignFormat.advice(for: start).map(HeaderError.foreignFormat)
            throw .header(path: report.path, foreign ?? error)
        }
    }

    /// A row can have a card's number wherever a partner put one, whatever its problem is.
    private func hidden(_ problem: RowProblem) -> CardNumberMask.Scope? {
        if profile.allowsCardNumbers { return nil }
        return problem.code == CardIDError.looksLikeCardNumber.code ? .all : .likely
    }

    private mutating func add(_ fact: CardFact) throws(WriteError) {
        switch mode {
        case .add: facts.append(fact)
        case .void:
            facts.append(CardFact(card: fact.card, event: .void(fact.event.identity)))
        }
        if facts.count >= Self.batchFacts { try writeBatch() }
    }

    private mutating func writeBatch() throws(WriteError) {
        try writer.write(facts)
        facts.removeAll(keepingCapacity: true)
    }

    /// Ends the run, also one that failed: what was read and noted is not lost. The first failure
    /// is the one to report; later ones are mostly its consequences.
    mutating func finish(after failure: FileLoadError?) throws(FileLoadError) -> FileReport {
        var failure = failure
        do {
            try rejects.close()
        } catch {
            failure = failure ?? .file(error)
        }
        do {
            try warnings.close()
        } catch {
            failure = failure ?? .file(error)
        }
        report.rejectsPath = rejects.path
        report.warningsPath = warnings.path
        do {
            // Also after a failure: the writer counts from flush to flush, and the next file's
            // count must not hold this one's facts.
            try writeBatch()
            report.counts = try writer.flush()
        } catch {
            failure = failure ?? .write(path: report.path, error)
        }
        if let failure { throw failure }
        return report
    }
}

extension FileReport {
    fileprivate mutating func note(_ problem: RowProblem, line: Int, isReject: Bool) {
        if isReject {
            rejects += 1
            rejectsByReason[problem.code, default: 0] += 1
        } else {
            warnings += 1
            warningsByReason[problem.code, default: 0] += 1
        }
        if shown.count < Self.shownMax {
            shown.append(Shown(line: line, problem: problem, isReject: isReject))
        }
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
