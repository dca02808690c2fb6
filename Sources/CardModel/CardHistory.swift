/// A card's events, bounded, as a pure function of the set of everything ever said about the card.
///
/// **What is kept.** The *window*: the last ``eventLimit`` identities in event order. When no
/// identity in the window has a phone, also the *phone event*: the last identity before the window
/// that has one, without its comment. And the *tombstones*: void identities before the window
/// and after the phone event (all of them if there is none), the last ``eventLimit`` at most.
///
/// **Why tombstones.** An event may leave the window voided and without a phone, and come again
/// with one. Were the void forgotten, the order of arrival would decide whether its phone counts.
/// Tombstones at or before the phone event can be forgotten: the phone event only ever moves
/// forward. Where the limit has cut tombstones off, the phone event counts as void: a phone
/// too few is shown rather than one that somebody took back.
///
/// **Why the phone event has no comment.** Its comment may have been forgotten when it left the
/// window for want of a phone, so keeping it would let the order of arrival show.
///
/// **Erasures.** An event whose phone was erased has no phone and no comment, and nothing that is
/// said later gives it one. It still counts as one with a phone where it is decided what is kept:
/// else an erasure would call for events that were forgotten long ago.
///
/// **Why this is a function of the set.** The window is the greatest n of a union, the phone
/// event a greatest element, the tombstones the greatest n of a union above a bound that only
/// rises; each can be computed from parts, in any order. A property test holds all of it.
///
/// **Invariants.** `events` ascends strictly by identity. When it has at most ``eventLimit``
/// entries, all of them are the window; otherwise the last ``eventLimit`` are, and those before
/// are the phone event (if any) followed by the tombstones.
public struct CardHistory: Hashable, Sendable {
    public static let eventLimit = 512

    /// In event order: phone event, tombstones, window.
    public private(set) var events: [CardEvent]

    private let limit: Int

    public init() {
        self.init(limit: Self.eventLimit)
    }

    /// Tests draw histories that overflow often, which takes a small limit.
    init(limit: Int) {
        events = []
        self.limit = limit
    }

    /// The history that `events` came from, or nil when no history can have had these: that is a
    /// damaged record.
    public init?(restoring events: [CardEvent]) {
        self.init(limit: Self.eventLimit)
        for (earlier, later) in zip(events, events.dropFirst()) {
            guard earlier.identity < later.identity else { return nil }
        }
        self.events = events
        if settle() != 0 || self.events != events { return nil }
    }

    /// What became of one fact.
    public enum Outcome: Hashable, Sendable {
        /// The set grew; `forgotten` identities fell out for it.
        case changed(forgotten: Int)
        /// It was known.
        case duplicate
        /// Its identity lies before the window and is not kept.
        case beyondLimit
    }

    /// Adds what one event says. Costs a binary search, plus a pass over the events when the
    /// history is at its limit.
    public mutating func merge(_ event: CardEvent) -> Outcome {
        let index = firstIndex(notBefore: event.identity)
        if index < events.count, events[index].identity == event.identity {
            var addition = event
            if index < events.count - limit { addition.comment = .empty }
            var merged = events[index]
            merged.merge(addition)
            if merged == events[index] { return .duplicate }
            events[index] = merged
            return .changed(forgotten: settle())
        }
        // Nothing to forget yet means nothing to compare: the usual card has few events.
        if events.count < limit {
            events.insert(event, at: index)
            return .changed(forgotten: 0)
        }
        let before = events
        events.insert(event, at: index)
        let forgotten = settle()
        return events == before ? .beyondLimit : .changed(forgotten: forgotten)
    }

    /// Erases the events that were said with a phone of the list, and says how many that were.
    public mutating func erase(_ list: ErasureList) -> Int {
        var count = 0
        for index in events.indices where list.covers(events[index]) {
            events[index].erase()
            count += 1
        }
        return count
    }

    /// The first index whose identity is not less than `identity`.
    private func firstIndex(notBefore identity: EventIdentity) -> Int {
        var lower = 0
        var upper = events.count
        while lower < upper {
            let middle = (lower + upper) / 2
            if events[middle].identity < identity {
                lower = middle + 1
            } else {
                upper = middle
            }
        }
        return lower
    }

    /// Restores the invariants after one insertion or change, and says how many identities went.
    private mutating func settle() -> Int {
        guard events.count > limit else { return 0 }
        let windowStart = events.count - limit
        let phoneIndex = events.lastIndex(where: \.bearsPhone)
        var kept: [CardEvent] = []
        if phoneIndex.map({ $0 < windowStart }) ?? true {
            let tombstones = events[((phoneIndex ?? -1) + 1)..<windowStart]
                .filter(\.isVoid).suffix(limit)
            if let phoneIndex {
                var phoneEvent = events[phoneIndex]
                phoneEvent.comment = .empty
                phoneEvent.isVoid = phoneEvent.isVoid || tombstones.count == limit
                kept.append(phoneEvent)
            }
            kept += tombstones.map { .void($0.identity) }
        }
        let forgotten = windowStart - kept.count
        events.replaceSubrange(0..<windowStart, with: kept)
        return forgotten
    }

    /// Where the card is, by its last event that is not void; nil when there is none.
    public var state: CardState? {
        let deciding = Self.decidingEvents(
            of: events.count, isVoid: { events[$0].isVoid }, hasPhone: { events[$0].phone != nil })
        guard let index = deciding.state else { return nil }
        let event = events[index]
        return CardState(
            phone: deciding.phone.flatMap { events[$0].phone },
            status: event.identity.status, updatedAt: event.identity.occurredAt,
            eventIndex: index)
    }

    /// Lends the current state; nil when there is none.
    package func withView<R>(
        id: CardID, _ body: (borrowing CardView) throws -> R
    ) rethrows -> R? {
        guard let state else { return nil }
        let event = events[state.eventIndex]
        let view = CardView(
            id: id, phone: state.phone, status: state.status, updatedAt: state.updatedAt,
            comment: event.comment.bytes.span, reference: event.identity.reference.bytes.span)
        return try body(view)
    }

    /// Which of a card's kept events, in event order, say where it is and what its phone is,
    /// whatever the events are held in.
    @inlinable
    public static func decidingEvents(
        of count: Int, isVoid: (Int) -> Bool, hasPhone: (Int) -> Bool
    ) -> (state: Int?, phone: Int?) {
        var state: Int?
        var index = count
        while index > 0 {
            index -= 1
            if isVoid(index) { continue }
            state = state ?? index
            if hasPhone(index) { return (state, index) }
        }
        return (state, nil)
    }
}

/// The consolidated answer for one card. `comment` and `reference` are those of the event at
/// `eventIndex` in its history.
public struct CardState: Hashable, Sendable {
    public let phone: PhoneNumber?
    public let status: CardStatus
    public let updatedAt: Timestamp
    public let eventIndex: Int
}
