internal import CardBulk
internal import CardModel
internal import CardService
internal import CardStore
internal import Glibc

/// Reads the data of one run, from wherever they come, and brings what they say to the writer.
struct RunWork {
    /// Failures that a run's message names.
    private static let shownFailuresMax = 5

    let profile: FeedProfile
    let feeds: FeedSet
    let store: CardStore
    let writer: CardWriter
    let directories: RunDirectories
    let nowSeconds: Int64
    let shouldStop: @Sendable () -> Bool
    /// Waits, and says false when the server stops meanwhile.
    let pause: (_ ms: Int) -> Bool
    /// Called now and then with what is counted so far.
    let onProgress: (StoredRun.Totals) -> Void
    /// Makes durable what the run is going to read, before it reads.
    let onFiles: (StoredRun) throws -> Void

    struct Outcome {
        var change: RunChange
        /// nil when all was read to the end.
        var failure: RunFailure?
    }

    /// Reads all. What was accepted before a failure is kept.
    func perform(_ run: StoredRun) -> Outcome {
        var run = run
        run.totals = StoredRun.Totals()
        run.files = run.way == .upload ? run.files : []
        run.message = ""
        var reading: (any RunReading)?
        var marks: [SourceMark] = []
        var notes: [String] = []
        var failure: RunFailure?
        do {
            // What an attempt before this one has left.
            try directories.removeProblemFiles(ofRun: run.id)
            switch (profile.kind, run.way) {
            case (.cards, let way):
                let cards = CardReading(self, run: run.id)
                reading = cards
                switch way {
                case .folder: try readFolder(&run, cards, &marks, &notes)
                case .upload: try readUpload(&run, cards, &notes)
                case .pull: _ = try readDocuments(cards, &marks, &notes)
                }
            case (.customers, .pull):
                let customers = CustomerReading(self, run: run.id, values: pullValues)
                reading = customers
                try readCustomers(customers, &marks, &notes)
            case (.customers, _):
                throw RunFailure(.file, "customers are pulled; a file of them is not read")
            }
        } catch {
            failure = RunFailure(error)
        }
        var change = RunChange(run)
        if let reading {
            do {
                try reading.finish()
            } catch {
                // Whatever else was wrong: what was read is not kept, so the files must be.
                let late = RunFailure(error)
                failure = late.kind == .stopped ? late : RunFailure(.store, late.message)
            }
            change.run.totals = reading.totals
            change.rejects = reading.rejectsFiles
        }
        if failure == nil { failure = Self.failure(of: change.run.files) }
        change.run.state =
            failure == nil ? .done : failure?.kind == .stopped ? .interrupted : .failed
        change.run.message = ((failure.map { [$0.message] } ?? []) + notes).joined(separator: "; ")
        let isRead = failure == nil || failure?.kind == .content || failure?.kind == .file
        // Where the store took nothing, the files wait for it where they are.
        change.run.hasFilesToClear = !change.run.files.isEmpty && isRead && clearsFiles(run)
        if run.way == .upload, change.run.state.isFinal { change.run.hasFilesToClear = true }
        if isRead { change.marks = marks }
        return Outcome(change: change, failure: failure)
    }

    private func clearsFiles(_ run: StoredRun) -> Bool {
        guard case .folder(let rule) = profile.source else { return false }
        return run.way == .folder && rule.after == .move
    }

    private static func failure(of files: [StoredRun.File]) -> RunFailure? {
        let failures = files.filter { !$0.failure.isEmpty }.map(\.failure)
        guard !failures.isEmpty else { return nil }
        let more = failures.count - shownFailuresMax
        return RunFailure(
            .content,
            failures.prefix(shownFailuresMax).joined(separator: "; ")
                + (more > 0 ? "; and \(more) more files" : ""))
    }

    // MARK: Files

    private func readFolder(
        _ run: inout StoredRun, _ cards: CardReading, _ marks: inout [SourceMark],
        _ notes: inout [String]
    ) throws {
        guard case .folder(let rule) = profile.source else {
            throw RunFailure(.file, "the feed has no folder any more")
        }
        let folder = FeedFolder(rule, dataDirectory: directories.data)
        let seen = try candidates(in: folder)
        guard !seen.isEmpty else { return }
        guard pause(rule.settleMs) else { throw RunFailure(.stopped, "the server stopped") }
        let settled = seen.filter(folder.isUnchanged)
        if settled.count < seen.count {
            notes.append(
                "\(seen.count - settled.count) files are still being written and wait for the next"
                    + " run")
        }
        run.files = Array(settled.prefix(FeedFolder.filesMax))
        if settled.count > run.files.count {
            notes.append("\(settled.count - run.files.count) files wait for the next run")
        }
        try onFiles(run)
        for index in run.files.indices {
            try read(
                folder.place(run.files[index].name), called: nil, &run.files[index], cards, &notes)
        }
        guard rule.after == .mark else { return }
        marks = run.files.map(folder.mark)
    }

    /// The files of the feed that were not taken already.
    private func candidates(in folder: FeedFolder) throws -> [FeedFolder.File] {
        let files = try feeds.files(of: profile, in: folder, dataDirectory: directories.data)
        let known = try store.marks(of: "\(profile.id)")
        let marks = Dictionary(known.map { ($0.place, $0) }, uniquingKeysWith: { $1 })
        return files.filter { marks[folder.place($0.name)] != folder.mark($0) }
    }

    private func readUpload(
        _ run: inout StoredRun, _ cards: CardReading, _ notes: inout [String]
    ) throws {
        guard run.files.count == 1 else { throw RunFailure(.file, "the upload is gone") }
        try read(
            directories.upload(ofRun: run.id), called: run.files[0].name, &run.files[0], cards,
            &notes)
    }

    /// Reads one file. What is wrong with the file itself does not stop the run.
    private func read(
        _ path: String, called name: String?, _ file: inout StoredRun.File, _ cards: CardReading,
        _ notes: inout [String]
    ) throws {
        do throws(FileLoadError) {
            let report = try cards.load(path, called: name, values: [])
            file.rows = report.rows
            if let note = report.note { notes.append("\(file.name): \(note)") }
        } catch {
            if case .file(let failure) = error, failure.path.hasPrefix(directories.problems) {
                // The file is as good as it was.
                throw RunFailure(.store, "\(failure)")
            }
            let failure = RunFailure(error)
            guard failure.kind == .content || failure.kind == .file else { throw failure }
            file.failure = "\(error)"
        }
    }

    // MARK: Documents

    /// A pull that brings fewer customers than it says there are would remove the others.
    private func readCustomers(
        _ customers: CustomerReading, _ marks: inout [SourceMark], _ notes: inout [String]
    ) throws {
        let outcome = try readDocuments(customers, &marks, &notes)
        if outcome.isUnchanged { return }
        if let total = outcome.total, outcome.progress.records < total {
            throw RunFailure(
                .content,
                "the documents say that there are \(total) customers, and"
                    + " \(outcome.progress.records) came, so those of the last pull stay; where"
                    + " the total is wrong, leave it out of the feed's paging")
        }
        notes.append(try customers.show())
    }

    private var pullValues: [String] {
        guard case .pull(let rule) = profile.source else { return [] }
        return rule.values
    }

    private func readDocuments(
        _ reading: any RunReading, _ marks: inout [SourceMark], _ notes: inout [String]
    ) throws -> PullRun.Outcome {
        guard case .pull(let rule) = profile.source else {
            throw RunFailure(.file, "the feed is not pulled any more")
        }
        let spoolPath = directories.spool(of: profile.id)
        defer { unlink(spoolPath) }
        let place = rule.place(profile)
        let mark = try store.mark(of: "\(profile.id)", place)
        let pull = PullRun(
            rule: rule,
            validators: mark.map {
                PullRun.Validators(entityTag: $0.entityTag, lastModified: $0.lastModified)
            }, spoolPath: spoolPath, values: rule.values, shouldStop: shouldStop, pause: pause
        ) { progress in
            reading.pages = progress.pages
            onProgress(reading.totals)
        }
        let outcome = try pull.run(into: reading)
        if outcome.isUnchanged { notes.append("nothing has changed since the last pull") }
        notes += outcome.notes
        if let note = reading.note { notes.append(note) }
        var new = SourceMark(place: place)
        new.entityTag = outcome.validators.entityTag
        new.lastModified = outcome.validators.lastModified
        marks = [new]
        return outcome
    }
}

/// What a run reads its data as.
protocol RunReading: DocumentSink {
    /// Documents that were read.
    var pages: Int { get set }
    /// What is odd about the first of them.
    var note: String? { get }
    /// What is counted so far.
    var totals: StoredRun.Totals { get }
    var rejectsFiles: [RejectsFile] { get }

    /// Waits until what was read is durable, the rejects too. Called once, also after a failure.
    func finish() throws
}

extension PullRule {
    /// Where the documents say what leads on.
    var values: [String] {
        switch paging {
        case .none, .link: []
        case .pages(_, _, _, _, let total): total.map { [$0] } ?? []
        case .cursor(_, let next): [next]
        }
    }

    /// What the feed's validators are kept by: a feed that is read in another way than before is
    /// read again.
    func place(_ profile: FeedProfile) -> String {
        var text = "\(address.text)\n\(profile.format.rawValue)\n\(profile.records)\n"
        text += profile.kind == .cards ? "\(profile.status)" : profile.kind.rawValue
        text += "\n\(profile.region)\n\(profile.timeZone.name)\n"
        for column in FeedProfile.Column.allCases {
            text += (profile.columns[column]?.titles ?? []).joined(separator: "\t") + "\n"
        }
        for field in CustomerField.allCases {
            text += (profile.customerFields[field] ?? []).map { "\($0)\t" }.joined()
        }
        text += profile.timestampFormats.map(\.rawValue).joined(separator: "\t")
        let hash = XXH64.hash(Array(text.utf8).span.bytes, seed: 0)
        return "\(address.shown)#\(String(hash, radix: 16))"
    }
}

/// The reading of one run's files or documents as reports about cards.
final class CardReading: RunReading {
    private let work: RunWork
    private let sink: WriterSink
    private let problemFiles: ProblemFiles
    /// Of what was read to its end, or its failure.
    private var past = StoredRun.Totals()
    var pages = 0
    private(set) var note: String?

    init(_ work: RunWork, run: UInt64) {
        self.work = work
        sink = WriterSink(work.writer, shouldStop: work.shouldStop)
        problemFiles = ProblemFiles(
            directory: work.directories.problems, runName: RunDirectories.runName(run),
            sourcePath: "\(work.profile.id)")
    }

    /// What is counted so far.
    var totals: StoredRun.Totals {
        var totals = past
        totals.counts = sink.counts
        totals.pages = pages
        return totals
    }

    func read(
        _ path: String, called name: String, values: [String]
    ) throws -> (records: Int, values: [String?]) {
        let report = try load(path, called: name, values: values)
        note = note ?? report.note
        return (report.rows, report.values)
    }

    func load(
        _ path: String, called name: String?, values: [String]
    ) throws(FileLoadError) -> FileReport {
        // Read as one piece after the other by this thread alone, whose priority others' is not.
        var loader = FileLoader(
            collector: sink, chunkBytes: .max, problemDirectory: work.directories.problems,
            runName: "", nowSeconds: work.nowSeconds
        ) { [self] progress in
            var now = totals
            now.bytes += progress.bytesRead
            now.rows += progress.rows
            work.onProgress(now)
        }
        loader.problemFiles = problemFiles
        loader.shouldStop = work.shouldStop
        loader.unpackedBytesMax = RunLimits.unpackedBytesMax
        loader.onReport = { [self] in add($0) }
        if work.profile.format == .csv, FileLoader.holdsProblems(path) {
            return try loader.loadMended(path, called: name, work.feeds, only: work.profile.id)
        }
        return try loader.load(path, called: name, as: work.profile, values: values)
    }

    private func add(_ report: FileReport) {
        past.bytes += report.bytes
        past.rows += report.rows
        past.warnings += report.warnings
        past.warningsByReason.merge(report.warningsByReason, uniquingKeysWith: +)
        past.rejects += report.rejects
        past.rejectsByReason.merge(report.rejectsByReason, uniquingKeysWith: +)
    }

    /// Waits until what was read is durable, the rejects too.
    func finish() throws {
        var failure: (any Error)?
        do {
            try problemFiles.close()
        } catch {
            failure = error
        }
        _ = try sink.flush()
        if let failure { throw failure }
    }

    /// The files of rejects and warnings, those that there are.
    var rejectsFiles: [RejectsFile] { problemFiles.files }
}

extension ProblemFiles {
    var files: [RejectsFile] {
        let paths: [(RejectsFile.Kind, String?)] = [
            (.rejects, rejects.path), (.warnings, warnings.path),
        ]
        return paths.compactMap { kind, path in
            path.flatMap { $0.split(separator: "/").last }.map {
                RejectsFile(kind: kind, name: String($0))
            }
        }
    }
}
