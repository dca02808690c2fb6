/// A phone number written with anything beyond digits and plain separators: letters, extensions,
/// `tel:` parameters, other scripts, or no phone number at all.
///
/// The steps and their order are those of libphonenumber's `parse`, whose regular expressions are
/// written out here as plain scans. Positions in it are Unicode scalars. Not the fast way: it may
/// allocate, and its cost is bounded by `countMax` squared.
struct PhoneText {
    /// libphonenumber reads no text longer than this.
    static let countMax = 250

    private var scalars: ArraySlice<UInt32>

    init(_ text: Span<UInt8>) throws(PhoneError) {
        // A scalar has at most 4 bytes: what has more bytes than that is not worth decoding.
        guard text.count <= 4 * Self.countMax else { throw .tooLong }
        let bytes = text.indices.map { text[$0] }
        scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars.map(\.value)[...]
        guard scalars.count <= Self.countMax else { throw .tooLong }
    }

    /// The digits that are left to dial, and whether a plus sign stood before them.
    consuming func digits() throws(PhoneError) -> (PhoneDigits, hasPlus: Bool) {
        if let context = firstIndex(of: ";phone-context=") {
            try joinContext(at: context)
        } else {
            extractPossibleNumber()
        }
        if let subaddress = firstIndex(of: ";isub="), subaddress > scalars.startIndex {
            scalars = scalars[..<subaddress]
        }
        guard Self.isViable(scalars) else { throw .notANumber }
        removeExtension()

        let number = scalars.drop(while: Self.isPlus)
        var digits = PhoneDigits()
        let hasLetters = number.lazy.filter(Self.isLetter).prefix(3).count == 3
        for scalar in number {
            let digit = hasLetters ? Self.keypadDigit(scalar) : Self.decimalDigit(scalar)
            if let digit { digits.append(digit) }
        }
        return (digits, hasPlus: number.startIndex != scalars.startIndex)
    }

    /// Cuts off what cannot start a number, what cannot end one, and a second number.
    private mutating func extractPossibleNumber() {
        scalars = scalars.drop { !Self.isPlus($0) && Self.decimalDigit($0) == nil }
        while let last = scalars.last, last != 0x23, !Self.isAlphanumeric(last) {
            scalars.removeLast()
        }
        // "(530) 583-6985 x302/x2303" is two numbers: a slash of either kind, spaces and an x.
        for index in scalars.indices where scalars[index] == 0x2F || scalars[index] == 0x5C {
            if scalars[(index + 1)...].drop(while: { $0 == 0x20 }).first == 0x78 {
                scalars = scalars[..<index]
                return
            }
        }
    }

    /// Brings `tel:7042;phone-context=+1-914-555` (RFC 3966) into the form `+1-914-5557042`.
    private mutating func joinContext(at index: Int) throws(PhoneError) {
        let parameter = scalars[(index + ";phone-context=".utf8.count)...]
        let context = parameter.prefix { $0 != 0x3B }
        guard Self.isGlobalNumber(context) || Self.isDomainName(context) else {
            throw .notANumber
        }
        var start = scalars.startIndex
        if let scheme = firstIndex(of: "tel:") { start = scheme + "tel:".utf8.count }
        let number = start < index ? scalars[start..<index] : []
        scalars = context.first == 0x2B ? context + number : number
    }

    /// Digits and visual separators behind a plus sign, at least one digit.
    private static func isGlobalNumber(_ context: ArraySlice<UInt32>) -> Bool {
        guard context.first == 0x2B else { return false }
        var hasDigit = false
        for scalar in context.dropFirst() {
            switch scalar {
            case 0x28, 0x29, 0x2D, 0x2E: continue
            default:
                guard decimalDigit(scalar) != nil else { return false }
                hasDigit = true
            }
        }
        return hasDigit
    }

    /// Labels of letters, digits and inner hyphens between points, the last one led by a letter;
    /// one point may follow.
    private static func isDomainName(_ context: ArraySlice<UInt32>) -> Bool {
        let name = context.last == 0x2E ? context.dropLast() : context
        let labels = name.split(separator: 0x2E, omittingEmptySubsequences: false)
        for label in labels {
            guard let first = label.first, first != 0x2D, label.last != 0x2D else { return false }
            for scalar in label where scalar != 0x2D && !isLetter(scalar) {
                guard decimalDigit(scalar) != nil else { return false }
            }
        }
        guard let first = labels.last?.first else { return false }
        return isLetter(first)
    }

    private func firstIndex(of text: StaticString) -> Int? {
        let count = text.utf8CodeUnitCount
        guard scalars.count >= count else { return nil }
        return (scalars.startIndex...scalars.endIndex - count).first { start in
            (0..<count).allSatisfy { scalars[start + $0] == UInt32(text.utf8Start[$0]) }
        }
    }

    private mutating func removeExtension() {
        guard let start = scalars.indices.first(where: { Self.isExtension(scalars[$0...]) }) else {
            return
        }
        if Self.isViable(scalars[..<start]) { scalars = scalars[..<start] }
    }

    /// Two digits; or any plus signs, three digits with punctuation before each, then punctuation,
    /// letters and digits; and an extension may follow the second form.
    private static func isViable(_ text: ArraySlice<UInt32>) -> Bool {
        guard text.count >= 2 else { return false }
        if text.count == 2, text.allSatisfy({ decimalDigit($0) != nil }) { return true }
        var rest = text.drop(while: isPlus)
        for _ in 0..<3 {
            rest = rest.drop(while: isPunctuation)
            guard let scalar = rest.popFirst(), decimalDigit(scalar) != nil else { return false }
        }
        while true {
            if rest.isEmpty || isExtension(rest) { return true }
            guard let scalar = rest.popFirst(),
                isPunctuation(scalar) || isLetterIgnoringCase(scalar)
                    || decimalDigit(scalar) != nil
            else { return false }
        }
    }
}
