internal import CardModel

// Writes into memory that was reserved for all of it: the commonest answer is written by some
// fifty stores behind one check of room. Constants are copied with their length known to the
// compiler, which makes a few wide stores of each.

/// A place in reserved memory that moves on with what is written. Whoever makes one has reserved
/// what the calls need; each says how much that is.
struct JSONCursor {
    private(set) var end: UnsafeMutablePointer<UInt8>

    @inline(__always)
    init(_ start: UnsafeMutablePointer<UInt8>) {
        end = start
    }

    /// As many bytes as the text.
    @inline(__always)
    mutating func raw(_ text: StaticString) {
        end.update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        end += text.utf8CodeUnitCount
    }

    /// 34 bytes. A canonical ID has nothing to escape.
    @inline(__always)
    mutating func string(_ card: CardID) {
        quote()
        let words = card.words
        // All 32 bytes are written; what lies behind the ID is written over.
        store(words.0.bigEndian, at: 0)
        store(words.1.bigEndian, at: 8)
        if card.count > 16 {
            store(words.2.bigEndian, at: 16)
            store(words.3.bigEndian, at: 24)
        }
        end += card.count
        quote()
    }

    /// 22 bytes: `"2023-11-13T09:34:56Z"`.
    ///
    /// The date is Neri and Schneider's ("Euclidean affine functions and their application to
    /// calendar algorithms", 2022): years from 1 March, with multiplications where divisions would
    /// be.
    @inline(__always)
    mutating func string(_ time: Timestamp) {
        let days = time.seconds / 86_400
        let second = time.seconds % 86_400
        let centuryPart = 4 &* (days &+ 719_468) &+ 3
        let century = centuryPart / 146_097
        let yearPart = UInt64(2_939_745) &* UInt64(centuryPart % 146_097 / 4 &* 4 &+ 3)
        let yearOfCentury = UInt32(truncatingIfNeeded: yearPart >> 32)
        let dayOfYear = UInt32(truncatingIfNeeded: yearPart) / 2_939_745 / 4
        let monthPart = 2_141 &* dayOfYear &+ 197_913
        let isNextYear: UInt32 = dayOfYear >= 306 ? 1 : 0
        let year = 100 &* century &+ yearOfCentury &+ isNextYear
        quote()
        pair(year / 100, at: 0)
        pair(year % 100, at: 2)
        end[4] = UInt8(ascii: "-")
        pair((monthPart >> 16) &- 12 &* isNextYear, at: 5)
        end[7] = UInt8(ascii: "-")
        pair((monthPart & 0xFFFF) / 2_141 &+ 1, at: 8)
        end[10] = UInt8(ascii: "T")
        pair(second / 3_600, at: 11)
        end[13] = UInt8(ascii: ":")
        pair(second / 60 % 60, at: 14)
        end[16] = UInt8(ascii: ":")
        pair(second % 60, at: 17)
        end[19] = UInt8(ascii: "Z")
        end += 20
        quote()
    }

    /// 20 bytes.
    @inline(__always)
    mutating func string(_ status: CardStatus) {
        switch status {
        case .pickedUp: raw("\"picked_up\"")
        case .deliveryException: raw("\"delivery_exception\"")
        case .delivered: raw("\"delivered\"")
        case .returned: raw("\"returned\"")
        }
    }

    /// 23 bytes: `"+971585949014"` or null.
    @inline(__always)
    mutating func stringOrNull(_ phone: PhoneNumber?) {
        guard let phone else { return raw("null") }
        raw("\"+")
        integer(phone.digits)
        quote()
    }

    /// 20 bytes.
    @inline(__always)
    mutating func integer(_ value: UInt64) {
        let isLong = value >= 1_000_000_000
        var count = isLong ? 10 : 1
        var limit: UInt64 = isLong ? 10_000_000_000 : 10
        // The last power of ten has 20 digits.
        while value >= limit {
            count += 1
            if count == 20 { break }
            limit &*= 10
        }
        var rest = value
        var place = count
        while place >= 2 {
            place -= 2
            pair(UInt32(truncatingIfNeeded: rest % 100), at: place)
            rest /= 100
        }
        if place == 1 { end[0] = UInt8(ascii: "0") &+ UInt8(truncatingIfNeeded: rest) }
        end += count
    }

    /// ``byteCountMax(ofString:)``, quoted and escaped. The bytes are UTF-8.
    @inline(__always)
    mutating func string(_ text: Span<UInt8>) {
        quote()
        text.withUnsafeBufferPointer { bytes in
            if let base = bytes.baseAddress { escaped(base, bytes.count) }
        }
        quote()
    }

    /// A string, or null when it is empty.
    @inline(__always)
    mutating func stringOrNull(_ text: Span<UInt8>) {
        if text.isEmpty { raw("null") } else { string(text) }
    }

    /// Every byte may become six; eight more are written over.
    @inline(__always)
    static func byteCountMax(ofString count: Int) -> Int { 6 &* count &+ 16 }

    @inline(__always)
    private mutating func quote() {
        end.pointee = UInt8(ascii: "\"")
        end += 1
    }

    // MARK: Bytes

    /// Eight bytes at a time while there is nothing to escape.
    @inline(__always)
    private mutating func escaped(_ base: UnsafePointer<UInt8>, _ count: Int) {
        let source = UnsafeRawPointer(base)
        var offset = 0
        while offset &+ 8 <= count {
            let word = source.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            if JSONCursor.needsEscape(word) { return escapeBytes(base + offset, count &- offset) }
            store(word, at: 0)
            end += 8
            offset &+= 8
        }
        // The last bytes again as part of the last word, or few by themselves.
        let rest = count &- offset
        if rest == 0 { return }
        guard count >= 8 else { return short(base, count) }
        let word = source.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self)
        if JSONCursor.needsEscape(word) { return escapeBytes(base + offset, rest) }
        store(word, at: rest &- 8)
        end += rest
    }

    /// 1 to 7 bytes.
    @inline(__always)
    private mutating func short(_ base: UnsafePointer<UInt8>, _ count: Int) {
        guard count >= 4 else { return escapeBytes(base, count) }
        let source = UnsafeRawPointer(base)
        let first = source.loadUnaligned(as: UInt32.self)
        let last = source.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
        if JSONCursor.needsEscape(UInt64(first) | UInt64(last) << 32) {
            return escapeBytes(base, count)
        }
        UnsafeMutableRawPointer(end).storeBytes(of: first, as: UInt32.self)
        UnsafeMutableRawPointer(end).storeBytes(
            of: last, toByteOffset: count &- 4, as: UInt32.self)
        end += count
    }

    @inline(never)
    private mutating func escapeBytes(_ base: UnsafePointer<UInt8>, _ count: Int) {
        for index in 0..<count {
            let byte = base[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                end[0] = UInt8(ascii: "\\")
                end[1] = byte
                end += 2
            case 0..<0x20:
                raw("\\u00")
                end[0] = JSONCursor.hexDigit(byte >> 4)
                end[1] = JSONCursor.hexDigit(byte & 15)
                end += 2
            default:
                end[0] = byte
                end += 1
            }
        }
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// Whether a byte is below 0x20, a quote or a backslash: in each term a byte's high bit rises
    /// when it is, and possibly when one below it is, which is as well.
    @inline(__always)
    private static func needsEscape(_ word: UInt64) -> Bool {
        let control = (word &- ones &* 0x20) & ~word
        let quote = word ^ (ones &* 0x22)
        let backslash = word ^ (ones &* 0x5C)
        let found = control | ((quote &- ones) & ~quote) | ((backslash &- ones) & ~backslash)
        return found & (ones &* 0x80) != 0
    }

    @inline(__always)
    private func store(_ word: UInt64, at offset: Int) {
        UnsafeMutableRawPointer(end + offset).storeBytes(of: word, as: UInt64.self)
    }

    /// Two digits of a number below 100.
    @inline(__always)
    private func pair(_ value: UInt32, at offset: Int) {
        let pairs = UnsafeRawPointer(JSONCursor.pairs.utf8Start)
        let digits = pairs.loadUnaligned(fromByteOffset: 2 &* Int(value), as: UInt16.self)
        UnsafeMutableRawPointer(end + offset).storeBytes(of: digits, as: UInt16.self)
    }

    private static var pairs: StaticString {
        """
        00010203040506070809101112131415161718192021222324252627282930313233343536373839\
        40414243444546474849505152535455565758596061626364656667686970717273747576777879\
        8081828384858687888990919293949596979899
        """
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
