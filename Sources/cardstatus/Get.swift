import ArgumentParser
import CardAPI
import CardModel
import CardStore
import HTTPFront

/// `cardstatus get`
struct Get: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print where a card is, or a phone's cards, as the API's JSON.",
        discussion: """
            EXAMPLES
              cardstatus get --data-dir data ZYW8827
              cardstatus get --data-dir data +971585949014
              cardstatus get --data-dir data phone:0585949014
            """)

    @OptionGroup var store: StoreOptions

    @OptionGroup var regionOption: RegionOption

    @Argument(help: "A card ID, or a phone: '+…' or 'phone:…'.")
    var key: String

    func run() throws {
        let settings = try store.settings()
        if key.hasPrefix("+") || key.hasPrefix("phone:") {
            let text = key.hasPrefix("+") ? key : String(key.dropFirst("phone:".count))
            let region = try settings.defaultRegion(regionOption.defaultRegion)
            let phone: PhoneNumber
            do {
                phone = try PhoneParser(region: region).parse(Array(text.utf8).span)
            } catch {
                throw CommandFailure.misused("'\(text)': \(error)")
            }
            try printCards(of: phone, settings)
        } else {
            let id: CardID
            do {
                id = try CardID.parse(Array(key.utf8).span, allowsCardNumbers: true).id
            } catch {
                throw CommandFailure.misused("'\(key)': \(error)")
            }
            try printCard(id, settings)
        }
    }

    private func printCard(_ id: CardID, _ settings: Settings) throws {
        let store = try self.store.openStore(settings, create: false)
        var json = ByteBuffer()
        let found: Swift.Void? = try store.withCard(id) { CardJSON.append($0, to: &json) }
        CommandAudit.note(.lookUp, "get", in: store.directory, settings) { $0.cards = [id] }
        guard found != nil else {
            throw CommandFailure.failed("nothing that counts is known of card '\(id.text)'")
        }
        try printLine(json)
    }

    /// All of them, page by page as one answer.
    private func printCards(of phone: PhoneNumber, _ settings: Settings) throws {
        let store = try self.store.openStore(settings, create: false)
        var json = ByteBuffer()
        try CardPage.append(
            phone: phone, limit: Int.max - 1, from: store.withCards, to: &json)
        CommandAudit.note(.lookUp, "get", in: store.directory, settings) { $0.phones = [phone] }
        try printLine(json)
    }

    private func printLine(_ json: borrowing ByteBuffer) throws {
        var output = ResultOutput.standardOutput()
        try output.write(json.bytes)
        try output.line("")
        try output.finish()
    }
}
