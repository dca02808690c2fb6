import ArgumentParser
import CardAPI
import CardStore
import HTTPFront

/// `cardstatus export`
struct Export: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Write every event of every card, a JSON object a line.",
        discussion: """
            Cards come in the order of their IDs, a card's events in event order, voided ones too. \
            Two stores that were told the same have the same export, byte for byte. It is one \
            consistent snapshot, also beside a running server; the store's file can grow while a \
            long export runs.

            EXAMPLES
              cardstatus export --data-dir data > events.ndjson
              cardstatus export --data-dir data --output events.ndjson
            """)

    @OptionGroup var store: StoreOptions

    @Option(
        name: .shortAndLong,
        help: ArgumentHelp(
            "A file to make instead of writing to standard output.", valueName: "file"))
    var output: String?

    func run() throws {
        let store = try self.store.openStore(try self.store.settings(), create: false)
        var result = try output.map { try ResultOutput.file($0) } ?? .standardOutput()
        var json = ByteBuffer()
        try store.forEachHistory { card, history in
            for event in history.events {
                json.removeAll()
                CardJSON.append(event, of: card, to: &json)
                json.raw("\n")
                try result.write(json.bytes)
            }
        }
        try result.finish()
    }
}
