/// What separates the fields of a file. The quote is always `"`, doubled inside quotes as in
/// RFC 4180, and every mixture of LF, CRLF and CR ends rows.
public struct CSVDialect: Equatable, Sendable {
    /// The byte between two fields, or nil to find it in the first row among
    /// `detectableDelimiters`.
    public var delimiter: UInt8?

    /// - Parameter delimiter: any byte but the quote, CR and LF, which would be ambiguous.
    public init(delimiter: UInt8? = nil) {
        precondition(
            delimiter != Byte.quote && delimiter != Byte.carriageReturn
                && delimiter != Byte.lineFeed,
            "A quote or a line break cannot separate fields.")
        self.delimiter = delimiter
    }
}

/// The bytes with a meaning in every dialect.
enum Byte {
    static let lineFeed = UInt8(ascii: "\n")
    static let carriageReturn = UInt8(ascii: "\r")
    static let quote = UInt8(ascii: "\"")

    @inline(__always)
    static func isLineBreak(_ byte: UInt8) -> Bool { byte == lineFeed || byte == carriageReturn }
}
