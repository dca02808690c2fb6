internal import CardBulk
internal import CardCSV
internal import CardModel

/// The state of reading one file: what became of its rows.
struct FileRun: ~Copyable {
    /// Facts are handed on when there are about so many bytes of them.
    private static let handOverBytes = 1 << 20

    var report: FileReport
    /// The facts that were not handed on yet.
    var facts = FactBuffer()
    private let mode: FileLoader.Mode
    private let number: Int
    private let collector: any FactSink
    private let problemFiles: ProblemFiles
    private let closesProblemFiles: Bool

    /// - Parameters:
    ///   - number: what the file's facts are counted by.
    ///   - closesProblemFiles: false when others have rows for them too.
    init(
        report: FileReport, number: Int, mode: FileLoader.Mode, collector: any FactSink,
        problemFiles: ProblemFiles, closesProblemFiles: Bool
    ) {
        self.report = report
        self.number = number
        self.mode = mode
        self.collector = collector
        self.problemFiles = problemFiles
        self.closesProblemFiles = closesProblemFiles
    }

    func source(_ profile: FeedProfile) -> FactBuffer.Source {
        FactBuffer.Source(
            file: number, status: profile.status, feed: profile.id, isVoid: mode == .void)
    }

    /// Takes a row's fact and its problems; the bytes are those that the reader has.
    ///
    /// - Parameters:
    ///   - line: in the file that is read; `origin` has the line where the row stood at first.
    ///   - format: nil for a row that is of no feed.
    mutating func take(
        _ reading: RowReader.Reading, _ row: borrowing CSVRow, at line: Int, _ origin: RowOrigin,
        _ format: RowFormat?
    ) throws(FileLoadError) {
        let note = RowNote(row, reading.problems, isReject: reading.fact == nil)
        try self.note(note, at: line, origin, format)
        if let fact = reading.fact {
            let event = mode == .void ? .void(fact.event.identity) : fact.event
            facts.append(CardFact(card: fact.card, event: event), file: number)
        }
        try finishRow()
    }

    /// Notes the problems of a row whose bytes lie in `file`.
    mutating func note(
        _ note: RowNote, at line: Int, _ origin: RowOrigin, _ format: RowFormat,
        _ file: borrowing InputFile
    ) throws(FileLoadError) {
        guard note.isCut else {
            try self.note(note, at: line, origin, format)
            return
        }
        let files = problemFiles
        for problem in problems(of: note) {
            let hidden = Self.hidden(problem, format)
            report.note(problem, line: line, origin, isReject: note.isReject)
            try Self.onFile { () throws(FileError) in
                if note.isReject {
                    try files.rejects.append(
                        problem, origin, file, note.range, hiding: hidden)
                } else {
                    try files.warnings.append(
                        problem, origin, file, note.range, hiding: hidden)
                }
            }
        }
    }

    /// Notes the problems of a row whose bytes the reader alone has. Of one longer than it keeps,
    /// the end is lost, and the problem says so.
    mutating func note(
        _ note: RowNote, at line: Int, _ origin: RowOrigin, _ format: RowFormat?
    ) throws(FileLoadError) {
        let files = problemFiles
        for problem in problems(of: note) {
            let noted = RowProblem(
                code: problem.code, column: problem.column,
                message: problem.message
                    + (note.isCut ? "; only its first \(note.bytes.count) bytes are kept here" : "")
            )
            let hidden = Self.hidden(problem, format)
            report.note(noted, line: line, origin, isReject: note.isReject)
            try Self.onFile { () throws(FileError) in
                if note.isReject {
                    try files.rejects.append(noted, origin, note.bytes, hiding: hidden)
                } else {
                    try files.warnings.append(noted, origin, note.bytes, hiding: hidden)
                }
            }
        }
    }

    /// What is voided needs no advice on how it could have been better.
    private func problems(of note: RowNote) -> [RowProblem] {
        mode == .void && !note.isReject ? [] : note.problems
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

    /// Ends a row whose problems, if any, were noted, and whose fact is in ``facts``.
    mutating func finishRow() throws(FileLoadError) {
        report.rows += 1
        if facts.bytes >= Self.handOverBytes { try handOver() }
    }

    private mutating func handOver() throws(FileLoadError) {
        do {
            try collector.add(facts)
        } catch {
            throw .bulk(path: report.path, error)
        }
        facts.removeAll()
    }

    /// Takes the rows of a chunk, which come behind those taken before.
    mutating func take(
        rows: Int, _ facts: borrowing FactBuffer
    ) throws(FileLoadError) {
        report.rows += rows
        do {
            try collector.add(facts)
        } catch {
            throw .bulk(path: report.path, error)
        }
    }

    /// Ends the run, also one that failed: what was read and noted is not lost. The first failure
    /// is the one to report; later ones are mostly its consequences.
    mutating func finish(after failure: FileLoadError?) throws(FileLoadError) -> FileReport {
        var failure = failure
        if closesProblemFiles {
            do {
                try problemFiles.close()
            } catch {
                failure = failure ?? .file(error)
            }
        }
        report.rejectsPath = problemFiles.rejects.path
        report.warningsPath = problemFiles.warnings.path
        do {
            // Also after a failure: what was read is loaded.
            try handOver()
        } catch {
            failure = failure ?? error
        }
        if let failure { throw failure }
        return report
    }
}

/// The problems of a row, and its bytes as far as the reader has them.
struct RowNote {
    /// In the chunk, or the file, that the reader reads.
    let line: Int
    let problems: [RowProblem]
    let isReject: Bool
    let bytes: [UInt8]
    /// Where the whole row lies in the file.
    let range: Range<Int>

    init(_ row: borrowing CSVRow, _ problems: [RowProblem], isReject: Bool) {
        line = row.line
        self.problems = problems
        self.isReject = isReject
        bytes = problems.isEmpty ? [] : row.withRawRow { Array($0) }
        range = row.byteRange
    }

    /// Whether the reader has not kept all of it.
    var isCut: Bool { bytes.count < range.count }
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
