/// One row, or a stretch of bytes that could not be read as one, lent to a callback.
///
/// A row is a view of memory that the reader reuses for the next one. It cannot be copied, and is
/// only ever borrowed, so it cannot outlive the callback; neither can a span it lends.
public struct CSVRow: ~Copyable {
    @usableFromInline
    let content: RowContent

    @usableFromInline
    init(_ content: RowContent) { self.content = content }

    /// The physical line on which the row starts, from 1. CR, LF and CRLF each end one line, inside
    /// quotes too.
    @inlinable
    public var line: Int { content.line }

    /// Where the row lies in the stream given to the reader: from its first byte to just before its
    /// line break. Whole even when the row was too long to be kept.
    @inlinable
    public var byteRange: Range<Int> { content.offset..<(content.offset + content.byteCount) }

    /// The number of fields: at least 1, or 0 when there is a `problem`.
    @inlinable
    public var fieldCount: Int { content.fieldCount }

    /// Why this row could not be read, or nil.
    @inlinable
    public var problem: CSVProblem? { content.problem }

    /// Lends the bytes of field `index`, without quotes around it and with doubled quotes halved.
    ///
    /// Calls may be nested, to look at several fields at once. O(1): nothing is copied here.
    /// - Parameter index: from 0 to `fieldCount - 1`; anything else is a bug and traps.
    @inlinable
    public func withField<R: ~Copyable, E: Error>(
        _ index: Int, _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        precondition(index >= 0 && index < content.fieldCount, "The row has no such field.")
        let mark = content.marks[index]
        let base = mark.isUnescaped ? content.unescaped : content.raw
        let bytes = UnsafeBufferPointer(start: base + Int(mark.start), count: Int(mark.count))
        return try body(bytes.span)
    }

    /// Lends the row's verbatim bytes, quotes and all, without its line break. A row longer than
    /// the reader's `maxRowBytes` is cut there; `byteRange` says where to find the rest.
    @inlinable
    public func withRawRow<R: ~Copyable, E: Error>(
        _ body: (Span<UInt8>) throws(E) -> R
    ) throws(E) -> R {
        try body(UnsafeBufferPointer(start: content.raw, count: content.rawCount).span)
    }
}

/// What a `CSVRow` shows. The pointers stay true until the reader looks for the next row.
@usableFromInline
struct RowContent {
    @usableFromInline var line: Int
    @usableFromInline var offset: Int
    @usableFromInline var byteCount: Int
    @usableFromInline var fieldCount: Int
    @usableFromInline var problem: CSVProblem?
    @usableFromInline var raw: UnsafePointer<UInt8>
    @usableFromInline var rawCount: Int
    @usableFromInline var marks: UnsafePointer<FieldMark>
    @usableFromInline var unescaped: UnsafePointer<UInt8>
}

/// Where the bytes of one field lie: in the raw row, or among the row's unescaped fields.
@usableFromInline
struct FieldMark {
    @usableFromInline var start: UInt32
    @usableFromInline var count: UInt32
    @usableFromInline var isUnescaped: Bool
}
