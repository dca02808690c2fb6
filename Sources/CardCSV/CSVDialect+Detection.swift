extension CSVDialect {
    /// What detection chooses among; of two that are equally frequent, the earlier.
    public static let detectableDelimiters: [UInt8] = [
        UInt8(ascii: ","), UInt8(ascii: ";"), UInt8(ascii: "\t"), UInt8(ascii: "|"),
    ]

    /// The most frequent of `detectableDelimiters` outside quotes in the first row of `bytes`; a
    /// comma when there is none, as in a file of one column.
    ///
    /// The reader uses the same rule. Blank lines before the first row are skipped, a byte order
    /// mark is not special. Where a quote in the first row is never closed, quotes are ignored and
    /// the first physical line decides. Reads no further than the first row.
    public static func detectDelimiter(in bytes: Span<UInt8>) -> UInt8 {
        bytes.withUnsafeBufferPointer { bytes in
            let start = bytes.firstIndex { !Byte.isLineBreak($0) } ?? bytes.endIndex
            var detector = DelimiterDetector()
            detector.examine(UnsafeBufferPointer(rebasing: bytes[start...]))
            return detector.best
        }
    }
}

/// Counts possible delimiters in the first row, which may arrive in pieces.
///
/// Where a quote opens a field depends on the delimiter, which is not known yet; a quote is taken
/// to open a field after any of the candidates.
struct DelimiterDetector {
    private enum State { case fieldStart, unquoted, quoted, quoteInQuoted }

    /// Four counters, in the order of `candidate(_:)`.
    private typealias Counts = SIMD4<Int>

    private var state = State.fieldStart
    private var countsOutsideQuotes = Counts()
    private var countsInFirstLine = Counts()
    private var isInFirstLine = true
    private var isDone = false
    /// How many bytes of the first row have been examined.
    private(set) var position = 0

    /// Goes on where the last call stopped; `row` starts at the row's first byte each time.
    /// Returns whether the row's end was found.
    @discardableResult
    mutating func examine(_ row: UnsafeBufferPointer<UInt8>) -> Bool {
        while position < row.count, !isDone {
            examine(row[position])
            position += 1
        }
        return isDone
    }

    /// The decision on what was examined so far.
    var best: UInt8 {
        let counts = !isDone && state == .quoted ? countsInFirstLine : countsOutsideQuotes
        var best = 0
        for candidate in 1..<4 where counts[candidate] > counts[best] { best = candidate }
        return CSVDialect.detectableDelimiters[best]
    }

    private mutating func examine(_ byte: UInt8) {
        if Byte.isLineBreak(byte) {
            isInFirstLine = false
            isDone = state != .quoted
            return
        }
        let candidate = Self.candidate(byte)
        if let candidate, isInFirstLine { countsInFirstLine[candidate] += 1 }
        switch state {
        case .quoted:
            if byte == Byte.quote { state = .quoteInQuoted }
        case .fieldStart where byte == Byte.quote, .quoteInQuoted where byte == Byte.quote:
            state = .quoted
        case .fieldStart, .quoteInQuoted, .unquoted:
            state = candidate == nil ? .unquoted : .fieldStart
            if let candidate { countsOutsideQuotes[candidate] += 1 }
        }
    }

    /// The index of a byte in `CSVDialect.detectableDelimiters`, without a look at the array.
    private static func candidate(_ byte: UInt8) -> Int? {
        switch byte {
        case UInt8(ascii: ","): 0
        case UInt8(ascii: ";"): 1
        case UInt8(ascii: "\t"): 2
        case UInt8(ascii: "|"): 3
        default: nil
        }
    }
}
