public import CardModel
internal import Synchronization

/// One thread's part of an ``IndexFill``: packs records, and notes where the tables get them.
public struct FillPart: ~Copyable {
    /// Memory of the arena taken at a time.
    private static let blockBytes = 1 << 16
    /// Cards that the tables' capacity is asked about at a time.
    private static let reservedAtOnce = 256

    private let fill: IndexFill
    private let records: UnsafeMutableRawPointer
    private let hash: KeyHash
    private let cardTable: GroupTable
    private let phoneTable: GroupTable
    private let cards: EntryStreams
    private let phones: EntryStreams
    private let comments = CommentCache()
    /// What is left of the block, in units of the arena.
    private var blockNext: UInt32 = 0
    private var blockEnd: UInt32 = 0
    private var reserved = 0
    private var count = 0
    private var excess: [UInt32] = []
    private var last: CardID?

    init(_ fill: IndexFill) {
        self.fill = fill
        records = fill.index.records
        hash = fill.index.hash
        cardTable = fill.cards
        phoneTable = fill.phones
        cards = EntryStreams(groupCount: fill.cards.groupCount, shift: fill.shift)
        phones = EntryStreams(groupCount: fill.phones.groupCount, shift: fill.shift)
    }

    /// Adds a card. A part's cards come in ascending order of their IDs, and no card comes to two
    /// parts.
    public mutating func add(_ card: borrowing CardView) throws(CardIndexError) {
        let id = card.id
        if let last { precondition(last < id, "a fill's cards come in the order of their IDs") }
        last = id
        let comment = try comments.record(for: card.comment, fill.index)
        let name = try allocate(IndexRecord.byteCount(of: card))
        let record = IndexRecord(records, name)
        record.write(card, comment: comment)
        // Nobody reads the index before the table of cards leads to all records of the fill.
        record.markCurrent()
        if reserved == 0 {
            guard fill.reserve(Self.reservedAtOnce) else {
                excess.append(name)
                return
            }
            reserved = Self.reservedAtOnce
        }
        reserved -= 1
        count += 1
        let idHash = hash.hash(id)
        try cards.append(name, home: cardTable.home(idHash), tag: GroupTable.tag(idHash))
        if let phone = card.phone {
            let phoneHash = hash.hash(phone)
            try phones.append(
                name, home: phoneTable.home(phoneHash), tag: GroupTable.tag(phoneHash))
        }
    }

    private mutating func allocate(_ byteCount: Int) throws(CardIndexError) -> UInt32 {
        let units = RecordArena.units(byteCount)
        if blockEnd &- blockNext < units { try takeBlock(units) }
        defer { blockNext &+= units }
        return blockNext
    }

    private mutating func takeBlock(_ units: UInt32) throws(CardIndexError) {
        let byteCount = max(Self.blockBytes, Int(units) * RecordArena.unitBytes)
        releaseRest()
        blockNext = try fill.index.writer.withLock { writer throws(CardIndexError) in
            try writer.arena.allocate(byteCount: byteCount)
        }
        blockEnd = blockNext + RecordArena.units(byteCount)
    }

    private mutating func releaseRest() {
        guard blockNext < blockEnd else { return }
        let name = blockNext
        let byteCount = Int(blockEnd - blockNext) * RecordArena.unitBytes
        fill.index.writer.withLock { $0.arena.free(name, byteCount: byteCount) }
        blockNext = blockEnd
    }

    /// Hands the part in. Must be called once, when all of its cards were added.
    public mutating func end() {
        releaseRest()
        comments.flush(fill.index)
        fill.take(.init(cards: cards, phones: phones), count: count, excess: excess)
    }
}

/// Shared comments that a part has met lately, so that it seldom asks the pool that all parts
/// share.
private final class CommentCache {
    private static let slotCount = 1_024

    private struct Slot {
        var record: UInt32 = 0
        /// Cards with the comment that the pool does not know of yet.
        var users: UInt32 = 0
    }

    private let slots: UnsafeMutablePointer<Slot>

    init() {
        slots = .allocate(capacity: Self.slotCount)
        slots.initialize(repeating: Slot(), count: Self.slotCount)
    }

    deinit { slots.deallocate() }

    /// A record of the comment for one more card; 0 for an empty one.
    @inline(__always)
    func record(
        for text: Span<UInt8>, _ index: CardIndex
    ) throws(CardIndexError) -> UInt32 {
        guard !text.isEmpty else { return 0 }
        let slot = slots + Self.slot(text)
        let record = slot.pointee.record
        if record != 0, CommentPool.isEqual(text, CommentRecord(index.records, record).bytes) {
            slot.pointee.users &+= 1
            return record
        }
        return try askPool(text, slot, index)
    }

    /// By the first eight bytes, the last eight and the count: comments differ in one of them, and
    /// two in one slot cost no more than asking the pool.
    @inline(__always)
    private static func slot(_ text: Span<UInt8>) -> Int {
        text.withUnsafeBytes { text in
            let count = text.count
            guard count >= 8 else { return count }
            let first = text.loadUnaligned(as: UInt64.self)
            let last = text.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
            let mixed = (first &+ last &* 3 &+ UInt64(count)) &* 0x9E37_79B9_7F4A_7C15
            return Int(truncatingIfNeeded: mixed &>> 54)
        }
    }

    @inline(never)
    private func askPool(
        _ text: Span<UInt8>, _ slot: UnsafeMutablePointer<Slot>, _ index: CardIndex
    ) throws(CardIndexError) -> UInt32 {
        try index.writer.withLock { writer throws(CardIndexError) in
            let record = try writer.pool.record(for: text, in: &writer.arena)
            guard CommentRecord(index.records, record).isPooled else { return record }
            settle(slot, index)
            slot.pointee = Slot(record: record)
            return record
        }
    }

    /// Tells the pool of all cards that it does not know of.
    func flush(_ index: CardIndex) {
        index.writer.withLock { _ in
            for number in 0..<Self.slotCount { settle(slots + number, index) }
        }
    }

    private func settle(_ slot: UnsafeMutablePointer<Slot>, _ index: CardIndex) {
        guard slot.pointee.users > 0 else { return }
        CommentRecord(index.records, slot.pointee.record).users += slot.pointee.users
        slot.pointee.users = 0
    }
}
