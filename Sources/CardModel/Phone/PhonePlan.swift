/// The numbering plan of a region, or of a calling code that serves the whole world.
///
/// The rows are in `PhonePlan+Table.swift`, generated from libphonenumber's metadata. The rules
/// that read them follow libphonenumber's `parse` and `is_possible_number_with_reason`, step by
/// step: `Scripts/compare-phones` holds the two against each other.
struct PhonePlan: Sendable {
    /// Two letters, the first in the high byte; or `worldwide`.
    let region: UInt16
    let callingCode: Int
    /// Bit n is set when a national number may have n digits.
    private let lengths: UInt32
    /// Bit n is set when n digits can be dialled from within an area only. Disjoint from `lengths`.
    private let localLengths: UInt32
    /// Where the automaton of `numberTransitions` starts for national numbers of this plan.
    private let numberStart: UInt16
    /// Addresses in `prefixPrograms`; 0 where the plan has no such prefix.
    private let internationalPrefix: Int
    private let nationalPrefix: Int
    /// Digits that replace the national prefix, before the group that its pattern captured:
    /// an area code that callers within the area leave out. `nil` without a transform rule.
    private let transform: StaticString?

    static let worldwide: UInt16 = 0

    init(
        _ region: StaticString, _ callingCode: Int, _ lengths: UInt32, _ localLengths: UInt32,
        _ numberStart: UInt16, _ internationalPrefix: Int, _ nationalPrefix: Int,
        _ transform: StaticString?
    ) {
        let letters = region.utf8Start
        self.region =
            region.utf8CodeUnitCount == 2
            ? UInt16(letters[0]) << 8 | UInt16(letters[1]) : Self.worldwide
        self.callingCode = callingCode
        self.lengths = lengths
        self.localLengths = localLengths
        self.numberStart = numberStart
        self.internationalPrefix = internationalPrefix
        self.nationalPrefix = nationalPrefix
        self.transform = transform
    }

    /// The plan of the main region that uses a calling code; `nil` for a code not in use.
    static func main(callingCode: Int) -> PhonePlan? {
        let index = Int(mainPlanByCallingCode[callingCode])
        return index < all.count ? all[index] : nil
    }

    /// `nil` when a national number of this length is possible, otherwise what is wrong.
    func lengthError(_ count: Int) -> PhoneError? {
        let length = UInt32(1) << UInt32(min(count, 31))
        if lengths & length != 0 { return nil }
        if localLengths & length != 0 { return .localOnly }
        // The lowest set bit is the shortest length: nothing below `length` is set, or all is.
        if lengths & (length - 1) == 0 { return .tooShort }
        if lengths < length { return .tooLong }
        return .invalidLength
    }

    /// Whether the digits are a national number by this plan's pattern.
    func matchesNumber(_ digits: PhoneDigits) -> Bool {
        var state = numberStart
        for offset in 0..<digits.count {
            state = Self.numberTransitions[Int(state) * 10 + Int(digits[offset])]
            if state == 0 { return false }
        }
        return state >= Self.firstAcceptingState
    }

    /// Takes an international prefix (`00`, `011`) off the front; whether there was one.
    ///
    /// No calling code starts with 0, so a 0 behind the prefix means that it was none.
    func removeInternationalPrefix(from digits: inout PhoneDigits) -> Bool {
        guard let prefix = PhonePrefix(internationalPrefix, matching: digits) else { return false }
        if prefix.end < digits.count, digits[prefix.end] == 0 { return false }
        digits.removeFirst(prefix.end)
        return true
    }

    /// Takes the national prefix (a trunk 0, a carrier code) off the front, or puts in the area
    /// code that a local number lacks; not when that spoils what already is a national number.
    func removeNationalPrefix(from digits: inout PhoneDigits) {
        guard let prefix = PhonePrefix(nationalPrefix, matching: digits) else { return }
        var rest = digits
        rest.removeFirst(prefix.end)
        if let transform, let group = prefix.group {
            var whole = PhoneDigits()
            for offset in 0..<transform.utf8CodeUnitCount {
                whole.append(transform.utf8Start[offset] - UInt8(ascii: "0"))
            }
            for offset in group { whole.append(digits[offset]) }
            for offset in 0..<rest.count { whole.append(rest[offset]) }
            rest = whole
        }
        if !matchesNumber(rest), matchesNumber(digits) { return }
        digits = rest
    }

    var callingCodeLength: Int { callingCode < 10 ? 1 : callingCode < 100 ? 2 : 3 }

    /// The calling code with `count` zeros behind it; at most 15.
    func callingCodeValue(before count: Int) -> UInt64 {
        var value = UInt64(callingCode)
        for _ in 0..<count { value = value &* 10 }
        return value
    }

    /// Whether nothing that begins with two digits has an international prefix, as far as one look
    /// tells.
    func hasNoInternationalPrefix(behind first: UInt8, _ second: UInt8) -> Bool {
        internationalPrefix == 0 || PhonePrefix.cannotMatch(internationalPrefix, first, second)
    }

    /// The same for the national prefix.
    func hasNoNationalPrefix(behind first: UInt8, _ second: UInt8) -> Bool {
        nationalPrefix == 0 || PhonePrefix.cannotMatch(nationalPrefix, first, second)
    }

    /// Whether a digit alone is the national prefix, and no national number begins with it.
    func isNationalPrefix(_ digit: UInt8) -> Bool {
        PhonePrefix.isDigit(nationalPrefix, digit)
            && Self.numberTransitions[Int(numberStart) * 10 + Int(digit)] == 0
    }

    /// Whether nothing that begins with a digit has a national prefix, as far as one look tells.
    func hasNoNationalPrefix(behind digit: UInt8) -> Bool {
        nationalPrefix == 0 || PhonePrefix.cannotMatch(nationalPrefix, digit)
    }

    /// What follows this plan's own calling code at the front of a number written without `+`,
    /// or `nil` when the digits are better read as a national number.
    func nationalNumber(behindCallingCodeIn digits: PhoneDigits) -> PhoneDigits? {
        let length = callingCodeLength
        guard digits.count >= length, digits.value(first: length) == UInt64(callingCode) else {
            return nil
        }
        var rest = digits
        rest.removeFirst(length)
        removeNationalPrefix(from: &rest)
        let onlyRestMatches = !matchesNumber(digits) && matchesNumber(rest)
        return onlyRestMatches || lengthError(digits.count) == .tooLong ? rest : nil
    }
}
