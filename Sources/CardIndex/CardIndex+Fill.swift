public import CardModel
internal import Synchronization

// How an index is filled with the cards of a store:
//
//   1. Several threads have a FillPart each. It packs records into blocks of the arena that it has
//      to itself, and notes for each which group of the tables it goes to, dealt out by partitions
//      of the tables that the caches of a core hold.
//   2. The threads take partition after partition and place all entries that go there. Nobody else
//      writes those groups, and they are in the cache, so no thread waits for memory or another.
//   3. One thread places what is left: entries at the end of a partition that found it full, and
//      those of phones with very many cards, of which some are crowds.
//
// What comes of it is what inserting the cards one by one would make of it, whatever their order.

extension CardIndex {
    /// Adds many cards to an index that is empty and that nobody reads yet, several times as fast
    /// as one by one. ``IndexFill`` does it with several threads.
    ///
    /// - Parameter body: calls the closure that it gets with cards in ascending order of their IDs.
    /// - Throws: what `body` throws; some of the cards are there then. After a ``CardIndexError``
    ///   the index is of no use.
    public func fill(
        _ body: (_ add: (borrowing CardView) throws -> Void) throws -> Void
    ) throws {
        let fill = IndexFill(self)
        var part = fill.makePart()
        let result = Result { try body { try part.add($0) } }
        part.end()
        fill.link()
        try fill.finish()
        try result.get()
    }
}

/// The filling of one index by several threads.
///
/// `@unchecked Sendable`: what the threads share is atomic, under a lock or constant.
public final class IndexFill: @unchecked Sendable {
    /// Groups of a partition, as a power of two: half a MiB of the table.
    private static let partitionShift = 13
    /// Partitions of a table at most, since each has a piece of memory in every part.
    private static let partitionsMax = 1_024
    /// How far from its first group an entry of the table of phones is placed. A phone whose
    /// entries go on further may be a crowd's, which is found out one by one.
    private static let phoneGroupsMax = 5

    let index: CardIndex
    let cards: GroupTable
    let phones: GroupTable
    let shift: Int
    private let reserved = Atomic<Int>(0)
    private let nextPartition = Atomic<Int>(0)
    private let state = Mutex(State())

    private struct State {
        var parts: [Part] = []
        var count = 0
        /// Cards that the tables have no room for.
        var excess: [UInt32] = []
        /// Entries that their partition had no room for.
        var lateCards: [UInt32] = []
        var latePhones: [UInt32] = []
        var phonesPlaced = 0
    }

    /// What a part leaves behind for the tables.
    struct Part: Sendable {
        let cards: EntryStreams
        let phones: EntryStreams
    }

    /// - Parameter index: one that is empty, that nobody reads, and that has capacity for the
    ///   cards; more cards than that are slower.
    public convenience init(_ index: CardIndex) {
        self.init(index, partitionShift: Self.partitionShift)
    }

    /// - Parameter partitionShift: a power of two, of groups, for a partition at least.
    init(_ index: CardIndex, partitionShift: Int) {
        precondition(index.count == 0, "an index is filled while it is empty")
        precondition(
            IndexFill.phoneGroupsMax * GroupTable.placesPerGroup < CardIndex.listedMax,
            "a crowd does not go unnoticed")
        self.index = index
        cards = index.cardTable
        phones = index.phoneTable
        var shift = partitionShift
        while cards.groupCount >> shift >= Self.partitionsMax { shift += 1 }
        self.shift = shift
    }

    /// A part for one thread.
    public func makePart() -> FillPart { FillPart(self) }

    /// Lets a part add so many cards.
    func reserve(_ count: Int) -> Bool {
        let capacity = min(cards.capacity, phones.capacity)
        return reserved.add(count, ordering: .relaxed).newValue <= capacity
    }

    func take(_ part: Part, count: Int, excess: [UInt32]) {
        state.withLock { state in
            state.parts.append(part)
            state.count += count
            state.excess += excess
        }
    }

    /// Lets the tables lead to the records. Called by each thread when all parts have ended;
    /// returns when there is no more for it to do.
    public func link() {
        let parts = state.withLock { $0.parts }
        guard let first = parts.first else { return }
        var lateCards: [UInt32] = []
        var latePhones: [UInt32] = []
        var phonesPlaced = 0
        let ofCards = first.cards.partitionCount
        while true {
            let next = nextPartition.add(1, ordering: .relaxed).oldValue
            if next < ofCards {
                let start = next << shift
                let end = min(start + 1 << shift, cards.groupCount)
                for part in parts {
                    part.cards.forEach(in: next) { record, first, tag in
                        let isPlaced = cards.place(
                            record, tag: tag, home: start &+ first, before: end)
                        if !isPlaced { lateCards.append(record) }
                    }
                }
            } else if next - ofCards < first.phones.partitionCount {
                let start = (next - ofCards) << shift
                let end = min(start + 1 << shift, phones.groupCount)
                for part in parts {
                    part.phones.forEach(in: next - ofCards) { record, first, tag in
                        let home = start &+ first
                        let isPlaced = phones.place(
                            record, tag: tag, home: home,
                            before: min(home &+ Self.phoneGroupsMax, end))
                        if isPlaced { phonesPlaced += 1 } else { latePhones.append(record) }
                    }
                }
            } else {
                break
            }
        }
        let late = (cards: lateCards, phones: latePhones, placed: phonesPlaced)
        state.withLock { state in
            state.lateCards += late.cards
            state.latePhones += late.phones
            state.phonesPlaced += late.placed
        }
    }

    /// Places what is left. Called once, when all threads have linked.
    public func finish() throws(CardIndexError) {
        let state = self.state.withLock { state in
            defer { state = State() }
            return state
        }
        try index.finishFill(
            count: state.count, phones: state.phonesPlaced, lateCards: state.lateCards,
            latePhones: state.latePhones, excess: state.excess)
    }
}

extension CardIndex {
    fileprivate func finishFill(
        count: Int, phones: Int, lateCards: [UInt32], latePhones: [UInt32], excess: [UInt32]
    ) throws(CardIndexError) {
        try writer.withLock { writer throws(CardIndexError) in
            writer.phoneEntries = phones
            for name in lateCards { cardTable.insert(hash.hash(record(name).id), name) }
            cardCount.store(count, ordering: .relaxed)
            for name in latePhones { try list(name, &writer) }
            for name in excess {
                try makeRoom(&writer)
                try list(name, &writer)
                cardTable.insert(hash.hash(record(name).id), name)
                cardCount.add(1, ordering: .relaxed)
            }
        }
    }

    /// Lists a card under its phone, if it has one.
    private func list(_ name: UInt32, _ writer: inout Writer) throws(CardIndexError) {
        if let phone = record(name).phone { try addHolder(phone, name, &writer) }
    }
}
