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
        for index in 0..<header.fieldCount {
            titles.append(header.withField(index) { String(decoding: Array($0), as: UTF8.self) })
        }
        self.titles = titles.map(Self.shown)

        let names = titles.map(HeaderName.init)
        var used: Set<Int> = []
        for (column, rule) in profile.columns {
            let wanted = Set(rule.titles.map(HeaderName.init))
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

    /// A title may be anything when the file is not what it seems, so it is cut and made printable.
    private static func shown(_ title: String) -> String {
        let printable = title.unicodeScalars.prefix(40).map { scalar in
            scalar.properties.generalCategory == .control || scalar == "\u{FFFD}"
                ? "?" : String(scalar)
        }
        return printable.joined() + (title.unicodeScalars.count > 40 ? "…" : "")
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
    case missing([String], found: [String])
    case ambiguous(String, titles: [String])

    /// Titles that an error shows: enough for any real file, too few to flood a terminal.
    private static let shownTitlesMax = 30

    public var description: String {
        switch self {
        case .unreadable(let problem):
            return "the header cannot be read: \(problem)"
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
