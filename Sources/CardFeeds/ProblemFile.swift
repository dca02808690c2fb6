internal import Glibc

/// Where a row stands, and what is needed to read it again once it was mended.
struct RowOrigin {
    var file: String
    var line: Int
    /// The feed's ID; empty for a row that has none.
    var feed = ""
    /// The raw header above the row; empty for a row that has none.
    var header: [UInt8] = []
}

/// Where the rows that a run rejected, or has warnings for, are written for a person to mend: a CSV
/// file with the columns of `titles`. `load` reads it again: see ``MendedRows``.
///
/// The file is made with its first row, mode 0600 in a directory of mode 0700: rows hold personal
/// data.
struct ProblemFile: ~Copyable {
    static let titles = [
        "file", "line", "column", "reason", "message", "feed", "header", "raw_row",
    ]
    /// A longer header is not repeated with every row.
    static let headerBytesMax = 4_096

    /// How much of a row that is too long for memory is copied at a time.
    private static let pieceBytes = 1 << 20
    private static let bufferBytes = 1 << 16

    /// The bytes that a file system allows for a name, and how many files may want the same one.
    private static let nameBytesMax = 255
    private static let sameNamesMax = 999

    private let directory: String
    private let runName: String
    private let sourceName: String
    private let kind: String
    /// The file's path, once it has a row.
    private(set) var path: String?
    private var output: OutputFile?
    private var buffer: [UInt8] = []
    /// What the last row had that most rows of a file share, and how it is written.
    private var shared: Shared?

    private struct Shared {
        let file: String
        let feed: String
        let header: [UInt8]
        let hidesNumbers: Bool
        var fileField: [UInt8] = []
        var feedAndHeaderFields: [UInt8] = []

        func isOf(_ origin: RowOrigin, hidesNumbers: Bool) -> Bool {
            file == origin.file && feed == origin.feed && header == origin.header
                && self.hidesNumbers == hidesNumbers
        }
    }

    /// - Parameters:
    ///   - runName: begins the file's name.
    ///   - sourcePath: the file that the rows come from; its name follows, as far as there is room.
    ///   - kind: ends the name, before `.csv`.
    init(directory: String, runName: String, sourcePath: String, kind: String) {
        self.directory = directory
        self.runName = runName
        self.kind = kind
        sourceName = sourcePath.split(separator: "/").last.map(String.init) ?? "input"
    }

    /// Appends a row.
    ///
    /// - Parameter hiding: which card numbers are not copied; nil for none.
    mutating func append(
        _ problem: RowProblem, _ origin: RowOrigin, _ row: [UInt8],
        hiding scope: CardNumberMask.Scope?
    ) throws(FileError) {
        try beginRow(problem, origin, hiding: scope)
        var row = row
        if let scope { CardNumberMask.apply(to: &row, scope) }
        appendEscaped(row[...])
        try endRow()
    }

    /// Appends a row whose bytes are read from `file` at `range`: it may be longer than memory
    /// should hold.
    mutating func append(
        _ problem: RowProblem, _ origin: RowOrigin, _ file: borrowing InputFile,
        _ range: Range<Int>, hiding scope: CardNumberMask.Scope?
    ) throws(FileError) {
        try beginRow(problem, origin, hiding: scope)
        var start = range.lowerBound
        while start < range.upperBound {
            let end = min(start + Self.pieceBytes, range.upperBound)
            try appendPiece(start..<end, of: range, file, hiding: scope)
            try flush(atLeast: Self.bufferBytes)
            start = end
        }
        try endRow()
    }

    /// Appends all fields but the raw row, and the quote that opens that.
    private mutating func beginRow(
        _ problem: RowProblem, _ origin: RowOrigin, hiding scope: CardNumberMask.Scope?
    ) throws(FileError) {
        try open()
        let fields = sharedFields(of: origin, hidesNumbers: scope != nil)
        buffer.append(contentsOf: fields.fileField)
        appendSeparator()
        buffer.append(contentsOf: String(origin.line).utf8)
        appendSeparator()
        Self.appendField((problem.column ?? "").utf8, to: &buffer)
        appendSeparator()
        Self.appendField(problem.code.utf8, to: &buffer)
        appendSeparator()
        Self.appendField(problem.message.utf8, to: &buffer)
        appendSeparator()
        buffer.append(contentsOf: fields.feedAndHeaderFields)
        appendSeparator()
        buffer.append(UInt8(ascii: "\""))
    }

    private mutating func sharedFields(of origin: RowOrigin, hidesNumbers: Bool) -> Shared {
        if let shared, shared.isOf(origin, hidesNumbers: hidesNumbers) { return shared }
        var fields = Shared(
            file: origin.file, feed: origin.feed, header: origin.header, hidesNumbers: hidesNumbers)
        var header = origin.header.count <= Self.headerBytesMax ? origin.header : []
        if hidesNumbers { CardNumberMask.apply(to: &header, .likely) }
        Self.appendField(origin.file.utf8, to: &fields.fileField)
        Self.appendField(origin.feed.utf8, to: &fields.feedAndHeaderFields)
        fields.feedAndHeaderFields.append(UInt8(ascii: ","))
        Self.appendField(header, to: &fields.feedAndHeaderFields)
        shared = fields
        return fields
    }

    private mutating func endRow() throws(FileError) {
        buffer.append(contentsOf: [UInt8(ascii: "\""), UInt8(ascii: "\n")])
        try flush(atLeast: Self.bufferBytes)
    }

    private mutating func appendSeparator() { buffer.append(UInt8(ascii: ",")) }

    /// Makes the file durable, when there is one. Nothing is appended after it.
    mutating func close() throws(FileError) {
        guard output != nil else { return }
        try flush(atLeast: 0)
        try output?.close()
        output = nil
    }

    private mutating func open() throws(FileError) {
        guard output == nil else { return }
        if mkdir(directory, 0o700) != 0, errno != EEXIST { throw FileError(path: directory) }
        for number in 1...Self.sameNamesMax {
            let path = "\(directory)/\(name(number))"
            guard let output = try OutputFile(creating: path) else { continue }
            self.output = consume output
            self.path = path
            buffer.append(contentsOf: (Self.titles.joined(separator: ",") + "\n").utf8)
            return
        }
        throw FileError(
            path: "\(directory)/\(name(1))",
            reason: "this and \(Self.sameNamesMax - 1) more files of the name are there already")
    }

    /// The file's name, or another one when files of one name are read in one run.
    private func name(_ number: Int) -> String {
        let end = (number == 1 ? "" : "-\(number)") + ".\(kind).csv"
        let room = Self.nameBytesMax - runName.utf8.count - 1 - end.utf8.count
        var source = sourceName
        while source.utf8.count > max(room, 0) { source.removeLast() }
        return "\(runName)-\(source)\(end)"
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
        let start = max(row.lowerBound, piece.lowerBound - reach)
        let end = min(row.upperBound, piece.upperBound + reach)
        var bytes = try file.bytes(in: start..<end)
        CardNumberMask.apply(to: &bytes, scope)
        appendEscaped(bytes.dropFirst(piece.lowerBound - start).prefix(piece.count))
    }

    private static func appendField(_ bytes: some Sequence<UInt8>, to buffer: inout [UInt8]) {
        buffer.append(UInt8(ascii: "\""))
        appendEscaped(bytes, to: &buffer)
        buffer.append(UInt8(ascii: "\""))
    }

    private mutating func appendEscaped(_ bytes: ArraySlice<UInt8>) {
        Self.appendEscaped(bytes, to: &buffer)
    }

    private static func appendEscaped(_ bytes: some Sequence<UInt8>, to buffer: inout [UInt8]) {
        let isPlain = bytes.withContiguousStorageIfAvailable { bytes in
            if let start = bytes.baseAddress,
                memchr(start, CInt(UInt8(ascii: "\"")), bytes.count) != nil
            {
                return false
            }
            buffer.append(contentsOf: bytes)
            return true
        }
        if isPlain == true { return }
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

/// The files of a run's rejects and warnings. One thread uses them.
final class ProblemFiles {
    var rejects: ProblemFile
    var warnings: ProblemFile

    init(directory: String, runName: String, sourcePath: String) {
        rejects = ProblemFile(
            directory: directory, runName: runName, sourcePath: sourcePath, kind: "rejects")
        warnings = ProblemFile(
            directory: directory, runName: runName, sourcePath: sourcePath, kind: "warnings")
    }

    /// Makes them durable, those that there are, also the second one when the first one fails.
    func close() throws(FileError) {
        var failure: FileError?
        do {
            try rejects.close()
        } catch {
            failure = error
        }
        try warnings.close()
        if let failure { throw failure }
    }
}
