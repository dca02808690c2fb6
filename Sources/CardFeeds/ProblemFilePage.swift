internal import Glibc

/// A part of a file of rejects or warnings that is such a file itself: the header, and whole rows.
public struct ProblemFilePage: Sendable {
    /// Rows of one page, about.
    public static let bytesTarget = 8 << 20
    /// The longest row that is handed out.
    static let rowBytesMax = 64 << 20

    public let bytes: [UInt8]
    /// Where the next page begins; nil behind the last row.
    public let next: Int?

    /// Reads a page.
    ///
    /// - Parameters:
    ///   - offset: nil from the first row on; otherwise `next` of the page before.
    /// - Returns: nil when there is no row at `offset`.
    /// - Throws: ``FileError`` when the file cannot be read, or its next row is too long.
    public init?(
        path: String, from offset: Int? = nil, bytesTarget: Int = ProblemFilePage.bytesTarget
    ) throws(FileError) {
        let header = Array(RunEngine.problemFileHeader.utf8)
        let file = try InputFile(path: path)
        let size = file.sizeBytes ?? 0
        let start = offset ?? header.count
        guard start >= header.count, start <= size else { return nil }
        if start > header.count {
            // A cursor of ours stands behind the end of a row.
            let before = try file.bytes(in: (start - 2)..<start)
            guard before == [UInt8(ascii: "\""), UInt8(ascii: "\n")] else { return nil }
        }
        var wanted = bytesTarget
        while true {
            let rows = try file.bytes(in: start..<min(start + wanted, size))
            let isAll = start + rows.count == size
            let end = isAll ? rows.count : Self.endOfRows(rows)
            if end > 0 || isAll {
                bytes = header + rows[..<end]
                next = isAll ? nil : start + end
                return
            }
            guard wanted < Self.rowBytesMax else {
                throw FileError(
                    path: path,
                    reason: "the row at byte \(start) is longer than \(Self.rowBytesMax) bytes, and"
                        + " has to be read on the server")
            }
            wanted *= 2
        }
    }

    /// Behind the last whole row; 0 when there is none. All fields but the line's number are
    /// quoted, and a quote inside is doubled, so a line feed outside of quotes ends a row.
    private static func endOfRows(_ rows: [UInt8]) -> Int {
        var end = 0
        var isQuoted = false
        for (index, byte) in rows.enumerated() {
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == UInt8(ascii: "\n"), !isQuoted {
                end = index + 1
            }
        }
        return end
    }
}
