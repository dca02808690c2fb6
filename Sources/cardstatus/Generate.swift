import ArgumentParser
import CardGenerator
import CardModel
import Foundation

/// `cardstatus generate`
struct Generate: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make the four partners' files for any number of cards.",
        discussion: """
            The files have the shapes of the partners' samples and the faults of real ones: \
            spellings of phones and times, repeated and late rows, rows that cannot be used. The \
            same options give the same bytes on every machine. manifest.json, written last, says \
            what must come out when all four are loaded into an empty store, in any order: rows, \
            warnings and rejects by reason, cards, events, and a digest of all cards.

            EXAMPLES
              cardstatus generate --cards 1000 made
              cardstatus generate --cards 100000000 --seed 7 --threads 2 /data/made
              cardstatus load --data-dir data made
            """)

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How many cards, 0 to 1000000000; about two rows each [$CARDSTATUS_CARDS].",
            valueName: "n"))
    var cards: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Another seed makes other cards (default: 1) [$CARDSTATUS_SEED].", valueName: "s"))
    var seed: Int?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "The time that no row is later than (default: 2024-07-01T00:00:00Z) "
                + "[$CARDSTATUS_NOW].", valueName: "time"))
    var now: String?

    @Flag(
        name: .long,
        help: "Add rows dated 2098, which loading warns about [$CARDSTATUS_FUTURE_ROWS].")
    var futureRows = false

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Threads that make rows (default: 1) [$CARDSTATUS_THREADS].", valueName: "n"))
    var threads: Int?

    @Flag(name: .long, help: "Replace files that are there [$CARDSTATUS_FORCE].")
    var force = false

    @Argument(help: ArgumentHelp("The folder for the files; made if need be.", valueName: "dir"))
    var directory: String

    func run() throws {
        let start = Date()
        let options = try options()
        let progress = GenerateProgress(start: start)
        let manifest: Manifest
        do {
            defer { progress.clear() }
            manifest = try CardGenerator(options).run(in: directory, onProgress: progress.show)
        } catch GeneratorError.exists(let paths) {
            throw CommandFailure.failed(
                "already there: \(paths.joined(separator: ", ")); --force replaces them")
        } catch {
            throw CommandFailure.failed("\(error); what was written of the files is incomplete")
        }
        let seconds = Date().timeIntervalSince(start)
        var output = ResultOutput.standardOutput()
        var table = TextTable(
            columns: [
                ("file", .left), ("rows", .right), ("warnings", .right), ("rejects", .right),
                ("bytes", .right),
            ])
        for file in manifest.files {
            table.add([
                file.name, "\(file.rows)", "\(file.warningsByReason.values.reduce(0, +))",
                "\(file.rejectsByReason.values.reduce(0, +))", "\(file.bytes)",
            ])
        }
        try output.write(table.text.utf8)
        let rate = Double(manifest.bytes) / max(seconds, 0.001) / 1_000_000
        try output.line(
            "\(manifest.rows) rows for \(options.cards) cards, \(manifest.cards) of them with a"
                + String(format: " state, in %.2f s (%.0f MB a second)", seconds, rate))
        try output.line("what must come of them is in \(directory)/\(CardGenerator.manifestName)")
        try output.finish()
    }

    private func options() throws -> CardGenerator.Options {
        let settings = try Settings(configPath: nil)
        guard cards != nil || settings.variable("CARDSTATUS_CARDS") != nil else {
            throw CommandFailure.misused("generate needs --cards: how many to make")
        }
        return CardGenerator.Options(
            cards: try settings.integer(
                cards, "--cards", "CARDSTATUS_CARDS", in: 0...CardGenerator.Options.cardsMax,
                default: 0),
            seed: UInt64(
                try settings.integer(
                    seed, "--seed", "CARDSTATUS_SEED", in: 0...Int.max, default: 1)),
            nowSeconds: try nowSeconds(now ?? settings.variable("CARDSTATUS_NOW")),
            hasFutureRows: try settings.flag(futureRows, "CARDSTATUS_FUTURE_ROWS"),
            threads: try settings.integer(
                threads, "--threads", "CARDSTATUS_THREADS", in: 1...256, default: 1),
            overwrites: try settings.flag(force, "CARDSTATUS_FORCE"))
    }

    private func nowSeconds(_ text: String?) throws -> Int64 {
        guard let text else { return CardGenerator.Options.nowDefault }
        let bytes = Array(text.utf8)
        let timestamp: Timestamp
        do {
            timestamp = try TimestampParser.parseWithOffset(bytes.span)
        } catch {
            throw CommandFailure.misused(
                "--now must be a time such as 2024-07-01T00:00:00Z, not '\(text)': \(error)")
        }
        guard CardGenerator.Options.nowRange.contains(Int64(timestamp.seconds)) else {
            throw CommandFailure.misused("--now must be from 2003 to 2089, not '\(text)'")
        }
        return Int64(timestamp.seconds)
    }
}

/// How far a run has come: on a terminal a line that is kept up to date, a line every few seconds
/// elsewhere.
private final class GenerateProgress {
    private let start: Date
    private var shownAt: Date

    init(start: Date) {
        self.start = start
        shownAt = start
    }

    func show(_ progress: CardGenerator.Progress) {
        let now = Date()
        guard now.timeIntervalSince(shownAt) >= (Terminal.isInteractive ? 0.1 : 5) else { return }
        shownAt = now
        let seconds = now.timeIntervalSince(start)
        let share = Double(progress.cards) / Double(max(progress.totalCards, 1))
        let text = String(
            format: "%d of %d cards, %.0f %%, %.0f MB a second, %.0f s left", progress.cards,
            progress.totalCards, share * 100, Double(progress.bytes) / seconds / 1_000_000,
            max(seconds / max(share, 0.000_001) - seconds, 0))
        if Terminal.isInteractive { Terminal.progress(text) } else { Terminal.line(text) }
    }

    func clear() {
        Terminal.clearProgress()
    }
}
