/// Finds a phone in text, in whatever form somebody wrote it: with or without country code and
/// trunk zero, with separators, as a spreadsheet's number, in other scripts' digits.
///
/// A number is a run of digits with separators between them at most. It is the phone's when it has
/// the phone's national digits in it, or all of them where these are few. So it finds too much
/// rather than too little: a longer number that has the phone in it counts.
public struct PhoneTrace: Sendable {
    /// Fewer national digits than this are in many a number.
    private static let telling = 7
    /// Digits that are looked at together; half of them again with the next ones.
    private static let runMax = 64
    /// Bytes that have to be read again with the next ones, when text comes in pieces.
    public static let reachBytes = 256

    private let all: [UInt8]
    private let national: [UInt8]

    public init(_ phone: PhoneNumber) {
        all = Self.digits(String(phone.digits))
        national = Self.digits(phone.nationalDigits)
    }

    private static func digits(_ text: String) -> [UInt8] {
        text.utf8.map { $0 - UInt8(ascii: "0") }
    }

    /// Whether UTF-8, or any other bytes that have ASCII's digits, have the phone in them.
    public func isIn(_ bytes: Span<UInt8>) -> Bool {
        var run = Run()
        var index = 0
        while index < bytes.count {
            if let (digit, count) = Self.digit(bytes, index) {
                if run.digits.count == Self.runMax {
                    if isIn(run.digits) { return true }
                    run.digits.removeFirst(Self.runMax / 2)
                }
                run.digits.append(digit)
                index += count
                continue
            }
            let count = run.isEmpty ? 0 : Self.separator(bytes, index)
            if count > 0 {
                index += count
                continue
            }
            if !run.isEmpty {
                if let exponent = Self.exponent(bytes, index) { run.expand(to: exponent + 1) }
                if isIn(run.digits) { return true }
                run = Run()
            }
            index += 1
        }
        return isIn(run.digits)
    }

    private struct Run {
        var digits: [UInt8] = []
        var isEmpty: Bool { digits.isEmpty }

        /// `5.8E+08` has more digits than are written.
        mutating func expand(to count: Int) {
            while digits.count < min(count, 20) { digits.append(0) }
        }
    }

    private func isIn(_ digits: [UInt8]) -> Bool {
        if national.count >= Self.telling { return Self.contains(digits, national) }
        return digits.drop { $0 == 0 }.elementsEqual(national) || Self.contains(digits, all)
    }

    private static func contains(_ digits: [UInt8], _ wanted: [UInt8]) -> Bool {
        guard digits.count >= wanted.count else { return false }
        return (0...(digits.count - wanted.count)).contains { start in
            digits[start..<(start + wanted.count)].elementsEqual(wanted)
        }
    }

    /// A digit, and how many bytes it takes: of ASCII, Arabic (two blocks) or full width.
    private static func digit(_ bytes: Span<UInt8>, _ index: Int) -> (UInt8, Int)? {
        let byte = bytes[index]
        if byte &- UInt8(ascii: "0") < 10 { return (byte - UInt8(ascii: "0"), 1) }
        guard byte >= 0xD9, index + 1 < bytes.count else { return nil }
        let next = bytes[index + 1]
        switch byte {
        case 0xD9 where next &- 0xA0 < 10: return (next - 0xA0, 2)
        case 0xDB where next &- 0xB0 < 10: return (next - 0xB0, 2)
        case 0xEF where next == 0xBC && index + 2 < bytes.count && bytes[index + 2] &- 0x90 < 10:
            return (bytes[index + 2] - 0x90, 3)
        default: return nil
        }
    }

    /// How many bytes of what may stand between the digits of one number begin here.
    private static func separator(_ bytes: Span<UInt8>, _ index: Int) -> Int {
        switch bytes[index] {
        case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "("),
            UInt8(ascii: ")"), UInt8(ascii: "/"), UInt8(ascii: "_"):
            return 1
        // A space that does not break.
        case 0xC2 where index + 1 < bytes.count && bytes[index + 1] == 0xA0: return 2
        // Dashes and narrow spaces.
        case 0xE2 where index + 2 < bytes.count && bytes[index + 1] == 0x80: return 3
        default: return 0
        }
    }

    /// The exponent of a number in scientific notation, whose mantissa ends here.
    private static func exponent(_ bytes: Span<UInt8>, _ index: Int) -> Int? {
        guard bytes[index] | 0x20 == UInt8(ascii: "e") else { return nil }
        var place = index + 1
        if place < bytes.count, bytes[place] == UInt8(ascii: "+") { place += 1 }
        var value = 0
        var count = 0
        while place < bytes.count, count < 2, bytes[place] &- UInt8(ascii: "0") < 10 {
            value = value * 10 + Int(bytes[place] - UInt8(ascii: "0"))
            (place, count) = (place + 1, count + 1)
        }
        return count > 0 ? value : nil
    }
}
