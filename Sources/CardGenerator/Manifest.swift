/// What must come out when the files of a run are loaded into an empty store, in any order.
public struct Manifest: Sendable {
    /// Cards whose JSON is spelled out.
    public static let spelledOutMax = 100

    /// What must be said of one file.
    public struct File: Sendable {
        public let name: String
        public let feed: String
        public internal(set) var bytes = 0
        /// Rows below the header, blank lines not counted.
        public internal(set) var rows = 0
        /// Rows that say something new.
        public internal(set) var accepted = 0
        /// Rows that say nothing new.
        public internal(set) var duplicates = 0
        var warnings = [Int](repeating: 0, count: WarningReason.allCases.count)
        var rejects = [Int](repeating: 0, count: RejectReason.allCases.count)

        init(_ file: PartnerFile) {
            name = file.name
            feed = file.feed
        }

        /// Reasons that occur, with the number of warnings.
        public var warningsByReason: [String: Int] {
            Dictionary(
                uniqueKeysWithValues: WarningReason.allCases.lazy
                    .filter { warnings[$0.rawValue] > 0 }
                    .map { ($0.code, warnings[$0.rawValue]) })
        }

        /// Reasons that occur, with the number of rejected rows.
        public var rejectsByReason: [String: Int] {
            Dictionary(
                uniqueKeysWithValues: RejectReason.allCases.lazy
                    .filter { rejects[$0.rawValue] > 0 }
                    .map { ($0.code, rejects[$0.rawValue]) })
        }

        mutating func add(_ other: File) {
            bytes += other.bytes
            rows += other.rows
            accepted += other.accepted
            duplicates += other.duplicates
            for index in warnings.indices { warnings[index] += other.warnings[index] }
            for index in rejects.indices { rejects[index] += other.rejects[index] }
        }

        mutating func removeAll() {
            bytes = 0
            rows = 0
            accepted = 0
            duplicates = 0
            for index in warnings.indices { warnings[index] = 0 }
            for index in rejects.indices { rejects[index] = 0 }
        }
    }

    public internal(set) var files = PartnerFile.allCases.map { File($0) }
    /// Cards with a state.
    public internal(set) var cards = 0
    /// Distinct events.
    public internal(set) var events = 0
    /// Cards whose state has a phone: entries of the table of phones.
    public internal(set) var phones = 0
    /// The sum, modulo 2^64, of XXH64 (seed 0) of each card's JSON, as the API gives it.
    public internal(set) var stateDigest: UInt64 = 0
    /// The JSON of the first cards that have a state, in the order in which they were made.
    public internal(set) var firstCards: [[UInt8]] = []

    public var rows: Int { files.reduce(0) { $0 + $1.rows } }
    public var bytes: Int { files.reduce(0) { $0 + $1.bytes } }
    public var accepted: Int { files.reduce(0) { $0 + $1.accepted } }
    public var duplicates: Int { files.reduce(0) { $0 + $1.duplicates } }
    public var warnings: Int { files.reduce(0) { $0 + $1.warnings.reduce(0, +) } }
    public var rejects: Int { files.reduce(0) { $0 + $1.rejects.reduce(0, +) } }

    /// Adds what a later part of the run has.
    mutating func add(_ other: Manifest) {
        for index in files.indices { files[index].add(other.files[index]) }
        cards += other.cards
        events += other.events
        phones += other.phones
        stateDigest &+= other.stateDigest
        firstCards += other.firstCards.prefix(Self.spelledOutMax - firstCards.count)
    }

    mutating func removeAll() {
        for index in files.indices { files[index].removeAll() }
        cards = 0
        events = 0
        phones = 0
        stateDigest = 0
        firstCards.removeAll(keepingCapacity: true)
    }
}

extension Manifest {
    /// The manifest as `manifest.json` has it.
    func json(_ options: CardGenerator.Options) -> [UInt8] {
        var now = TextBuffer(capacity: 32)
        now.append(utc: options.nowSeconds)
        let nowText = now.withBytes { String(decoding: $0, as: UTF8.self) }
        let digest = String(stateDigest, radix: 16)
        var text = """
            {
              "format": 1,
              "options": {"cards": \(options.cards), "seed": \(options.seed), \
            "now": "\(nowText)", "future_rows": \(options.hasFutureRows)},
              "files": [
            \(files.map(Self.json).joined(separator: ",\n"))
              ],
              "totals": {"rows": \(rows), "accepted": \(accepted), "duplicates": \(duplicates), \
            "warnings": \(warnings), "rejects": \(rejects), "cards": \(cards), \
            "events": \(events), "phones": \(phones)},
              "state_digest": "\(String(repeating: "0", count: 16 - digest.count) + digest)",
              "first_cards": [

            """
        for (index, line) in firstCards.enumerated() {
            text += "    " + String(decoding: line, as: UTF8.self)
            text += index + 1 < firstCards.count ? ",\n" : "\n"
        }
        text += "  ]\n}\n"
        return Array(text.utf8)
    }

    private static func json(_ file: File) -> String {
        """
            {"name": "\(file.name)", "feed": "\(file.feed)", "bytes": \(file.bytes), \
        "rows": \(file.rows), "accepted": \(file.accepted), "duplicates": \(file.duplicates),
             "warnings": {\(json(file.warningsByReason))},
             "rejects": {\(json(file.rejectsByReason))}}
        """
    }

    private static func json(_ counts: [String: Int]) -> String {
        counts.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
            .joined(separator: ", ")
    }
}
