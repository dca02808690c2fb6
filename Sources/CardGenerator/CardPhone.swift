/// Whose number a card has: numbers are E.164 digits.
enum CardPhone {
    /// One card in so many has the number of the bank's own branch.
    private static let cardsForEachOfBranch: UInt64 = 500
    /// Cards that can share a family's number, and how many groups of them do.
    private static let familyCards: UInt64 = 4
    private static let groupsForEachFamily: UInt64 = 16

    static func draw(_ number: UInt64, seed: UInt64, _ random: inout SplitMix64) -> UInt64 {
        let own = random.next()
        if number % cardsForEachOfBranch == 3 { return mobile(SplitMix64.mix(seed)) }
        let family = SplitMix64.mix(seed ^ SplitMix64.mix(number / familyCards))
        if family % groupsForEachFamily == 0 { return mobile(family >> 4) }
        if own % 50 == 0 { return indian(own / 50) }
        return mobile(own)
    }

    /// A mobile number of the Emirates: 971 5x and seven digits.
    static func mobile(_ lot: UInt64) -> UInt64 {
        let second: UInt64 =
            switch lot % 6 {
            case 0: 0
            case 1: 2
            case 2: 4
            case 3: 5
            case 4: 6
            default: 8
            }
        return 971_500_000_000 + second * 10_000_000 + lot / 6 % 10_000_000
    }

    /// 91 9 and nine digits.
    private static func indian(_ lot: UInt64) -> UInt64 {
        919_000_000_000 + lot % 1_000_000_000
    }

    static func isOfEmirates(_ phone: UInt64) -> Bool { phone / 1_000_000_000 == 971 }
}

extension TextBuffer {
    /// Writes a number as people, programs and spreadsheets do; all forms mean the same.
    mutating func append(
        phone: UInt64, in file: PartnerFile, _ random: inout SplitMix64
    ) {
        let lot = random.below(64)
        guard CardPhone.isOfEmirates(phone) else {
            append(indianPhone: phone, lot)
            return
        }
        let national = phone % 1_000_000_000
        // 48 in 64 are in the file's usual form.
        let form = lot >= 16 ? (file == .pickup ? 0 : 1) : lot
        switch form {
        case 0: append(decimal: national)
        case 1:
            append("\"\"\"0")
            append(decimal: national)
            append("\"\"\"")
        case 2:
            append("0")
            append(decimal: national)
        case 3: append(decimal: phone)
        case 4:
            append("+")
            append(decimal: phone)
        case 5: append(groups: national, "+971 ", " ", " ")
        case 6:
            append("00")
            append(decimal: phone)
        case 7:
            append(decimal: national)
            append(".0")
        case 8: append(scientific: national, fractionDigits: 8, "E+08")
        case 9: append(groups: national, "0", "-", "-")
        case 10: append(groups: national, "(0", ") ", " ")
        case 11:
            append(" 0")
            append(decimal: national)
            append("  ")
        case 12: append(scientific: phone, fractionDigits: 11, "E+11")
        case 13: append(groups: national, "+971 (0) ", " ", " ")
        case 14:
            append("'0")
            append(decimal: national)
        default:
            append(decimal: phone)
            append(".0")
        }
    }

    /// The groups of a national number, such as 58, 594 and 9014, with these texts before each.
    private mutating func append(
        groups national: UInt64, _ first: StaticString, _ second: StaticString,
        _ third: StaticString
    ) {
        append(first)
        append(decimal: national / 10_000_000)
        append(second)
        append(decimal: national / 10_000 % 1_000, width: 3)
        append(third)
        append(decimal: national % 10_000, width: 4)
    }

    /// All digits of a number in scientific notation, such as `5.85949014E+08`.
    private mutating func append(
        scientific number: UInt64, fractionDigits: Int, _ exponent: StaticString
    ) {
        var divisor: UInt64 = 1
        for _ in 0..<fractionDigits { divisor *= 10 }
        append(decimal: number / divisor)
        append(".")
        append(decimal: number % divisor, width: fractionDigits)
        append(exponent)
    }

    private mutating func append(indianPhone phone: UInt64, _ lot: UInt64) {
        switch lot % 3 {
        case 0: append("+")
        case 1: append("00")
        default:
            append("+91 ")
            append(decimal: phone / 100_000 % 100_000, width: 5)
            append(" ")
            append(decimal: phone % 100_000, width: 5)
            return
        }
        append(decimal: phone)
    }
}

/// Texts in the phone's column that are no number.
extension TextBuffer {
    /// What spreadsheets and people leave behind where the number was `phone`, and why it cannot be
    /// used.
    mutating func append(
        brokenPhone phone: UInt64, _ random: inout SplitMix64
    ) -> WarningReason {
        let national = phone % 1_000_000_000
        let lot = random.below(100)
        switch lot {
        case 0..<40:
            append(scientific: phone / 1_000_000 % 1_000_000, fractionDigits: 5, "E+11")
            return .phoneLostDigits
        case 40..<58:
            append(scientific: national / 1_000, fractionDigits: 5, "E+08")
            return .phoneLostDigits
        case 58..<65:
            append(lot % 2 == 0 ? "N/A" : "unknown")
            return .phoneNotANumber
        case 65..<72:
            append("05")
            append(decimal: national / 1_000_000 % 100, width: 2)
            return .phoneTooShort
        case 72..<79:
            append("+971")
            append(decimal: national)
            append(decimal: national % 10_000, width: 4)
            return .phoneTooLong
        case 79..<86:
            // Singapore has numbers of 8, 10 and 11 digits.
            append("+65 6")
            append(decimal: national % 100_000_000, width: 8)
            return .phoneInvalidLength
        case 86..<93:
            // The United States without the area code.
            append("+1 555")
            append(decimal: national % 10_000, width: 4)
            return .phoneLocalOnly
        default:
            append("+999 ")
            append(decimal: national)
            return .phoneUnknownCountry
        }
    }
}
