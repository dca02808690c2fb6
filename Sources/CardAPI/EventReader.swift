package import CardModel

// The body of a write: an object, or an array of objects, whose members are all strings. The whole
// of it is read and checked before anything is queued. What makes it no JSON ends the reading; what
// is wrong with an item is noted, and the reading goes on, so that a client hears of all its
// mistakes at once.

/// What is wrong with an item of a write, or was left out of it.
package struct ItemProblem: Equatable {
    /// The item's place in the request, from 0.
    let index: Int
    /// Nil when it is the item as a whole.
    let field: String?
    let reason: String
}

/// The first of many problems, and how many there are.
package struct ItemProblems {
    /// More are counted only.
    static let listedMax = 100

    package private(set) var listed: [ItemProblem] = []
    package private(set) var count = 0

    mutating func append(_ problem: @autoclosure () -> ItemProblem) {
        count += 1
        if listed.count < Self.listedMax { listed.append(problem()) }
    }
}

/// Why a write is refused as a whole.
package enum EventsError: Error, Equatable {
    case malformed(String, offset: Int)
    case noItems
    case tooManyItems
}

/// Reads events, or the identities of events to void, into facts.
package struct EventReader {
    /// Items of a request, at most.
    static let countMax = 10_000

    package enum Purpose {
        /// Events are added.
        case add
        /// Events are undone: an item is an identity.
        case void
    }

    private enum Member: String {
        case cardID = "card_id"
        case status
        case occurredAt = "occurred_at"
        case feed, reference, phone, comment

        /// Nil when no member has the name.
        init?(_ name: Span<UInt8>) {
            switch name.count {
            case 4 where name.isText("feed"): self = .feed
            case 5 where name.isText("phone"): self = .phone
            case 6 where name.isText("status"): self = .status
            case 7 where name.isText("card_id"): self = .cardID
            case 7 where name.isText("comment"): self = .comment
            case 9 where name.isText("reference"): self = .reference
            case 11 where name.isText("occurred_at"): self = .occurredAt
            default: return nil
            }
        }

        var isPartOfIdentity: Bool { self != .phone && self != .comment }
        var bit: UInt8 {
            switch self {
            case .cardID: 1
            case .status: 2
            case .occurredAt: 4
            case .feed: 8
            case .reference: 16
            case .phone: 32
            case .comment: 64
            }
        }
    }

    /// An item in the making.
    private struct Item {
        /// One bit for each member that was there.
        var seen: UInt8 = 0
        var card: CardID?
        var status: CardStatus?
        var occurredAt: Timestamp?
        var feed: FeedID?
        var reference = EventText.empty
        var phone: PhoneNumber?
        var comment = EventText.empty
    }

    private static let defaultFeed: FeedID = {
        guard let feed = FeedID("api") else { preconditionFailure("'api' names a feed") }
        return feed
    }()

    /// Timestamps further ahead of the clock than this are mostly typing errors.
    private static let futureToleranceSeconds: Int64 = 48 * 3_600

    package private(set) var facts: [CardFact] = []
    /// Why nothing may be written.
    package private(set) var problems = ItemProblems()
    /// What was left out or mended.
    private(set) var warnings = ItemProblems()
    private var count = 0

    private let purpose: Purpose
    /// Whose events those are that name none.
    private let feed: FeedID
    /// Nil when an event may belong to any.
    private let onlyFeed: FeedID?
    private let phones: PhoneParser
    private let futureSeconds: Int64

    /// - Parameters:
    ///   - feed: whose events the client may report.
    ///   - region: where phones without a country code belong.
    ///   - nowSeconds: the time, in seconds since 1970.
    package init(_ purpose: Purpose, feed: ReportedFeed, region: PhoneRegion, nowSeconds: Int64) {
        self.purpose = purpose
        if case .only(let feed) = feed { onlyFeed = feed } else { onlyFeed = nil }
        self.feed = onlyFeed ?? Self.defaultFeed
        phones = PhoneParser(region: region)
        futureSeconds = nowSeconds + Self.futureToleranceSeconds
    }

    package mutating func read(_ text: Span<UInt8>) throws(EventsError) {
        var json = JSONReader(text)
        do {
            try readItems(&json)
        } catch let error as EventsError {
            throw error
        } catch let error as JSONError {
            throw .malformed(error.what, offset: error.offset)
        } catch {
            preconditionFailure("reading JSON fails with \(error)")
        }
    }

    private mutating func readItems(_ json: inout JSONReader) throws {
        guard json.nextKind() == .array else {
            try json.expectKind(.object, "an object or an array")
            try readItem(&json)
            return try json.expectEnd("object")
        }
        guard try !json.isEmptyArray() else { throw EventsError.noItems }
        repeat {
            guard count < Self.countMax else { throw EventsError.tooManyItems }
            try readItem(&json)
        } while try json.isFollowedByComma("]")
        try json.expectEnd("array")
    }

    private mutating func readItem(_ json: inout JSONReader) throws {
        defer { count += 1 }
        guard json.nextKind() == .object else {
            problem(nil, "an item is an object")
            return try json.skipValue()
        }
        var item = Item()
        if try !json.isEmptyObject() {
            repeat {
                _ = json.skipSpace()
                var member: Member?
                var unknown = ""
                try json.readString { name in
                    member = Member(name)
                    if member == nil { unknown = Self.text(name) }
                }
                try json.expect(":", "':'")
                try readMember(member, unknown, &json, &item)
            } while try json.isFollowedByComma("}")
        }
        finish(item)
    }

    private static func text(_ bytes: Span<UInt8>) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    /// - Parameter unknown: the name, when it is no member's.
    private mutating func readMember(
        _ member: Member?, _ unknown: String, _ json: inout JSONReader, _ item: inout Item
    ) throws {
        guard let member, purpose == .add || member.isPartOfIdentity else {
            problem(
                member?.rawValue ?? String(unknown.prefix(64)), "there is no such member here")
            return try json.skipValue()
        }
        guard item.seen & member.bit == 0 else {
            problem(member.rawValue, "it is given twice")
            return try json.skipValue()
        }
        item.seen |= member.bit
        switch json.nextKind() {
        case .null:
            try json.skipValue()
            // As if it were not there.
            item.seen &= ~member.bit
        case .string:
            try json.readString { take(member, $0, &item) }
        default:
            problem(member.rawValue, "it must be a string")
            try json.skipValue()
        }
    }

    private mutating func take(_ member: Member, _ text: Span<UInt8>, _ item: inout Item) {
        do {
            switch member {
            case .cardID:
                let parsed = try CardID.parse(text, allowsCardNumbers: false)
                item.card = parsed.id
                if parsed.hadFloatTail {
                    warning(member, "it had a number's tail, '.0', which was taken off")
                }
            case .status:
                item.status = CardStatus.allCases.first { text.isText($0.name) }
                if item.status == nil {
                    let names = CardStatus.allCases.map { "\($0)" }.joined(separator: ", ")
                    problem(member.rawValue, "it is none of \(names)")
                }
            case .occurredAt:
                let time = try TimestampParser.parseWithOffset(text)
                item.occurredAt = time
                if Int64(time.seconds) > futureSeconds {
                    warning(member, "it is more than 48 hours ahead: \(time)")
                }
            case .feed:
                item.feed = FeedID(text)
                if item.feed == nil {
                    problem(member.rawValue, "a feed is 1 to 32 of a-z, 0-9 and '-'")
                } else if let onlyFeed, item.feed != onlyFeed {
                    problem(member.rawValue, "this key reports for the feed '\(onlyFeed)' only")
                }
            case .reference:
                item.reference = try EventText(text, maxCount: EventText.referenceMaxCount)
            case .comment:
                item.comment = try EventText(text, maxCount: EventText.commentMaxCount)
            case .phone:
                takePhone(text, &item)
            }
        } catch {
            problem(member.rawValue, "\(error)")
        }
    }

    /// A phone that cannot be used costs a warning, never the event.
    private mutating func takePhone(_ text: Span<UInt8>, _ item: inout Item) {
        do throws(PhoneError) {
            item.phone = try phones.parse(text)
        } catch {
            // An empty text says that there is no phone; nothing is lost.
            if error != .empty { warning(.phone, "\(error); the event has no phone") }
        }
    }

    private mutating func finish(_ item: Item) {
        for required in [Member.cardID, .status, .occurredAt] where item.seen & required.bit == 0 {
            problem(required.rawValue, "it is required")
        }
        guard problems.count == 0, let card = item.card, let status = item.status,
            let occurredAt = item.occurredAt
        else { return }
        let identity = EventIdentity(
            occurredAt: occurredAt, status: status, feed: item.feed ?? feed,
            reference: item.reference)
        let event =
            purpose == .void
            ? CardEvent.void(identity)
            : CardEvent(identity: identity, phone: item.phone, comment: item.comment)
        facts.append(CardFact(card: card, event: event))
    }

    private mutating func problem(_ field: String?, _ reason: String) {
        problems.append(ItemProblem(index: count, field: field, reason: reason))
    }

    private mutating func warning(_ member: Member, _ reason: String) {
        warnings.append(ItemProblem(index: count, field: member.rawValue, reason: reason))
    }
}

extension Span where Element == UInt8 {
    /// Whether these are the bytes of a text.
    @inline(__always)
    fileprivate func isText(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return withUnsafeBufferPointer { bytes in
            text.withUTF8Buffer { $0.elementsEqual(bytes) }
        }
    }
}
