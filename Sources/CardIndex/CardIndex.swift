public import CardModel
internal import Synchronization

/// The current state of every card in memory, found by card ID or by phone.
///
/// Two hash tables under one lock that is held for a look-up and no longer: what a reader needs is
/// copied out (integers and two references) before its closure runs. Any number of threads may
/// read, one at a time may write, and a reader sees a card before or after a change, never between.
///
/// **Invariants**, which ``checkInvariants()`` proves: every card with a phone stands in that
/// phone's entry, every card in a phone's entry exists and has that phone, and no entry is empty.
public final class CardIndex: Sendable {
    private struct Card: Sendable {
        let phone: PhoneNumber?
        let status: CardStatus
        let updatedAt: Timestamp
        let comment: [UInt8]
        let reference: [UInt8]
    }

    /// The cards of one phone. Nearly every phone has one card, which then needs no heap object.
    private enum Holders {
        case one(CardID)
        case many(Set<CardID>)
    }

    private struct Tables: ~Copyable {
        var cards: [CardID: Card] = [:]
        var phones: [PhoneNumber: Holders] = [:]
    }

    private let tables = Mutex(Tables())

    public init() {}

    public var count: Int {
        tables.withLock { $0.cards.count }
    }

    // MARK: Readers

    /// Lends the card's state; nil when it has none.
    public func withCard<R>(
        _ id: CardID, _ body: (borrowing CardView) throws -> R
    ) rethrows -> R? {
        guard let card = tables.withLock({ $0.cards[id] }) else { return nil }
        return try lend(id, card, body)
    }

    /// Lends the cards of a phone in the order of their IDs, from the first one after `after`, at
    /// most `limit`.
    ///
    /// Costs a pass over the phone's cards: a few, but for placeholders that a feed does not list.
    public func withCards(
        phone: PhoneNumber, after: CardID? = nil, limit: Int,
        _ body: (borrowing CardView) throws -> Void
    ) rethrows {
        let found: [(CardID, Card)] = tables.withLock { tables in
            guard let holders = tables.phones[phone] else { return [] }
            let ids: [CardID] =
                switch holders {
                case .one(let id): [id]
                case .many(let set): Array(set)
                }
            let page = ids.filter { id in after.map { id > $0 } ?? true }.sorted().prefix(limit)
            return page.compactMap { id in tables.cards[id].map { (id, $0) } }
        }
        for (id, card) in found {
            try lend(id, card, body)
        }
    }

    private func lend<R>(
        _ id: CardID, _ card: Card, _ body: (borrowing CardView) throws -> R
    ) rethrows -> R {
        let view = CardView(
            id: id, phone: card.phone, status: card.status, updatedAt: card.updatedAt,
            comment: card.comment.span, reference: card.reference.span)
        return try body(view)
    }

    // MARK: The writer

    /// Adds the card, or replaces what was known of it.
    public func insert(_ view: borrowing CardView) {
        let id = view.id
        let card = Card(
            phone: view.phone, status: view.status, updatedAt: view.updatedAt,
            comment: Self.copy(view.comment), reference: Self.copy(view.reference))
        tables.withLock { tables in
            let old = tables.cards.updateValue(card, forKey: id)
            Self.move(id, from: old?.phone, to: card.phone, in: &tables.phones)
        }
    }

    /// Removes the card, as when its last event was voided.
    public func remove(_ id: CardID) {
        tables.withLock { tables in
            let old = tables.cards.removeValue(forKey: id)
            Self.move(id, from: old?.phone, to: nil, in: &tables.phones)
        }
    }

    private static func move(
        _ id: CardID, from old: PhoneNumber?, to new: PhoneNumber?,
        in phones: inout [PhoneNumber: Holders]
    ) {
        guard old != new else { return }
        if let old {
            switch phones.removeValue(forKey: old) {
            case .many(var set):
                set.remove(id)
                phones[old] = set.count == 1 ? set.first.map { .one($0) } : .many(set)
            case .one, nil: break
            }
        }
        if let new {
            // Taken out while it changes, so that the set is not copied.
            switch phones.removeValue(forKey: new) {
            case nil: phones[new] = .one(id)
            case .one(let other): phones[new] = .many([other, id])
            case .many(var set):
                set.insert(id)
                phones[new] = .many(set)
            }
        }
    }

    private static func copy(_ span: Span<UInt8>) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: span.count) { buffer, initialized in
            for index in span.indices {
                buffer.initializeElement(at: index, to: span[index])
            }
            initialized = span.count
        }
    }

    // MARK: Checking

    /// What is wrong with the two tables; empty when nothing is.
    public func checkInvariants() -> [String] {
        tables.withLock { tables in
            var problems: [String] = []
            var holderCount = 0
            for (phone, holders) in tables.phones {
                let ids: Set<CardID> =
                    switch holders {
                    case .one(let id): [id]
                    case .many(let set): set
                    }
                if case .many = holders, ids.count < 2 {
                    problems.append("a phone's set has \(ids.count) cards")
                }
                holderCount += ids.count
                for id in ids where tables.cards[id]?.phone != phone {
                    problems.append("a phone's entry holds a card that has not that phone")
                }
            }
            let withPhone = tables.cards.values.count { $0.phone != nil }
            if withPhone != holderCount {
                problems.append("\(withPhone) cards have a phone, \(holderCount) are under one")
            }
            return problems
        }
    }
}
