internal import CardCSV
internal import CardModel
internal import CardService
internal import CardStore

/// The state of reading one file: what became of its rows.
struct FileRun: ~Copyable {
    /// Facts read between two hand-overs to the writer: sorting more of them together makes
    /// neighbours in the B+tree of more of them.
    private static let batchFacts = 100_000

    var report: FileReport
    private let mode: FileLoader.Mode
    private let writer: BatchWriter
    private var rejects: ProblemFile
    private var warnings: ProblemFile
    private var facts: [CardFact] = []

    init(
        report: FileReport, mode: FileLoader.Mode, writer: BatchWriter,
        rejects: consuming ProblemFile, warnings: consuming ProblemFile
    ) {
        self.report = report
        self.mode = mode
        self.writer = writer
        self.rejects = rejects
        self.warnings = warnings
    }

    /// Takes a row whose bytes lie in `file` at its `byteRange`.
    mutating func take(
        _ reading: RowReader.Reading, _ row: borrowing CSVRow, at line: Int, _ origin: RowOrigin,
        _ format: RowFormat, _ file: borrowing InputFile
    ) throws(FileLoadError) {
        let range = row.byteRange
        for problem in problems(of: reading) {
            let hidden = Self.hidden(problem, format)
            report.note(problem, line: line, origin, isReject: reading.fact == nil)
            try Self.onFile { () throws(FileError) in
                if reading.fact == nil {
                    try rejects.append(problem, origin, file, range, hiding: hidden)
                } else {
                    try warnings.append(problem, origin, file, range, hiding: hidden)
                }
            }
        }
        try finishRow(reading.fact)
    }

    /// Takes a row whose bytes the reader alone has. Of one longer than it keeps, the end is lost,
    /// and the problem says so.
    ///
    /// - Parameters:
    ///   - line: in the file that is read; `origin` has the line where the row stood at first.
    ///   - format: nil for a row that is of no feed.
    mutating func take(
        _ reading: RowReader.Reading, _ row: borrowing CSVRow, at line: Int, _ origin: RowOrigin,
        _ format: RowFormat?
    ) throws(FileLoadError) {
        for problem in problems(of: reading) {
            let bytes = row.withRawRow { Array($0) }
            let isCut = bytes.count < row.byteRange.count
            let noted = RowProblem(
                code: problem.code, column: problem.column,
                message: problem.message
                    + (isCut ? "; only its first \(bytes.count) bytes are kept here" : ""))
            let hidden = Self.hidden(problem, format)
            report.note(noted, line: line, origin, isReject: reading.fact == nil)
            try Self.onFile { () throws(FileError) in
                if reading.fact == nil {
                    try rejects.append(noted, origin, bytes, hiding: hidden)
                } else {
                    try warnings.append(noted, origin, bytes, hiding: hidden)
                }
            }
        }
        try finishRow(reading.fact)
    }

    /// What is voided needs no advice on how it could have been better.
    private func problems(of reading: RowReader.Reading) -> [RowProblem] {
        mode == .void && reading.fact != nil ? [] : reading.problems
    }

    private static func onFile(_ body: () throws(FileError) -> Void) throws(FileLoadError) {
        do {
            try body()
        } catch {
            throw .file(error)
        }
    }

    /// A row can have a card's number wherever a partner put one, whatever its problem is.
    private static func hidden(
        _ problem: RowProblem, _ format: RowFormat?
    ) -> CardNumberMask.Scope? {
        if format?.profile.allowsCardNumbers == true { return nil }
        return problem.code == CardIDError.looksLikeCardNumber.code ? .all : .likely
    }

    /// Ends a row that has no problem, or whose problems were taken.
    mutating func finishRow(_ fact: CardFact?) throws(FileLoadError) {
        report.rows += 1
        guard let fact else { return }
        switch mode {
        case .add: facts.append(fact)
        case .void:
            facts.append(CardFact(card: fact.card, event: .void(fact.event.identity)))
        }
        guard facts.count >= Self.batchFacts else { return }
        do {
            try writeBatch()
        } catch {
            throw .write(path: report.path, error)
        }
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
    fileprivate mutating func note(
        _ problem: RowProblem, line: Int, _ origin: RowOrigin, isReject: Bool
    ) {
        if isReject {
            rejects += 1
            rejectsByReason[problem.code, default: 0] += 1
        } else {
            warnings += 1
            warningsByReason[problem.code, default: 0] += 1
        }
        guard shown.count < Self.shownMax else { return }
        let isElsewhere = origin.file != path || origin.line != line
        shown.append(
            Shown(
                line: line, origin: isElsewhere ? "\(origin.file):\(origin.line)" : nil,
                problem: problem, isReject: isReject))
    }
}
