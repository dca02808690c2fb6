internal import CMachine
public import CardModel

// Each card of a fill goes to two random places of the tables. The places are asked for when the
// card comes, and used some cards later, when they have arrived.

extension CardIndex {
    /// Adds many cards to an index that nobody reads yet, several times as fast as one by one.
    ///
    /// - Parameter body: calls the closure that it gets with cards that are not there yet, in
    ///   ascending order of their IDs. Other writers wait until it returns.
    /// - Throws: what `body` throws, and ``CardIndexError``. Some of the cards are there then.
    public func fill(
        _ body: (_ add: (borrowing CardView) throws -> Void) throws -> Void
    ) throws {
        try writer.withLock { writer in
            var queue = FillQueue()
            do {
                try body { try add($0, &queue, &writer) }
                while let card = queue.first {
                    try link(card, &writer)
                    queue.removeFirst()
                }
            } catch {
                while let card = queue.first {
                    discard(card.name, &writer)
                    queue.removeFirst()
                }
                throw error
            }
        }
    }

    private func add(
        _ card: borrowing CardView, _ queue: inout FillQueue, _ writer: inout Writer
    ) throws(CardIndexError) {
        let id = card.id
        queue.check(id)
        if queue.isFull, let first = queue.first {
            try link(first, &writer)
            queue.removeFirst()
        }
        let idHash = hash.hash(id)
        machine_prefetch(cardTable.firstLine(idHash))
        if let phone = card.phone { machine_prefetch(phoneTable.firstLine(hash.hash(phone))) }
        queue.append(FillQueue.Card(name: try write(card, &writer), idHash: idHash))
    }

    /// Lets the tables lead to a record.
    private func link(
        _ card: FillQueue.Card, _ writer: inout Writer
    ) throws(CardIndexError) {
        try makeRoom(&writer)
        if let phone = record(card.name).phone { try addHolder(phone, card.name, &writer) }
        cardTable.insert(card.idHash, card.name)
        record(card.name).markCurrent()
        cardCount.add(1, ordering: .relaxed)
    }
}

/// Cards of a fill whose records are written, and that no table leads to yet.
private struct FillQueue {
    private static let capacity = 32

    struct Card {
        var name: UInt32 = 0
        var idHash: UInt64 = 0
    }

    private var cards = InlineArray<32, Card>(repeating: Card())
    private var added = 0
    private var removed = 0
    private var last: CardID?

    var isFull: Bool { added - removed == Self.capacity }

    mutating func check(_ id: CardID) {
        if let last { precondition(last < id, "a fill's cards come in the order of their IDs") }
        last = id
    }

    mutating func append(_ card: Card) {
        cards[added % Self.capacity] = card
        added += 1
    }

    var first: Card? {
        removed < added ? cards[removed % Self.capacity] : nil
    }

    mutating func removeFirst() {
        removed += 1
    }
}
