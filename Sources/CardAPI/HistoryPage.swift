package import CardModel
internal import HTTPFront

/// A page of a card's events: `{"card_id","events":[…],"next"}`, in event order.
enum HistoryPage {
    static let limitMax = 1_000
    static let limitDefault = 100

    static func append(
        _ card: CardID, _ history: CardHistory, after cursor: EventCursor?, limit: Int,
        to json: inout ByteBuffer
    ) {
        let rest = history.events.drop { event in
            cursor.map { event.identity <= $0.identity } ?? false
        }
        let page = rest.prefix(limit)
        json.raw("{\"card_id\":")
        json.string(card)
        json.raw(",\"events\":[")
        for (index, event) in page.enumerated() {
            if index > 0 { json.raw(",") }
            CardJSON.append(event, to: &json)
        }
        json.raw("],\"next\":")
        if rest.count > page.count, let last = page.last {
            json.string(EventCursor(identity: last.identity).text)
        } else {
            json.raw("null")
        }
        json.raw("}")
    }
}

/// Where a page of events ended: the identity of its last event, in hexadecimal digits. Clients
/// pass it back as it is.
package struct EventCursor {
    package let identity: EventIdentity

    /// Occurred at (4 bytes, big-endian), status, length of feed, feed, reference.
    package var text: String {
        var bytes: [UInt8] = []
        withUnsafeBytes(of: identity.occurredAt.seconds.bigEndian) {
            bytes.append(contentsOf: $0)
        }
        bytes.append(identity.status.rawValue)
        bytes.append(UInt8(identity.feed.count))
        identity.feed.append(to: &bytes)
        bytes.append(contentsOf: identity.reference.bytes)
        return HexDigits.text(bytes)
    }

    init(identity: EventIdentity) {
        self.identity = identity
    }

    /// nil when the text is no cursor.
    package init?(_ text: Span<UInt8>) {
        guard let bytes = HexDigits.bytes(text), bytes.count >= 7 else { return nil }
        let seconds = bytes[..<4].reduce(Int64(0)) { $0 << 8 | Int64($1) }
        let feedEnd = 6 + Int(bytes[5])
        guard let occurredAt = Timestamp(seconds: seconds),
            let status = CardStatus(rawValue: bytes[4]), feedEnd <= bytes.count,
            let feed = FeedID(Array(bytes[6..<feedEnd]).span),
            let reference = Self.reference(Array(bytes[feedEnd...]))
        else { return nil }
        identity = EventIdentity(
            occurredAt: occurredAt, status: status, feed: feed, reference: reference)
    }

    private static func reference(_ bytes: [UInt8]) -> EventText? {
        do throws(EventTextError) {
            return try EventText(bytes.span, maxCount: EventText.referenceMaxCount)
        } catch {
            return nil
        }
    }
}
