package import CardModel

/// The value of a card in the database `cards`.
///
/// All integers are little-endian.
///
///     head   0  u64  checksum: hash of database name, key and the bytes from 8 on
///            8  u8   layout version, 1
///            9  u8   1 when the card has a state, 0 when all its events are void
///           10  u16  events
///           12  u32  state: updated at, seconds since 1970
///           16  u64  state: phone, 0 for none
///           24  u8   state: status
///           25  u8   0
///           26  u16  state: index of its event
///           28  u32  state: offset of its event from the value's first byte
///     event  0  u32  occurred at, seconds since 1970
///            4  u8   status
///            5  u8   flags: 1 void, 2 has a phone, 4 has other phones, 8 erased
///            6  u8   bytes of feed
///            7  u8   bytes of reference
///            8  u16  bytes of comment
///           10  u64  phone, only when flagged
///                    feed, reference, comment
///               u8   how many other phones, only when flagged
///               u64  each of them, ascending
///
/// Without a state, the fields of the state are 0. The encoding of a history is unique, so equal
/// sets of events have equal bytes. Encoder, `withView` and `history` change together, and with a
/// new layout version.
package struct CardRecord: ~Escapable, ~Copyable {
    package static let headSize = 32
    package static let layoutVersion: UInt8 = 1
    package static let voidFlag: UInt8 = 1
    package static let phoneFlag: UInt8 = 2
    package static let otherPhonesFlag: UInt8 = 4
    package static let erasedFlag: UInt8 = 8

    private let bytes: RawSpan

    /// - Throws: ``RecordDamage`` when the checksum or the head is not what was written.
    @_lifetime(copy bytes)
    package init(verifying bytes: RawSpan, key: RawSpan) throws(RecordDamage) {
        guard bytes.byteCount >= Self.headSize else {
            throw RecordDamage("the value has \(bytes.byteCount) bytes, less than a head")
        }
        let stored = UInt64(
            littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        guard stored == Self.checksum(of: bytes, key: key) else {
            throw RecordDamage("the checksum does not match")
        }
        guard bytes.unsafeLoad(fromByteOffset: 8, as: UInt8.self) == Self.layoutVersion else {
            throw RecordDamage("the layout version is unknown")
        }
        self.bytes = bytes
    }

    package var checksum: UInt64 {
        UInt64(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
    }

    var hasState: Bool { bytes.unsafeLoad(fromByteOffset: 9, as: UInt8.self) != 0 }

    private var eventCount: Int {
        Int(UInt16(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 10, as: UInt16.self)))
    }

    /// The current phone: what the database `phones` has an entry for.
    var phone: PhoneNumber? {
        PhoneNumber(
            digits: UInt64(
                littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 16, as: UInt64.self)))
    }

    /// Lends the current state; nil when the card has none.
    package func withView<R>(
        id: CardID, _ body: (borrowing CardView) throws -> R
    ) throws -> R? {
        guard hasState else { return nil }
        let offset = UInt32(
            littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 28, as: UInt32.self))
        var reader = RecordReader(bytes, from: Int(offset))
        guard let head = EventHead(&reader),
            reader.span(count: head.feedCount) != nil,
            let reference = reader.span(count: head.referenceCount),
            let comment = reader.span(count: head.commentCount)
        else { throw RecordDamage("the state's event is cut short") }
        let view = CardView(
            id: id, phone: phone, status: head.status, updatedAt: head.occurredAt,
            comment: comment, reference: reference)
        return try body(view)
    }

    /// The event of this moment and status whose identity has this hash, or nil when the card has
    /// none. Decodes that event only.
    func event(
        at occurredAt: Timestamp, _ status: CardStatus, identityHash: UInt64
    ) throws(RecordDamage) -> CardEvent? {
        var reader = RecordReader(bytes, from: Self.headSize)
        for index in 0..<eventCount {
            let start = reader.offset
            guard let head = EventHead(&reader),
                let texts = reader.span(count: head.feedCount + head.referenceCount),
                reader.span(count: head.commentCount) != nil,
                Self.otherPhones(&reader, head) != nil
            else { throw Self.unreadable(event: index, of: eventCount) }
            // Events ascend.
            if head.occurredAt > occurredAt { return nil }
            guard head.occurredAt == occurredAt, head.status == status,
                head.feedCount <= FeedID.maxCount,
                head.referenceCount <= EventText.referenceMaxCount
            else { continue }
            let hash = texts.bytes.withUnsafeBytes {
                EventIdentity.stableHash(
                    occurredAt: occurredAt.seconds, status: status.rawValue,
                    feedCount: head.feedCount, feedAndReference: $0)
            }
            guard hash == identityHash else { continue }
            var again = RecordReader(bytes, from: start)
            guard let event = Self.event(&again) else {
                throw Self.unreadable(event: index, of: eventCount)
            }
            return event
        }
        return nil
    }

    private static func unreadable(event index: Int, of count: Int) -> RecordDamage {
        RecordDamage("event \(index + 1) of \(count) cannot be read")
    }

    /// The whole history.
    package func history() throws(RecordDamage) -> CardHistory {
        var reader = RecordReader(bytes, from: Self.headSize)
        var events: [CardEvent] = []
        events.reserveCapacity(eventCount)
        for index in 0..<eventCount {
            guard let event = Self.event(&reader) else {
                throw Self.unreadable(event: index, of: eventCount)
            }
            events.append(event)
        }
        guard reader.isAtEnd else { throw RecordDamage("there are bytes after the last event") }
        guard let history = CardHistory(restoring: events) else {
            throw RecordDamage("the events are not a history")
        }
        return history
    }

    // MARK: Encoding

    package static func encode(_ history: CardHistory, key: RawSpan) -> [UInt8] {
        let state = history.state
        var stateOffset = 0
        var bytes = [UInt8](repeating: 0, count: headSize)
        bytes.reserveCapacity(headSize + history.events.count * 64)
        for (index, event) in history.events.enumerated() {
            if index == state?.eventIndex { stateOffset = bytes.count }
            append(event, to: &bytes)
        }

        bytes.withUnsafeMutableBytes { bytes in
            key.withUnsafeBytes { key in
                writeHead(
                    bytes, events: history.events.count,
                    state: state.map {
                        ($0.updatedAt.seconds, $0.status.rawValue, $0.eventIndex, stateOffset)
                    }, phone: state?.phone?.digits ?? 0, key: key,
                    seed: StoredDatabase.cards.nameHash)
            }
        }
        return bytes
    }

    /// The checksum of a record that ``encode(_:key:)`` has just made.
    static func checksum(ofEncoded record: [UInt8]) -> UInt64 {
        let bytes = record.span.bytes
        return UInt64(
            littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
    }

    package static func append(_ event: CardEvent, to bytes: inout [UInt8]) {
        bytes.append(littleEndian: event.identity.occurredAt.seconds)
        bytes.append(event.identity.status.rawValue)
        bytes.append(
            (event.isVoid ? voidFlag : 0) | (event.phone == nil ? 0 : phoneFlag)
                | (event.otherPhones.isEmpty ? 0 : otherPhonesFlag)
                | (event.isErased ? erasedFlag : 0))
        bytes.append(UInt8(event.identity.feed.count))
        bytes.append(UInt8(event.identity.reference.bytes.count))
        bytes.append(littleEndian: UInt16(event.comment.bytes.count))
        if let phone = event.phone { bytes.append(littleEndian: phone.digits) }
        event.identity.feed.append(to: &bytes)
        bytes.append(contentsOf: event.identity.reference.bytes)
        bytes.append(contentsOf: event.comment.bytes)
        guard !event.otherPhones.isEmpty else { return }
        bytes.append(UInt8(event.otherPhones.count))
        for phone in event.otherPhones { bytes.append(littleEndian: phone.digits) }
    }

    /// The checksum that a record with these bytes should carry.
    private static func checksum(of bytes: RawSpan, key: RawSpan) -> UInt64 {
        StoredDatabase.cards.entryHash(key: key, value: bytes.extracting(8..<bytes.byteCount))
    }

    // MARK: Decoding

    private struct EventHead {
        let occurredAt: Timestamp
        let status: CardStatus
        let isVoid: Bool
        let isErased: Bool
        let hasOtherPhones: Bool
        let phone: PhoneNumber?
        let feedCount: Int
        let referenceCount: Int
        let commentCount: Int

        init?(_ reader: inout RecordReader) {
            guard let seconds = reader.integer(UInt32.self),
                let occurredAt = Timestamp(seconds: Int64(seconds)),
                let rank = reader.integer(UInt8.self), let status = CardStatus(rawValue: rank),
                let flags = reader.integer(UInt8.self),
                let feedCount = reader.integer(UInt8.self),
                let referenceCount = reader.integer(UInt8.self),
                let commentCount = reader.integer(UInt16.self)
            else { return nil }
            self.occurredAt = occurredAt
            self.status = status
            self.isVoid = flags & CardRecord.voidFlag != 0
            self.isErased = flags & CardRecord.erasedFlag != 0
            self.hasOtherPhones = flags & CardRecord.otherPhonesFlag != 0
            self.feedCount = Int(feedCount)
            self.referenceCount = Int(referenceCount)
            self.commentCount = Int(commentCount)
            if flags & CardRecord.phoneFlag == 0 {
                self.phone = nil
            } else {
                guard let digits = reader.integer(UInt64.self),
                    let phone = PhoneNumber(digits: digits)
                else { return nil }
                self.phone = phone
            }
        }
    }

    /// Writes the head of a record whose events are in place.
    ///
    /// - Parameters:
    ///   - state: when and what the state's event says, its index, and where it lies.
    ///   - seed: the hash of the database's name.
    package static func writeHead(
        _ record: UnsafeMutableRawBufferPointer, events: Int,
        state: (updatedAt: UInt32, status: UInt8, index: Int, offset: Int)?, phone: UInt64,
        key: UnsafeRawBufferPointer, seed: UInt64
    ) {
        record.storeBytes(of: layoutVersion, toByteOffset: 8, as: UInt8.self)
        record.storeBytes(of: state == nil ? 0 : 1, toByteOffset: 9, as: UInt8.self)
        record.storeBytes(of: UInt16(events).littleEndian, toByteOffset: 10, as: UInt16.self)
        record.storeBytes(
            of: (state?.updatedAt ?? 0).littleEndian, toByteOffset: 12, as: UInt32.self)
        record.storeBytes(of: phone.littleEndian, toByteOffset: 16, as: UInt64.self)
        record.storeBytes(of: state?.status ?? 0, toByteOffset: 24, as: UInt8.self)
        record.storeBytes(of: 0, toByteOffset: 25, as: UInt8.self)
        record.storeBytes(
            of: UInt16(state?.index ?? 0).littleEndian, toByteOffset: 26, as: UInt16.self)
        record.storeBytes(
            of: UInt32(state?.offset ?? 0).littleEndian, toByteOffset: 28, as: UInt32.self)
        let content = UnsafeRawBufferPointer(rebasing: record[8...])
        let checksum = XXH64.hash(
            RawSpan(_unsafeBytes: content),
            seed: XXH64.hash(RawSpan(_unsafeBytes: key), seed: seed))
        record.storeBytes(of: checksum.littleEndian, as: UInt64.self)
    }

    /// An event as ``append(_:to:)`` wrote it; nil when it was not that.
    package static func event(_ bytes: RawSpan) -> CardEvent? {
        var reader = RecordReader(bytes)
        return event(&reader)
    }

    private static func event(_ reader: inout RecordReader) -> CardEvent? {
        guard let head = EventHead(&reader),
            let feedText = reader.span(count: head.feedCount), let feed = FeedID(feedText),
            let reference = reader.span(count: head.referenceCount)?.copied,
            let comment = reader.span(count: head.commentCount)?.copied,
            let otherPhones = otherPhones(&reader, head)
        else { return nil }
        return CardEvent(
            restoring: EventIdentity(
                occurredAt: head.occurredAt, status: head.status, feed: feed,
                reference: EventText(unchecked: reference)),
            phone: head.phone, otherPhones: otherPhones, comment: EventText(unchecked: comment),
            isVoid: head.isVoid, isErased: head.isErased)
    }

    /// What lies behind an event's comment; nil when it is cut short.
    private static func otherPhones(
        _ reader: inout RecordReader, _ head: EventHead
    ) -> [PhoneNumber]? {
        guard head.hasOtherPhones else { return [] }
        guard let count = reader.integer(UInt8.self), count > 0 else { return nil }
        var phones: [PhoneNumber] = []
        for _ in 0..<count {
            guard let digits = reader.integer(UInt64.self),
                let phone = PhoneNumber(digits: digits)
            else { return nil }
            phones.append(phone)
        }
        return phones
    }

    // MARK: Erasure

    /// Whether an event was said with a phone of the list. Decodes nothing but phones.
    func isCovered(by list: ErasureList) throws(RecordDamage) -> Bool {
        var reader = RecordReader(bytes, from: Self.headSize)
        for index in 0..<eventCount {
            guard let head = EventHead(&reader),
                reader.span(count: head.feedCount + head.referenceCount + head.commentCount) != nil,
                let others = Self.otherPhones(&reader, head)
            else { throw Self.unreadable(event: index, of: eventCount) }
            if let phone = head.phone, list.covers(phone) || others.contains(where: list.covers) {
                return true
            }
        }
        return false
    }
}

/// What is wrong with one stored value. Its text names no card.
package struct RecordDamage: Error, Equatable, CustomStringConvertible {
    package let description: String

    init(_ description: String) {
        self.description = description
    }
}
