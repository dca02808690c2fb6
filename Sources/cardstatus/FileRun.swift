import CardBulk
import CardFeeds
import Foundation

/// Reads files, brings what they say into the store, and tells the person at the terminal what
/// became of it.
struct FileRun {
    /// Places in all files together at which a sample is read.
    private static let samplePieces = 400

    private let mode: FileLoader.Mode
    private let directory: String
    private let mapSizeBytes: Int
    private let memoryBytes: Int
    private let spillDirectory: String
    private let threads: Int
    private let givingWay: GivingWay
    private let showsTimings: Bool
    private let settings: Settings

    init(
        _ store: StoreOptions, _ settings: Settings, _ bulk: BulkOptions, mode: FileLoader.Mode
    ) throws {
        self.mode = mode
        self.settings = settings
        directory = try settings.dataDirectory(store.dataDir)
        mapSizeBytes = try settings.mapSizeBytes(store.mapSize)
        memoryBytes = try bulk.memoryBytes(settings)
        spillDirectory =
            bulk.spillDir ?? settings.variable("CARDSTATUS_SPILL_DIR") ?? directory
        givingWay = GivingWay(toServerOf: directory, try bulk.workPriority(settings))
        threads = try bulk.threadCount(settings, isIdle: givingWay.priority.isIdle)
        showsTimings = try settings.flag(bulk.timings, "CARDSTATUS_TIMINGS")
        // A store that cannot be used is told of before anything is read. It must not stay open.
        _ = try store.openStore(settings, create: mode == .add)
    }

    /// - Returns: the number of rejected rows.
    /// - Throws: when any file could not be read to its end, or the store did not take the facts.
    func read(_ files: [InputFile]) throws -> Int {
        defer { givingWay.end() }
        let start = Date()
        let sizes = files.map { Self.sizeBytes($0.path) }
        let total = sizes.reduce(0, +)
        let collector = FactCollector(
            inputBytes: total, memoryBytes: memoryBytes, directory: spillDirectory)
        let loaders = files.indices.map { loader(collector, $0, start) }
        for (index, file) in files.enumerated() where sizes[index] > 0 {
            guard case .feed(let profile) = file.content else { continue }
            let pieces = Self.samplePieces * sizes[index] / total
            loaders[index].1.sample(file.path, as: profile, pieces: max(pieces, 1))
        }
        var reports: [(number: Int, report: FileReport)] = []
        var failures = 0
        let line = ProgressLine(files: files.count, totalBytes: total)
        for (index, file) in files.enumerated() {
            loaders[index].0.show = { line.show($0, file: index + 1) }
            do {
                reports.append((index, try Self.load(file, loaders[index].1)))
                line.endFile(sizes[index], rows: reports.last?.report.rows ?? 0)
            } catch {
                Terminal.clearProgress()
                Terminal.error("\(error)")
                failures += 1
                // Where facts have no room, those of the next file have none either.
                if case .bulk = error { throw CommandFailure.failed("nothing was loaded") }
            }
        }
        let readSeconds = Date().timeIntervalSince(start)
        let spilled = collector.spilledBytes
        let load = BulkLoad(
            directory: directory, mapSizeBytes: mapSizeBytes, files: files.count, threads: threads,
            priority: givingWay.priority)
        let result: BulkReport
        do {
            result = try load.write(collector.finish(), onProgress: line.show)
        } catch {
            Terminal.clearProgress()
            throw CommandFailure.failed("\(error)")
        }
        Terminal.clearProgress()
        CommandAudit.note(.change, mode == .add ? "load" : "void", in: directory, settings) {
            let accepted = result.counts.reduce(0) { $0 + $1.accepted }
            $0.detail = "\(reports.count) files, \(accepted) accepted"
        }
        for index in reports.indices {
            reports[index].report.counts = result.counts[reports[index].number]
        }
        let seconds = Date().timeIntervalSince(start)
        if !reports.isEmpty { try show(reports.map(\.report), seconds: seconds) }
        if showsTimings { showTimings(result, readSeconds, spilled) }
        guard failures == 0 else {
            throw CommandFailure.failed(
                "\(failures) of \(files.count) files could not be read to the end; what was read"
                    + " of them is kept, and running the same again completes it")
        }
        return reports.reduce(0) { $0 + $1.report.rejects }
    }

    /// What a loader calls, set once it is known.
    private final class Progress {
        var show: (FileProgress) -> Swift.Void = { _ in }
    }

    private func loader(
        _ collector: FactCollector, _ index: Int, _ start: Date
    ) -> (Progress, FileLoader) {
        let progress = Progress()
        let loader = FileLoader(
            collector: collector, number: index, mode: mode, threads: threads,
            problemDirectory: directory + "/rejects",
            runName: Self.runName(start, number: index + 1),
            nowSeconds: Int64(start.timeIntervalSince1970), onProgress: { progress.show($0) })
        return (progress, loader)
    }

    /// 0 when it is not known.
    private static func sizeBytes(_ path: String) -> Int {
        var status = stat()
        guard path != FileLoader.standardInput, stat(path, &status) == 0,
            status.st_mode & S_IFMT == S_IFREG
        else { return 0 }
        return Int(status.st_size)
    }

    private func showTimings(_ result: BulkReport, _ readSeconds: Double, _ spilled: Int) {
        var parts = [("read and parse", readSeconds)]
        parts += result.phases.map { ($0.name, $0.seconds) }
        let text = parts.map { "\($0.0) \(String(format: "%.2f", $0.1)) s" }
        Terminal.line("timings: " + text.joined(separator: ", "))
        let memory = ProcessMemory.peak()
        Terminal.line(
            "store \(result.way.rawValue); peak memory \(memory.anonymousBytes >> 20) MiB"
                + " (\(memory.residentBytes >> 20) MiB with mapped files),"
                + " \(spilled >> 20) MiB through the temporary file")
    }

    private static func load(
        _ file: InputFile, _ loader: FileLoader
    ) throws(FileLoadError) -> FileReport {
        switch file.content {
        case .feed(let profile): try loader.load(file.path, as: profile)
        case .mended(let feeds, let only): try loader.loadMended(file.path, feeds, only: only?.id)
        }
    }

    private static func runName(_ date: Date, number: Int) -> String {
        let formatter = DateFormatter()
        formatter.dateFormat = "yyyyMMdd'T'HHmmss'Z'"
        formatter.timeZone = TimeZone(identifier: "UTC")
        formatter.locale = Locale(identifier: "en_US_POSIX")
        return "\(formatter.string(from: date))-\(getpid())-\(number)"
    }

    // MARK: The report

    private func show(_ reports: [FileReport], seconds: Double) throws {
        for report in reports { showNotes(on: report) }
        var table = TextTable(
            columns: [
                ("feed", .left), ("file", .left), ("rows", .right),
                (mode == .add ? "accepted" : "voided", .right), ("duplicates", .right),
                ("warnings", .right), ("rejects", .right),
            ])
        for report in reports {
            table.add([
                report.feed.map { "\($0)" } ?? "by row",
                URL(fileURLWithPath: report.path).lastPathComponent,
                "\(report.rows)", "\(report.counts.accepted)", "\(report.counts.duplicates)",
                "\(report.warnings)", "\(report.rejects)",
            ])
        }
        func sum(_ count: (FileReport) -> Int) -> Int { reports.reduce(0) { $0 + count($1) } }
        let rows = sum { $0.rows }
        if reports.count > 1 {
            table.add([
                "total", "", "\(rows)", "\(sum { $0.counts.accepted })",
                "\(sum { $0.counts.duplicates })", "\(sum { $0.warnings })",
                "\(sum { $0.rejects })",
            ])
        }
        var output = ResultOutput.standardOutput()
        if !reports.isEmpty { try output.write(table.text.utf8) }
        let rate = Int(Double(rows) / max(seconds, 0.001))
        try output.line(
            "\(rows) rows in \(String(format: "%.2f", seconds)) s (\(rate) rows a second)")
        if givingWay.priority.isIdle {
            let threads = threads == 1 ? "one thread" : "\(threads) threads"
            try output.line(
                "worked on \(threads) at idle priority, for look-ups' sake (--priority, --threads)")
        }
        let forgotten = sum { $0.counts.beyondLimit + $0.counts.forgotten }
        if forgotten > 0 {
            try output.line(
                "\(forgotten) events fell out of cards that have more than a card keeps (512)")
        }
        try showReasons("warnings", reports.map(\.warningsByReason), &output)
        try showReasons("rejects", reports.map(\.rejectsByReason), &output)
        for path in reports.compactMap(\.warningsPath) {
            try output.line("warnings are in \(path)")
        }
        for path in reports.compactMap(\.rejectsPath) { try output.line("rejects are in \(path)") }
        try output.finish()
    }

    private func showNotes(on report: FileReport) {
        for shown in report.shown {
            let column = shown.problem.column.map { " column '\($0)':" } ?? ""
            Terminal.line(
                "\(shown.isReject ? "reject" : "warning"): \(report.path):\(shown.line):"
                    + (shown.origin.map { " (\($0))" } ?? "")
                    + "\(column) \(shown.problem.message)")
        }
        let more = report.warnings + report.rejects - report.shown.count
        if more > 0 { Terminal.line("and \(more) more in \(report.path)") }
        if !report.unusedColumns.isEmpty {
            let titles = report.unusedColumns.map { "'\($0)'" }.joined(separator: ", ")
            Terminal.line("note: \(report.path): columns that the feed does not use: \(titles)")
        }
    }

    private func showReasons(
        _ kind: String, _ counts: [[String: Int]], _ output: inout ResultOutput
    ) throws {
        let total = counts.reduce(into: [:]) { sum, counts in
            sum.merge(counts, uniquingKeysWith: +)
        }
        guard !total.isEmpty else { return }
        let list = total.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
            .map { "\($0.key) \($0.value)" }.joined(separator: ", ")
        try output.line("\(kind) by reason: \(list)")
    }
}

/// How far the work has come: one line that is kept up to date on a terminal, a line every few
/// seconds elsewhere.
private final class ProgressLine {
    private static let barWidth = 24

    private let files: Int
    private let totalBytes: Int
    private let start = Date()
    private var shownAt: Date
    private var phase = ""
    private var phaseStart = Date()
    private var bytesBefore = 0
    private var rowsBefore = 0

    /// - Parameter totalBytes: of all files whose size is known.
    init(files: Int, totalBytes: Int) {
        self.files = files
        self.totalBytes = totalBytes
        shownAt = start
    }

    func endFile(_ bytes: Int, rows: Int) {
        bytesBefore += bytes
        rowsBefore += rows
    }

    func show(_ progress: FileProgress, file: Int) {
        guard isDue else { return }
        let seconds = Date().timeIntervalSince(start)
        let rows = rowsBefore + progress.rows
        var text = "reading file \(file) of \(files)"
        let rate = Int(Double(rows) / max(seconds, 0.001))
        if progress.sizeBytes != nil, totalBytes > 0 {
            let share = min(Double(bytesBefore + progress.bytesRead) / Double(totalBytes), 1)
            text = Self.bar(share) + text + left(share, seconds)
        }
        say(text + ", \(rows) rows, \(rate) rows a second")
    }

    func show(_ progress: BulkProgress) {
        if progress.phase != phase {
            phase = progress.phase
            phaseStart = Date()
        }
        guard isDue else { return }
        let seconds = Date().timeIntervalSince(phaseStart)
        say(Self.bar(progress.share) + phase + left(progress.share, seconds))
    }

    private var isDue: Bool {
        let now = Date()
        guard now.timeIntervalSince(shownAt) >= (Terminal.isInteractive ? 0.1 : 5) else {
            return false
        }
        shownAt = now
        return true
    }

    private func left(_ share: Double, _ seconds: Double) -> String {
        guard share > 0.01 else { return "" }
        return String(format: ", %.0f s left", seconds / share - seconds)
    }

    private static func bar(_ share: Double) -> String {
        let percent = Int(share * 100)
        guard Terminal.isInteractive else { return "\(percent) % " }
        let full = Int(share * Double(barWidth))
        return "[" + String(repeating: "#", count: full)
            + String(repeating: ".", count: barWidth - full) + "] \(percent) % "
    }

    private func say(_ text: String) {
        if Terminal.isInteractive { Terminal.progress(text) } else { Terminal.line(text) }
    }
}
