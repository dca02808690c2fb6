/// What files are that partners send in place of CSV in UTF-8, told by their first bytes.
enum ForeignFormat {
    /// More than any of the signatures, and enough of a first line to see its zero bytes.
    static let startBytesMax = 4_096

    /// What the file is and what to do about it; nil when it may well be text.
    static func advice(for start: [UInt8]) -> String? {
        signatures.first { start.starts(with: $0.bytes) }?.advice ?? adviceOnZeroBytes(start)
    }

    private static let utf16 = "the file is UTF-16; save it as UTF-8"
    private static let utf32 = "the file is UTF-32; save it as UTF-8"
    private static let compressed = "the file is compressed; unpack it first"
    private static let workbook = "the file is a workbook or an archive; export it as CSV"

    /// UTF-32 comes first: in little endian its mark begins with that of UTF-16.
    private static let signatures: [(bytes: [UInt8], advice: String)] = [
        ([0xFF, 0xFE, 0x00, 0x00], utf32),
        ([0x00, 0x00, 0xFE, 0xFF], utf32),
        ([0xFF, 0xFE], utf16),
        ([0xFE, 0xFF], utf16),
        // gzip (RFC 1952), Zstandard (RFC 8878), xz and bzip2.
        ([0x1F, 0x8B], compressed),
        ([0x28, 0xB5, 0x2F, 0xFD], compressed),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], compressed),
        (Array("BZh".utf8), compressed),
        // ZIP, which newer workbooks are too, and the compound files of older ones.
        ([0x50, 0x4B, 0x03, 0x04], workbook),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], workbook),
    ]

    /// UTF-16 without a mark has a zero in every ASCII character, all in even places or all in odd
    /// ones; text has none at all.
    private static func adviceOnZeroBytes(_ start: [UInt8]) -> String? {
        let line = start.prefix { $0 != UInt8(ascii: "\n") }
        let zeros = line.indices.filter { line[$0] == 0 }
        guard let first = zeros.first else { return nil }
        let areAlternate = zeros.allSatisfy { ($0 - first).isMultiple(of: 2) }
        return areAlternate && zeros.count >= line.count / 4
            ? utf16 : "the file is not text: its first line has NUL bytes"
    }
}
