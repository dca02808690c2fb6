internal import Glibc

/// Where the rows that a run rejected, or has warnings for, are written for a person to mend: a CSV
/// file with the columns `file,line,column,reason,message,raw_row`.
///
/// The file is made with its first row, mode 0600 in a directory of mode 0700: rows hold personal
/// data.
struct ProblemFile: ~Copyable {
    private static let header = Array("file,line,column,reason,message,raw_row\n".utf8)
    /// How much of a row that is too long for memory is copied at a time.
    private static let pieceBytes = 1 << 20
    private static let bufferBytes = 1 << 16

    let path: String
    private var output: OutputFile?
    private var buffer: [UInt8] = []

    init(path: String) {
        self.path = path
    }

    var hasRows: Bool { output != nil }

    /// Appends a row whose bytes are read from `file` at `range`.
    ///
    /// - Parameter hiding: which card numbers are not copied; nil for none.
    mutating func append(
        _ problem: RowProblem, line: Int, _ file: borrowing InputFile, _ range: Range<Int>,
        hiding scope: CardNumberMask.Scope?
    ) throws(FileError) {
        try open()
        appendField(Array(file.path.utf8))
        buffer.append(UInt8(ascii: ","))
        buffer.append(contentsOf: String(line).utf8)
        buffer.append(UInt8(ascii: ","))
        appendField(Array((problem.column ?? "").utf8))
        buffer.append(UInt8(ascii: ","))
        appendField(Array(problem.code.utf8))
        buffer.append(UInt8(ascii: ","))
        appendField(Array(problem.message.utf8))
        buffer.append(UInt8(ascii: ","))

        buffer.append(UInt8(ascii: "\""))
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + Self.pieceBytes, range.upperBound)
            try appendPiece(start..<end, of: range, file, hiding: scope)
            try flush(atLeast: Self.bufferBytes)
            start = end
        }
        buffer.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: "\n")])
        try flush(atLeast: Self.bufferBytes)
    }

    /// Makes the file durable, when there is one.
    mutating func close() throws(FileError) {
        guard hasRows else { return }
        try flush(atLeast: 0)
        try output?.close()
    }

    private mutating func open() throws(FileError) {
        guard !hasRows else { return }
        let directory = path.split(separator: "/", omittingEmptySubsequences: false)
            .dropLast().joined(separator: "/")
        if mkdir(directory, 0o700) != 0, errno != EEXIST { throw FileError(path: directory) }
        output = try OutputFile(creating: path)
        buffer.append(contentsOf: Self.header)
    }

    /// Appends a part of a row. What stands around it is read too: a card's number can begin in
    /// one piece and end in the next.
    private mutating func appendPiece(
        _ piece: Range<Int>, of row: Range<Int>, _ file: borrowing InputFile,
        hiding scope: CardNumberMask.Scope?
    ) throws(FileError) {
        guard let scope else {
            appendEscaped(try file.bytes(in: piece)[...])
            return
        }
        let reach = CardNumberMask.reachBytes
        let around =
            max(row.lowerBound, piece.lowerBound - reach)..<min(
                row.upperBound, piece.upperBound + reach)
        var bytes = try file.bytes(in: around)
        CardNumberMask.apply(to: &bytes, scope)
        appendEscaped(bytes.dropFirst(piece.lowerBound - around.lowerBound).prefix(piece.count))
    }

    private mutating func appendField(_ bytes: [UInt8]) {
        buffer.append(UInt8(ascii: "\""))
        appendEscaped(bytes[...])
        buffer.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ bytes: ArraySlice<UInt8>) {
        for byte in bytes {
            if byte == UInt8(ascii: "\"") { buffer.append(byte) }
            buffer.append(byte)
        }
    }

    private mutating func flush(atLeast count: Int) throws(FileError) {
        guard buffer.count >= count, !buffer.isEmpty else { return }
        try output?.write(buffer)
        buffer.removeAll(keepingCapacity: true)
    }
}
