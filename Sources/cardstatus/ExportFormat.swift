import ArgumentParser
import CardAPI
import CardModel
import CardStore
import HTTPFront

/// How an export is written. `ExportReader` reads what this writes; docs/backup.md describes it.
enum ExportFormat: String, ExpressibleByArgument, CaseIterable {
    case ndjson
    case csv

    /// The version in the first line of NDJSON; CSV has its columns.
    static let version: UInt64 = 1

    /// The first columns of CSV, and the names in each line of NDJSON.
    static let columns = [
        "card_id", "status", "occurred_at", "phone", "comment", "reference", "feed", "void",
    ]

    /// What most events do not have: the last columns of CSV, and names in lines of NDJSON where
    /// there is something to say.
    static let seldomColumns = ["erased", "other_phones"]
}

/// An export in the making: events in, bytes out.
struct ExportWriter {
    private let format: ExportFormat
    private(set) var cards = 0
    private(set) var events = 0
    /// The hash of each line of an event, each the seed of the next.
    private var digest: UInt64 = 0

    init(_ format: ExportFormat) {
        self.format = format
    }

    /// What comes first.
    func head() -> [UInt8] {
        switch format {
        case .ndjson:
            Array("{\"export\":\"cardstatus\",\"version\":\(ExportFormat.version)}\n".utf8)
        case .csv:
            Array(
                ((ExportFormat.columns + ExportFormat.seldomColumns).joined(separator: ",") + "\n")
                    .utf8)
        }
    }

    /// The lines of what was erased, which come before all cards. CSV has no place for them.
    mutating func lines(_ erasures: CardStore.ExportedErasures) -> [UInt8] {
        guard format == .ndjson else { return [] }
        let key = erasures.key.words.flatMap { word in
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
        var texts = ["{\"erasures\":\(erasures.tags.count),\"key\":\"\(Self.hex(key))\"}"]
        for (tag, kind) in erasures.tags {
            texts.append("{\"erasure\":\"\(Self.hex(tag.bytes))\",\"of\":\"\(kind)\"}")
        }
        var lines: [UInt8] = []
        for text in texts { append(Array(text.utf8), to: &lines) }
        return lines
    }

    /// Appends a line that the last one vouches for.
    private mutating func append(_ line: [UInt8], to lines: inout [UInt8]) {
        digest = XXH64.hash(line.span.bytes, seed: digest)
        lines += line
        lines.append(UInt8(ascii: "\n"))
    }

    /// The lines of one card's events.
    mutating func lines(_ card: CardID, _ history: CardHistory) -> [UInt8] {
        cards += 1
        events += history.events.count
        switch format {
        case .ndjson:
            var lines: [UInt8] = []
            for event in history.events {
                var json = ByteBuffer()
                CardJSON.append(event, of: card, to: &json)
                append(Array(json.bytes.dropLast()) + Self.seldomFields(event), to: &lines)
            }
            return lines
        case .csv:
            var lines: [UInt8] = []
            for event in history.events { Self.appendRow(card, event, to: &lines) }
            return lines
        }
    }

    /// What comes last: how much there was, so that an export that was cut off shows.
    func tail() -> [UInt8] {
        switch format {
        case .ndjson:
            Array(
                "{\"cards\":\(cards),\"events\":\(events),\"digest\":\"\(Self.hex(digest))\"}\n"
                    .utf8)
        case .csv: []
        }
    }

    /// The end of an event's line, with what most do not have.
    private static func seldomFields(_ event: CardEvent) -> [UInt8] {
        var text = event.isErased ? ",\"erased\":true" : ""
        if !event.otherPhones.isEmpty { text += ",\"other_phones\":\"\(otherPhones(event))\"" }
        return Array((text + "}").utf8)
    }

    /// As one text, with spaces between.
    private static func otherPhones(_ event: CardEvent) -> String {
        event.otherPhones.map(\.e164).joined(separator: " ")
    }

    private static func hex(_ bytes: [UInt8]) -> String {
        bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    static func hex(_ digest: UInt64) -> String {
        let digits = String(digest, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func appendRow(_ card: CardID, _ event: CardEvent, to row: inout [UInt8]) {
        let comma = UInt8(ascii: ",")
        card.append(to: &row)
        row.append(comma)
        row += Array(event.identity.status.description.utf8)
        row.append(comma)
        event.identity.occurredAt.appendISO8601(to: &row)
        row.append(comma)
        event.phone?.appendE164(to: &row)
        row.append(comma)
        appendText(event.comment.bytes, to: &row)
        row.append(comma)
        appendText(event.identity.reference.bytes, to: &row)
        row.append(comma)
        event.identity.feed.append(to: &row)
        row.append(comma)
        row += Array("\(event.isVoid),\(event.isErased),\(otherPhones(event))\n".utf8)
    }

    /// RFC 4180: quoted where it must be, quotes doubled.
    private static func appendText(_ text: [UInt8], to row: inout [UInt8]) {
        let quote = UInt8(ascii: "\"")
        let special: [UInt8] = [quote, UInt8(ascii: ","), UInt8(ascii: "\n"), UInt8(ascii: "\r")]
        guard text.contains(where: special.contains) else {
            row += text
            return
        }
        row.append(quote)
        for byte in text {
            if byte == quote { row.append(quote) }
            row.append(byte)
        }
        row.append(quote)
    }
}
