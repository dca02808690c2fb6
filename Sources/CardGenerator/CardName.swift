/// A card's ID. Two numbers never have the same one: letters with eight digits come from a
/// permutation of the numbers, and the other kinds have lengths or characters of their own.
enum CardName {
    /// Three letters and eight digits: 26^3 * 10^8.
    private static let places: UInt64 = 1_757_600_000_000
    /// About `places` divided by the golden ratio, and prime to `places` (not divisible by 2, 5 or
    /// 13), so that multiplying by it is a permutation. Neighbours lie far apart: a
    /// file in the order of time meets a store in the order of IDs at a new place with every card.
    private static let step: UInt64 = 1_086_256_538_661

    enum Kind {
        /// `ZYW88270001`
        case plain
        /// `ZYW-88270001`, with `-`, `_` or `.`
        case joined(UInt8)
        /// `400088270001`: what a spreadsheet may take for a number.
        case digits
        /// 32 bytes, as long as an ID may be.
        case longest
    }

    static func drawKind(_ random: inout SplitMix64) -> Kind {
        switch random.below(1_000) {
        case 0..<10: .joined(UInt8(ascii: "-"))
        case 10..<15: .joined(UInt8(ascii: "_"))
        case 15..<20: .joined(UInt8(ascii: "."))
        case 20..<40: .digits
        case 40..<42: .longest
        default: .plain
        }
    }

    /// The canonical form.
    static func write(
        _ number: UInt64, _ kind: Kind, seed: UInt64, to text: inout TextBuffer
    ) {
        switch kind {
        case .digits:
            // Twelve digits, which no payment card's number has.
            text.append(decimal: 400_000_000_000 + number)
            return
        case .longest: text.append("CARD-ISSUER.BATCH_0-A")
        case .plain, .joined: break
        }
        let product = number.multipliedFullWidth(by: step)
        let place =
            (places.dividingFullWidth(product).remainder + SplitMix64.mix(seed) % places) % places
        let letters = place / 100_000_000
        text.append(UInt8(ascii: "A") + UInt8(letters / 676))
        text.append(UInt8(ascii: "A") + UInt8(letters / 26 % 26))
        text.append(UInt8(ascii: "A") + UInt8(letters % 26))
        if case .joined(let joint) = kind { text.append(joint) }
        text.append(decimal: place % 100_000_000, width: 8)
    }

    /// 16 digits that look like a payment card's number: the last one makes the Luhn sum right.
    static func writeCardNumber(_ number: UInt64, to text: inout TextBuffer) {
        let digits = 400_000_000_000_000 + number
        var rest = digits
        var sum: UInt64 = 0
        var isDoubled = true
        while rest > 0 {
            let digit = rest % 10 * (isDoubled ? 2 : 1)
            sum += digit > 9 ? digit - 9 : digit
            isDoubled.toggle()
            rest /= 10
        }
        text.append(decimal: digits * 10 + (10 - sum % 10) % 10)
    }
}

extension TextBuffer {
    /// Writes a card's ID as people and spreadsheets do.
    ///
    /// - Returns: the warning that the loader has for that form, if any.
    mutating func append(
        card id: borrowing TextBuffer, _ kind: CardName.Kind, _ random: inout SplitMix64
    ) -> WarningReason? {
        let lot = random.below(1_000)
        if case .digits = kind, lot >= 700 {
            append(id)
            append(".0")
            return .cardIDFloatTail
        }
        switch lot {
        case 0..<30:
            let start = count
            append(id)
            lowercase(from: start, every: lot < 25 ? 1 : 2)
        case 30..<50:
            append(lot < 40 ? " " : "\t")
            append(id)
            append("  ")
        case 50..<70:
            append("\"")
            append(id)
            append("\"")
        case 70..<85:
            append("\"\"\"")
            append(id)
            append("\"\"\"")
        case 85..<92:
            append("'")
            append(id)
            append("'")
        case 92..<96:
            append(id)
            append("\u{A0}")
        default: append(id)
        }
        return nil
    }

    private mutating func lowercase(from start: Int, every step: Int) {
        for index in stride(from: start, to: count, by: step) {
            replace(at: index) { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
            }
        }
    }
}
