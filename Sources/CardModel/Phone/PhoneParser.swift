/// Turns the phone numbers that partners write into E.164.
///
/// The text is cleaned first: white space and quotes around it, a float's tail (`585949014.0`),
/// and scientific notation that kept all digits (`5.85949014E+08`). What the rest means is decided
/// as by libphonenumber: parsed for the region, and kept if its length is possible (and not
/// possible within an area only). International and national prefixes, separators, letters on the
/// keypad, extensions, `tel:` URIs and digits of other scripts all work as they do there.
///
/// Digits with the usual separators take one pass over the bytes and no allocation; letters and
/// whatever else is not ASCII punctuation go through `PhoneText`.
public struct PhoneParser: Sendable {
    private let plan: PhonePlan
    /// Of the regions that share the region's calling code, the main one's plan.
    private let mainPlan: PhonePlan
    private let placeholders: Set<PhoneNumber>

    /// - Parameters:
    ///   - region: where a number without a country calling code belongs.
    ///   - placeholders: numbers that stand for "no number"; `parse` refuses them.
    public init(region: PhoneRegion, placeholders: Set<PhoneNumber> = []) {
        self.plan = region.plan
        self.mainPlan = PhonePlan.main(callingCode: plan.callingCode) ?? plan
        self.placeholders = placeholders
    }

    /// The number that `text` (UTF-8; at most 250 characters) means.
    public func parse(_ text: Span<UInt8>) throws(PhoneError) -> PhoneNumber {
        let number = if let usual = usual(text) { usual } else { try read(text) }
        if !placeholders.isEmpty, placeholders.contains(number) { throw .placeholder }
        return number
    }

    /// Reads a phone in any form. A test holds that it agrees with ``usual(_:)``.
    func read(_ text: Span<UInt8>) throws(PhoneError) -> PhoneNumber {
        let text = text.extracting(PhoneNotation.trimmed(text))
        guard !text.isEmpty else { throw .empty }
        var digits = PhoneDigits()
        var hasPlus = false
        if !(try PhoneNotation.scan(text, into: &digits, &hasPlus)) {
            digits = PhoneDigits()
            if !(try PhoneNotation.expandScientific(text, into: &digits, &hasPlus)) {
                digits = PhoneDigits()
                (digits, hasPlus) = try PhoneText(text).digits()
            }
        }
        return try number(digits, hasPlus: hasPlus)
    }

    /// What ``parse(_:)`` makes of a plus and these digits, for a parser without placeholders; nil
    /// when they are no digits, or it takes more to find out. Programs write phones in this form,
    /// and most of them are read here, in a tenth of the time.
    public static func international(_ digits: Span<UInt8>) -> PhoneNumber? {
        guard 3...17 ~= digits.count, digits[0] != UInt8(ascii: "0") else { return nil }
        var value: UInt64 = 0
        var plan: PhonePlan?
        var codeCount = 0
        for index in digits.indices {
            let digit = digits[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value &* 10 &+ UInt64(digit)
            if index < 3, plan == nil {
                plan = PhonePlan.main(callingCode: Int(value))
                codeCount = index + 1
            }
        }
        let nationalCount = digits.count - codeCount
        guard let plan, nationalCount >= 2,
            plan.hasNoNationalPrefix(behind: digits[codeCount] - UInt8(ascii: "0")),
            plan.lengthError(nationalCount) == nil
        else { return nil }
        return PhoneNumber(digits: value)
    }

    /// What ``read(_:)`` makes of the forms that nearly every row has, in a fraction of the time:
    /// digits and the usual separators, of a national number with or without a trunk digit, or
    /// behind a plus and the region's own calling code. nil when it takes more to find out.
    func usual(_ text: Span<UInt8>) -> PhoneNumber? {
        guard let digits = UsualDigits(text) else { return nil }
        let length = plan.callingCodeLength
        if digits.hasPlus {
            guard digits.begins(with: mainPlan.callingCode, length) else { return nil }
            let count = digits.count - length
            guard count >= 2, mainPlan.lengthError(count) == nil,
                mainPlan.hasNoNationalPrefix(behind: digits[length], digits[length + 1])
            else { return nil }
            return PhoneNumber(digits: digits.value)
        }
        let (first, second) = (digits[0], digits[1])
        guard plan.hasNoInternationalPrefix(behind: first, second),
            !digits.begins(with: plan.callingCode, length)
        else { return nil }
        var count = digits.count
        if !plan.hasNoNationalPrefix(behind: first, second) {
            // What no national number begins with is not part of one, and the rest may be.
            guard first == 0, plan.isNationalPrefix(first) else { return nil }
            count -= 1
        }
        guard plan.lengthError(count) == nil, mainPlan.lengthError(count) == nil else { return nil }
        return PhoneNumber(digits: plan.callingCodeValue(before: count) + digits.value)
    }

    private func number(
        _ digits: PhoneDigits, hasPlus: Bool
    ) throws(PhoneError) -> PhoneNumber {
        var national = digits
        let code = try removeCallingCode(from: &national, hasPlus: hasPlus)
        // A calling code leads to its main plan; without one the region's own plan decides.
        let codePlan =
            code == mainPlan.callingCode ? mainPlan : PhonePlan.main(callingCode: code)
        let numberPlan = codePlan ?? plan
        guard national.count >= 2 else { throw .tooShort }

        var stripped = national
        numberPlan.removeNationalPrefix(from: &stripped)
        switch numberPlan.lengthError(stripped.count) {
        case nil, .tooLong: national = stripped
        default: break  // The prefix was part of a short number.
        }
        guard national.count >= 2 else { throw .tooShort }
        guard national.count <= 17 else { throw .tooLong }

        // Regions that share a calling code are held to the lengths of the main one.
        if let error = (codePlan ?? mainPlan).lengthError(national.count) { throw error }
        var value = UInt64(numberPlan.callingCode)
        for offset in 0..<national.count { value = value * 10 + UInt64(national[offset]) }
        guard let number = PhoneNumber(digits: value) else { throw .tooLong }
        return number
    }

    /// Takes a country calling code off the front: behind `+`, behind an international prefix, or
    /// the region's own at the front of a number that makes no sense otherwise. 0 if there is none.
    private func removeCallingCode(
        from digits: inout PhoneDigits, hasPlus: Bool
    ) throws(PhoneError) -> Int {
        if hasPlus {
            guard digits.count > 2 else { throw .tooShort }
            let code = digits.removeCallingCode()
            if code != 0 { return code }
            // People write +00971… and even +0…; what follows the plus gets a second reading.
        }
        if plan.removeInternationalPrefix(from: &digits) {
            guard digits.count > 2 else { throw .tooShort }
            let code = digits.removeCallingCode()
            guard code != 0 else { throw .invalidCountryCode }
            return code
        }
        if let national = plan.nationalNumber(behindCallingCodeIn: digits) {
            digits = national
            return plan.callingCode
        }
        guard !hasPlus else { throw .invalidCountryCode }
        return 0
    }
}
