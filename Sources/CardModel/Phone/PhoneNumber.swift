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

    /// Wraps E.164 digits; `nil` for 0 and for more than 19 digits.
    ///
    /// The standard allows 15, but numbers in use are longer (German extension lines, Japanese
    /// toll-free numbers), and 19 is the most that any region's plan has. Does not ask whether a
    /// plan allows this number: `PhoneParser` does.
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
    ///
    /// Shows neither the calling code nor more than that when the code is unknown.
    public var masked: String {
        let text = String(digits)
        let shown = callingCodeCount
        let hidden = text.utf8.count - shown - 2
        guard hidden > 0 else { return "+" + String(repeating: "*", count: text.utf8.count) }
        return "+\(text.prefix(shown))\(String(repeating: "*", count: hidden))\(text.suffix(2))"
    }

    /// All digits but the country calling code; all of them when that is unknown. Not for logs.
    public var nationalDigits: String { String(String(digits).dropFirst(callingCodeCount)) }

    /// How many digits the country calling code has; 0 when it is unknown.
    private var callingCodeCount: Int {
        var code = 0
        for (index, byte) in String(digits).utf8.prefix(3).enumerated() {
            code = code * 10 + Int(byte - UInt8(ascii: "0"))
            if PhonePlan.main(callingCode: code) != nil { return index + 1 }
        }
        return 0
    }

    public var description: String { masked }
}
