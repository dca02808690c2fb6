import CardFeeds
import CardService
import CardStore
import Foundation

/// Reads files one after the other and tells the person at the terminal what became of them.
struct FileRun {
    let store: CardStore
    let mode: FileLoader.Mode

    /// - Returns: the number of rejected rows.
    /// - Throws: when any file could not be read to its end; the others were.
    func read(_ files: [InputFile]) throws -> Int {
        let start = Date()
        let writer = BatchWriter(store: store)
        defer { writer.stop() }
        var reports: [FileReport] = []
        var failures = 0
        for (index, file) in files.enumerated() {
            let progress = ProgressLine(number: index + 1, of: files.count)
            let loader = FileLoader(
                writer: writer, mode: mode, problemDirectory: store.directory + "/rejects",
                runName: Self.runName(start, number: index + 1),
                nowSeconds: Int64(start.timeIntervalSince1970), onProgress: progress.show)
            do {
                reports.append(try Self.load(file, loader))
                Terminal.clearProgress()
            } catch {
                Terminal.clearProgress()
                Terminal.error("\(error)")
                failures += 1
                // A store that cannot be written to will not take the next file either.
                if case .write = error {
                    failures = files.count - reports.count
                    break
                }
            }
        }
        if !reports.isEmpty { try show(reports, seconds: Date().timeIntervalSince(start)) }
        guard failures == 0 else {
            throw CommandFailure.failed(
                "\(failures) of \(files.count) files could not be read to the end; what was read"
                    + " of them is kept, and running the same again completes it")
        }
        return reports.reduce(0) { $0 + $1.rejects }
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

/// How far a file has been read: one line that is kept up to date on a terminal, a line every few
/// seconds elsewhere.
private final class ProgressLine {
    private let number: Int
    private let total: Int
    private let start = Date()
    private var shownAt: Date

    init(number: Int, of total: Int) {
        self.number = number
        self.total = total
        shownAt = start
    }

    func show(_ progress: FileProgress) {
        let now = Date()
        guard now.timeIntervalSince(shownAt) >= (Terminal.isInteractive ? 0.1 : 5) else { return }
        shownAt = now
        let seconds = now.timeIntervalSince(start)
        let name = URL(fileURLWithPath: progress.path).lastPathComponent
        var text = "file \(number) of \(total), \(name): "
        let rate = Int(Double(progress.rows) / seconds)
        if let sizeBytes = progress.sizeBytes {
            let share = Double(progress.bytesRead) / Double(max(sizeBytes, 1))
            let left = seconds / max(share, 0.000_001) - seconds
            text += String(
                format: "%.0f %%, %d rows, %d rows a second, %.0f s left", share * 100,
                progress.rows, rate, max(left, 0))
        } else {
            text += "\(progress.rows) rows, \(rate) rows a second"
        }
        if Terminal.isInteractive { Terminal.progress(text) } else { Terminal.line(text) }
    }
}
