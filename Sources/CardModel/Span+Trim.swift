extension Span where Element == UInt8 {
    /// The range that is left without surrounding white space (ASCII, and the no-break space that
    /// web pages and spreadsheets leave behind) and, if asked, without surrounding quotes.
    func trimmedRange(droppingQuotes: Bool = false) -> Range<Int> {
        var lower = 0
        var upper = count
        while lower < upper {
            let byte = self[lower]
            if byte.isASCIIWhitespace || (droppingQuotes && byte.isQuote) {
                lower += 1
            } else if byte == 0xC2, lower + 1 < upper, self[lower + 1] == 0xA0 {
                lower += 2
            } else {
                break
            }
        }
        while lower < upper {
            let byte = self[upper - 1]
            if byte.isASCIIWhitespace || (droppingQuotes && byte.isQuote) {
                upper -= 1
            } else if byte == 0xA0, upper - 2 >= lower, self[upper - 2] == 0xC2 {
                upper -= 2
            } else {
                break
            }
        }
        return lower..<upper
    }
}

extension UInt8 {
    /// Space, tab, LF, VT, FF, CR.
    var isASCIIWhitespace: Bool { self == 0x20 || (0x09...0x0D).contains(self) }

    var isQuote: Bool { self == UInt8(ascii: "\"") || self == UInt8(ascii: "'") }
}
