import CardFeeds
import CardModel
import CardTesting
import Foundation
import Testing

/// Rejects that were mended and are loaded again.
@Suite struct MendedRowsTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"
    private static let titles = "file,line,column,reason,message,feed,header,raw_row\n"

    private static func quoted(_ text: String) -> String {
        "\"" + text.replacing("\"", with: "\"\"") + "\""
    }

    /// Writes a problem file again with its raw rows changed.
    private static func mend(
        _ path: String?, separator: String = ",", lineEnd: String = "\n",
        _ change: (String) -> String
    ) throws -> String {
        let path = try #require(path)
        let table = try ProblemTable(path)
        var text = titles.replacing("\n", with: lineEnd).replacing(",", with: separator)
        for row in table.rows {
            text +=
                [
                    String(decoding: row.file, as: UTF8.self), "\(row.line)", row.column,
                    row.reason,
                    row.message, row.feed, row.header, change(row.rawText),
                ].map(quoted).joined(separator: separator) + lineEnd
        }
        return text
    }

    private func loadMended(
        _ loading: LoadingStore, _ text: [UInt8], _ mode: FileLoader.Mode = .add,
        only feed: String? = nil
    ) throws -> FileReport {
        let path = try loading.directory.write(text, to: "mended.csv")
        #expect(FileLoader.holdsProblems(path))
        return try loading.loader(mode).loadMended(
            path, .samples, only: feed.flatMap { FeedID($0) })
    }

    private func loadMended(
        _ loading: LoadingStore, _ text: String, _ mode: FileLoader.Mode = .add,
        only feed: String? = nil
    ) throws -> FileReport {
        try loadMended(loading, Array(text.utf8), mode, only: feed)
    }

    /// Rows as they should be, and broken in each way that rejects them.
    private static let broken: [(reason: String, right: String, wrong: String)] = [
        (
            "card_id_empty", "R1,C1,0585949014,13-11-2023 14:00,a",
            "R1,,0585949014,13-11-2023 14:00,a"
        ),
        (
            "card_id_too_long", "R2,C2,,13-11-2023 14:00,\"x, \"\"y\"\"\"",
            "R2,C2\(String(repeating: "9", count: 40)),,13-11-2023 14:00,\"x, \"\"y\"\"\""
        ),
        ("card_id_invalid", "R3,C3,,13-11-2023 14:00,", "R3,C/3,,13-11-2023 14:00,"),
        (
            "card_id_is_card_number", "R4,C4,,13-11-2023 14:00,é",
            "R4,4111111111111111,,13-11-2023 14:00,é"
        ),
        ("timestamp_empty", "R5,C5,,13-11-2023 14:00,", "R5,C5,,,"),
        ("timestamp_format", "R6,C6,,13-11-2023 14:00,", "R6,C6,,yesterday,"),
        ("timestamp_impossible", "R7,C7,,13-11-2023 14:00,", "R7,C7,,31-02-2023 14:00,"),
        ("timestamp_out_of_range", "R8,C8,,13-11-2023 14:00,", "R8,C8,,13-11-1823 14:00,"),
        (
            "comment_too_long", "R9,C9,,13-11-2023 14:00,z",
            "R9,C9,,13-11-2023 14:00,\(String(repeating: "z", count: 1_025))"
        ),
        (
            "comment_control_character", "Ra,CA,,13-11-2023 14:00,b",
            "Ra,CA,,13-11-2023 14:00,b\u{1}b"
        ),
        (
            "reference_too_long", "Rb,CB,,13-11-2023 14:00,",
            "\(String(repeating: "R", count: 65)),CB,,13-11-2023 14:00,"
        ),
        (
            "too_many_fields", "Rc,CC,,13-11-2023 14:00,\"one, two\"",
            "Rc,CC,,13-11-2023 14:00,one, two"
        ),
        ("too_few_fields", "Rd,CD,,13-11-2023 14:00,", "Rd,CD"),
        ("quote_not_closed", "Re,CE,,13-11-2023 14:00,\"open\"", "Re,CE,,13-11-2023 14:00,\"open"),
    ]

    /// Broken in every way, loaded, mended one by one and loaded again, rows give the store that
    /// right ones give at once; whatever the spreadsheet made of the file of rejects.
    @Test(arguments: [(",", "\n", false), (";", "\r\n", false), ("\t", "\n", true)])
    func loadMended_givesTheStore_thatRightRowsGive(
        _ separator: String, _ lineEnd: String, _ isUTF16: Bool
    ) throws {
        let kept = "Rz,CZ,0501234567,13-11-2023 14:00,kept\n"
        let right = try LoadingStore()
        let rights = Self.broken.map(\.right).joined(separator: "\n")
        #expect(try right.load(Self.header + kept + rights).rejects == 0)

        let loading = try LoadingStore()
        // The open quote comes last: it would run into the next row's quotes.
        let report = try loading.load(
            Self.header + kept + Self.broken.map(\.wrong).joined(separator: "\n"))
        #expect(
            report.rejectsByReason
                == Dictionary(uniqueKeysWithValues: Self.broken.map { ($0.reason, 1) }))
        var mends = Dictionary(
            uniqueKeysWithValues: Self.broken.map { ($0.wrong, $0.right) })
        mends["R4,************1111,,13-11-2023 14:00,é"] = Self.broken[3].right
        let text = try Self.mend(
            report.rejectsPath, separator: separator, lineEnd: lineEnd
        ) { mends[$0] ?? "not found: \($0)" }
        let bytes =
            isUTF16
            ? ("\u{FEFF}" + text).utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
            : Array(text.utf8)
        let again = try loadMended(loading, bytes)
        #expect(again.rows == Self.broken.count)
        #expect(again.rejects == 0, "\(again.shown)")
        #expect(try loading.contents() == right.contents())

        // And void takes them back, of one feed only when it is told so.
        let other = try loadMended(loading, bytes, .void, only: "returned")
        #expect(other.rejectsByReason == ["feed_differs": Self.broken.count])
        #expect(try loading.contents() == right.contents())
        let undone = try loadMended(loading, bytes, .void, only: "delivered")
        #expect(undone.counts.accepted == Self.broken.count)
        #expect(try loading.contents().count { $0.hasSuffix("void") } == Self.broken.count)
    }

    /// Rows that a quote ran together are several again once it is closed, in their own lines.
    @Test func loadMended_readsSeveralRows_fromOneRawRow() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + "R1,\"C1,,13-11-2023 14:00,\nR2,C2,,13-11-2023 14:00,\n"
                + "R3,C\"3,,13-11-2023 14:00,\n")
        #expect(report.rejects == 1)
        let text = try Self.mend(report.rejectsPath) { $0.replacing("\"", with: "") }
        #expect(try loadMended(loading, text).counts.accepted == 3)
        let bad = try loadMended(
            loading, text.replacing(",C2,", with: ",C/2,").replacing(",C3,", with: ",,"))
        #expect(bad.shown.map(\.origin) == [3, 4].map { "\(report.path):\($0)" })
        #expect(bad.shown.map(\.line) == [2, 2])
    }

    /// Rows that are still wrong are rejected again, with the place where they stood at first, and
    /// can be mended again.
    @Test func loadMended_rejectsAgain_withTheOriginalPlace() throws {
        let loading = try LoadingStore()
        let report = try loading.load(Self.header + "\nR1,,,13-11-2023 14:00,x\n")
        let text = try Self.mend(report.rejectsPath) { $0.replacing(",x", with: ",y") }
        let again = try loadMended(loading, text)
        #expect(again.rejectsByReason == ["card_id_empty": 1])
        let shown = try #require(again.shown.first)
        #expect(shown.line == 2 && shown.origin == "\(report.path):3")
        let noted = try #require(try ProblemTable(again.rejectsPath).rows.first)
        #expect(String(decoding: noted.file, as: UTF8.self) == report.path)
        #expect(noted.line == 3 && noted.feed == "delivered")
        #expect(noted.header + "\n" == Self.header)
        #expect(noted.rawText == "R1,,,13-11-2023 14:00,y")
        let third = try Self.mend(again.rejectsPath) { $0.replacing(",,,", with: ",C1,,") }
        #expect(try loadMended(loading, third).counts.accepted == 1)
    }

    /// A number that was hidden is gone: the row says so instead of keeping its stars.
    @Test func loadMended_rejectsRows_whoseNumberWasMasked() throws {
        let loading = try LoadingStore()
        let number = "4111 1111 1111 1111"
        let report = try loading.load(
            Self.header + "R1,\(number.filter { $0 != " " }),,13-11-2023 14:00,a\n"
                + "R2,,,13-11-2023 14:00,paid by \(number)\n"
                + "R3,,,13-11-2023 14:00,no * number *** 1234\n")
        #expect(report.rejects == 3)
        let text = try Self.mend(report.rejectsPath) { $0.replacing(",,,", with: ",C1,,") }
        #expect(!text.contains("4111"))
        let again = try loadMended(loading, text)
        #expect(again.rejectsByReason == ["number_masked": 2])
        #expect(again.shown.map(\.problem.column) == ["Card ID", "Comment"])
        #expect(again.shown.allSatisfy { $0.problem.message.contains("masked") })
        #expect(try loading.contents().count == 1)
    }

    /// Warnings are mended in the same way: the event gets the phone that it lacked.
    @Test func loadMended_addsThePhone_fromAFileOfWarnings() throws {
        let loading = try LoadingStore()
        let report = try loading.load(Self.header + "R1,C1,9.71535E+11,13-11-2023 14:00,x\n")
        let text = try Self.mend(report.warningsPath) {
            $0.replacing("9.71535E+11", with: "0585949014")
        }
        #expect(try loadMended(loading, text).counts.accepted == 1)
        #expect(
            try loading.contents() == [
                "C1|2023-11-13T10:00:00Z|delivered|delivered|R1|+971585949014|x|"
            ])
    }

    /// Rows that do not say how to read them are rejects of their own, and the others are read.
    @Test func loadMended_rejectsRows_itCannotPlace() throws {
        let header = Self.quoted(String(Self.header.dropLast()))
        let row = Self.quoted("R1,C1,,13-11-2023 14:00,")
        let loading = try LoadingStore()
        let report = try loadMended(
            loading,
            Self.titles + "f,2,,,,,\(header),\(row)\n" + "f,2,,,,nope,\(header),\(row)\n"
                + "f,2,,,,delivered,,\(row)\n" + "f,2,,,,delivered,\(header),\n"
                + "f,2,,,,delivered,\"ID,Card\",\(row)\n" + "f,2,,,,delivered\n"
                + "f,\(Int.max),,,,delivered,\(header),\(row)\n"
                + "f,x,,,,delivered,\(header),\(row)\n" + "\"f,2\n")
        #expect(
            report.rejectsByReason == [
                "feed_missing": 1, "feed_unknown": 1, "header_missing": 2, "raw_row_empty": 1,
                "header_unusable": 1, "quote_not_closed": 1,
            ])
        #expect(report.counts.accepted == 1 && report.counts.duplicates == 1)
        #expect(try ProblemTable(report.rejectsPath).rows.map(\.line) == [2, 3, 4, 5, 6, 7, 10])
    }

    /// A row that could not be placed is not read as the row that it holds.
    @Test func loadMended_rejectsWhatItCouldNotPlace_againAndAgain() throws {
        let header = Self.quoted(String(Self.header.dropLast()))
        let loading = try LoadingStore()
        var report = try loadMended(
            loading, Self.titles + "f,2,,,,delivered,\(header),\n")
        #expect(report.rejectsByReason == ["raw_row_empty": 1])
        for _ in 0..<2 {
            report = try loading.loader().loadMended(try #require(report.rejectsPath), .samples)
            #expect(report.rejectsByReason == ["feed_missing": 1])
        }
    }

    /// A very long header is not written with every row; such rows say where to mend them.
    @Test func rejects_leaveOutAHeader_thatIsVeryLong() throws {
        let loading = try LoadingStore()
        let long = Self.header.dropLast() + "," + String(repeating: "t", count: 5_000)
        let report = try loading.load("\(long)\nR1,,,13-11-2023 14:00,\n")
        #expect(try ProblemTable(report.rejectsPath).rows.map(\.header) == [""])
        let again = try loadMended(loading, try Self.mend(report.rejectsPath) { $0 })
        #expect(again.rejectsByReason == ["header_missing": 1])
    }

    /// What looks like a byte order mark within a file is a row's own, also when it is mended.
    @Test func loadMended_keepsAMark_atARowsStart() throws {
        let right = try LoadingStore()
        try right.load(Self.header + "\u{FEFF}R1,C1,,13-11-2023 14:00,\n")
        let loading = try LoadingStore()
        let report = try loading.load(Self.header + "\u{FEFF}R1,,,13-11-2023 14:00,\n")
        let text = try Self.mend(report.rejectsPath) { $0.replacing(",,,", with: ",C1,,") }
        _ = try loadMended(loading, text)
        #expect(try loading.contents() == right.contents())
    }

    /// Partners' files, other files and no files are not taken for problem files.
    @Test func holdsProblems_isFalse_forOtherFiles() throws {
        let directory = try ScratchDirectory()
        for text in ["", Self.header, "raw_row,feed,header\n", "file;line,column\n"] {
            #expect(!FileLoader.holdsProblems(try directory.write(text, to: "other.csv")))
        }
        #expect(!FileLoader.holdsProblems(directory.path))
        #expect(!FileLoader.holdsProblems(directory.path + "/absent"))
        let text = "\u{FEFF}Note;RAW_ROW;\"header\";feed;message;reason;column;Line;file\r\n"
        #expect(FileLoader.holdsProblems(try directory.write(text, to: "mine.csv")))
    }
}
