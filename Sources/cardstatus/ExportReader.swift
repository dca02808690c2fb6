import CardCSV
import CardModel
import CardStore

/// Reads the lines of an export, in pieces or whole, and says what is wrong with them.
///
/// Files are pieces of one export, in their order. A card's events lie together and cards ascend,
/// so that each card can be handed on as soon as the next one begins.
struct ExportReader: ~Copyable {
    static let lineBytesMax = 1 << 16
    private static let problemsMax = 20

    /// Takes a card's events; false when no store can have these.
    typealias OnCard = (CardID, [CardEvent]) throws -> Bool

    /// Takes what was erased.
    typealias OnErasures = (CardStore.ExportedErasures) throws -> Swift.Void

    private enum Format {
        case unknown
        case ndjson
        case csv
    }

    /// What is wrong, with file and line.
    private(set) var problems: [String] = []
    private var format = Format.unknown
    private var fileName = ""
    private var isFirstRow = true
    private var lineNumber = 0
    private var line: [UInt8] = []
    private var rows: CSVReader?
    private var hasHead = false
    private var hasTail = false

    private var card: CardID?
    private var cardPlace = ""
    private var events: [CardEvent] = []
    private(set) var cardCount = 0
    private(set) var eventCount = 0
    private var digest: UInt64 = 0
    /// What was erased, and how much there should be of it.
    private var erasures: CardStore.ExportedErasures?
    private var erasureCount: UInt64 = 0
    private let onErasures: OnErasures
    /// Columns of the file of CSV that is read.
    private var columnCount = 0

    /// - Parameter onErasures: takes what was erased, before the first card.
    init(onErasures: @escaping OnErasures) {
        self.onErasures = onErasures
    }

    var isGivingUp: Bool { problems.count >= Self.problemsMax }

    // MARK: Files

    mutating func beginFile(_ name: String) {
        fileName = name
        lineNumber = 0
        isFirstRow = true
        if format == .csv { rows = Self.csvReader() }
    }

    mutating func read(_ bytes: [UInt8], _ onCard: OnCard) throws {
        if format == .unknown, let first = bytes.first {
            format = first == UInt8(ascii: "{") ? .ndjson : .csv
            if format == .csv { rows = Self.csvReader() }
        }
        if format == .csv { return try readRows(bytes, isEnd: false, onCard) }
        var start = 0
        while let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) {
            line += bytes[start..<end]
            try endLine(onCard)
            start = end + 1
        }
        line += bytes[start...]
        if line.count > Self.lineBytesMax {
            lineNumber += 1
            note("the line is longer than \(Self.lineBytesMax) bytes; this is no export")
            line = []
        }
    }

    mutating func endFile(_ onCard: OnCard) throws {
        if format == .csv {
            try readRows([], isEnd: true, onCard)
        } else if !line.isEmpty {
            try endLine(onCard)
        }
    }

    /// Must be called behind the last file.
    mutating func finish(_ onCard: OnCard) throws {
        if eventCount == 0 { try endErasures() }
        try endCard(onCard)
        if !hasHead {
            problems.append("\(fileName): it is empty; an export has at least a first line")
        } else if format == .ndjson, !hasTail, problems.isEmpty {
            problems.append("\(fileName): the export was cut off: its last line is missing")
        }
    }

    private mutating func note(_ text: String, line: Int? = nil) {
        guard !isGivingUp else { return }
        problems.append("\(fileName):\(line ?? lineNumber): \(text)")
    }

    // MARK: NDJSON

    private mutating func endLine(_ onCard: OnCard) throws {
        lineNumber += 1
        let bytes = line
        line.removeAll(keepingCapacity: true)
        let exported: ExportedEvent?
        do throws(LineProblem) {
            exported = try event(of: bytes)
        } catch {
            return note(error.text)
        }
        if let exported { try add(exported, onCard) }
    }

    /// nil for the first and the last line.
    private mutating func event(of bytes: [UInt8]) throws(LineProblem) -> ExportedEvent? {
        let object = try JSONLine(bytes)
        if object["export"] != nil {
            try readHead(object)
            return nil
        }
        if !hasHead { throw LineProblem("the first line of an export is missing") }
        if hasTail { throw LineProblem("there is more behind the export's last line") }
        if object["digest"] == nil {
            digest = XXH64.hash(bytes.span.bytes, seed: digest)
            if object["card_id"] != nil { return try ExportedEvent(object) }
            try readErasure(object)
            return nil
        }
        hasTail = true
        guard object["events"] == .integer(UInt64(eventCount)),
            object["cards"] == .integer(UInt64(cardCount)),
            object["digest"] == .string(Array(ExportWriter.hex(digest).utf8))
        else {
            throw LineProblem("lines before this one are missing, changed or too many")
        }
        return nil
    }

    private mutating func readHead(_ object: JSONLine) throws(LineProblem) {
        guard !hasHead else {
            throw LineProblem("another export begins here; restore takes one, whole or in pieces")
        }
        guard object["export"] == .string(Array("cardstatus".utf8)),
            object["version"] == .integer(ExportFormat.version)
        else {
            throw LineProblem(
                "this version of cardstatus reads exports of version \(ExportFormat.version)")
        }
        hasHead = true
    }

    /// A line of what was erased, or the one that begins those.
    private mutating func readErasure(_ object: JSONLine) throws(LineProblem) {
        guard eventCount == 0 else { throw LineProblem("card_id is missing") }
        if erasures == nil {
            guard case .integer(let count)? = object["erasures"],
                case .string(let key)? = object["key"], object.fields.count == 2,
                let bytes = Self.bytes(hex: key), bytes.count == 16
            else { throw LineProblem("it is neither an event nor the beginning of erasures") }
            let words = [bytes[..<8], bytes[8...]].map { half in
                half.reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
            }
            erasures = ErasureKey(words: words).map { CardStore.ExportedErasures(key: $0) }
            erasureCount = count
            return
        }
        guard case .string(let text)? = object["erasure"], case .string(let kind)? = object["of"],
            object.fields.count == 2, let bytes = Self.bytes(hex: text),
            let tag = ErasureTag(bytes: bytes.span),
            let kind = ErasureSubject.Kind(name: String(decoding: kind, as: UTF8.self))
        else { throw LineProblem("it is neither an event nor an erasure") }
        if let last = erasures?.tags.last?.tag.bytes, !last.lexicographicallyPrecedes(bytes) {
            throw LineProblem("erasures are in the order of their tags")
        }
        erasures?.tags.append((tag, kind))
    }

    /// nil unless they are digits of hexadecimal numbers, in pairs and lower case.
    private static func bytes(hex text: [UInt8]) -> [UInt8]? {
        guard text.count.isMultiple(of: 2) else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        var bytes: [UInt8] = []
        for place in stride(from: 0, to: text.count, by: 2) {
            guard let high = digits.firstIndex(of: text[place]),
                let low = digits.firstIndex(of: text[place + 1])
            else { return nil }
            bytes.append(UInt8(high << 4 | low))
        }
        return bytes
    }

    /// Hands on what was erased, once, before the first card or at the end.
    private mutating func endErasures() throws {
        guard let exported = erasures, problems.isEmpty else { return }
        guard exported.tags.count == Int(clamping: erasureCount) else {
            problems.append(
                "\(fileName): there are \(exported.tags.count) erasures, and the export has"
                    + " \(erasureCount)")
            return
        }
        try onErasures(exported)
    }

    // MARK: CSV

    private static func csvReader() -> CSVReader {
        CSVReader(dialect: CSVDialect(delimiter: UInt8(ascii: ",")), maxRowBytes: lineBytesMax)
    }

    private mutating func readRows(_ bytes: [UInt8], isEnd: Bool, _ onCard: OnCard) throws {
        guard var reader = rows.take() else { return }
        var found: [(line: Int, fields: [[UInt8]], problem: String?)] = []
        func collect(_ row: borrowing CSVRow) {
            var fields: [[UInt8]] = []
            for index in 0..<row.fieldCount {
                fields.append(row.withField(index) { $0.withUnsafeBytes { Array($0) } })
            }
            found.append((row.line, fields, row.problem?.description))
        }
        if isEnd {
            reader.finish { collect($0) }
        } else {
            reader.read(bytes.span) { collect($0) }
            rows = consume reader
        }
        for row in found {
            lineNumber = row.line
            let exported: ExportedEvent?
            do throws(LineProblem) {
                if let problem = row.problem { throw LineProblem(problem) }
                exported = try event(of: row.fields)
            } catch {
                note(error.text)
                continue
            }
            if let exported { try add(exported, onCard) }
        }
    }

    /// nil for a row of names, with which each file may begin and the first one must.
    private mutating func event(of row: [[UInt8]]) throws(LineProblem) -> ExportedEvent? {
        let isFirst = isFirstRow
        isFirstRow = false
        let names = row.map { String(decoding: $0, as: UTF8.self) }
        // Those of before there were erasures end with the first columns.
        if isFirst,
            [ExportFormat.columns, ExportFormat.columns + ExportFormat.seldomColumns]
                .contains(names)
        {
            hasHead = true
            columnCount = row.count
            return nil
        }
        guard hasHead else {
            throw LineProblem(
                "an export begins with '\(ExportFormat.columns.joined(separator: ","))'")
        }
        guard row.count == columnCount else {
            throw LineProblem("it has \(row.count) fields, not \(columnCount)")
        }
        let isVoid = try Self.boolean(row[7], "void")
        guard row.count > ExportFormat.columns.count else {
            return try ExportedEvent(row, isVoid: isVoid)
        }
        return try ExportedEvent(
            row, isVoid: isVoid, isErased: try Self.boolean(row[8], "erased"), otherPhones: row[9])
    }

    private static func boolean(_ text: [UInt8], _ name: String) throws(LineProblem) -> Bool {
        switch text {
        case Array("true".utf8): return true
        case Array("false".utf8): return false
        default: throw LineProblem("\(name) is neither true nor false")
        }
    }

    // MARK: Cards

    private mutating func add(_ exported: ExportedEvent, _ onCard: OnCard) throws {
        if eventCount == 0 { try endErasures() }
        if exported.card != card {
            try endCard(onCard)
            if let card, exported.card < card {
                note("the card belongs before the one above it; an export is in their order")
            }
            card = exported.card
            cardPlace = "\(fileName):\(lineNumber)"
            cardCount += 1
        }
        eventCount += 1
        events.append(exported.event)
    }

    private mutating func endCard(_ onCard: OnCard) throws {
        guard let card, !events.isEmpty else { return }
        // Once something is wrong, nothing is kept; reading on only tells what else is.
        if problems.isEmpty, try !onCard(card, events) {
            problems.append(
                "\(cardPlace): the events of the card that begins here are out of order, too many,"
                    + " or otherwise not what a store has of a card")
        }
        events.removeAll(keepingCapacity: true)
    }
}
