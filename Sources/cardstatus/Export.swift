import ArgumentParser
import CardStore

/// `cardstatus export`
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write every event of every card, as NDJSON or CSV.",
        discussion: """
            Cards come in the order of their IDs, a card's events in event order, voided ones too. \
            Two stores that were told the same have the same export, byte for byte, and \
            'cardstatus restore' makes a store of it that has this export again. NDJSON begins \
            with a line for the format and ends with one that counts the rest. It is one \
            consistent snapshot, also beside a running server; the store's file can grow while a \
            long export runs. API keys are not part of it. NDJSON also has what was erased, as \
            tags and the store's key for them, so that a store made of it keeps it out.

            EXAMPLES
              cardstatus export --data-dir data > events.ndjson
              cardstatus export --data-dir data --output events.ndjson.gz
              cardstatus export --data-dir data --format csv --output events.csv
            """)

    private static let progressEvents = 100_000

    @OptionGroup var store: StoreOptions

    @OptionGroup var target: OutputOptions

    func run() throws {
        let settings = try self.store.settings()
        let store = try self.store.openStore(settings, create: false)
        let givingWay = GivingWay(toServerOf: store.directory)
        defer { givingWay.end() }
        var result = try target.open()
        var writer = ExportWriter(target.format)
        try result.write(writer.head())
        var shown = 0
        try store.forEachHistoryOfAll { erasures in
            try result.write(writer.lines(erasures))
        } _: { card, history in
            try result.write(writer.lines(card, history))
            if Terminal.isInteractive, writer.events - shown >= Self.progressEvents {
                shown = writer.events
                Terminal.progress("\(writer.cards) cards, \(writer.events) events")
            }
        }
        try result.write(writer.tail())
        try result.finish()
        CommandAudit.note(.lookUp, "export", in: store.directory, settings) {
            $0.detail = "\(writer.cards) cards, \(writer.events) events"
        }
        Terminal.clearProgress()
        if let output = target.output {
            Terminal.line("\(writer.cards) cards, \(writer.events) events: \(output)")
        }
    }
}
