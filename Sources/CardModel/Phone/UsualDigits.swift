/// The digits of a phone in one of the usual forms: 3 to 15 of them, with separators among them,
/// white space and quotes around, and perhaps a plus before.
///
/// What it takes, `PhoneNotation` takes too, and finds the same digits.
struct UsualDigits {
    /// As one number.
    private(set) var value: UInt64 = 0
    private(set) var count = 0
    private(set) var hasPlus = false
    /// Four bits a digit, the last one in the lowest.
    private var packed: UInt64 = 0

    private static let counts = 3...15
    /// Separators have room in it too.
    private static let bytesMax = 64

    init?(_ text: Span<UInt8>) {
        guard text.count <= Self.bytesMax else { return nil }
        var start = 0
        var end = text.count
        while start < end, Self.isWrapping(text[start]) { start += 1 }
        while start < end, Self.isWrapping(text[end - 1]) { end -= 1 }
        if start < end, text[start] == UInt8(ascii: "+") {
            hasPlus = true
            start += 1
        }
        while start < end {
            let byte = text[start]
            let digit = byte &- UInt8(ascii: "0")
            if digit < 10 {
                value = value &* 10 &+ UInt64(digit)
                packed = packed &<< 4 | UInt64(digit)
                count += 1
            } else {
                guard Self.isSeparator(byte) else { return nil }
            }
            start += 1
        }
        guard Self.counts ~= count else { return nil }
    }

    /// One of the first digits; the offset must be below `count`.
    subscript(offset: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: packed &>> UInt64(4 * (count - 1 - offset)) & 0xF)
    }

    /// Whether they begin with those of `number`, of which there are `length`, at most three.
    func begins(with number: Int, _ length: Int) -> Bool {
        guard Int(self[0]) == number / (length == 3 ? 100 : length == 2 ? 10 : 1) else {
            return false
        }
        var first = 0
        for offset in 0..<length { first = first * 10 + Int(self[offset]) }
        return first == number
    }

    private static func isWrapping(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\t")...UInt8(ascii: "\r"), UInt8(ascii: " "), UInt8(ascii: "\""),
            UInt8(ascii: "'"):
            true
        default: false
        }
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "("),
            UInt8(ascii: ")"):
            true
        default: false
        }
    }
}
