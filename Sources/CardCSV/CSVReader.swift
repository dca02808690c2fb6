/// A streaming CSV reader: bytes in, rows out.
///
/// Rows follow RFC 4180, and where a file breaks it, the habits of Python's `csv` module: a quote
/// inside an unquoted field is a plain character, text after a closing quote is appended. A byte
/// order mark of UTF-8 at the very start is skipped, blank lines are skipped but counted, NUL and
/// every other byte are data. How the input is cut into chunks never changes the result.
///
/// ```swift
/// var reader = CSVReader()
/// try reader.read(chunk.span) { row in … }  // for each chunk
/// try reader.finish { row in … }
/// ```
///
/// # Layout
/// A row that lies whole in a chunk is read in place. One that does not is copied to the *carry
/// buffer*, bit by bit, until it ends; as soon as a row starts at a byte that came with the current
/// chunk, reading goes on in the chunk. "The window" below is whichever of the two holds the
/// current row, from its first byte on. Field bounds are kept as offsets in the row; only fields
/// with doubled quotes or text after the closing quote are copied out, to be unescaped.
///
/// # Quotes that are never closed
/// A row that is inside quotes at the end of the input, or that crosses a line break inside quotes
/// and then does not end within `maxRowBytes`, costs only its first physical line; the next line is
/// read as a row of its own. Done naively, that is quadratic for a file such as a million lines
/// `a"b,"c`, each of which leaves a quote open whether it is read from a row's start or from within
/// quotes. But two readings of the same bytes that both live on across a line break are both inside
/// quotes there, hence equal ever after. So once a row was found unterminated, `reach` notes how
/// far it was followed, and a later row that crosses a line break before that point skips to it.
/// Fields and lines in the skipped part are unknown; if the row ends well after all, it is scanned
/// once more.
///
/// Hence the bound: each byte is examined at most once from its line's start, once within quotes
/// running on from an earlier line, and once in such a second scan: three times the input, plus the
/// first row once more when the delimiter has to be found.
///
/// # Invariants
/// - The window never holds a byte before the current row. In the carry buffer it never holds more
///   than `maxRowBytes + 1` bytes, the last being the one that proves the row too long.
/// - The carry buffer's last byte is the one before `chunk[chunkPosition]`.
/// - `scan` speaks of the current row alone; `moveForward` is the only way to the next.
///
/// # What must change together
/// `RowScan`'s rules and `unescape` here; `BytePattern.hits` and the bytes `scanRow` tells apart;
/// any rule that lets a row end, and the argument above. `DelimiterDetector` opens and closes
/// quotes by the same rules. The tests hold a slow reader that says the same without any of this.
public struct CSVReader: ~Copyable {
    /// The delimiter given, or found in the first row; nil as long as that has not been read.
    public private(set) var delimiter: UInt8?
    private var pattern = BytePattern(delimiter: 0)
    private var detector = DelimiterDetector()

    private let maxRowBytes: Int
    private let maxFields: Int

    private var carry: CarryBuffer
    private let marks: UnsafeMutablePointer<FieldMark>
    private var unescaped: UnsafeMutablePointer<UInt8>
    private var unescapedCapacity = 64

    @usableFromInline enum Phase { case betweenChunks, insideChunk, ended }
    @usableFromInline var phase = Phase.betweenChunks
    private var chunkPosition = 0
    /// How many bytes of a byte order mark have been seen at the very start; nil once past it.
    private var byteOrderMarkCount: Int? = 0

    private var scan = RowScan()
    private var rowOffset = 0
    private var rowLine = 1
    /// Whether the last line ended with CR, so that LF right behind it belongs to it.
    private var skipsLineFeed = false
    /// How far an unterminated row was followed, and what it was in there; see above.
    private var reach = RowScan.Reach()
    /// The problem of a row longer than can be kept, while looking for its line break. `scan` is
    /// the row's, and the carry buffer holds its first `maxRowBytes` bytes.
    private var skippedRowProblem: CSVProblem?

    @usableFromInline var found: RowContent

    /// How many bytes were looked at, repetitions included: what the bound above is about.
    package private(set) var bytesExamined = 0
    /// How many bytes were copied to or within the carry buffer.
    package var bytesMoved: Int { carry.bytesMoved }
    /// The memory held for rows that span chunks and for unescaped fields.
    package var bytesHeld: Int { carry.capacity + unescapedCapacity }

    /// A reader at the start of a stream.
    ///
    /// It holds up to 1.125 × `maxRowBytes` + 4 KiB for a row that spans chunks, up to
    /// `maxRowBytes` for a row's unescaped fields, and 12 bytes for each of `maxFields`. It grows
    /// to that only where rows need it, and allocates nothing once it has met its longest row.
    /// - Parameters:
    ///   - maxRowBytes: the longest row that is read, without its line break; 1 to 2^30. Also how
    ///     far a quoted field can run on before its quote is taken as never closed.
    ///   - maxFields: the most fields of one row, at least 1.
    public init(dialect: CSVDialect = .init(), maxRowBytes: Int = 1 << 20, maxFields: Int = 1024) {
        precondition(
            (1...1 << 30).contains(maxRowBytes), "maxRowBytes must be between 1 and 2^30.")
        precondition(maxFields >= 1, "A row has at least one field.")
        self.maxRowBytes = maxRowBytes
        self.maxFields = maxFields
        carry = CarryBuffer(countMax: maxRowBytes + 1)
        marks = .allocate(capacity: maxFields)
        unescaped = .allocate(capacity: unescapedCapacity)
        found = RowContent(
            line: 0, offset: 0, byteCount: 0, fieldCount: 0, problem: nil, raw: carry.first,
            rawCount: 0, marks: marks, unescaped: unescaped)
        if let delimiter = dialect.delimiter { setDelimiter(delimiter) }
    }

    /// A reader that starts behind the line feed that ended a row, at byte `offset` of the stream:
    /// what it reads is what a reader of the whole stream reads from there on, when that is
    /// between rows there (``isBetweenRows``). Its lines count from `line`.
    public init(
        delimiter: UInt8, offset: Int, line: Int = 1, maxRowBytes: Int = 1 << 20,
        maxFields: Int = 1024
    ) {
        self.init(
            dialect: CSVDialect(delimiter: delimiter), maxRowBytes: maxRowBytes,
            maxFields: maxFields)
        byteOrderMarkCount = nil
        rowOffset = offset
        rowLine = line
    }

    /// Whether the last chunk ended where a row did: nothing read later can change what was read
    /// so far, and nothing read so far changes what will be.
    public var isBetweenRows: Bool {
        phase == .betweenChunks && carry.isEmpty && scan.position == 0 && skippedRowProblem == nil
            && delimiter != nil && byteOrderMarkCount == nil && !skipsLineFeed
    }

    /// The line on which the next row starts, when the reader ``isBetweenRows``.
    public var nextLine: Int { rowLine }

    deinit {
        marks.deallocate()
        unescaped.deallocate()
    }

    /// Reads the stream's next bytes and calls `onRow` once for each row, or unreadable stretch,
    /// that ends in them. What is left waits for the next chunk, copied, so that `chunk` may go.
    ///
    /// - Throws: what `onRow` throws, at once. The rest of the chunk is then lost, and the reader
    ///   must not be used again; the next call traps.
    @inlinable
    public mutating func read<E: Error>(
        _ chunk: Span<UInt8>, _ onRow: (borrowing CSVRow) throws(E) -> Void
    ) throws(E) {
        try chunk.withUnsafeBufferPointer { (bytes) throws(E) in
            beginChunk()
            while findRow(in: bytes) { try onRow(CSVRow(found)) }
            phase = .betweenChunks
        }
    }

    /// Ends the stream: calls `onRow` for the last row when no line break ended it, and for the
    /// rows behind a quote that was never closed. The reader must not be used again.
    @inlinable
    public mutating func finish<E: Error>(
        _ onRow: (borrowing CSVRow) throws(E) -> Void
    ) throws(E) {
        beginChunk()
        phase = .ended
        let nothing = UnsafeBufferPointer<UInt8>(start: nil, count: 0)
        while findRow(in: nothing) { try onRow(CSVRow(found)) }
    }

    @usableFromInline
    mutating func beginChunk() {
        precondition(
            phase == .betweenChunks, "A reader that has ended or whose callback threw is used.")
        phase = .insideChunk
        chunkPosition = 0
    }
}

// MARK: - From bytes to rows

extension CSVReader {
    /// Finds the next row and leaves it in `found`; false when that takes bytes beyond `chunk`, or
    /// at the end of the stream.
    @usableFromInline
    mutating func findRow(in chunk: UnsafeBufferPointer<UInt8>) -> Bool {
        guard skipByteOrderMark(in: chunk) else { return false }
        while true {
            if let problem = skippedRowProblem { return skipRow(in: chunk, problem) }
            let window = window(in: chunk)
            if scan.position == 0, let first = window.first, skipLineBreak(first) { continue }

            guard delimiter != nil else {
                if findDelimiter(in: window) || fetch(from: chunk) { continue }
                guard phase == .ended, !window.isEmpty else { return false }
                setDelimiter(detector.best)
                continue
            }
            if let lineBreak = scanRow(window) {
                if scan.hasSkipped {
                    scanAgain()
                    continue
                }
                endRow(at: lineBreak, in: window)
                return true
            }
            if scan.position > maxRowBytes {
                if giveUpFirstLine(in: window) { return true }
                beginSkippingRow(window)
                continue
            }
            if fetch(from: chunk) { continue }
            return phase == .ended && endLastRow(in: window)
        }
    }

    /// The bytes at hand from the current row's first.
    private func window(in chunk: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        carry.isEmpty
            ? UnsafeBufferPointer(rebasing: chunk[chunkPosition...])
            : UnsafeBufferPointer(start: carry.first, count: carry.count)
    }

    /// Adds bytes of `chunk` to the window, or puts what it has aside until the next chunk comes.
    /// Returns whether the window has grown.
    private mutating func fetch(from chunk: UnsafeBufferPointer<UInt8>) -> Bool {
        let rest = UnsafeBufferPointer(rebasing: chunk[chunkPosition...])
        guard let base = rest.baseAddress, !rest.isEmpty else { return false }
        let wasCarried = !carry.isEmpty
        // Copying little at first, then as much again as there is, keeps both the number of pieces
        // and the bytes copied beyond the row's end small.
        let wanted = wasCarried ? min(max(carry.count, 256), maxRowBytes + 1 - carry.count) : .max
        let count = min(rest.count, wanted)
        carry.append(base, count: count)
        chunkPosition += count
        return wasCarried
    }

    /// Makes the byte `count` bytes on the first of the current row.
    private mutating func moveForward(_ count: Int) {
        rowOffset += count
        scan = RowScan()
        if carry.isEmpty {
            chunkPosition += count
            return
        }
        carry.removeFirst(count)
        if carry.count <= chunkPosition {
            // What is left came with the current chunk: read on in place.
            chunkPosition -= carry.count
            carry.removeAll()
        }
    }

    /// Scans the row from where the last scan stopped. Returns the offset of the line break that
    /// ends the row; nil when the window, or the row's limit, ends first.
    private mutating func scanRow(_ window: UnsafeBufferPointer<UInt8>) -> Int? {
        let end = min(window.count, maxRowBytes + 1)
        guard let row = window.baseAddress, let delimiter else { return nil }
        var scan = self.scan
        var examined = -scan.position
        defer {
            bytesExamined += examined + scan.position
            self.scan = scan
        }
        scanning: while scan.position < end {
            let count = min(8, end - scan.position)
            var hits = pattern.hits(in: BytePattern.word(row + scan.position, count: count))
            while hits != 0 {
                let index = hits.trailingZeroBitCount >> 3
                if index >= count { break }
                hits &= hits &- 1
                let offset = scan.position + index
                let byte = row[offset]
                if scan.isInQuotes {
                    if byte == Byte.quote {
                        scan.quoteInQuotes(at: offset)
                    } else if Byte.isLineBreak(byte) {
                        scan.lineBreakInQuotes(byte, at: offset)
                        if rowOffset + offset < reach.streamOffset {
                            let skipped = reach.streamOffset - rowOffset - (offset + 1)
                            scan.skip(skipped, behind: offset, to: reach)
                            examined -= skipped
                            continue scanning
                        }
                    }
                } else if byte == delimiter {
                    endField(&scan, at: offset, in: row)
                } else if byte == Byte.quote {
                    scan.quoteOutsideQuotes(at: offset)
                } else if Byte.isLineBreak(byte) {
                    endField(&scan, at: offset, in: row)
                    scan.position = offset + 1
                    return offset
                }
            }
            scan.position += count
        }
        return nil
    }

    @inline(__always)
    private func endField(_ scan: inout RowScan, at offset: Int, in row: UnsafePointer<UInt8>) {
        let opensQuoted = offset > scan.fieldStart && row[scan.fieldStart] == Byte.quote
        scan.endField(at: offset, opensQuoted: opensQuoted, marks: marks, maxFields: maxFields)
    }

    /// Reads the current row from its start, without skipping; it is known how far it goes.
    private mutating func scanAgain() {
        reach = RowScan.Reach()
        scan = RowScan()
    }
}

// MARK: - How rows end

extension CSVReader {
    /// Ends the row at its line break, which `scanRow` found.
    private mutating func endRow(at offset: Int, in window: UnsafeBufferPointer<UInt8>) {
        showFields(window, byteCount: offset)
        rowLine += scan.linesEnded + 1
        skipsLineFeed = window[offset] == Byte.carriageReturn
        moveForward(offset + 1)
    }

    /// Ends what the stream's end left without a line break; false when that is nothing.
    private mutating func endLastRow(in window: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let row = window.baseAddress, !window.isEmpty else { return false }
        if scan.isInQuotes {
            if giveUpFirstLine(in: window) { return true }
            show(window, byteCount: window.count, problem: .unterminatedQuote)
            moveForward(window.count)
            return true
        }
        if scan.hasSkipped {
            scanAgain()
            let lineBreak = scanRow(window)
            precondition(lineBreak == nil && !scan.isInQuotes, "A second scan differed.")
        }
        var scan = self.scan
        endField(&scan, at: window.count, in: row)
        self.scan = scan
        showFields(window, byteCount: window.count)
        moveForward(window.count)
        return true
    }

    /// Where the row has run on from its first physical line inside quotes, reports that line as
    /// unterminated and goes on behind it.
    private mutating func giveUpFirstLine(in window: UnsafeBufferPointer<UInt8>) -> Bool {
        guard let lineBreak = scan.firstLineBreak else { return false }
        reach = scan.reach(rowOffset: rowOffset)
        show(window, byteCount: lineBreak, problem: .unterminatedQuote)
        rowLine += 1
        skipsLineFeed = window[lineBreak] == Byte.carriageReturn
        moveForward(lineBreak + 1)
        return true
    }

    /// Keeps the beginning of a row whose first physical line is too long already, to be shown when
    /// its line break is found.
    private mutating func beginSkippingRow(_ window: UnsafeBufferPointer<UInt8>) {
        skippedRowProblem =
            scan.isInQuotes ? .unterminatedQuote : .rowTooLong(limitBytes: maxRowBytes)
        if carry.isEmpty, let row = window.baseAddress {
            carry.append(row, count: maxRowBytes + 1)
            chunkPosition += maxRowBytes + 1
        }
    }

    /// Looks for the end of a row that is too long; false when it is not in this chunk.
    private mutating func skipRow(
        in chunk: UnsafeBufferPointer<UInt8>, _ problem: CSVProblem
    ) -> Bool {
        let from = chunkPosition
        var hasEnded = phase == .ended
        while chunkPosition < chunk.count, !hasEnded {
            hasEnded = Byte.isLineBreak(chunk[chunkPosition])
            chunkPosition += 1
        }
        bytesExamined += chunkPosition - from
        scan.position += chunkPosition - from
        guard hasEnded else { return false }

        let hasLineBreak = chunkPosition > from
        let byteCount = scan.position - (hasLineBreak ? 1 : 0)
        show(
            UnsafeBufferPointer(start: carry.first, count: carry.count), byteCount: byteCount,
            problem: problem)
        rowLine += 1
        skipsLineFeed = hasLineBreak && chunk[chunkPosition - 1] == Byte.carriageReturn
        skippedRowProblem = nil
        rowOffset += scan.position
        scan = RowScan()
        carry.removeAll()
        return true
    }

    /// Fills `found` with a row whose fields have all ended.
    private mutating func showFields(_ window: UnsafeBufferPointer<UInt8>, byteCount: Int) {
        guard scan.fieldCount <= maxFields else {
            show(window, byteCount: byteCount, problem: .tooManyFields(limit: maxFields))
            return
        }
        show(window, byteCount: byteCount, problem: nil)
        if scan.needsUnescaping { unescape(window) }
    }

    /// Fills `found` with the row at the window's start.
    private mutating func show(
        _ window: UnsafeBufferPointer<UInt8>, byteCount: Int, problem: CSVProblem?
    ) {
        found.line = rowLine
        found.offset = rowOffset
        found.byteCount = byteCount
        found.fieldCount = problem == nil ? scan.fieldCount : 0
        found.problem = problem
        found.raw = window.baseAddress ?? carry.first
        found.rawCount = min(byteCount, maxRowBytes)
    }

    /// Skips a line break at the start of a row: a blank line's, or the LF of the CRLF before.
    private mutating func skipLineBreak(_ byte: UInt8) -> Bool {
        let isSecondHalf = byte == Byte.lineFeed && skipsLineFeed
        skipsLineFeed = byte == Byte.carriageReturn
        guard Byte.isLineBreak(byte) else { return false }
        if !isSecondHalf { rowLine += 1 }
        bytesExamined += 1
        moveForward(1)
        return true
    }

    /// Copies the fields that cannot be shown as they lie in the row, without what makes them so.
    private mutating func unescape(_ window: UnsafeBufferPointer<UInt8>) {
        guard let row = window.baseAddress else { return }
        if found.byteCount > unescapedCapacity {
            unescapedCapacity = min(max(2 * unescapedCapacity, found.byteCount), maxRowBytes)
            unescaped.deallocate()
            unescaped = .allocate(capacity: unescapedCapacity)
            found.unescaped = UnsafePointer(unescaped)
        }
        var end = 0
        for index in 0..<found.fieldCount where marks[index].isUnescaped {
            let field = UnsafeBufferPointer(
                start: row + Int(marks[index].start), count: Int(marks[index].count))
            marks[index].start = UInt32(truncatingIfNeeded: end)
            end += Self.unescape(field, to: unescaped + end)
            marks[index].count = UInt32(truncatingIfNeeded: end) - marks[index].start
        }
    }

    /// Unescapes one field that begins with a quote. Returns the bytes written: fewer than read.
    private static func unescape(
        _ field: UnsafeBufferPointer<UInt8>, to target: UnsafeMutablePointer<UInt8>
    ) -> Int {
        var isInQuotes = true
        var written = 0
        var index = 1
        while index < field.count {
            if isInQuotes && field[index] == Byte.quote {
                index += 1
                // A quote alone closes the field; what follows is plain text to its end.
                isInQuotes = index < field.count && field[index] == Byte.quote
                if !isInQuotes { continue }
            }
            target[written] = field[index]
            written += 1
            index += 1
        }
        return written
    }
}

// MARK: - The start of the stream

extension CSVReader {
    /// Skips the mark EF BB BF at the very start; false while more bytes are needed to tell.
    private mutating func skipByteOrderMark(in chunk: UnsafeBufferPointer<UInt8>) -> Bool {
        guard var count = byteOrderMarkCount else { return true }
        let mark: InlineArray<3, UInt8> = [0xEF, 0xBB, 0xBF]
        while count < mark.count, chunkPosition < chunk.count, chunk[chunkPosition] == mark[count] {
            count += 1
            chunkPosition += 1
        }
        byteOrderMarkCount = count
        if count == mark.count {
            rowOffset = mark.count
        } else if chunkPosition < chunk.count || phase == .ended {
            // Not a mark: its first bytes are the row's.
            for index in 0..<count {
                withUnsafePointer(to: mark[index]) { carry.append($0, count: 1) }
            }
        } else {
            return false
        }
        byteOrderMarkCount = nil
        return true
    }

    /// Looks for the delimiter in the current row; false when more of the row is needed.
    private mutating func findDelimiter(in window: UnsafeBufferPointer<UInt8>) -> Bool {
        let row = UnsafeBufferPointer(rebasing: window.prefix(maxRowBytes + 1))
        let from = detector.position
        let isFound = detector.examine(row) || detector.position > maxRowBytes
        bytesExamined += detector.position - from
        if isFound { setDelimiter(detector.best) }
        return isFound
    }

    private mutating func setDelimiter(_ delimiter: UInt8) {
        self.delimiter = delimiter
        pattern = BytePattern(delimiter: delimiter)
    }
}

/// The reader alone owns its buffers and, not being copyable, has one owner at a time.
extension CSVReader: @unchecked Sendable {}
