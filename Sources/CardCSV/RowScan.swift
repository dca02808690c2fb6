/// How far the row being read has been scanned, and what was found in it.
///
/// All offsets count from the row's first byte, so they stay true when the row moves from a chunk
/// into the carry buffer. Only four kinds of byte mean anything: the delimiter, the quote, CR and
/// LF. `BytePattern` finds them, and the methods below are called for each in turn; whatever lies
/// between them needs no look. That a quote closed its field is therefore not known at the quote,
/// but at the next meaningful byte: a quote right behind it makes the pair an escaped quote and
/// opens the field again; anything further on means that text followed the closing quote.
struct RowScan {
    /// How many bytes have been scanned.
    var position = 0
    /// How many fields have ended. Can exceed the number of marks kept.
    var fieldCount = 0
    var fieldStart = 0
    var isInQuotes = false
    /// The last quote that ended a quoted stretch. -2 so that no offset is "right behind it".
    private var closingQuote = -2
    /// Whether the current field has a doubled quote.
    private var fieldHasDoubledQuote = false
    /// Whether any field of the row must be unescaped before it can be shown.
    private(set) var needsUnescaping = false

    /// The first line break inside quotes, or nil: where the row's first physical line ends.
    private(set) var firstLineBreak: Int?
    private var lastCarriageReturn = -2
    /// How many physical lines have ended inside quotes.
    private(set) var linesEnded = 0
    /// Whether a stretch was skipped: fields and lines before `position` are then unknown.
    private(set) var hasSkipped = false

    /// A quote at `offset`, outside quotes: it opens the field, or belongs to a doubled quote, or
    /// is a plain character.
    @inline(__always)
    mutating func quoteOutsideQuotes(at offset: Int) {
        if offset == fieldStart {
            isInQuotes = true
        } else if offset == closingQuote + 1 {
            isInQuotes = true
            fieldHasDoubledQuote = true
        }
    }

    @inline(__always)
    mutating func quoteInQuotes(at offset: Int) {
        isInQuotes = false
        closingQuote = offset
    }

    mutating func lineBreakInQuotes(_ byte: UInt8, at offset: Int) {
        if firstLineBreak == nil { firstLineBreak = offset }
        if byte == Byte.carriageReturn {
            lastCarriageReturn = offset
            linesEnded += 1
        } else if offset != lastCarriageReturn + 1 {
            linesEnded += 1
        }
    }

    /// What decides how the row goes on, apart from the fields it already has.
    struct Reach {
        /// The end of what was scanned.
        var streamOffset = 0
        fileprivate var isInQuotes = false
        fileprivate var isAtFieldStart = false
        fileprivate var isBehindClosingQuote = false
    }

    func reach(rowOffset: Int) -> Reach {
        Reach(
            streamOffset: rowOffset + position, isInQuotes: isInQuotes,
            isAtFieldStart: fieldStart == position,
            isBehindClosingQuote: closingQuote + 1 == position)
    }

    /// Goes on `count` bytes behind the line break at `offset`, in the state `reach`.
    mutating func skip(_ count: Int, behind offset: Int, to reach: Reach) {
        position = offset + 1 + count
        isInQuotes = reach.isInQuotes
        fieldStart = reach.isAtFieldStart ? position : offset
        closingQuote = reach.isBehindClosingQuote ? position - 1 : -2
        hasSkipped = true
    }

    /// Ends the current field just before `offset`. `opensQuoted` tells whether the field begins
    /// with a quote.
    @inline(__always)
    mutating func endField(
        at offset: Int, opensQuoted: Bool, marks: UnsafeMutablePointer<FieldMark>, maxFields: Int
    ) {
        var start = fieldStart
        var end = offset
        var isUnescaped = false
        if opensQuoted {
            isUnescaped = fieldHasDoubledQuote || closingQuote != offset - 1
            if isUnescaped {
                needsUnescaping = true
                fieldHasDoubledQuote = false
            } else {
                start += 1
                end -= 1
            }
        }
        if fieldCount < maxFields {
            marks[fieldCount] = FieldMark(
                start: UInt32(truncatingIfNeeded: start),
                count: UInt32(truncatingIfNeeded: end &- start), isUnescaped: isUnescaped)
        }
        fieldCount += 1
        fieldStart = offset + 1
    }
}

/// Finds the bytes that may have a meaning, eight at a time.
struct BytePattern {
    private let delimiters: UInt64

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x80 * ones
    private static let lowBits: UInt64 = 0x7F * ones

    init(delimiter: UInt8) { delimiters = UInt64(delimiter) * Self.ones }

    /// The high bit of each byte of `word` that is the delimiter, a quote, or less than 14, which
    /// CR and LF are; whoever looks at the hits must ignore the other control characters.
    ///
    /// Each test is exact for every byte: no carry or borrow crosses from one byte into the next.
    @inline(__always)
    func hits(in word: UInt64) -> UInt64 {
        let notDelimiter = Self.nonZeroBytes(word ^ delimiters)
        let notQuote = Self.nonZeroBytes(word ^ (UInt64(Byte.quote) * Self.ones))
        // With its high bit set a byte is at least 0x80, so taking 14 away borrows from no other
        // byte, and leaves the high bit set just when the low seven bits were at least 14.
        let notControl = ((word | Self.highBits) &- (14 * Self.ones)) | word
        return ~(notDelimiter & notQuote & notControl) & Self.highBits
    }

    /// The high bit of each byte that is not zero: 0x7F + 0x7F is 0xFE, so the sum of the low seven
    /// bits reaches the high bit unless they are all zero, and never passes it.
    @inline(__always)
    private static func nonZeroBytes(_ word: UInt64) -> UInt64 {
        ((word & lowBits) &+ lowBits) | word
    }

    /// Up to eight bytes as one word, the first in the lowest bits. Missing bytes are 0xFF; if that
    /// is a hit (as a delimiter), it lies at or beyond `count`.
    @inline(__always)
    static func word(_ bytes: UnsafePointer<UInt8>, count: Int) -> UInt64 {
        if count >= 8 {
            return UInt64(
                littleEndian: UnsafeRawPointer(bytes).loadUnaligned(as: UInt64.self))
        }
        var word = UInt64.max
        for index in stride(from: count - 1, through: 0, by: -1) {
            word = word << 8 | UInt64(bytes[index])
        }
        return word
    }
}
