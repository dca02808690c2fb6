internal import CardCSV

/// Where a file's header has the columns of a feed.
struct ColumnMap {
    private(set) var indices: [FeedProfile.Column: Int] = [:]
    /// Titles as the file has them, made fit to be shown.
    let titles: [String]
    /// Titles that the feed has no use for.
    private(set) var unusedTitles: [String] = []

    init(header: borrowing CSVRow, _ profile: FeedProfile) throws(HeaderError) {
        if let problem = header.problem { throw .unreadable("\(problem)") }
        var titles: [String] = []
        var names: [HeaderName] = []
        for index in 0..<header.fieldCount {
            let bytes = header.withField(index) { Array($0) }
            names.append(HeaderName(String(decoding: bytes, as: UTF8.self)))
            // Where there is no header, this is a row, and has what rows have.
            titles.append(ShownText.make(bytes, scalarsMax: 40))
        }
        self.titles = titles

        var used: Set<Int> = []
        for column in FeedProfile.Column.allCases {
            guard let rule = profile.columns[column] else { continue }
            // Records have no header but the one that ``RecordRows`` gives them.
            let wanted = Set(
                (profile.format == .csv ? rule.titles : [column.rawValue]).map(HeaderName.init))
            let places = names.indices.filter { wanted.contains(names[$0]) }
            if places.count > 1 {
                throw .ambiguous(column.rawValue, titles: places.map { self.titles[$0] })
            }
            guard let place = places.first else { continue }
            indices[column] = place
            used.insert(place)
        }
        let missing = FeedProfile.Column.allCases.filter { column in
            indices[column] == nil && profile.columns[column]?.isRequired == true
        }
        if !missing.isEmpty {
            throw .missing(
                missing.map { column in
                    let titles = (profile.columns[column]?.titles ?? []).map { "'\($0)'" }
                    return "\(column.rawValue) (\(titles.joined(separator: " or ")))"
                }, found: self.titles)
        }
        unusedTitles = names.indices
            .filter { !used.contains($0) && !names[$0].text.isEmpty }.map { self.titles[$0] }
    }
}

extension Array where Element == UInt8 {
    init(_ span: Span<UInt8>) {
        self.init(unsafeUninitializedCapacity: span.count) { buffer, count in
            for index in span.indices {
                buffer.initializeElement(at: index, to: span[index])
            }
            count = span.count
        }
    }
}

/// Why a file's header does not do.
public enum HeaderError: Error, Equatable, Sendable, CustomStringConvertible {
    case unreadable(String)
    /// The file is something else than CSV in UTF-8; the text says what, and what to do about it.
    case foreignFormat(String)
    case missing([String], found: [String])
    case ambiguous(String, titles: [String])

    /// Titles that an error shows: enough for any real file, too few to flood a terminal.
    private static let shownTitlesMax = 30

    public var description: String {
        switch self {
        case .unreadable(let problem):
            return "the header cannot be read: \(problem)"
        case .foreignFormat(let advice):
            return advice
        case .missing(let columns, let found):
            let shown = found.prefix(Self.shownTitlesMax).map { "'\($0)'" }
            let more = found.count - shown.count
            return "the file lacks \(columns.joined(separator: " and "));"
                + " its columns are \(shown.joined(separator: ", "))"
                + (more > 0 ? " and \(more) more" : "")
        case .ambiguous(let column, let titles):
            return "several columns could be \(column):"
                + " \(titles.map { "'\($0)'" }.joined(separator: ", "))"
        }
    }
}
