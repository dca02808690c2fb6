internal import CardModel
internal import CardStore
internal import Glibc

/// An event as it lies in a card's record, read in place. `CardRecord` says what is where; the two
/// change together.
struct PackedEvent {
    static let headBytes = 10

    let bytes: UnsafeRawBufferPointer

    @inline(__always) private var start: UnsafeRawPointer { bytes.baseAddress.unsafelyUnwrapped }
    @inline(__always) var occurredAt: UInt32 {
        UInt32(littleEndian: start.loadUnaligned(as: UInt32.self))
    }
    @inline(__always) var status: UInt8 { bytes[4] }
    @inline(__always) var isVoid: Bool { bytes[5] & CardRecord.voidFlag != 0 }
    @inline(__always) var hasPhone: Bool { bytes[5] & CardRecord.phoneFlag != 0 }
    @inline(__always) var phone: UInt64 {
        hasPhone
            ? UInt64(littleEndian: (start + Self.headBytes).loadUnaligned(as: UInt64.self)) : 0
    }
    @inline(__always) var feedBytes: Int { Int(bytes[6]) }
    @inline(__always) private var textsOffset: Int { Self.headBytes + (hasPhone ? 8 : 0) }
    @inline(__always) var feed: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(rebasing: bytes[textsOffset..<(textsOffset + feedBytes)])
    }
    @inline(__always) var feedAndReference: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(
            rebasing: bytes[textsOffset..<(textsOffset + feedBytes + Int(bytes[7]))])
    }
    @inline(__always) private var reference: UnsafeRawBufferPointer {
        let offset = textsOffset + feedBytes
        return UnsafeRawBufferPointer(rebasing: bytes[offset..<(offset + Int(bytes[7]))])
    }

    /// The order of `EventIdentity`.
    @inline(__always)
    static func order(_ a: PackedEvent, _ b: PackedEvent) -> Int {
        if a.occurredAt != b.occurredAt { return a.occurredAt < b.occurredAt ? -1 : 1 }
        if a.status != b.status { return a.status < b.status ? -1 : 1 }
        let feeds = KeyBytes.order(a.feed, b.feed)
        return feeds != 0 ? feeds : KeyBytes.order(a.reference, b.reference)
    }

    @inline(__always)
    func hasSameBytes(as other: PackedEvent) -> Bool {
        bytes.count == other.bytes.count && memcmp(start, other.start, bytes.count) == 0
    }

    var stableHash: UInt64 {
        EventIdentity.stableHash(
            occurredAt: occurredAt, status: status, feedCount: feedBytes,
            feedAndReference: feedAndReference)
    }

    var event: CardEvent {
        guard let event = CardRecord.event(RawSpan(_unsafeBytes: bytes)) else {
            preconditionFailure("a fact that this process wrote can be read")
        }
        return event
    }
}

/// A fact on its way: key is the card ID; the payload is the number of the file it came from (u32),
/// then the event as it lies in a card's record.
enum FactRecord {
    static let fileBytes = 4

    @inline(__always)
    static func file(_ record: Record) -> Int {
        Int(record.payload.loadUnaligned(as: UInt32.self))
    }

    @inline(__always)
    static func event(_ record: Record) -> PackedEvent {
        PackedEvent(
            bytes: UnsafeRawBufferPointer(rebasing: record.payload[Self.fileBytes...]))
    }
}
