internal import CardCSV

/// How the rows below one header are read. A class, so that each row counts one reference instead
/// of one for every array and string of the profile.
final class RowFormat: Sendable {
    let profile: FeedProfile
    /// The header's raw bytes.
    let header: [UInt8]
    let rows: RowReader
    /// Titles that the feed has no use for.
    let unusedTitles: [String]

    init(
        header: borrowing CSVRow, _ profile: FeedProfile, nowSeconds: Int64
    ) throws(HeaderError) {
        let map = try ColumnMap(header: header, profile)
        self.profile = profile
        self.header = header.withRawRow { Array($0) }
        rows = RowReader(profile, map, nowSeconds: nowSeconds)
        unusedTitles = map.unusedTitles
    }
}

extension FeedProfile.Encoding {
    /// How the text is encoded that begins so. A byte order mark decides, as in the Encoding
    /// Standard of the WHATWG: no file begins like one by chance.
    func encoding(of start: Span<UInt8>) -> TextEncoding {
        if let marked = TextEncoding.marked(at: start) { return marked }
        switch self {
        case .auto: return TextEncoding.utf16ByZeros(in: start) ?? .utf8
        case .utf8: return .utf8
        case .utf16: return TextEncoding.utf16ByZeros(in: start) ?? .utf16LittleEndian
        case .latin1: return .latin1
        }
    }
}
