import ArgumentParser
import CardAudit
import CardModel
import Foundation

/// `cardstatus audit`
struct Audit: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print who looked at whose data, and who changed what.",
        discussion: """
            Reads the audit log of a store, the oldest entry first, also beside a running server, \
            whose latest entries come with a delay of a second. All conditions that are given must \
            hold. The log has no phones, but what finds them again: their last two digits, and a \
            hash with a key of the store's own.

            FORMATS
              ndjson   an object a line, as docs/audit.md describes it
              csv      a row for each card, phone and customer of an entry, or one without

            EXAMPLES
              cardstatus audit --data-dir data --card ZYW8827
              cardstatus audit --data-dir data --phone +971585949014 --since 30d
              cardstatus audit --data-dir data --key call-centre --since 2026-11-01 --format csv
              cardstatus audit --data-dir data --changes --output changes.csv --format csv
            """)

    @OptionGroup var store: StoreOptions

    @Option(
        name: .long,
        help: ArgumentHelp(
            "From when on: 30d or 12h ago, 2026-12-31 (its beginning, UTC) or a time such as "
                + "2026-12-31T12:00:00Z.", valueName: "when"))
    var since: String?

    @Option(
        name: .long,
        help: ArgumentHelp("Before when: the same, a day's end.", valueName: "when"))
    var until: String?

    @Option(name: .long, help: "Only what this key did: its id or name.")
    var key: String?

    @Option(name: .long, help: "Only what this user of the machine did by commands.")
    var user: String?

    @Option(name: .long, help: "Only what names this card.")
    var card: String?

    @Option(name: .long, help: "Only what names this phone.")
    var phone: String?

    @OptionGroup var regionOption: RegionOption

    @Option(name: .long, help: "Only what names this customer, by ID.")
    var customer: String?

    @Flag(name: .long, help: "Only changes, no look-ups.")
    var changes = false

    @OptionGroup var target: OutputOptions

    func run() throws {
        let settings = try store.settings()
        let directory = try settings.dataDirectory(store.dataDir)
        guard let folder = try AuditFolder.existing(ofStore: directory) else {
            throw CommandFailure.failed("there is no audit log in '\(directory)'")
        }
        let filter = try self.filter(settings, folder)
        var result = try target.open()
        if target.format == .csv { try result.line(AuditRow.header) }
        var unreadable = 0
        for name in try folder.files() where filter.mayHave(name) {
            var lines = try LineReader(path: "\(folder.path)/\(name.text)")
            while let line = try lines.next() {
                guard filter.mayMatch(line) else { continue }
                guard let entry = AuditRow(line: line) else {
                    unreadable += 1
                    continue
                }
                guard filter.matches(entry) else { continue }
                if target.format == .csv {
                    for row in entry.rows { try result.line(row) }
                } else {
                    try result.write(line)
                    try result.line("")
                }
            }
        }
        try result.finish()
        if unreadable > 0 {
            Terminal.line("\(unreadable) lines are no entries, as after a crash, and were left out")
        }
    }

    private func filter(_ settings: Settings, _ folder: AuditFolder) throws -> AuditFilter {
        let now = Date()
        var filter = AuditFilter()
        filter.since = try since.map { try Self.time($0, "--since", now: now, atEnd: false) }
        filter.until = try until.map { try Self.time($0, "--until", now: now, atEnd: true) }
        filter.key = key
        filter.user = user
        filter.changesOnly = changes
        filter.card = try card.map { text in
            do {
                return try CardID.parse(Array(text.utf8).span, allowsCardNumbers: true).id.text
            } catch {
                throw CommandFailure.misused("--card: '\(text)': \(error)")
            }
        }
        filter.customer = customer
        let region = try settings.defaultRegion(regionOption.defaultRegion)
        filter.phoneHash = try phone.map { text in
            do {
                return folder.hash(of: try PhoneParser(region: region).parse(Array(text.utf8).span))
            } catch {
                throw CommandFailure.misused("--phone: '\(text)': \(error)")
            }
        }
        return filter
    }

    /// As the log writes times, so that they can be compared as text.
    private static func time(
        _ text: String, _ option: String, now: Date, atEnd: Bool
    ) throws -> String {
        // Years beyond four digits would not sort as text.
        guard let date = WrittenTime.date(text, now: now, .ago, atEndOfDay: atEnd),
            (0...253_402_300_799).contains(date.timeIntervalSince1970)
        else {
            throw CommandFailure.misused(
                "\(option) must be as 30d, 12h, 2026-12-31 or 2026-12-31T12:00:00Z, not '\(text)'")
        }
        return date.formatted(Date.ISO8601FormatStyle(includingFractionalSeconds: true))
    }
}
