internal import CMachine
public import CardModel
internal import Synchronization

// How it hangs together:
//
//   cards   GroupTable   hash of the ID     -> record      one entry a card
//   phones  GroupTable   hash of the phone  -> record      one entry a card that has a phone, or
//                                                          one for a crowd
//   arena   RecordArena  the records, packed and immutable
//   pool    CommentPool  comments that several cards share
//
// Any number of threads read without a lock; writers take turns under one. A change is a new record
// and one releasing store in the table of cards, which is the moment from which everybody sees it:
// the table of phones only says whom to ask. It lists a card under its new phone before that moment
// and under its old one until after it. What a change replaces is used again once all readers have
// gone on (ReaderEpochs). A table that is full is copied to a larger one beside it, published by
// one pointer swap; readers end their search in the old one, which then goes back to the system.
//
// Nobody sees a card's past after its present, whichever way they come. Who comes by ID goes by the
// table of cards. Who comes by phone may find a record that is not in it yet, or not any more, and
// asks the record itself: a mark in it says that the table of cards leads there. A record without
// the mark says nothing, and the card is looked up by its ID. The writer replaces `old` by `new`:
//
//   P1  list `new` under its phone, if that is another than old's     (new's mark is 0)
//   P2  old's mark = 0, releasing
//   P3  the table of cards leads to `new`, releasing                  <- the moment
//   P4  new's mark = 1, releasing
//   P5  old's phone lists `new`, or nothing
//
// (A new card has no P2; a removed one has P2, at P3 an empty place, P5.) Why that is enough:
//
// - A mark that reads 1 was current at that moment. The mark of a record is 1 from its P4 to the P2
//   of the change that replaces it, and the table of cards leads to it from before the one to after
//   the other. Who has seen that change, or anything that came after it, in whatever way, has
//   acquired its P3 or something later; P2 precedes P3, so it happens before a later read of the
//   mark, which therefore cannot be 1 any more.
// - Who reads 1 has acquired P4, and with it P3: if they then come by ID, they find this record or
//   a later one, never an earlier one.
// - Who sees a card under its new phone has read 1 (P4) or asked the table of cards (P3). If they
//   then come by the old phone, and `old` is still listed there, its mark is 0 for them (P2), and
//   the table of cards tells them the new phone. So no card is seen under an old phone after a new
//   one; that none is missed follows from P1 before P3 before P5, as before.
// - A mark is not of another card's record: memory is used again only when no reader can hold it,
//   and then it is 0 until P4.
//
// A phone of more than `listedMax` cards is a crowd: a placeholder that a feed does not list, or a
// company's front desk. The index only counts its cards, so that adding one stays cheap and nobody
// ever sorts a million; who asks for them reads the store, which has them in order.
//
// What must change together: IndexRecord's layout with its reader and writer; the memory-order
// notes in ReaderEpochs and GroupTable with any new path from a pointer to memory.

/// The current state of every card in memory, found by card ID or by phone.
///
/// Memory is at most 64 bytes a card for IDs of 11 bytes with a phone, a reference and a comment of
/// the usual kind. A look-up misses the cache twice, by ID and by phone: once in the table, once at
/// the record.
///
/// **Invariants**, which ``checkInvariants()`` proves: the two tables lead to the same records,
/// every record under its own keys; crowds count what they stand for; every byte of the arena is
/// in use by one record, retired or free; shared comments count their users.
///
/// `@unchecked Sendable`: what readers touch are atomics and memory that is constant while they
/// read; all else is under the writers' lock.
public final class CardIndex: @unchecked Sendable {
    /// The cards that a phone may have before it is a crowd.
    public static let listedMax = 64
    /// How much larger a full table becomes. Less than twice: half of a table of the worst size
    /// would lie empty.
    private static let growthPercent = 135

    private typealias TablePointer = UnsafeMutablePointer<GroupTable>

    private let cards: Atomic<TablePointer>
    private let phones: Atomic<TablePointer>
    let records: UnsafeMutableRawPointer
    let cardCount = Atomic<Int>(0)
    let hash: KeyHash
    let writer: Mutex<Writer>

    struct Writer: ~Copyable, Sendable {
        var arena: RecordArena
        var pool = CommentPool()
        /// Entries in the table of phones.
        var phoneEntries = 0
        /// The cards of each crowd.
        var crowds: [PhoneNumber: Int] = [:]
    }

    /// What the index holds and what that costs.
    public struct Statistics: Sendable, Equatable {
        public var cards = 0
        /// Phones of so many cards that the store has to list them.
        public var crowds = 0
        public var sharedComments = 0
        public var tableBytes = 0
        /// Memory that records have taken so far, including what is free or retired.
        public var recordBytes = 0
        public var freeBytes = 0
        /// Memory of replaced records that readers may still hold.
        public var retiredBytes = 0
    }

    /// - Parameter capacity: cards that it takes without growing.
    public convenience init(capacity: Int = 0) throws(CardIndexError) {
        try self.init(capacity: capacity, hash: KeyHash())
    }

    init(capacity: Int, hash: KeyHash) throws(CardIndexError) {
        let arena = try RecordArena()
        let cardTable = try GroupTable(capacity: capacity)
        let phoneTable: GroupTable
        do {
            phoneTable = try GroupTable(capacity: capacity)
        } catch {
            cardTable.release()
            throw error
        }
        self.hash = hash
        records = arena.start
        cards = Atomic(CardIndex.box(cardTable))
        phones = Atomic(CardIndex.box(phoneTable))
        writer = Mutex(Writer(arena: arena))
    }

    /// Whoever lets go of an index that was published sees to it that no reader is left in it.
    deinit {
        for table in [cards.load(ordering: .relaxed), phones.load(ordering: .relaxed)] {
            table.pointee.release()
            table.deallocate()
        }
    }

    private static func box(_ table: GroupTable) -> TablePointer {
        let pointer = TablePointer.allocate(capacity: 1)
        pointer.initialize(to: table)
        return pointer
    }

    var cardTable: GroupTable { cards.load(ordering: .acquiring).pointee }
    var phoneTable: GroupTable { phones.load(ordering: .acquiring).pointee }

    public var count: Int { cardCount.load(ordering: .relaxed) }

    @inline(__always)
    func record(_ name: UInt32) -> IndexRecord { IndexRecord(records, name) }

    // MARK: Readers

    /// Lends the card's state; nil when it has none.
    ///
    /// Takes no lock and allocates nothing. `body` must be short and must not write to an index.
    @inlinable
    public func withCard<R>(
        _ id: CardID, _ body: (borrowing CardView) throws -> R
    ) rethrows -> R? {
        var result: R?
        _ = try lend(id) { result = try body($0) }
        return result
    }

    /// Lends the card's state; false when it has none.
    public func lend(
        _ id: CardID, to body: (borrowing CardView) throws -> Void
    ) rethrows -> Bool {
        try ReaderEpochs.read {
            let found = find(id, hash.hash(id))
            guard found != 0 else { return false }
            try record(found).lend(id, records, body)
            return true
        }
    }

    /// Lends the card where it lies; false when it has none. Half the work of ``lend(_:to:)``, for
    /// who wants to know whether there is a card, or what state it is in.
    public func withFound(
        _ id: CardID, _ body: (borrowing FoundCard) throws -> Void
    ) rethrows -> Bool {
        try ReaderEpochs.read {
            let found = find(id, hash.hash(id))
            guard found != 0 else { return false }
            try body(FoundCard(record(found)))
            return true
        }
    }

    /// The card's record; 0 when it has none.
    @inline(__always)
    func find(_ id: CardID, _ idHash: UInt64) -> UInt32 {
        // The closure must not hold the index: a look-up counts no reference.
        let records = records
        return cardTable.find(idHash) { IndexRecord(records, $0).hasID(id) }
    }

    /// Lends the states of many cards, in order: `found` or `absent` is called once for each, with
    /// its place among `ids`.
    ///
    /// Memory is asked for a group of cards at a time, so that their cache misses overlap: several
    /// times as fast as one look-up after the other.
    public func withCards(
        _ ids: Span<CardID>, found: (Int, borrowing CardView) throws -> Void,
        absent: (Int) throws -> Void
    ) rethrows {
        let groupSize = 32
        var start = 0
        while start < ids.count {
            let end = min(start + groupSize, ids.count)
            try ReaderEpochs.read {
                let table = cardTable
                var hashes = InlineArray<32, UInt64>(repeating: 0)
                for index in start..<end {
                    let idHash = hash.hash(ids[index])
                    hashes[index - start] = idHash
                    machine_prefetch(table.firstLine(idHash))
                }
                for index in start..<end {
                    prefetch(table.firstCandidate(hashes[index - start]))
                }
                for index in start..<end {
                    let name = find(ids[index], hashes[index - start])
                    if name != 0 {
                        try record(name).lend(ids[index], records) { try found(index, $0) }
                    } else {
                        try absent(index)
                    }
                }
            }
            start = end
        }
    }

    /// Lends the cards of a phone in the order of their IDs, from the first one after `after`, at
    /// most `limit`.
    ///
    /// - Returns: false when the phone is a crowd: then nothing was lent, and the store has to be
    ///   asked.
    public func withCards(
        phone: PhoneNumber, after: CardID? = nil, limit: Int,
        _ body: (borrowing CardView) throws -> Void
    ) rethrows -> Bool {
        try ReaderEpochs.read {
            let phoneHash = hash.hash(phone)
            var only: UInt32 = 0
            // Ends at what a list is needed for: a second card, or a crowd.
            let other = phoneTable.search(phoneHash) { name in
                let record = record(name)
                guard record.phoneDigits == phone.digits else { return false }
                if record.isCrowd || only != 0 { return true }
                only = name
                return false
            }
            guard other == nil else {
                return try lendSeveral(phone, phoneHash, after, limit, body)
            }
            if only != 0, limit > 0 {
                _ = try lendHolder(only, of: phone, after, body)
            }
            return true
        }
    }

    /// As ``withCards(phone:after:limit:_:)``, within a read, for a phone of several cards or a
    /// crowd. Apart, so that the list is not made for the many phones of one card.
    @inline(never)
    private func lendSeveral(
        _ phone: PhoneNumber, _ phoneHash: UInt64, _ after: CardID?, _ limit: Int,
        _ body: (borrowing CardView) throws -> Void
    ) rethrows -> Bool {
        var names = InlineArray<64, UInt32>(repeating: 0)
        var count = 0
        let crowd = phoneTable.search(phoneHash) { name in
            let record = record(name)
            guard record.phoneDigits == phone.digits else { return false }
            // More than can be listed: while a reader looks, the writer may move entries past it.
            if record.isCrowd || count == CardIndex.listedMax { return true }
            names[count] = name
            count += 1
            return false
        }
        guard crowd == nil else { return false }
        if count > 1 { sortByID(&names, count) }
        var left = limit
        var last = after
        for index in 0..<count where left > 0 {
            // A card that went away and came back while the reader looked was found twice, and is
            // not lent again: it is not beyond the last.
            guard let id = try lendHolder(names[index], of: phone, last, body) else { continue }
            last = id
            left -= 1
        }
        return true
    }

    /// Lends the card of a record that a phone lists, if it lies beyond `after` and has that phone
    /// now.
    ///
    /// - Returns: its ID; nil when nothing was lent.
    @inline(__always)
    private func lendHolder(
        _ listed: UInt32, of phone: PhoneNumber, _ after: CardID?,
        _ body: (borrowing CardView) throws -> Void
    ) rethrows -> CardID? {
        let id = record(listed).id
        if let after, id <= after { return nil }
        let name = current(listed, id)
        guard name != 0, record(name).phoneDigits == phone.digits else { return nil }
        try record(name).lend(id, records, body)
        return id
    }

    /// The record of a card now, of which one is known that was its record, is or will be; 0 when
    /// it has none. Reads the table of cards only when the record does not say that it is the one.
    @inline(__always)
    private func current(_ listed: UInt32, _ id: CardID) -> UInt32 {
        record(listed).isCurrent ? listed : find(id, hash.hash(id))
    }

    /// Insertion sort: a phone has a few cards.
    private func sortByID(_ names: inout InlineArray<64, UInt32>, _ count: Int) {
        for index in 1..<count {
            let name = names[index]
            let id = record(name).id
            var place = index
            while place > 0, record(names[place - 1]).id > id {
                names[place] = names[place - 1]
                place -= 1
            }
            names[place] = name
        }
    }

    // MARK: Writers

    /// Adds the card, or replaces what was known of it.
    ///
    /// - Throws: when there is no memory; nothing is changed then.
    public func insert(_ card: borrowing CardView) throws(CardIndexError) {
        let id = card.id
        let idHash = hash.hash(id)
        let phone = card.phone
        try writer.withLock { writer throws(CardIndexError) in
            try makeRoom(&writer)
            let new = try write(card, &writer)
            let table = cardTable
            var old: UInt32 = 0
            let place = table.search(idHash) { name in
                old = name
                return record(name).hasID(id)
            }
            if place == nil { old = 0 }
            let oldPhone = old == 0 ? nil : record(old).phone
            if let phone, phone != oldPhone {
                do throws(CardIndexError) {
                    try addHolder(phone, new, &writer)
                } catch {
                    discard(new, &writer)
                    throw error
                }
            }
            guard let place else {
                table.insert(idHash, new)
                record(new).markCurrent()
                cardCount.add(1, ordering: .relaxed)
                return
            }
            record(old).unmarkCurrent()
            table.replace(place, new)
            record(new).markCurrent()
            if let oldPhone {
                if oldPhone == phone {
                    replaceHolder(oldPhone, old, new, writer)
                } else {
                    removeHolder(oldPhone, old, &writer)
                }
            }
            retire(old, &writer)
        }
    }

    /// Removes the card, as when its last event was voided.
    public func remove(_ id: CardID) {
        writer.withLock { writer in
            let idHash = hash.hash(id)
            let table = cardTable
            var old: UInt32 = 0
            let place = table.search(idHash) { name in
                old = name
                return record(name).hasID(id)
            }
            guard let place else { return }
            record(old).unmarkCurrent()
            table.remove(idHash, place)
            cardCount.subtract(1, ordering: .relaxed)
            if let phone = record(old).phone { removeHolder(phone, old, &writer) }
            retire(old, &writer)
        }
    }

    func write(
        _ card: borrowing CardView, _ writer: inout Writer
    ) throws(CardIndexError) -> UInt32 {
        let comment = try writer.pool.record(for: card.comment, in: &writer.arena)
        do throws(CardIndexError) {
            let new = try writer.arena.allocate(byteCount: IndexRecord.byteCount(of: card))
            record(new).write(card, comment: comment)
            return new
        } catch {
            writer.pool.release(comment, in: &writer.arena, wasPublished: false)
            throw error
        }
    }

    /// Takes back a record that was not published.
    func discard(_ name: UInt32, _ writer: inout Writer) {
        let record = record(name)
        let comment = record.comment
        writer.arena.free(name, byteCount: record.byteCount)
        writer.pool.release(comment, in: &writer.arena, wasPublished: false)
    }

    private func retire(_ name: UInt32, _ writer: inout Writer) {
        let record = record(name)
        let comment = record.comment
        writer.arena.retire(name, byteCount: record.byteCount)
        writer.pool.release(comment, in: &writer.arena, wasPublished: true)
    }

    // MARK: Phones

    private func replaceHolder(
        _ phone: PhoneNumber, _ old: UInt32, _ new: UInt32, _ writer: borrowing Writer
    ) {
        let table = phoneTable
        if let place = table.search(hash.hash(phone), { $0 == old }) {
            table.replace(place, new)
        } else {
            precondition(writer.crowds[phone] != nil, "a card is listed under its phone")
        }
    }

    func addHolder(
        _ phone: PhoneNumber, _ new: UInt32, _ writer: inout Writer
    ) throws(CardIndexError) {
        if let count = writer.crowds[phone] {
            writer.crowds[phone] = count + 1
            return
        }
        let table = phoneTable
        let phoneHash = hash.hash(phone)
        var holders = 0
        _ = table.search(phoneHash) { name in
            if record(name).phoneDigits == phone.digits { holders += 1 }
            return false
        }
        guard holders >= CardIndex.listedMax else {
            table.insert(phoneHash, new)
            writer.phoneEntries += 1
            return
        }
        let crowd = try writer.arena.allocate(byteCount: IndexRecord.crowdBytes)
        record(crowd).writeCrowd(phone)
        // The crowd comes first: between the two, readers ask the store rather than miss a card.
        table.insert(phoneHash, crowd)
        writer.phoneEntries += 1
        while let place = table.search(
            phoneHash, { record($0).phoneDigits == phone.digits && $0 != crowd })
        {
            table.remove(phoneHash, place)
            writer.phoneEntries -= 1
        }
        writer.crowds[phone] = holders + 1
    }

    private func removeHolder(_ phone: PhoneNumber, _ old: UInt32, _ writer: inout Writer) {
        let table = phoneTable
        let phoneHash = hash.hash(phone)
        guard let count = writer.crowds[phone] else {
            guard let place = table.search(phoneHash, { $0 == old }) else {
                preconditionFailure("a card is listed under its phone")
            }
            table.remove(phoneHash, place)
            writer.phoneEntries -= 1
            return
        }
        writer.crowds[phone] = count - 1
        guard count == 1 else { return }
        var crowd: UInt32 = 0
        let place = table.search(phoneHash) { name in
            crowd = name
            return record(name).phoneDigits == phone.digits
        }
        guard let place else { preconditionFailure("a crowd is listed under its phone") }
        table.remove(phoneHash, place)
        writer.phoneEntries -= 1
        writer.crowds[phone] = nil
        writer.arena.retire(crowd, byteCount: IndexRecord.crowdBytes)
    }

    // MARK: Growth

    /// Room for one more card in both tables.
    func makeRoom(_ writer: inout Writer) throws(CardIndexError) {
        if count >= cardTable.capacity {
            try grow(cards) { hash.hash(record($0).id) }
        }
        if writer.phoneEntries >= phoneTable.capacity {
            try grow(phones) { name in
                guard let phone = record(name).phone else {
                    preconditionFailure("only cards with a phone are listed under one")
                }
                return hash.hash(phone)
            }
        }
    }

    /// Copies a table into a larger one and publishes that. Readers go on meanwhile; the writer is
    /// busy for some 30 ns an entry.
    private func grow(
        _ published: borrowing Atomic<TablePointer>, _ hash: (UInt32) -> UInt64
    ) throws(CardIndexError) {
        let lookAhead = 4
        let old = published.load(ordering: .relaxed)
        let table = old.pointee
        let new = try GroupTable(
            capacity: max(table.capacity * CardIndex.growthPercent / 100, 64))
        for group in 0..<table.groupCount {
            if group + lookAhead < table.groupCount {
                table.forEach(inGroup: group + lookAhead) { machine_prefetch(record($1).start) }
            }
            table.forEach(inGroup: group) { new.insert(hash($1), $1) }
        }
        published.store(CardIndex.box(new), ordering: .releasing)
        ReaderEpochs.synchronize(pause: MappedMemory.pause)
        table.release()
        old.deallocate()
    }

    /// Returns when no reader can be in an index that has just been taken out of their sight, so
    /// that it may go. Not within a read.
    public static func waitForReaders() {
        ReaderEpochs.synchronize(pause: MappedMemory.pause)
    }

    /// Runs `body` as a read of any index: an index that it finds published stays until it returns.
    @inline(__always)
    public static func read<R>(_ body: () throws -> R) rethrows -> R {
        try ReaderEpochs.read(body)
    }

    // MARK: Looking inside

    public var statistics: Statistics {
        writer.withLock { writer in
            Statistics(
                cards: count, crowds: writer.crowds.count, sharedComments: writer.pool.count,
                tableBytes: cardTable.byteCount
                    + phoneTable.byteCount,
                recordBytes: writer.arena.usedBytes, freeBytes: writer.arena.freeBytes,
                retiredBytes: writer.arena.retiredBytes)
        }
    }
}
