internal import CardCSV
internal import CardModel

/// Reads a problem file again, after a person has mended its raw rows in an editor or a
/// spreadsheet, which may have changed the file's delimiter, quotes, line ends and encoding.
///
/// Each row says where it came from, of which feed it is, and what header it stood under; what its
/// column `raw_row` holds is read below that header as if it were still in its own file. It may be
/// several rows: those that an open quote ran together are separate once it is closed.
struct MendedRows {
    private let feeds: FeedSet
    private let onlyFeed: FeedID?
    private let nowSeconds: Int64
    private var columns: Columns?
    /// How the last row was read: mostly the next one is of the same file.
    private var known: (feed: [UInt8], header: [UInt8], format: RowFormat, delimiter: UInt8?)?

    init(_ feeds: FeedSet, only feed: FeedID?, nowSeconds: Int64) {
        self.feeds = feeds
        onlyFeed = feed
        self.nowSeconds = nowSeconds
    }

    /// Whether a file that begins so has the header of a problem file.
    static func isHeader(of start: Span<UInt8>) -> Bool {
        var isFound: Bool?
        let look = { (row: borrowing CSVRow) in
            isFound = isFound ?? (Columns(header: row) != nil)
        }
        var transcoder = UTF8Transcoder(from: FeedProfile.Encoding.auto.encoding(of: start))
        var reader = CSVReader()
        transcoder.read(start) { utf8 in reader.read(utf8, look) }
        reader.finish(look)
        return isFound ?? false
    }

    /// Takes the next row, of which the first is the header.
    mutating func take(
        _ row: borrowing CSVRow, _ run: inout FileRun
    ) throws(FileLoadError) {
        guard let columns else {
            guard let found = Columns(header: row) else {
                throw .header(
                    path: run.report.path,
                    .unreadable("it is not that of a file of rejects or warnings"))
            }
            self.columns = found
            return
        }
        let place = RowOrigin(file: run.report.path, line: row.line)
        do {
            if let problem = row.problem {
                throw Refusal(code: problem.code, message: "\(problem)")
            }
            let header = columns.header.bytes(row)
            let (format, delimiter) = try format(columns.feed.bytes(row), header)
            var origin = place
            origin.feed = "\(format.profile.id)"
            origin.header = header
            if let line = Int(columns.line.text(row)), Self.lines.contains(line) {
                origin.file = columns.file.text(row)
                origin.line = line
            }
            let rawRow = columns.rawRow.bytes(row)
            guard rawRow.contains(where: { !Self.isLineBreak($0) }) else {
                throw Refusal(code: "raw_row_empty", message: "there is no row to read in raw_row")
            }
            try read(rawRow, at: row.line, origin, format, delimiter, &run)
        } catch let refusal as Refusal {
            // What is written is this row and not the one in it, so it has no feed and no header.
            let problem = RowProblem(
                code: refusal.code, column: nil, message: refusal.message)
            try run.take(
                RowReader.Reading(problems: [problem]), row, at: row.line, place, nil)
        } catch let error as FileLoadError {
            throw error
        } catch {
            preconditionFailure("these calls throw nothing else, not \(error)")
        }
    }

    /// No file has more; beyond, counting on could overflow.
    private static let lines = 1...1 << 48

    private static func isLineBreak(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }

    private func read(
        _ rawRow: [UInt8], at line: Int, _ origin: RowOrigin, _ format: RowFormat,
        _ delimiter: UInt8?, _ run: inout FileRun
    ) throws(FileLoadError) {
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: delimiter), maxRowBytes: FileLoader.maxRowBytes)
        // A blank line first: what looks like a byte order mark in a row's place is none.
        let text = [UInt8(ascii: "\n")] + rawRow
        let take = { (row: borrowing CSVRow, run: inout FileRun) throws(FileLoadError) in
            var origin = origin
            origin.line += row.line - 2
            try run.take(format.rows.readMended(row), row, at: line, origin, format)
        }
        try reader.read(text.span) { (row) throws(FileLoadError) in try take(row, &run) }
        try reader.finish { (row) throws(FileLoadError) in try take(row, &run) }
    }

    // MARK: Feeds and headers

    /// Why a row is not read at all.
    private struct Refusal: Error {
        let code: String
        let message: String
    }

    private mutating func format(
        _ feed: [UInt8], _ header: [UInt8]
    ) throws(Refusal) -> (RowFormat, delimiter: UInt8?) {
        if let known, known.feed == feed, known.header == header {
            return (known.format, known.delimiter)
        }
        let profile = try profile(feed)
        guard !header.isEmpty else {
            throw Refusal(
                code: "header_missing",
                message: "the row has no header; mend it in the file that it came from")
        }
        var found: Result<RowFormat, HeaderError>?
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: profile.delimiter), maxRowBytes: FileLoader.maxRowBytes)
        let take = { (row: borrowing CSVRow) in
            if found != nil { return }
            do throws(HeaderError) {
                found = .success(try RowFormat(header: row, profile, nowSeconds: nowSeconds))
            } catch {
                found = .failure(error)
            }
        }
        reader.read(header.span, take)
        reader.finish(take)
        switch found {
        case .success(let format):
            known = (feed, header, format, reader.delimiter)
            return (format, reader.delimiter)
        case .failure(let error):
            throw Refusal(code: "header_unusable", message: "the row's header: \(error)")
        case nil:
            throw Refusal(code: "header_missing", message: "the row's header is blank")
        }
    }

    private func profile(_ feed: [UInt8]) throws(Refusal) -> FeedProfile {
        let profile: FeedProfile
        do {
            profile = try feeds.profile(named: String(decoding: feed, as: UTF8.self))
        } catch {
            guard !feed.isEmpty else {
                throw Refusal(
                    code: "feed_missing",
                    message: "the row has no feed; mend it in the file that it came from")
            }
            let shown = FeedError.unknownFeed(
                ShownText.make(feed, scalarsMax: 40), known: feeds.profiles.map(\.id.description))
            throw Refusal(code: "feed_unknown", message: "\(shown)")
        }
        if let onlyFeed, profile.id != onlyFeed {
            throw Refusal(
                code: "feed_differs",
                message: "the row is of the feed '\(profile.id)', and only '\(onlyFeed)' is read")
        }
        return profile
    }

    // MARK: Columns

    /// Where a column is; a row may end before it, since programs leave out empty fields.
    private struct Column {
        let index: Int

        func bytes(_ row: borrowing CSVRow) -> [UInt8] {
            index < row.fieldCount ? row.withField(index) { Array($0) } : []
        }

        func text(_ row: borrowing CSVRow) -> String {
            String(decoding: bytes(row), as: UTF8.self)
        }
    }

    private struct Columns {
        let file: Column
        let line: Column
        let feed: Column
        let header: Column
        let rawRow: Column

        /// nil unless all titles of a problem file are there. Others may be, such as a person's
        /// notes.
        init?(header row: borrowing CSVRow) {
            var names: [String] = []
            for index in 0..<row.fieldCount {
                let title = row.withField(index) { Array($0) }
                names.append(HeaderName(String(decoding: title, as: UTF8.self)).text)
            }
            guard ProblemFile.titles.allSatisfy(names.contains),
                let file = names.firstIndex(of: "file"), let line = names.firstIndex(of: "line"),
                let feed = names.firstIndex(of: "feed"),
                let header = names.firstIndex(of: "header"),
                let rawRow = names.firstIndex(of: "raw_row")
            else { return nil }
            self.file = Column(index: file)
            self.line = Column(index: line)
            self.feed = Column(index: feed)
            self.header = Column(index: header)
            self.rawRow = Column(index: rawRow)
        }
    }
}
