/// The check sum of payment cards' numbers (ISO/IEC 7812-1, annex B), over digits as they come.
///
/// From the last digit on, every second digit is doubled and the digits of the results are added
/// up. Which ones are doubled is known at the end only, so both sums are kept.
public struct Luhn: Sendable {
    /// How many digits a payment card's number has.
    public static let cardNumberCounts = 13...19

    private var sum = 0
    private var sumWithLastDoubled = 0
    public private(set) var count = 0

    public init() {}

    /// - Parameter digit: an ASCII digit; false is returned, and nothing changes, when it is none.
    @discardableResult
    public mutating func append(_ digit: UInt8) -> Bool {
        guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return false }
        let value = Int(digit - UInt8(ascii: "0"))
        let doubled = value < 5 ? 2 * value : 2 * value - 9
        (sum, sumWithLastDoubled) = (sumWithLastDoubled + value, sum + doubled)
        count += 1
        return true
    }

    /// Whether the digits are as many as a payment card's number has, and pass the check.
    public var isCardNumber: Bool {
        Self.cardNumberCounts.contains(count) && sum.isMultiple(of: 10)
    }
}
