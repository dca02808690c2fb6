internal import CardModel
internal import Synchronization

// A card as readers find it. Written whole before it is published, and but for one mark never
// changed after.
//
//   0  UInt32  updated_at, seconds
//   4  UInt16  bits 0-1 status, 2-7 bytes of the ID, 8-14 bytes of the reference, 15 is a crowd
//   6  UInt16  the mark: 1 while the table of cards leads here, 0 before and after; CardIndex says
//              who may go by it. Atomic: the only part that changes where readers see it
//   8  UInt64  phone; 0 when there is none
//  16  UInt32  the comment's record; 0, which is an empty comment's, when there is none
//  20  bytes   ID, reference
//
// Every field has one place whether it is there or not: a look-up that follows another can begin
// before that one's record has come from memory, but not past a branch that depends on it and was
// guessed wrong. The ID has eight bytes in front, so that its last eight can be read at once
// however short it is. A crowd has a phone and nothing else: the phone of more cards than the index
// lists.
//
// A comment's record: UInt32 of the writer's, bits 0-30 cards that have it, bit 31 is in the pool;
// UInt32 count of bytes; bytes. CommentPool says which comments are shared.

/// One record, read through its address. Valid within the read that found it.
struct IndexRecord {
    static let headBytes = 20

    let start: UnsafeMutableRawPointer

    @inline(__always)
    init(_ arena: UnsafeMutableRawPointer, _ record: UInt32) {
        start = arena + Int(record) &* RecordArena.unitBytes
    }

    @inline(__always)
    private var bits: UInt16 { start.load(fromByteOffset: 4, as: UInt16.self) }

    @inline(__always)
    var updatedAt: Timestamp {
        guard let time = Timestamp(seconds: Int64(start.load(as: UInt32.self))) else {
            preconditionFailure("a record's time is written from a Timestamp")
        }
        return time
    }

    @inline(__always)
    var status: CardStatus {
        switch bits & 3 {
        case 0: .pickedUp
        case 1: .deliveryException
        case 2: .delivered
        default: .returned
        }
    }

    private static let crowdBit: UInt16 = 1 << 15

    @inline(__always) var idCount: Int { Int(bits >> 2 & 63) }
    @inline(__always) var referenceCount: Int { Int(bits >> 8 & 127) }
    @inline(__always) var isCrowd: Bool { bits & IndexRecord.crowdBit != 0 }

    /// The phone's digits; 0 when there is none.
    @inline(__always)
    var phoneDigits: UInt64 { start.loadUnaligned(fromByteOffset: 8, as: UInt64.self) }

    @inline(__always)
    var phone: PhoneNumber? { PhoneNumber(digits: phoneDigits) }

    /// The comment's record.
    @inline(__always)
    var comment: UInt32 { start.load(fromByteOffset: 16, as: UInt32.self) }

    var byteCount: Int { IndexRecord.headBytes + idCount + referenceCount }

    // MARK: The mark

    @inline(__always)
    private var mark: UnsafeMutablePointer<Atomic<UInt16>> {
        (start + 6).assumingMemoryBound(to: Atomic<UInt16>.self)
    }

    /// Whether the table of cards led to this record when the mark was read. False may be said of
    /// such a record too; true never of another.
    @inline(__always)
    var isCurrent: Bool { mark.pointee.load(ordering: .acquiring) != 0 }

    /// The writer's, after the table of cards leads here.
    func markCurrent() { mark.pointee.store(1, ordering: .releasing) }

    /// The writer's, before the table of cards leads elsewhere.
    func unmarkCurrent() { mark.pointee.store(0, ordering: .releasing) }

    // MARK: The ID

    var id: CardID {
        let count = idCount
        return CardID(
            words: (word(0, count), word(1, count), word(2, count), word(3, count)), count: count)
    }

    @inline(__always)
    func hasID(_ id: CardID) -> Bool {
        let count = id.count
        guard idCount == count else { return false }
        if count <= 8 { return lastWord(count) == id.words.0 }
        guard word(0) == id.words.0 else { return false }
        return count <= 16 ? lastWord(count) == id.words.1 : hasTail(of: id)
    }

    /// Whether an ID of more than 16 bytes has these after the first eight. Apart, so that it takes
    /// no registers from IDs of the usual length.
    @inline(never)
    private func hasTail(of id: CardID) -> Bool {
        let count = id.count
        return word(1) == id.words.1 && word(2, count) == id.words.2
            && word(3, count) == id.words.3
    }

    /// Eight of the ID's bytes in the order of `CardID.words`, padded with zeros.
    private func word(_ index: Int, _ count: Int) -> UInt64 {
        let end = index &* 8 &+ 8
        if count >= end { return word(index) }
        return count <= end &- 8 ? 0 : lastWord(count)
    }

    /// Eight bytes of the ID that are all there.
    @inline(__always)
    private func word(_ index: Int) -> UInt64 {
        UInt64(
            bigEndian: start.loadUnaligned(
                fromByteOffset: IndexRecord.headBytes &+ index &* 8, as: UInt64.self))
    }

    /// The ID's last word, with 1 to 8 of its bytes. It is read so that it ends with the ID's last
    /// byte; what stands before it is shifted out.
    @inline(__always)
    private func lastWord(_ count: Int) -> UInt64 {
        let bytes = start.loadUnaligned(
            fromByteOffset: IndexRecord.headBytes &- 8 &+ count, as: UInt64.self)
        // As many bytes as lack to a multiple of eight.
        return UInt64(bigEndian: bytes) &<< (0 &- 8 &* UInt64(truncatingIfNeeded: count) & 56)
    }

    // MARK: Writing

    static func byteCount(of card: borrowing CardView) -> Int {
        headBytes + card.id.count + card.reference.count
    }

    /// Fills memory of ``byteCount(of:)`` bytes.
    func write(_ card: borrowing CardView, comment: UInt32) {
        precondition(card.reference.count < 128, "a reference has 64 bytes at most")
        let id = card.id
        let bits =
            UInt16(card.status.rawValue) | UInt16(id.count) << 2
            | UInt16(card.reference.count) << 8
        start.storeBytes(of: card.updatedAt.seconds, as: UInt32.self)
        start.storeBytes(of: bits, toByteOffset: 4, as: UInt16.self)
        start.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
        start.storeBytes(of: card.phone?.digits ?? 0, toByteOffset: 8, as: UInt64.self)
        start.storeBytes(of: comment, toByteOffset: 16, as: UInt32.self)
        let words = id.words
        let bytes = (
            words.0.bigEndian, words.1.bigEndian, words.2.bigEndian, words.3.bigEndian
        )
        withUnsafeBytes(of: bytes) { bytes in
            (start + IndexRecord.headBytes)
                .copyMemory(from: bytes.baseAddress!, byteCount: id.count)
        }
        IndexRecord.copy(card.reference, to: start + (IndexRecord.headBytes + id.count))
    }

    /// The bytes of a crowd's record.
    static let crowdBytes = 16

    func writeCrowd(_ phone: PhoneNumber) {
        start.storeBytes(of: 0, as: UInt32.self)
        start.storeBytes(of: IndexRecord.crowdBit, toByteOffset: 4, as: UInt16.self)
        start.storeBytes(of: 0, toByteOffset: 6, as: UInt16.self)
        start.storeBytes(of: phone.digits, toByteOffset: 8, as: UInt64.self)
    }

    static func copy(_ source: Span<UInt8>, to target: UnsafeMutableRawPointer) {
        source.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress, !bytes.isEmpty else { return }
            target.copyMemory(from: base, byteCount: bytes.count)
        }
    }

    // MARK: Lending

    /// Lends the card. Within a read.
    @inline(__always)
    func lend(
        _ id: CardID, _ arena: UnsafeMutableRawPointer,
        _ body: (borrowing CardView) throws -> Void
    ) rethrows {
        let comment = CommentRecord(arena, comment)
        let view = CardView(
            id: id, phone: phone, status: status, updatedAt: updatedAt,
            comment: Span(_unsafeStart: comment.text, count: comment.byteCount),
            reference: Span(
                _unsafeStart: UnsafePointer(
                    (start + (IndexRecord.headBytes &+ idCount)).assumingMemoryBound(
                        to: UInt8.self)), count: referenceCount))
        try body(view)
    }
}

/// A comment, of one card or of several.
struct CommentRecord {
    static let headBytes = 8
    private static let pooledBit: UInt32 = 1 << 31

    let start: UnsafeMutableRawPointer

    @inline(__always)
    init(_ arena: UnsafeMutableRawPointer, _ record: UInt32) {
        start = arena + Int(record) &* RecordArena.unitBytes
    }

    /// Cards that have it. Only the writer reads and writes it.
    var users: UInt32 {
        get { start.load(as: UInt32.self) & ~Self.pooledBit }
        nonmutating set {
            start.storeBytes(of: newValue | (isPooled ? Self.pooledBit : 0), as: UInt32.self)
        }
    }

    /// Whether other cards with the same comment find it. The writer's, too.
    var isPooled: Bool { start.load(as: UInt32.self) & Self.pooledBit != 0 }

    @inline(__always)
    var byteCount: Int { Int(start.load(fromByteOffset: 4, as: UInt32.self)) }

    @inline(__always)
    var text: UnsafePointer<UInt8> {
        UnsafePointer((start + Self.headBytes).assumingMemoryBound(to: UInt8.self))
    }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + Self.headBytes, count: byteCount)
    }

    /// Writes the comment of one card.
    func write(_ text: Span<UInt8>, isPooled: Bool) {
        start.storeBytes(of: isPooled ? Self.pooledBit | 1 : 1, as: UInt32.self)
        start.storeBytes(of: UInt32(text.count), toByteOffset: 4, as: UInt32.self)
        IndexRecord.copy(text, to: start + Self.headBytes)
    }
}
