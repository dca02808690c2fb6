internal import CardModel
internal import Glibc

/// What one card calls for in the databases beside `cards`.
package struct CardExpectation {
    var checksum: UInt64 = 0
    var events = 0
    /// The hash of its entry in `phones`, when it has one.
    var phoneHash: UInt64?
    /// Its entries in `times`.
    var times = DatabaseTotals()
}

/// Verifies records of cards where they lie, without decoding them: what `check` runs over every
/// record.
///
/// A record passes exactly when encoding its decoded history gives its bytes again, and the
/// history is not over its limit: up to there, any strictly ascending events are a history.
/// Whatever does not pass is looked at by ``CardRecord`` itself, which says what is wrong with it,
/// or that nothing is. Changes together with ``CardRecord``, ``TimeKey``, ``PhoneKey`` and
/// `EventIdentity.stableHash`; tests hold them against each other.
package struct CardRecordScan: ~Copyable {
    private static let eventHeadSize = 10
    private static let knownFlags =
        CardRecord.voidFlag | CardRecord.phoneFlag | CardRecord.otherPhonesFlag
        | CardRecord.erasedFlag
    private let cardsSeed = StoredDatabase.cards.nameHash
    private let phonesSeed = StoredDatabase.phones.nameHash
    private let timesSeed = StoredDatabase.times.nameHash
    /// Where keys and identities are put together: seconds, status, count, feed and reference at
    /// most.
    private let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 16)

    package init() {}

    deinit { scratch.deallocate() }

    /// One event's place in the record.
    private struct Event {
        let seconds: UInt32
        let status: UInt8
        let isVoid: Bool
        let phone: UInt64
        let feed: UnsafeRawBufferPointer
        let reference: UnsafeRawBufferPointer
        let end: Int
    }

    /// nil when the record does not pass. `key` must be a canonical card ID.
    package func scan(_ value: RawSpan, key: RawSpan) -> CardExpectation? {
        value.withUnsafeBytes { value in key.withUnsafeBytes { scan(value, $0) } }
    }

    private func scan(
        _ value: UnsafeRawBufferPointer, _ key: UnsafeRawBufferPointer
    ) -> CardExpectation? {
        guard value.count >= CardRecord.headSize, key.count <= CardID.maxCount else { return nil }
        var card = CardExpectation()
        card.checksum = Self.integer(value, 0)
        let payload = RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: value[8...]))
        let keyHash = XXH64.hash(RawSpan(_unsafeBytes: key), seed: cardsSeed)
        guard card.checksum == XXH64.hash(payload, seed: keyHash), value[8] == 1 else { return nil }
        card.events = Int(Self.integer(value, 10) as UInt16)
        guard card.events <= CardHistory.eventLimit else { return nil }

        var offset = CardRecord.headSize
        var previous: Event?
        // The state, as the head should have it.
        var state: (event: Event, index: Int, offset: Int)?
        var phone: UInt64 = 0
        for index in 0..<card.events {
            guard let event = Self.event(value, offset) else { return nil }
            if let previous, !Self.precedes(previous, event) { return nil }
            if !event.isVoid {
                state = (event, index, offset)
                if event.phone != 0 { phone = event.phone }
            }
            card.times.add(timeHash(event, key))
            previous = event
            offset = event.end
        }
        guard offset == value.count, value[25] == 0, value[9] == (state == nil ? 0 : 1),
            Self.integer(value, 12) == (state?.event.seconds ?? 0),
            Self.integer(value, 16) == phone, value[24] == (state?.event.status ?? 0),
            Self.integer(value, 26) == UInt16(state?.index ?? 0),
            Self.integer(value, 28) == UInt32(state?.offset ?? 0)
        else { return nil }
        if phone != 0 { card.phoneHash = phoneHash(phone, key) }
        return card
    }

    private static func event(_ value: UnsafeRawBufferPointer, _ start: Int) -> Event? {
        guard start + eventHeadSize <= value.count else { return nil }
        let seconds: UInt32 = integer(value, start)
        let status = value[start + 4]
        let flags = value[start + 5]
        let feedCount = Int(value[start + 6])
        let referenceCount = Int(value[start + 7])
        let commentCount = Int(integer(value, start + 8) as UInt16)
        guard Timestamp(seconds: Int64(seconds)) != nil, CardStatus(rawValue: status) != nil,
            flags & ~knownFlags == 0, (1...FeedID.maxCount).contains(feedCount)
        else { return nil }
        // What is erased has neither phone nor comment.
        guard flags & CardRecord.erasedFlag == 0 || (flags & 2 == 0 && commentCount == 0) else {
            return nil
        }
        let feedStart = start + eventHeadSize + (flags & 2 == 0 ? 0 : 8)
        var end = feedStart + feedCount + referenceCount + commentCount
        guard end <= value.count else { return nil }
        let phone: UInt64 = flags & 2 == 0 ? 0 : integer(value, start + eventHeadSize)
        guard flags & 2 == 0 || PhoneNumber(digits: phone) != nil else { return nil }
        if flags & CardRecord.otherPhonesFlag != 0 {
            guard let phonesEnd = otherPhones(value, end, below: phone) else { return nil }
            end = phonesEnd
        }
        let referenceStart = feedStart + feedCount
        let feed = UnsafeRawBufferPointer(rebasing: value[feedStart..<referenceStart])
        for byte in feed {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"):
                continue
            default: return nil
            }
        }
        return Event(
            seconds: seconds, status: status, isVoid: flags & 1 != 0, phone: phone, feed: feed,
            reference: UnsafeRawBufferPointer(
                rebasing: value[referenceStart..<(referenceStart + referenceCount)]),
            end: end)
    }

    /// Where the other phones behind a comment end: they ascend up to the event's own.
    private static func otherPhones(
        _ value: UnsafeRawBufferPointer, _ start: Int, below phone: UInt64
    ) -> Int? {
        guard start < value.count, (1..<CardEvent.phonesMax).contains(Int(value[start])) else {
            return nil
        }
        let end = start + 1 + 8 * Int(value[start])
        guard end <= value.count else { return nil }
        var last: UInt64 = 0
        for place in stride(from: start + 1, to: end, by: 8) {
            let other: UInt64 = integer(value, place)
            guard other > last, other < phone else { return nil }
            last = other
        }
        return end
    }

    /// The order of `EventIdentity`.
    private static func precedes(_ a: Event, _ b: Event) -> Bool {
        if a.seconds != b.seconds { return a.seconds < b.seconds }
        if a.status != b.status { return a.status < b.status }
        let feeds = order(a.feed, b.feed)
        return feeds != 0 ? feeds < 0 : order(a.reference, b.reference) < 0
    }

    private static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        if let first = a.baseAddress, let second = b.baseAddress {
            let common = memcmp(first, second, min(a.count, b.count))
            if common != 0 { return Int(common) }
        }
        return a.count - b.count
    }

    /// The hash of a ``TimeKey``'s entry.
    private func timeHash(_ event: Event, _ key: UnsafeRawBufferPointer) -> UInt64 {
        scratch.storeBytes(of: event.seconds.bigEndian, as: UInt32.self)
        scratch[4] = event.status
        scratch[5] = UInt8(event.feed.count)
        let referenceStart = 6 + event.feed.count
        copy(event.feed, to: 6)
        copy(event.reference, to: referenceStart)
        let identity = hash(upTo: referenceStart + event.reference.count, seed: 0)
        scratch.storeBytes(of: UInt64(event.seconds).bigEndian, as: UInt64.self)
        scratch[8] = event.status
        copy(key, to: 9)
        scratch.storeBytes(
            of: identity.bigEndian, toByteOffset: 9 + key.count, as: UInt64.self)
        return XXH64.hash(RawSpan(), seed: hash(upTo: 17 + key.count, seed: timesSeed))
    }

    /// The hash of a ``PhoneKey``'s entry.
    private func phoneHash(_ phone: UInt64, _ key: UnsafeRawBufferPointer) -> UInt64 {
        scratch.storeBytes(of: phone.bigEndian, as: UInt64.self)
        copy(key, to: PhoneKey.prefixSize)
        let count = PhoneKey.prefixSize + key.count
        return XXH64.hash(RawSpan(), seed: hash(upTo: count, seed: phonesSeed))
    }

    private func copy(_ bytes: UnsafeRawBufferPointer, to offset: Int) {
        UnsafeMutableRawBufferPointer(rebasing: scratch[offset...]).copyMemory(from: bytes)
    }

    private func hash(upTo count: Int, seed: UInt64) -> UInt64 {
        let bytes = UnsafeRawBufferPointer(rebasing: scratch[..<count])
        return XXH64.hash(RawSpan(_unsafeBytes: bytes), seed: seed)
    }

    private static func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ bytes: UnsafeRawBufferPointer, _ offset: Int
    ) -> T {
        T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
    }
}
