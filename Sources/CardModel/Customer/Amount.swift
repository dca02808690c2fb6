/// An amount of money, exact to the hundredth. It never passes through binary fractions, which have
/// no 0.10.
public struct Amount: Hashable, Comparable, Sendable, CustomStringConvertible {
    public let hundredths: Int64

    public init(hundredths: Int64) {
        self.hundredths = hundredths
    }

    /// Reads a decimal number, as JSON writes it or in a string: `1234.5`, `-0.07`, `1.2345e3`.
    /// White space and quotes around it go. What is not exact to the hundredth is an error, not
    /// rounded; a comma is one too, since it separates thousands here and decimals there.
    public static func parse(_ text: Span<UInt8>) throws(AmountError) -> Amount {
        let range = text.trimmedRange(droppingQuotes: true)
        guard !range.isEmpty else { throw .empty }
        var number = DecimalText(text.extracting(range))
        try number.read()
        return Amount(hundredths: try number.hundredths())
    }

    /// `1234.50`, with two digits behind the point.
    public var description: String {
        let magnitude = hundredths.magnitude
        let rest = magnitude % 100
        return "\(hundredths < 0 ? "-" : "")\(magnitude / 100).\(rest < 10 ? "0" : "")\(rest)"
    }

    public static func < (a: Self, b: Self) -> Bool { a.hundredths < b.hundredths }
}

/// Why a text is no amount.
public enum AmountError: Error, Equatable, Sendable, CustomStringConvertible {
    case empty
    /// A comma may separate thousands or decimals.
    case comma
    case notANumber
    /// There is something behind the hundredths.
    case tooPrecise
    case outOfRange

    public var description: String {
        switch self {
        case .empty: "the amount is empty"
        case .comma: "the amount has a comma, which may be read in two ways; only a point will do"
        case .notANumber: "the amount is not a decimal number, such as 1234.50"
        case .tooPrecise: "the amount has more than two decimals, and it is kept exactly"
        case .outOfRange: "the amount lies beyond 92233720368547758.07"
        }
    }
}

/// A decimal number's digits and where its point is.
private struct DecimalText: ~Escapable {
    private let text: Span<UInt8>
    private var offset = 0
    private var isNegative = false
    /// Without the zeros in front.
    private var digits: [UInt8] = []
    /// The number is that of the digits times ten to the power of this.
    private var exponent = 0

    /// An exponent beyond this makes any number too large, or too precise.
    private static let exponentMax = 1 << 30
    /// Int64.max has as many.
    private static let digitsMax = 19

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) {
        self.text = text
    }

    @_lifetime(self: copy self)
    private mutating func take(_ first: UInt8, or second: UInt8) -> UInt8? {
        guard offset < text.count, text[offset] == first || text[offset] == second else {
            return nil
        }
        offset += 1
        return text[offset - 1]
    }

    @_lifetime(self: copy self)
    private mutating func takeDigit() -> UInt8? {
        guard offset < text.count else { return nil }
        let digit = text[offset] &- UInt8(ascii: "0")
        guard digit <= 9 else { return nil }
        offset += 1
        return digit
    }

    @_lifetime(self: copy self)
    mutating func read() throws(AmountError) {
        let plus = UInt8(ascii: "+")
        let minus = UInt8(ascii: "-")
        isNegative = take(plus, or: minus) == minus
        var hasDigits = readDigits() > 0
        if take(UInt8(ascii: "."), or: UInt8(ascii: ".")) != nil {
            let decimals = readDigits()
            exponent = -decimals
            hasDigits = hasDigits || decimals > 0
        }
        guard hasDigits else { throw problem }
        if take(UInt8(ascii: "e"), or: UInt8(ascii: "E")) != nil {
            let isDown = take(plus, or: minus) == minus
            var power = 0
            let start = offset
            while let digit = takeDigit() {
                power = min(10 * power + Int(digit), Self.exponentMax)
            }
            guard offset > start else { throw problem }
            exponent += isDown ? -power : power
        }
        guard offset == text.count else { throw problem }
    }

    private var problem: AmountError {
        for index in text.indices where text[index] == UInt8(ascii: ",") { return .comma }
        return .notANumber
    }

    @_lifetime(self: copy self)
    private mutating func readDigits() -> Int {
        let start = offset
        while let digit = takeDigit() {
            if digit > 0 || !digits.isEmpty { digits.append(digit) }
        }
        return offset - start
    }

    func hundredths() throws(AmountError) -> Int64 {
        // Without the zeros at the end either, so that what is left has to fit.
        let significant = (digits.lastIndex { $0 > 0 } ?? -1) + 1
        guard significant > 0 else { return 0 }
        let zeros = exponent + digits.count - significant + 2
        guard zeros >= 0 else { throw .tooPrecise }
        guard significant + zeros <= Self.digitsMax else { throw .outOfRange }
        var hundredths: Int64 = 0
        for place in 0..<(significant + zeros) {
            let digit = place < significant ? Int64(digits[place]) : 0
            let (tens, isTooMuch) = hundredths.multipliedReportingOverflow(by: 10)
            let (sum, isStillTooMuch) = tens.addingReportingOverflow(digit)
            if isTooMuch || isStillTooMuch { throw .outOfRange }
            hundredths = sum
        }
        return isNegative ? -hundredths : hundredths
    }
}
