internal import CardCSV
internal import CardModel
internal import CardStore
internal import Glibc
internal import ZlibKit

/// Takes rows out of one file of text, packed or not: those that have what was erased.
///
/// The file is read once to find them, and if there are any once more to write it anew, without
/// them, aside; the new file then takes the old one's name. Everything else in it stays as it was,
/// byte for byte, but for two things: what was UTF-16 is UTF-8 then, and what was packed is packed
/// again.
struct TextErasure {
    enum Outcome: Equatable {
        case unchanged
        /// So many rows were taken out.
        case cleaned(rows: Int)
        /// What is no list of rows cannot be taken apart, so all of it is gone.
        case removed
        /// Nobody knows what it has.
        case unreadable(String)
    }

    private static let pieceBytes = 1 << 18
    private static let maxRowBytes = 1 << 24

    private let path: String
    private let text: ErasedText
    private let isProblemFile: Bool

    /// - Parameter isProblemFile: whether it is one of rejects or warnings.
    init(_ path: String, _ text: ErasedText, isProblemFile: Bool) {
        self.path = path
        self.text = text
        self.isProblemFile = isProblemFile
    }

    /// - Parameter changesNothing: only finds out what would become of the file.
    func run(changesNothing: Bool) throws -> Outcome {
        let start = try beginning()
        let encoding = FeedProfile.Encoding.auto.encoding(of: start.span)
        if let advice = ForeignFormat.advice(for: start, readAs: encoding) {
            return .unreadable(advice)
        }
        let blank: [UInt8] = [0x20, 0x09, 0x0A, 0x0D, 0xEF, 0xBB, 0xBF]
        let first = start.first { !blank.contains($0) }
        if first == UInt8(ascii: "{") || first == UInt8(ascii: "[") || first == UInt8(ascii: "<") {
            guard try isMentioned(encoding) else { return .unchanged }
            if !changesNothing, unlink(path) != 0, errno != ENOENT { throw FileError(path: path) }
            return .removed
        }
        let ranges = try rows(encoding)
        guard !ranges.isEmpty else { return .unchanged }
        if !changesNothing { try write(without: ranges, encoding) }
        return .cleaned(rows: ranges.count)
    }

    /// What the file begins with, unpacked.
    private func beginning() throws -> [UInt8] {
        var input = UnpackedFile(try InputFile(path: path))
        let count = TextEncoding.startBytesMax
        var start = [UInt8](repeating: 0, count: count)
        let filled = try start.withUnsafeMutableBytes { try input.read(into: $0) }
        return Array(start.prefix(filled))
    }

    /// Lends the file's text as UTF-8, in pieces.
    private func forEachPiece(
        _ encoding: TextEncoding, _ body: (Span<UInt8>) throws -> Void
    ) throws {
        var input = UnpackedFile(try InputFile(path: path))
        var transcoder = UTF8Transcoder(from: encoding)
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: Self.pieceBytes, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try input.read(into: buffer)
            if count == 0 { break }
            let piece = UnsafeRawBufferPointer(rebasing: buffer[..<count])
            try transcoder.read(piece.assumingMemoryBound(to: UInt8.self).span, body)
        }
        try transcoder.finish(body)
    }

    private func isMentioned(_ encoding: TextEncoding) throws -> Bool {
        var isFound = false
        var kept: [UInt8] = []
        try forEachPiece(encoding) { piece in
            if isFound { return }
            for index in piece.indices { kept.append(piece[index]) }
            isFound = text.isIn(kept.span)
            kept.removeFirst(max(kept.count - PhoneTrace.reachBytes, 0))
        }
        return isFound
    }

    // MARK: Rows

    /// Where the rows lie that have what was erased, each up to the next row.
    private func rows(_ encoding: TextEncoding) throws -> [Range<Int>] {
        var found: [Range<Int>] = []
        // A row ends where the next one begins: its line break goes with it.
        var start: Int?
        var end = 0
        let take = { (row: borrowing CSVRow) in
            if let begun = start { found.append(begun..<row.byteRange.lowerBound) }
            start = has(row) ? row.byteRange.lowerBound : nil
        }
        var reader = CSVReader(
            dialect: isProblemFile ? CSVDialect(delimiter: UInt8(ascii: ",")) : CSVDialect(),
            maxRowBytes: Self.maxRowBytes)
        try forEachPiece(encoding) { piece in
            end += piece.count
            reader.read(piece, take)
        }
        reader.finish(take)
        if let start { found.append(start..<end) }
        return found
    }

    private func has(_ row: borrowing CSVRow) -> Bool {
        if row.withRawRow({ text.isIn($0) }) { return true }
        // file, line, column, reason, message, feed, header, raw_row
        guard isProblemFile, row.fieldCount == ProblemFile.titles.count else { return false }
        return text.isCustomer(
            row.withField(7) { Array($0) }, below: row.withField(6) { Array($0) })
    }

    private func write(without ranges: [Range<Int>], _ encoding: TextEncoding) throws {
        let isPacked = UnpackedFile.isPacked(try packedBeginning())
        let file = try PartialFile(path: path, replaces: true)
        var deflater = isPacked ? GzipDeflater() : nil
        func put(_ bytes: UnsafeRawBufferPointer) throws {
            if isPacked {
                try deflater?.deflate(bytes) { try Self.write($0, file) }
            } else {
                try Self.write(bytes, file)
            }
        }
        var offset = 0
        var next = 0
        try forEachPiece(encoding) { piece in
            var place = 0
            while place < piece.count {
                while next < ranges.count, ranges[next].upperBound <= offset + place { next += 1 }
                let gone = next < ranges.count ? ranges[next] : nil
                if let gone, gone.contains(offset + place) {
                    place = min(gone.upperBound - offset, piece.count)
                    continue
                }
                let stop = min(gone.map { $0.lowerBound - offset } ?? piece.count, piece.count)
                try piece.extracting(place..<stop).withUnsafeBytes { try put($0) }
                place = stop
            }
            offset += piece.count
        }
        try deflater?.finish { try Self.write($0, file) }
        try file.publish()
    }

    private func packedBeginning() throws -> [UInt8] {
        try InputFile(path: path).bytes(in: 0..<GzipInflater.magic.count)
    }

    static func write(_ bytes: [UInt8], to file: PartialFile) throws {
        try bytes.withUnsafeBytes { try write($0, file) }
    }

    private static func write(_ bytes: UnsafeRawBufferPointer, _ file: PartialFile) throws {
        var offset = 0
        while offset < bytes.count {
            let count = Glibc.write(
                file.descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: file.partialPath) }
            offset += count
        }
    }
}
