extension PhoneText {
    /// Whether the whole text is an extension: `;ext=12`, ` ext. 12`, `x12`, `- 12#`, `,,12`, …
    ///
    /// The longest allowed extension depends on how clearly it is marked as one. Each alternative
    /// of libphonenumber's expression can be matched without going back: its parts begin with
    /// characters that the part before them cannot contain.
    static func isExtension(_ text: ArraySlice<UInt32>) -> Bool {
        // No alternative begins with a digit, which is what most texts are made of.
        guard let first = text.first, !(0x30...0x39 ~= first) else { return false }
        if takes(Label.parameter, text).map({ endsInDigits($0, max: 20, hash: false) }) ?? false {
            return true
        }
        let marked = text.drop { isBlank($0) || $0 == comma }
        if let rest = explicitLabel(marked), endsInDigits(separated(rest), max: 20) { return true }
        if let rest = ambiguousLabel(marked), endsInDigits(separated(rest), max: 9) { return true }
        let hyphened = text.drop { $0 == 0x2D || $0 == 0x20 }
        if hyphened.startIndex > text.startIndex, hyphened.last == hash,
            endsInDigits(hyphened, max: 6)
        {
            return true
        }
        let dialled = text.drop(while: isBlank)
        let autoDialled =
            dialled.first == 0x3B
            ? dialled.dropFirst()
            : dialled.prefix(2).elementsEqual([comma, comma])
                ? dialled.dropFirst(2) : nil
        if let autoDialled, endsInDigits(separated(autoDialled), max: 15) { return true }
        guard dialled.first == comma else { return false }
        return endsInDigits(separated(dialled.drop { $0 == comma }), max: 9)
    }

    private static let comma: UInt32 = 0x2C
    private static let hash: UInt32 = 0x23

    /// `ext`, `xt`, `extn`, `extension`, the same in full width, `доб`, `anexo`.
    private static func explicitLabel(_ text: ArraySlice<UInt32>) -> ArraySlice<UInt32>? {
        if let rest = takes(Label.russian, text) ?? takes(Label.spanish, text) { return rest }
        if let rest = takes(Label.wideXT, takes(Label.wideE, text) ?? text) {
            return takes(Label.wideN, rest) ?? rest
        }
        guard var rest = takes(Label.xt, takes(Label.e, text) ?? text) else { return nil }
        if let long = takes(Label.ensi, rest) {
            // The accent may be a character of its own, or the o may be left out with it.
            guard
                let vowel = takes(Label.accented, long) ?? takes(Label.o, long)
                    ?? takes(Label.oAcute, long)
            else { return nil }
            rest = vowel
        }
        return takes(Label.n, rest) ?? rest
    }

    private static func ambiguousLabel(_ text: ArraySlice<UInt32>) -> ArraySlice<UInt32>? {
        for label in Label.ambiguous {
            if let rest = takes(label, text) { return rest }
        }
        return nil
    }

    /// What follows the punctuation that may stand between a label and the digits.
    private static func separated(_ text: ArraySlice<UInt32>) -> ArraySlice<UInt32> {
        let rest =
            switch text.first {
            case 0x3A, 0x2E, 0xFF0E: text.dropFirst()
            default: text
            }
        return rest.drop { isBlank($0) || $0 == comma || $0 == 0x2D }
    }

    /// One to `max` digits, perhaps a hash, and nothing else.
    private static func endsInDigits(
        _ text: ArraySlice<UInt32>, max: Int, hash allowsHash: Bool = true
    ) -> Bool {
        let rest = text.drop { decimalDigit($0) != nil }
        guard 1...max ~= rest.startIndex - text.startIndex else { return false }
        return rest.isEmpty || (allowsHash && rest.count == 1 && rest.first == hash)
    }

    /// What follows `label` at the start of the text in any case, if it is there.
    private static func takes(
        _ label: [UInt32], _ text: ArraySlice<UInt32>
    ) -> ArraySlice<UInt32>? {
        var rest = text
        for scalar in label {
            guard let first = rest.popFirst(), lowercased(first) == scalar else { return nil }
        }
        return rest
    }

    /// The words before an extension and their parts, in lower case.
    private enum Label {
        static let parameter = scalars(";ext=")
        static let e = scalars("e")
        static let xt = scalars("xt")
        static let ensi = scalars("ensi")
        static let accented = scalars("o\u{301}")
        static let o = scalars("o")
        static let oAcute = scalars("\u{F3}")
        static let n = scalars("n")
        static let wideE = scalars("ｅ")
        static let wideXT = scalars("ｘｔ")
        static let wideN = scalars("ｎ")
        static let russian = scalars("доб")
        static let spanish = scalars("anexo")
        static let ambiguous = ["int", "ｉｎｔ", "x", "ｘ", "#", "＃", "~", "～"].map(scalars)

        private static func scalars(_ text: String) -> [UInt32] { text.unicodeScalars.map(\.value) }
    }
}
