/// What makes two rows the same event of a card. Its order is the order of a card's events.
public struct EventIdentity: Hashable, Comparable, Sendable {
    public let occurredAt: Timestamp
    public let status: CardStatus
    public let feed: FeedID
    /// The partner's own ID of the row; may be empty.
    public let reference: EventText

    public init(
        occurredAt: Timestamp, status: CardStatus, feed: FeedID, reference: EventText
    ) {
        self.occurredAt = occurredAt
        self.status = status
        self.feed = feed
        self.reference = reference
    }

    public static func < (a: Self, b: Self) -> Bool {
        if a.occurredAt != b.occurredAt { return a.occurredAt < b.occurredAt }
        if a.status != b.status { return a.status < b.status }
        if a.feed != b.feed { return a.feed < b.feed }
        return a.reference < b.reference
    }

    /// A hash that is the same on every machine and in every version: stores and cursors keep it.
    public var stableHash: UInt64 {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(feed.count + reference.bytes.count)
        feed.append(to: &bytes)
        bytes.append(contentsOf: reference.bytes)
        return bytes.withUnsafeBytes {
            Self.stableHash(
                occurredAt: occurredAt.seconds, status: status.rawValue, feedCount: feed.count,
                feedAndReference: $0)
        }
    }

    /// ``stableHash`` of an identity whose texts lie one behind the other, at most 96 bytes.
    public static func stableHash(
        occurredAt: UInt32, status: UInt8, feedCount: Int,
        feedAndReference: UnsafeRawBufferPointer
    ) -> UInt64 {
        withUnsafeTemporaryAllocation(byteCount: 6 + feedAndReference.count, alignment: 8) {
            $0.storeBytes(of: occurredAt.bigEndian, as: UInt32.self)
            $0[4] = status
            $0[5] = UInt8(feedCount)
            UnsafeMutableRawBufferPointer(rebasing: $0[6...]).copyMemory(from: feedAndReference)
            return XXH64.hash(RawSpan(_unsafeBytes: UnsafeRawBufferPointer($0)))
        }
    }
}

/// Everything said so far about one event of a card: what the rows with its identity gave, whether
/// it was voided, and whether a phone that was said of it was erased.
///
/// Two values with one identity merge to their least upper bound: void beats not void, a phone
/// beats none, and the greater phone and comment win; erased beats any phone and comment. That
/// merge is commutative, associative and idempotent, which is why order and repetition do not
/// matter.
public struct CardEvent: Hashable, Sendable {
    /// The different phones that one event can have been said with. More of them erase it: what
    /// could not be remembered could not be erased later.
    public static let phonesMax = 64

    public let identity: EventIdentity
    public internal(set) var isVoid: Bool
    public internal(set) var phone: PhoneNumber?
    public internal(set) var comment: EventText
    /// The lesser phones that the event was said with, in ascending order; mostly there are none.
    /// Nobody is shown them. They are kept so that erasing one of them erases the event, as it
    /// would have had the erasure come first.
    public internal(set) var otherPhones: [PhoneNumber]
    /// Whether a phone of the event was erased: then it has none, and no comment, for good.
    public internal(set) var isErased: Bool

    public init(
        identity: EventIdentity, phone: PhoneNumber? = nil, comment: EventText = .empty,
        isVoid: Bool = false
    ) {
        self.identity = identity
        self.phone = phone
        self.comment = comment
        self.isVoid = isVoid
        otherPhones = []
        isErased = false
    }

    /// The event as it was kept; nil when no event can have been kept so.
    public init?(
        restoring identity: EventIdentity, phone: PhoneNumber?, otherPhones: [PhoneNumber],
        comment: EventText, isVoid: Bool, isErased: Bool
    ) {
        self.init(identity: identity, phone: phone, comment: comment, isVoid: isVoid)
        if isErased, phone != nil || !otherPhones.isEmpty || comment != .empty { return nil }
        guard otherPhones.count < Self.phonesMax else { return nil }
        if let last = otherPhones.last {
            guard let phone, last < phone,
                zip(otherPhones, otherPhones.dropFirst()).allSatisfy({ $0 < $1 })
            else { return nil }
        }
        self.otherPhones = otherPhones
        self.isErased = isErased
    }

    /// Whether it has a phone, or had one that was erased: what decides which events are kept, so
    /// that an erasure changes nothing of that.
    var bearsPhone: Bool { phone != nil || isErased }

    /// Undoes the event of that identity, whether it came before or comes later.
    public static func void(_ identity: EventIdentity) -> CardEvent {
        CardEvent(identity: identity, isVoid: true)
    }

    /// `other` must have the same identity.
    mutating func merge(_ other: CardEvent) {
        precondition(identity == other.identity, "only events with one identity merge")
        isVoid = isVoid || other.isVoid
        if isErased || other.isErased {
            erase()
            return
        }
        mergePhones(other)
        comment = max(comment, other.comment)
        if otherPhones.count >= Self.phonesMax { erase() }
    }

    private mutating func mergePhones(_ other: CardEvent) {
        guard let theirs = other.phone else { return }
        guard let mine = phone else {
            (phone, otherPhones) = (theirs, other.otherPhones)
            return
        }
        if theirs == mine, other.otherPhones.isEmpty { return }
        otherPhones = Set(otherPhones + other.otherPhones + [mine, theirs]).sorted()
        phone = otherPhones.removeLast()
    }

    /// Takes away what may be a person's.
    mutating func erase() {
        isErased = true
        phone = nil
        otherPhones = []
        comment = .empty
    }
}

/// One thing said about one card: the unit that travels from a reader to the writer.
public struct CardFact: Hashable, Sendable {
    public let card: CardID
    public let event: CardEvent

    public init(card: CardID, event: CardEvent) {
        self.card = card
        self.event = event
    }
}
