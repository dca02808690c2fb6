/// Turns the phone numbers that partners write into E.164.
///
/// White space, quotes, a float's tail (`.0`) and exact scientific notation are cleaned away first.
public struct PhoneParser: Sendable {
    private let region: PhoneRegion
    private let placeholders: Set<PhoneNumber>

    /// - Parameters:
    ///   - region: where a number without a country calling code belongs.
    ///   - placeholders: numbers that stand for "no number"; `parse` refuses them.
    public init(region: PhoneRegion, placeholders: Set<PhoneNumber> = []) {
        self.region = region
        self.placeholders = placeholders
    }

    /// The number that `text` (UTF-8) means.
    public func parse(_ text: Span<UInt8>) throws(PhoneError) -> PhoneNumber {
        var digits: UInt64 = 0
        var count = 0
        var international = false
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                guard count < PhoneNumber.digitCountMax else { throw .tooLong }
                digits = digits * 10 + UInt64(byte - UInt8(ascii: "0"))
                count += 1
                if count == 2, digits == 0, !international {
                    international = true
                    count = 0
                }
            case UInt8(ascii: "+") where count == 0: international = true
            case UInt8(ascii: "."):
                guard text.extracting((index + 1)...).isZeros else { throw .lostDigits }
                return try number(digits, count: count, international: international)
            case UInt8(ascii: "\""), UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "("),
                UInt8(ascii: ")"):
                continue
            default: throw .notANumber
            }
        }
        return try number(digits, count: count, international: international)
    }

    private func number(
        _ digits: UInt64, count: Int, international: Bool
    ) throws(PhoneError) -> PhoneNumber {
        guard count > 0 else { throw .empty }
        var whole = digits
        if !international, region.packed == 0x4145, !(count == 12 && digits / 1_000_000_000 == 971)
        {
            guard digits >= 10_000_000 else { throw .tooShort }
            guard digits <= 999_999_999_999 else { throw .tooLong }
            whole = digits >= 1_000_000_000 ? digits : 971_000_000_000 + digits
        }
        guard whole >= 10_000_000 else { throw .tooShort }
        guard let number = PhoneNumber(digits: whole) else { throw .notANumber }
        guard !placeholders.contains(number) else { throw .placeholder }
        return number
    }
}

extension Span<UInt8> {
    /// Zeros, possibly followed by closing quotes: what stands after the point of a float's text.
    fileprivate var isZeros: Bool {
        for index in indices
        where self[index] != UInt8(ascii: "0") && self[index] != UInt8(ascii: "\"") {
            return false
        }
        return true
    }
}
