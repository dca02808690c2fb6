/// How phone numbers are written down: the cleaning of bytes that comes before libphonenumber's
/// rules, and the short way for the forms that nearly every row has.
enum PhoneNotation {
    /// Where the text is without the white space and quotes at both ends, however many there are
    /// and in whatever order.
    static func trimmed(_ text: Span<UInt8>) -> Range<Int> {
        var start = 0
        var end = text.count
        while start < end, let length = wrapping(text.extracting(start..<end), atEnd: false) {
            start += length
        }
        while start < end, let length = wrapping(text.extracting(start..<end), atEnd: true) {
            end -= length
        }
        return start..<end
    }

    /// The length of the white space or quote character at one end of a text that is not empty.
    private static func wrapping(_ text: Span<UInt8>, atEnd: Bool) -> Int? {
        switch text[atEnd ? text.count - 1 : 0] {
        case UInt8(ascii: "\t")...UInt8(ascii: "\r"), UInt8(ascii: " "), UInt8(ascii: "\""),
            UInt8(ascii: "'"):
            return 1
        case 0...0x7F: return nil
        default: break
        }
        if text.count >= 2 {
            let first = text[atEnd ? text.count - 2 : 0]
            let second = text[atEnd ? text.count - 1 : 1]
            switch (first, second) {
            case (0xC2, 0xA0), (0xC2, 0xAB), (0xC2, 0xBB): return 2  // No-break space, « and ».
            default: break
            }
        }
        guard text.count >= 3 else { return nil }
        let offset = atEnd ? text.count - 3 : 0
        switch (text[offset], text[offset + 1], text[offset + 2]) {
        case (0xEF, 0xBB, 0xBF): return 3  // A byte order mark.
        case (0xE2, 0x80, 0x98...0x9F): return 3  // Typographic quotes.
        default: return nil
        }
    }

    /// Collects the digits of a text of ASCII digits and separators with at most one leading `+`;
    /// false when it is anything else. `text` is trimmed and not empty.
    ///
    /// What libphonenumber does with such a text comes to just that: no separator here can start an
    /// extension, and the number is viable once it has three digits.
    static func scan(
        _ text: Span<UInt8>, into digits: inout PhoneDigits, _ hasPlus: inout Bool
    ) throws(PhoneError) -> Bool {
        guard text.count <= PhoneText.countMax else { return false }
        var hasSeparator = false
        scanning: for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digits.append(byte - UInt8(ascii: "0"))
            case UInt8(ascii: "+"):
                guard digits.count == 0, !hasPlus else { return false }
                hasPlus = true
            case UInt8(ascii: "."):
                if !hasSeparator, isFloatTail(text.extracting(index...), digits.count) {
                    // The tail is not to be counted among the digits of "+12.0".
                    guard digits.count >= 3 || !hasPlus else { throw .notANumber }
                    break scanning
                }
                hasSeparator = true
            case UInt8(ascii: " "), UInt8(ascii: "-"), UInt8(ascii: "/"), UInt8(ascii: "("),
                UInt8(ascii: ")"):
                hasSeparator = true
            default: return false
            }
        }
        return digits.count >= 3 || (digits.count == 2 && !hasPlus && !hasSeparator)
    }

    /// A point and zeros: what a float's text has behind an integer. More zeros than digits before
    /// the point are a group of a number written with points (`971.0000000`), not a fraction.
    private static func isFloatTail(_ text: Span<UInt8>, _ digitsBefore: Int) -> Bool {
        guard text.count >= 2, text.count - 1 < digitsBefore else { return false }
        for index in 1..<text.count where text[index] != UInt8(ascii: "0") { return false }
        return true
    }

    /// Collects the digits of a number in scientific notation, `5.85949014E+08`; false when the
    /// text is something else. A decimal comma, as some spreadsheets write it, is as good as a
    /// point.
    static func expandScientific(
        _ text: Span<UInt8>, into digits: inout PhoneDigits, _ hasPlus: inout Bool
    ) throws(PhoneError) -> Bool {
        var index = 0
        hasPlus = text[0] == UInt8(ascii: "+")
        if hasPlus { index = 1 }
        let whole = digitRun(text, from: index)
        index = whole.upperBound
        guard !whole.isEmpty, index < text.count else { return false }
        var fraction = index..<index
        if text[index] == UInt8(ascii: ".") || text[index] == UInt8(ascii: ",") {
            fraction = digitRun(text, from: index + 1)
            guard !fraction.isEmpty else { return false }
            index = fraction.upperBound
        }
        guard index < text.count, text[index] | 0x20 == UInt8(ascii: "e") else { return false }
        index += 1
        var isNegative = false
        if index < text.count, text[index] == UInt8(ascii: "+") || text[index] == UInt8(ascii: "-")
        {
            isNegative = text[index] == UInt8(ascii: "-")
            index += 1
        }
        let power = digitRun(text, from: index)
        guard 1...3 ~= power.count, power.upperBound == text.count else { return false }
        let exponent = power.reduce(0) { $0 * 10 + Int(text[$1] - UInt8(ascii: "0")) }
        guard !isNegative || exponent == 0 else { throw .notANumber }
        guard exponent <= fraction.count else { throw .lostDigits }
        for index in fraction.dropFirst(exponent) where text[index] != UInt8(ascii: "0") {
            throw .notANumber
        }
        for range in [whole, fraction.prefix(exponent)] {
            for index in range where digits.count > 0 || text[index] != UInt8(ascii: "0") {
                digits.append(text[index] - UInt8(ascii: "0"))
            }
        }
        guard digits.count >= (hasPlus ? 3 : 2) else { throw .notANumber }
        return true
    }

    private static func digitRun(_ text: Span<UInt8>, from start: Int) -> Range<Int> {
        var end = start
        while end < text.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= text[end] { end += 1 }
        return start..<end
    }
}
