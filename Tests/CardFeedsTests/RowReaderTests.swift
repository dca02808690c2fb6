import CardModel
import Testing

@testable import CardFeeds

/// Rows under the header `ID,Card ID,User contact,Timestamp,Comment`.
@Suite struct RowReaderTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"
    private static let goodRow = "R0,GOOD,0585949014,13-11-2023 14:00,fine\n"
    private static let time = "13-11-2023 14:00"

    /// A row and the one problem it has.
    struct Case: Sendable, CustomTestStringConvertible {
        let code: String
        let column: String
        let row: [UInt8]

        init(_ code: String, in column: String = "", _ row: String) {
            self.init(code, in: column, bytes: Array(row.utf8))
        }

        init(_ code: String, in column: String = "", bytes row: [UInt8]) {
            self.code = code
            self.column = column
            self.row = row
        }

        var testDescription: String {
            "\(code): \(String(decoding: row.prefix(80), as: UTF8.self))"
        }
    }

    private static let rejects = [
        Case("card_id_empty", in: "Card ID", "R1,,0585949014,\(time),x"),
        Case("card_id_empty", in: "Card ID", "R1,\" '' \",0585949014,\(time),x"),
        Case(
            "card_id_too_long", in: "Card ID",
            "R1,\(String(repeating: "A", count: 33)),0585949014,\(time),x"),
        Case("card_id_invalid", in: "Card ID", "R1,ZYW 8827,0585949014,\(time),x"),
        Case("card_id_invalid", in: "Card ID", "R1,ZYW\u{0}8827,0585949014,\(time),x"),
        Case("card_id_invalid", in: "Card ID", "R1,ZÝW8827,0585949014,\(time),x"),
        Case("card_id_is_card_number", in: "Card ID", "R1,4111111111111111,,\(time),x"),
        Case("card_id_is_card_number", in: "Card ID", "R1,4111111111111111.0,,\(time),x"),
        Case("timestamp_empty", in: "Timestamp", "R1,C1,0585949014,  ,x"),
        Case("timestamp_format", in: "Timestamp", "R1,C1,0585949014,yesterday,x"),
        Case("timestamp_format", in: "Timestamp", "R1,C1,0585949014,13-11-2023,x"),
        Case("timestamp_format", in: "Timestamp", "R1,C1,0585949014,170138880,x"),
        Case("timestamp_impossible", in: "Timestamp", "R1,C1,0585949014,31-02-2024 10:00,x"),
        Case("timestamp_impossible", in: "Timestamp", "R1,C1,0585949014,13-11-2023 13:00 PM,x"),
        Case("timestamp_impossible", in: "Timestamp", "R1,C1,0585949014,13-11-2023 13:60,x"),
        Case("timestamp_out_of_range", in: "Timestamp", "R1,C1,0585949014,31-12-1999 10:00,x"),
        Case(
            "reference_too_long", in: "ID",
            "\(String(repeating: "R", count: 65)),C1,0585949014,\(time),x"),
        Case("reference_control_character", in: "ID", "R\u{1}1,C1,0585949014,\(time),x"),
        Case("reference_not_utf8", in: "ID", bytes: [0xC3] + Array(",C1,,\(time),x".utf8)),
        Case(
            "comment_too_long", in: "Comment",
            "R1,C1,0585949014,\(time),\(String(repeating: "é", count: 513))"),
        Case("comment_control_character", in: "Comment", "R1,C1,,\(time),\"two\nlines\""),
        Case("comment_control_character", in: "Comment", "R1,C1,,\(time),nul\u{0}nul"),
        Case(
            "comment_not_utf8", in: "Comment",
            bytes: Array("R1,C1,,\(time),caf".utf8) + [0xE9]),
        Case("too_few_fields", in: "Card ID", "R1"),
        Case("too_few_fields", in: "User contact", "R1,C1"),
        Case("too_few_fields", in: "Timestamp", "R1,C1,0585949014"),
        Case("too_few_fields", in: "Card ID", "   "),
        Case("too_many_fields", "R1,C1,0585949014,\(time),sorry, not at home"),
        Case("too_many_fields", "R1,C1,0585949014,\(time),x,,y"),
        Case("too_many_fields", String(repeating: ",", count: 2_000)),
        Case("quote_not_closed", "R1,C1,0585949014,\(time),\"never closed"),
        Case("row_too_long", "R1,C1,,\(time),\(String(repeating: "x", count: 1 << 20))"),
    ]

    /// Every reason for a reject, with the line and the column that have it; rows around it load.
    @Test(arguments: rejects)
    func load_rejectsARow_withCodeLineAndColumn(_ row: Case) throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Array((Self.header + Self.goodRow + "\n").utf8) + row.row
                + Array(("\n" + Self.goodRow).utf8))
        #expect(report.rejectsByReason == [row.code: 1])
        #expect(report.rows == 3)
        #expect(report.counts.accepted == 1)
        #expect(report.counts.duplicates == 1)
        #expect(report.warnings == 0)
        #expect(try loading.contents().count == 1)

        let shown = try #require(report.shown.first)
        #expect(shown.line == 4 && shown.isReject)
        #expect(shown.problem.code == row.code)
        #expect((shown.problem.column ?? "") == row.column)
        #expect(!shown.problem.message.isEmpty)

        let noted = try ProblemTable(report.rejectsPath).rows
        #expect(noted.count == 1)
        #expect(noted.first?.line == 4)
        #expect(noted.first?.reason == row.code)
        #expect(noted.first?.column == row.column)
        #expect(noted.first?.message == shown.problem.message)
        #expect(noted.first?.file == Array(report.path.utf8))
        if row.code != "card_id_is_card_number" { #expect(noted.first?.rawRow == row.row) }
    }

    /// A row that lacks several columns names the first of them, every time.
    @Test func load_namesTheFirstMissingColumn_whenSeveralAreMissing() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + String(repeating: "R1\n", count: 20))
        #expect(report.shown.map(\.problem.column) == Array(repeating: "Card ID", count: 20))
    }

    private static let warnings = [
        Case("card_id_float_tail", in: "Card ID", "R1,12345.0,0585949014,\(time),x"),
        Case("timestamp_in_future", in: "Timestamp", "R1,C1,0585949014,03-12-2023 04:01,x"),
        Case("phone_lost_digits", in: "User contact", "R1,C1,9.71535E+11,\(time),x"),
        Case("phone_not_a_number", in: "User contact", "R1,C1,ask the porter,\(time),x"),
        Case("phone_too_long", in: "User contact", "R1,C1,+971585949014999999999999,\(time),x"),
    ]

    /// Every kind of warning: the row is kept, and its bytes are noted as they are.
    @Test(arguments: warnings)
    func load_warnsOfARow_withCodeLineAndColumn(_ row: Case) throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Array(Self.header.utf8) + row.row + Array(("\r\n" + Self.goodRow).utf8))
        #expect(report.warningsByReason == [row.code: 1])
        #expect(report.rejects == 0)
        #expect(report.rejectsPath == nil)
        #expect(report.counts.accepted == 2)
        #expect(report.shown.map(\.isReject) == [false])

        let noted = try ProblemTable(report.warningsPath).rows
        #expect(noted.map(\.line) == [2])
        #expect(noted.map(\.reason) == [row.code])
        #expect(noted.map(\.column) == [row.column])
        #expect(noted.map(\.rawRow) == [row.row])
    }

    /// 48 hours ahead of the clock are an ordinary mistake of clocks and time zones.
    @Test func load_givesNoWarning_whenATimestampIs48HoursAhead() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + "R1,C1,0585949014,03-12-2023 04:00,x\n")
        #expect(report.warnings == 0)
    }

    /// A row can have several warnings, in the order of its reading.
    @Test func load_notesEveryWarningOfARow() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + "R1,12345.0,9.71535E+11,13-11-2033 14:00,x\n")
        #expect(
            report.shown.map(\.problem.code)
                == ["card_id_float_tail", "timestamp_in_future", "phone_lost_digits"])
        #expect(report.warnings == 3)
    }

    /// The raw text of a phone is shown, cut and without what would act on a terminal.
    @Test func load_showsTheRawPhone_fitToBeShown() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header
                + "R1,C1,9.71535E+11,\(Self.time),x\n"
                + "R2,C2,\u{1B}[2J\u{202E}x,\(Self.time),x\n"
                + "R3,C3,\(String(repeating: "é", count: 100)),\(Self.time),x\n")
        let messages = report.shown.map(\.problem.message)
        try #require(messages.count == 3)
        #expect(
            messages[0] == "scientific notation has lost digits of the phone number:"
                + " '9.71535E+11'; the event has no phone")
        #expect(messages[1] == "not a phone number: '?[2J?x'; the event has no phone")
        #expect(
            messages[2] == "not a phone number: '\(String(repeating: "é", count: 64))…';"
                + " the event has no phone")
    }

    /// An empty phone says that there is none; nothing was lost.
    @Test(arguments: ["", "  ", "\"\"", "\" \"", "\"\"\"\"\"\""])
    func load_givesNoWarning_whenThePhoneIsEmpty(_ phone: String) throws {
        let loading = try LoadingStore()
        let report = try loading.load(Self.header + "R1,C1,\(phone),\(Self.time),x\n")
        #expect(report.warnings == 0)
        #expect(try loading.contents() == ["C1|2023-11-13T10:00:00Z|delivered|delivered|R1||x|"])
    }

    /// Fields that are left out or empty at the end of a row mean nothing.
    @Test(arguments: [
        "R1,C1,0585949014,13-11-2023 14:00", "R1,C1,0585949014,13-11-2023 14:00,",
        "R1,C1,0585949014,13-11-2023 14:00,,,,", "R1,C1,0585949014,13-11-2023 14:00,,\" \",\t",
    ])
    func load_takesARow_whenOnlyEmptyFieldsAreMissingOrTooMany(_ row: String) throws {
        let loading = try LoadingStore()
        #expect(try loading.load(Self.header + row).rejects == 0)
        #expect(
            try loading.contents()
                == ["C1|2023-11-13T10:00:00Z|delivered|delivered|R1|+971585949014||"])
    }

    /// A feed's placeholders are no phones, however they are written.
    @Test func load_warnsOfPlaceholders() throws {
        let yaml = Configuration.builtInYAML.replacing(
            "status: delivered", with: "status: delivered\n    placeholder_phones: [0500000000]")
        let feeds = try Configuration(yaml: yaml, source: "test").feeds
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + "R1,C1,+971 50 000 0000,\(Self.time),x\nR2,C1,500000000,\(Self.time),x\n",
            as: "delivered", feeds)
        #expect(report.warningsByReason == ["phone_placeholder": 2])
        #expect(try loading.states() == ["C1|delivered|2023-11-13T10:00:00Z|"])
    }

    /// A feed may say that its IDs look like card numbers.
    @Test func load_takesCardNumbers_whenTheFeedAllowsThem() throws {
        let yaml = Configuration.builtInYAML.replacing(
            "status: delivered", with: "status: delivered\n    allow_card_numbers: true")
        let feeds = try Configuration(yaml: yaml, source: "test").feeds
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + "R1,4111111111111111,nobody,\(Self.time),x\n", as: "delivered", feeds)
        #expect(report.counts.accepted == 1)
        let noted = try ProblemTable(report.warningsPath).rows
        #expect(noted.map(\.rawText) == ["R1,4111111111111111,nobody,\(Self.time),x"])
    }

    /// Reports count by these words, so they must stay.
    @Test func code_ofEveryPhoneError() {
        let errors: [PhoneError] = [
            .empty, .notANumber, .lostDigits, .invalidCountryCode, .tooShort, .tooLong,
            .invalidLength, .localOnly, .placeholder,
        ]
        #expect(
            errors.map(\.code) == [
                "empty", "not_a_number", "lost_digits", "unknown_country", "too_short", "too_long",
                "invalid_length", "local_only", "placeholder",
            ])
    }
}
