internal import CardModel

// A card as readers find it. Written whole before it is published, and never changed after.
//
//   0  UInt32  updated_at, seconds
//   4  UInt32  bits 0-1 status, 2-7 bytes of the ID, 8 has a phone, 9 is a crowd,
//              10-16 bytes of the reference, 17-27 bytes of the comment, 28 comment is shared
//   8  UInt64  phone, when there is one
//      UInt32  the shared comment's record, when it is shared
//      bytes   ID, reference, and the comment when it is not shared
//
// A crowd has a phone and nothing else: the phone of more cards than the index lists.
//
// A shared comment's record: UInt32 cards that use it (the writer's), UInt32 count of bytes, bytes.
// CommentPool says which comments are shared.

/// One record, read through its address. Valid within the read that found it.
struct IndexRecord {
    static let headBytes = 8
    /// The longest record: ID, phone, reference and comment as long as they may be.
    static let byteCountMax = headBytes + 8 + 32 + 64 + 1_024

    let start: UnsafeMutableRawPointer

    @inline(__always)
    init(_ arena: UnsafeMutableRawPointer, _ record: UInt32) {
        start = arena + Int(record) &* RecordArena.unitBytes
    }

    @inline(__always)
    private var bits: UInt32 { start.load(fromByteOffset: 4, as: UInt32.self) }

    var updatedAt: Timestamp {
        guard let time = Timestamp(seconds: Int64(start.load(as: UInt32.self))) else {
            preconditionFailure("a record's time is written from a Timestamp")
        }
        return time
    }

    var status: CardStatus {
        guard let status = CardStatus(rawValue: UInt8(bits & 3)) else {
            preconditionFailure("two bits are one of four statuses")
        }
        return status
    }

    var idCount: Int { Int(bits >> 2 & 63) }
    var hasPhone: Bool { bits & Bits.hasPhone != 0 }
    var isCrowd: Bool { bits & Bits.isCrowd != 0 }
    var referenceCount: Int { Int(bits >> 10 & 127) }
    var commentCount: Int { Int(bits >> 17 & 2_047) }
    var hasSharedComment: Bool { bits & Bits.hasSharedComment != 0 }

    private enum Bits {
        static let hasPhone: UInt32 = 1 << 8
        static let isCrowd: UInt32 = 1 << 9
        static let hasSharedComment: UInt32 = 1 << 28
    }

    /// The phone's digits; 0 when there is none.
    @inline(__always)
    var phoneDigits: UInt64 {
        hasPhone ? start.loadUnaligned(fromByteOffset: 8, as: UInt64.self) : 0
    }

    var phone: PhoneNumber? { PhoneNumber(digits: phoneDigits) }

    private var sharedCommentOffset: Int { 8 + (hasPhone ? 8 : 0) }

    /// The record of the shared comment; 0 when there is none.
    var sharedComment: UInt32 {
        hasSharedComment ? start.load(fromByteOffset: sharedCommentOffset, as: UInt32.self) : 0
    }

    private var idOffset: Int {
        8 &+ Int(bits >> 5 & 8) &+ Int(bits >> 26 & 4)
    }

    var byteCount: Int {
        idOffset + idCount + referenceCount + (hasSharedComment ? 0 : commentCount)
    }

    /// The ID. Words are read so that they end with the ID's last byte: what stands before it in
    /// the record is read with it and shifted out, and nothing behind it is touched.
    var id: CardID {
        let count = idCount
        let base = start + idOffset
        return CardID(
            words: (
                IndexRecord.word(0, of: base, count), IndexRecord.word(1, of: base, count),
                IndexRecord.word(2, of: base, count), IndexRecord.word(3, of: base, count)
            ), count: count)
    }

    @inline(__always)
    func hasID(_ id: CardID) -> Bool {
        let count = id.count
        guard idCount == count else { return false }
        let base = start + idOffset
        let words = id.words
        var difference = IndexRecord.word(0, of: base, count) ^ words.0
        if count > 8 { difference |= IndexRecord.word(1, of: base, count) ^ words.1 }
        if count > 16 {
            difference |= IndexRecord.word(2, of: base, count) ^ words.2
            difference |= IndexRecord.word(3, of: base, count) ^ words.3
        }
        return difference == 0
    }

    /// Eight of the ID's bytes in the order of `CardID.words`, padded with zeros.
    @inline(__always)
    private static func word(
        _ index: Int, of base: UnsafeMutableRawPointer, _ count: Int
    ) -> UInt64 {
        let rest = count &- index &* 8
        if rest <= 0 { return 0 }
        if rest >= 8 {
            return UInt64(
                bigEndian: base.loadUnaligned(fromByteOffset: index &* 8, as: UInt64.self))
        }
        // The record's head is in front, so eight bytes can always be read.
        let last = base.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        return UInt64(bigEndian: last) << UInt64(8 &* (8 &- rest))
    }

    var reference: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + idOffset + idCount, count: referenceCount)
    }

    func comment(_ arena: UnsafeMutableRawPointer) -> UnsafeRawBufferPointer {
        if hasSharedComment {
            return SharedComment(arena, sharedComment).bytes
        }
        return UnsafeRawBufferPointer(
            start: start + idOffset + idCount + referenceCount, count: commentCount)
    }

    // MARK: Writing

    static func byteCount(of card: borrowing CardView, sharesComment: Bool) -> Int {
        headBytes + (card.phone == nil ? 0 : 8) + card.id.count + card.reference.count
            + (sharesComment ? 4 : card.comment.count)
    }

    /// Fills memory of ``byteCount(of:sharesComment:)`` bytes.
    func write(_ card: borrowing CardView, sharedComment: UInt32) {
        precondition(
            card.reference.count < 128 && card.comment.count < 2_048, "the model's limits hold")
        start.storeBytes(of: card.updatedAt.seconds, as: UInt32.self)
        var bits = UInt32(card.status.rawValue) | UInt32(card.id.count) << 2
        bits |= UInt32(card.reference.count) << 10 | UInt32(card.comment.count) << 17
        if card.phone != nil { bits |= Bits.hasPhone }
        if sharedComment != 0 { bits |= Bits.hasSharedComment }
        start.storeBytes(of: bits, toByteOffset: 4, as: UInt32.self)
        var offset = 8
        if let phone = card.phone {
            start.storeBytes(of: phone.digits, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        if sharedComment != 0 {
            start.storeBytes(of: sharedComment, toByteOffset: offset, as: UInt32.self)
            offset += 4
        }
        let id = card.id
        for index in 0..<id.count {
            start.storeBytes(of: id[index], toByteOffset: offset + index, as: UInt8.self)
        }
        offset += id.count
        IndexRecord.copy(card.reference, to: start + offset)
        offset += card.reference.count
        if sharedComment == 0 { IndexRecord.copy(card.comment, to: start + offset) }
    }

    /// The bytes of a crowd's record.
    static let crowdBytes = 16

    func writeCrowd(_ phone: PhoneNumber) {
        start.storeBytes(of: 0, as: UInt32.self)
        start.storeBytes(of: Bits.hasPhone | Bits.isCrowd, toByteOffset: 4, as: UInt32.self)
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
    func lend<R>(
        _ id: CardID, _ arena: UnsafeMutableRawPointer,
        _ body: (borrowing CardView) throws -> R
    ) rethrows -> R {
        let reference = reference
        let comment = comment(arena)
        let view = CardView(
            id: id, phone: phone, status: status, updatedAt: updatedAt,
            comment: Span(_unsafeBytes: comment), reference: Span(_unsafeBytes: reference))
        return try body(view)
    }
}

/// A comment that several cards have.
struct SharedComment {
    static let headBytes = 8

    let start: UnsafeMutableRawPointer

    @inline(__always)
    init(_ arena: UnsafeMutableRawPointer, _ record: UInt32) {
        start = arena + Int(record) &* RecordArena.unitBytes
    }

    /// Cards that use it. Only the writer reads and writes it.
    var users: UInt32 {
        get { start.load(as: UInt32.self) }
        nonmutating set { start.storeBytes(of: newValue, as: UInt32.self) }
    }

    var byteCount: Int { Int(start.load(fromByteOffset: 4, as: UInt32.self)) }

    var bytes: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + Self.headBytes, count: byteCount)
    }

    func write(_ text: Span<UInt8>) {
        users = 0
        start.storeBytes(of: UInt32(text.count), toByteOffset: 4, as: UInt32.self)
        IndexRecord.copy(text, to: start + Self.headBytes)
    }
}
