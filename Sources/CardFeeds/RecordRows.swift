internal import CardCSV

/// Brings records into the form of rows, so that one reader judges all that partners send, and a
/// record that is rejected can be mended as a row can.
///
/// The rows stand below a header with the names of the feed's columns. A row's line is the number
/// of its record in the document.
struct RecordRows: ~Copyable {
    /// Places in each record that are asked for: those of all columns, one behind the other.
    let fields: [String]
    private let columns: [FeedProfile.Column]
    /// Where the places of each column are among `fields`.
    private let places: [Range<Int>]
    private let profile: FeedProfile
    private var reader: CSVReader
    private let format: RowFormat
    private var text: [UInt8] = []

    init(_ profile: FeedProfile, path: String, nowSeconds: Int64) throws(FileLoadError) {
        self.profile = profile
        columns = FeedProfile.Column.allCases.filter { profile.columns[$0] != nil }
        var fields: [String] = []
        var places: [Range<Int>] = []
        for column in columns {
            let titles = profile.columns[column]?.titles ?? []
            places.append(fields.count..<(fields.count + titles.count))
            fields += titles
        }
        self.fields = fields
        self.places = places
        // A field may be as long as a record, and have every quote doubled.
        let maxBytes = 2 * RecordDocument.maxRecordBytes + (1 << 16)
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: UInt8(ascii: ",")), maxRowBytes: maxBytes)
        let header = columns.map(\.rawValue).joined(separator: ",") + "\n"
        var found: RowFormat?
        do throws(HeaderError) {
            try reader.read(Array(header.utf8).span) { (row) throws(HeaderError) in
                found = try RowFormat(header: row, profile, nowSeconds: nowSeconds)
            }
        } catch {
            throw .header(path: path, error)
        }
        guard let found else { preconditionFailure("a line that has ended is a row") }
        format = found
        self.reader = reader
    }

    mutating func take(_ record: SourceRecord, _ run: inout FileRun) throws(FileLoadError) {
        write(record)
        if record.number == 1, record.problem == nil { lookForColumns(record, &run) }
        let origin = RowOrigin(
            file: run.report.path, line: record.number, feed: "\(profile.id)",
            header: format.header)
        let (line, format) = (text, format)
        try reader.read(line.span) { (row) throws(FileLoadError) in
            let reading =
                record.problem.map { RowReader.Reading(problems: [$0]) } ?? format.rows.read(row)
            try run.take(reading, row, at: record.number, origin, format)
        }
    }

    private mutating func write(_ record: SourceRecord) {
        text.removeAll(keepingCapacity: true)
        if record.problem != nil {
            append(record.bytes)
        } else {
            for (number, range) in places.enumerated() {
                if number > 0 { text.append(UInt8(ascii: ",")) }
                append(range.lazy.compactMap { record.fields[$0] }.first ?? [])
            }
        }
        text.append(UInt8(ascii: "\n"))
    }

    private mutating func append(_ field: [UInt8]) {
        text.append(UInt8(ascii: "\""))
        for byte in field {
            if byte == UInt8(ascii: "\"") { text.append(byte) }
            text.append(byte)
        }
        text.append(UInt8(ascii: "\""))
    }

    /// Where the first record lacks what every record needs, the feed's paths are more often wrong
    /// than the record.
    private func lookForColumns(_ record: SourceRecord, _ run: inout FileRun) {
        for (number, column) in columns.enumerated() where column.isEssential {
            guard !places[number].contains(where: { record.fields[$0] != nil }) else { continue }
            let paths = places[number].map { "'\(fields[$0])'" }.joined(separator: " or ")
            let names = record.names.prefix(RecordDocument.shownNamesMax).map { name in
                "'\(ShownText.make(Array(name.utf8), scalarsMax: 40))'"
            }
            run.report.note =
                "the first record has no \(column.rawValue) (\(paths));"
                + " it has \(names.isEmpty ? "nothing" : names.joined(separator: ", "))"
            return
        }
    }
}
