/// A phone number in E.164 form, held as an integer: +971585949014 is 971585949014.
///
/// The country calling code comes first and never starts with 0, so an integer loses nothing, not
/// even the leading zeros of an Italian national number (+390612345678). Numbers order as
/// integers, which is the order of their 8 big-endian bytes in the store.
///
/// The value is personal data. `description` is therefore the masked form, so that interpolating a
/// number into a log line cannot leak it; `e164` and `appendE164(to:)` give the whole.
public struct PhoneNumber: Comparable, Hashable, Sendable, CustomStringConvertible {
    /// The E.164 digits, country calling code first. Never 0.
    public let digits: UInt64

    /// E.164 allows 15 digits, but numbers in use are longer (a German extension line, Japanese
    /// toll-free numbers of 17 national digits); 19 is the longest that any region's plan allows.
    static let digitCountMax = 19

    /// Wraps E.164 digits; `nil` for 0 and for more than 19 digits.
    ///
    /// Does not ask whether a numbering plan allows the number: `PhoneParser` does.
    public init?(digits: UInt64) {
        guard digits > 0, digits <= 9_999_999_999_999_999_999 else { return nil }
        self.digits = digits
    }

    public static func < (a: PhoneNumber, b: PhoneNumber) -> Bool { a.digits < b.digits }

    /// Appends `+` and the digits, for example `+971585949014`: 2 to 20 bytes of ASCII.
    public func appendE164(to bytes: inout [UInt8]) {
        var divisor: UInt64 = 1
        while digits / divisor >= 10 { divisor *= 10 }
        bytes.append(UInt8(ascii: "+"))
        while divisor > 0 {
            bytes.append(UInt8(ascii: "0") + UInt8(digits / divisor % 10))
            divisor /= 10
        }
    }

    /// The whole number, for example `+971585949014`. Not for logs.
    public var e164: String { "+" + String(digits) }

    /// The country calling code and the last two digits, for logs: `+971*******14`.
    public var masked: String {
        let text = String(digits)
        let codeLength = Self.callingCodeLength(text)
        let hidden = max(0, text.count - codeLength - 2)
        guard hidden > 0 else { return "+" + String(repeating: "*", count: text.count) }
        return "+" + text.prefix(codeLength) + String(repeating: "*", count: hidden)
            + text.suffix(2)
    }

    public var description: String { masked }

    /// Country calling codes are prefix-free: 1 and 7 have one digit, the codes listed by ITU-T
    /// E.164 below have two, all others three.
    private static func callingCodeLength(_ text: String) -> Int {
        let head = text.utf8.prefix(2).map { Int($0 - UInt8(ascii: "0")) }
        switch head.first {
        case 1, 7: return 1
        default: break
        }
        guard head.count == 2 else { return 3 }
        switch head[0] * 10 + head[1] {
        case 20, 27, 28, 30...34, 36, 39, 40, 41, 43...49, 51...58, 60...66, 81...84, 86, 89...95,
            98:
            return 2
        default: return 3
        }
    }
}
