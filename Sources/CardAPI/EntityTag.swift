internal import CardModel
internal import HTTPFront

/// A strong entity tag: a hash of the representation's bytes, which are a function of the card's
/// canonical state, so it is the same on every server with the same events.
enum EntityTag {
    /// With its quotes.
    static let byteCount = 18

    @inline(__always)
    static func hash(of representation: UnsafeBufferPointer<UInt8>) -> UInt64 {
        XXH64.hash(representation.span.bytes)
    }

    /// Writes the tag of a hash: 16 digits in quotes.
    @inline(__always)
    static func write(_ hash: UInt64, to target: UnsafeMutablePointer<UInt8>) {
        target[0] = UInt8(ascii: "\"")
        let raw = UnsafeMutableRawPointer(target)
        raw.storeBytes(of: digits(hash >> 32).bigEndian, toByteOffset: 1, as: UInt64.self)
        raw.storeBytes(of: digits(hash).bigEndian, toByteOffset: 9, as: UInt64.self)
        target[17] = UInt8(ascii: "\"")
    }

    /// The low 32 bits as eight digits, the first in the highest byte. Half-bytes are drawn apart
    /// to a byte each; adding 6 carries into bit 4 of those above 9, which become letters.
    @inline(__always)
    private static func digits(_ value: UInt64) -> UInt64 {
        var word = value & 0xFFFF_FFFF
        word = (word | word << 16) & 0x0000_FFFF_0000_FFFF
        word = (word | word << 8) & 0x00FF_00FF_00FF_00FF
        word = (word | word << 4) & 0x0F0F_0F0F_0F0F_0F0F
        let letters = ((word &+ 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101
        return word &+ 0x3030_3030_3030_3030 &+ letters &* 0x27
    }

    static func of(_ hash: UInt64) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            guard let base = buffer.baseAddress else { return }
            write(hash, to: base)
            count = byteCount
        }
    }

    /// - Parameter isPacked: whether the representation will be packed with gzip, which makes
    ///   another of it with a tag of its own: that of the plain one, with `-gz` at the end. The
    ///   packed bytes may depend on the version of zlib; what they unpack to does not.
    static func of(
        _ representation: UnsafeBufferPointer<UInt8>, isPacked: Bool = false
    ) -> [UInt8] {
        let tag = of(hash(of: representation))
        return isPacked ? tag.dropLast() + Array("-gz\"".utf8) : tag
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
