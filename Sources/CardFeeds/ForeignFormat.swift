internal import CardCSV

/// What files are that partners send in place of CSV, told by their first bytes.
///
/// Asked when a header does not do, of bytes that were unpacked already.
enum ForeignFormat {
    /// What the file is and what to do about it; nil when it may well be text.
    ///
    /// - Parameter encoding: how it was read.
    static func advice(for start: [UInt8], readAs encoding: TextEncoding) -> String? {
        if let signature = signatures.first(where: { start.starts(with: $0.bytes) }) {
            return signature.advice
        }
        switch encoding {
        case .utf8, .latin1: return adviceOnZeroBytes(start)
        case .utf16LittleEndian, .utf16BigEndian: return nil
        }
    }

    private static let utf16 = "the file is UTF-16, and its feed's encoding is another"
    private static let utf32 = "the file is UTF-32; save it as UTF-8"
    private static let compressed = "the file is compressed, and not by gzip alone; unpack it first"
    private static let workbook = "the file is a workbook or an archive; export it as CSV"

    /// UTF-16 with a mark is missing: it is always read.
    private static let signatures: [(bytes: [UInt8], advice: String)] = [
        ([0xFF, 0xFE, 0x00, 0x00], utf32),
        ([0x00, 0x00, 0xFE, 0xFF], utf32),
        // gzip (RFC 1952), Zstandard (RFC 8878), xz and bzip2.
        ([0x1F, 0x8B], compressed),
        ([0x28, 0xB5, 0x2F, 0xFD], compressed),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A, 0x00], compressed),
        (Array("BZh".utf8), compressed),
        // ZIP, which newer workbooks are too, and the compound files of older ones.
        ([0x50, 0x4B, 0x03, 0x04], workbook),
        ([0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1], workbook),
    ]

    private static func adviceOnZeroBytes(_ start: [UInt8]) -> String? {
        let line = start.prefix { $0 != UInt8(ascii: "\n") }
        guard line.contains(0) else { return nil }
        return TextEncoding.utf16ByZeros(in: start.span) != nil
            ? utf16 : "the file is not text: its first line has NUL bytes"
    }
}
