internal import CardModel

// A card as readers find it. Written whole before it is published, and never changed after.
//
//   0  UInt32  updated_at, seconds
//   4  UInt32  bits 0-1 status, 2-7 bytes of the ID, 8 has a phone, 9 is a crowd,
//              10-16 bytes of the reference, 17-27 bytes of the comment, 28 comment is shared
//   8  bytes   ID
//      UInt64  phone, when there is one, at any address
//      UInt32  the shared comment's record, when it is shared, at any address
//      bytes   reference, and the comment when it is not shared
//
// The ID stands where it does so that comparing it needs no arithmetic, and behind eight other
// bytes so that its last eight can be read at once however short it is. A crowd has a phone
// and nothing else: the phone of more cards than the index lists.
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

    private enum Bits {
        static let hasPhone: UInt32 = 1 << 8
        static let isCrowd: UInt32 = 1 << 9
        static let hasSharedComment: UInt32 = 1 << 28
    }

    @inline(__always) var idCount: Int { Int(bits >> 2 & 63) }
    @inline(__always) var hasPhone: Bool { bits & Bits.hasPhone != 0 }
    @inline(__always) var isCrowd: Bool { bits & Bits.isCrowd != 0 }
    @inline(__always) var referenceCount: Int { Int(bits >> 10 & 127) }
    @inline(__always) var commentCount: Int { Int(bits >> 17 & 2_047) }
    @inline(__always) var hasSharedComment: Bool { bits & Bits.hasSharedComment != 0 }

    @inline(__always) private var phoneOffset: Int { IndexRecord.headBytes &+ idCount }
    @inline(__always) private var commentOffset: Int { phoneOffset &+ Int(bits >> 5 & 8) }
    @inline(__always) private var textOffset: Int { commentOffset &+ Int(bits >> 26 & 4) }

    /// The phone's digits; 0 when there is none.
    @inline(__always)
    var phoneDigits: UInt64 {
        hasPhone ? start.loadUnaligned(fromByteOffset: phoneOffset, as: UInt64.self) : 0
    }

    @inline(__always)
    var phone: PhoneNumber? { PhoneNumber(digits: phoneDigits) }

    /// The record of the shared comment; 0 when there is none.
    @inline(__always)
    var sharedComment: UInt32 {
        hasSharedComment
            ? start.loadUnaligned(fromByteOffset: commentOffset, as: UInt32.self) : 0
    }

    var byteCount: Int {
        textOffset + referenceCount + (hasSharedComment ? 0 : commentCount)
    }

    var id: CardID {
        let count = idCount
        return CardID(
            words: (word(0, count), word(1, count), word(2, count), word(3, count)), count: count)
    }

    @inline(__always)
    func hasID(_ id: CardID) -> Bool {
        let count = id.count
        guard idCount == count else { return false }
        let words = id.words
        if count <= 8 { return lastWord(count, 8) == words.0 }
        guard word(0) == words.0 else { return false }
        if count <= 16 { return lastWord(count, 16) == words.1 }
        return word(1) == words.1 && word(2, count) == words.2 && word(3, count) == words.3
    }

    /// Eight of the ID's bytes in the order of `CardID.words`, padded with zeros.
    private func word(_ index: Int, _ count: Int) -> UInt64 {
        let end = index &* 8 &+ 8
        if count >= end { return word(index) }
        return count <= end &- 8 ? 0 : lastWord(count, end)
    }

    /// Eight bytes of the ID that are all there.
    @inline(__always)
    private func word(_ index: Int) -> UInt64 {
        UInt64(
            bigEndian: start.loadUnaligned(
                fromByteOffset: IndexRecord.headBytes &+ index &* 8, as: UInt64.self))
    }

    /// The ID's last word, which would be full with `end` bytes. It is read so that it ends with
    /// the ID's last byte; what stands before it is shifted out.
    @inline(__always)
    private func lastWord(_ count: Int, _ end: Int) -> UInt64 {
        let bytes = start.loadUnaligned(fromByteOffset: count, as: UInt64.self)
        return UInt64(bigEndian: bytes) &<< UInt64(truncatingIfNeeded: 8 &* (end &- count))
    }

    @inline(__always)
    var reference: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: start + textOffset, count: referenceCount)
    }

    @inline(__always)
    func comment(_ arena: UnsafeMutableRawPointer) -> UnsafeRawBufferPointer {
        hasSharedComment
            ? SharedComment(arena, sharedComment).bytes
            : UnsafeRawBufferPointer(
                start: start + (textOffset &+ referenceCount), count: commentCount)
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
        let id = card.id
        var offset = IndexRecord.headBytes
        for index in 0..<id.count {
            start.storeBytes(of: id[index], toByteOffset: offset + index, as: UInt8.self)
        }
        offset += id.count
        if let phone = card.phone {
            start.storeBytes(of: phone.digits, toByteOffset: offset, as: UInt64.self)
            offset += 8
        }
        if sharedComment != 0 {
            start.storeBytes(of: sharedComment, toByteOffset: offset, as: UInt32.self)
            offset += 4
        }
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
    func lend(
        _ id: CardID, _ arena: UnsafeMutableRawPointer,
        _ body: (borrowing CardView) throws -> Void
    ) rethrows {
        let reference = reference
        let comment = comment(arena)
        let view = CardView(
            id: id, phone: phone, status: status, updatedAt: updatedAt,
            comment: Span(
                _unsafeStart: comment.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: UInt8.self),
                count: comment.count),
            reference: Span(
                _unsafeStart: reference.baseAddress.unsafelyUnwrapped
                    .assumingMemoryBound(to: UInt8.self),
                count: reference.count))
        try body(view)
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
