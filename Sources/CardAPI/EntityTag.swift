internal import CardModel
internal import HTTPFront

/// A strong entity tag: a hash of the representation's bytes, which are a function of the card's
/// canonical state, so it is the same on every server with the same events.
enum EntityTag {
    /// With its quotes: 18 bytes.
    static func of(_ representation: [UInt8]) -> [UInt8] {
        let hash = XXH64.hash(representation.span.bytes)
        let digits: StaticString = "0123456789abcdef"
        var tag: [UInt8] = []
        tag.reserveCapacity(18)
        tag.append(UInt8(ascii: "\""))
        for shift in stride(from: 60, through: 0, by: -4) {
            tag.append(digits.utf8Start[Int((hash >> UInt64(shift)) & 15)])
        }
        tag.append(UInt8(ascii: "\""))
        return tag
    }

    /// Whether an `If-None-Match` value names the tag: a list, or `*` for whatever there is. RFC
    /// 9110, 13.1.2 asks for the weak comparison, so `W/` in front makes no difference.
    static func matches(_ tag: [UInt8], ifNoneMatch value: UnsafeBufferPointer<UInt8>) -> Bool {
        var index = 0
        func skip(_ bytes: StaticString) {
            while index < value.count, bytes.hasByte(value[index]) { index += 1 }
        }
        skip(" \t,")
        if index < value.count, value[index] == UInt8(ascii: "*") { return true }
        while index < value.count {
            if index + 1 < value.count, value[index] == UInt8(ascii: "W"),
                value[index + 1] == UInt8(ascii: "/")
            {
                index += 2
            }
            // What is no quoted tag ends the list: nothing behind it can be trusted to be one.
            guard index < value.count, value[index] == UInt8(ascii: "\"") else { return false }
            var end = index + 1
            while end < value.count, value[end] != UInt8(ascii: "\"") { end += 1 }
            guard end < value.count else { return false }
            if value[index...end].elementsEqual(tag) { return true }
            index = end + 1
            skip(" \t,")
        }
        return false
    }
}

extension StaticString {
    fileprivate func hasByte(_ byte: UInt8) -> Bool {
        UnsafeBufferPointer(start: utf8Start, count: utf8CodeUnitCount).contains(byte)
    }
}
