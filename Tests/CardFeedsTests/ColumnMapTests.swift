import CardFeeds
import CardModel
import Testing

/// Headers, each above one row that fits it.
@Suite struct ColumnMapTests {
    private static let event =
        "C1|2023-11-13T09:34:56Z|delivered|delivered|R1|+971585949014|Thanks|"

    /// The header that matters is found whatever its order, case, spacing and quotes.
    @Test(arguments: [
        "ID,Card ID,User contact,Timestamp,Comment\nR1,C1,0585949014,2023-11-13T09:34:56Z,Thanks",
        "Comment,Timestamp,User Mobile,Card ID,ID\nThanks,2023-11-13T09:34:56Z,0585949014,C1,R1",
        "id,CARD ID,user CONTACT,TimeStamp,comment\nR1,C1,0585949014,2023-11-13T09:34:56Z,Thanks",
        "ID ,  Card   ID, User\u{A0}contact,Timestamp\t, Comment \n"
            + "R1,C1,0585949014,2023-11-13T09:34:56Z,Thanks",
        "\"ID\",\"Card ID\",\"\"\"User contact\"\"\",\"Timestamp \",Comment\n"
            + "R1,C1,0585949014,2023-11-13T09:34:56Z,Thanks",
        "\u{FEFF}ID,Card ID,User contact,Timestamp,Comment\n"
            + "R1,C1,0585949014,2023-11-13T09:34:56Z,Thanks",
        "\u{FEFF}\u{FEFF}\"ID\",Card ID,User contact,Timestamp,Comment\n"
            + "R1,C1,0585949014,2023-11-13T09:34:56Z,Thanks",
        "ID;Card ID;User contact;Timestamp;Comment\nR1;C1;0585949014;2023-11-13T09:34:56Z;Thanks",
        "ID\tCard ID\tUser contact\tTimestamp\tComment\n"
            + "R1\tC1\t0585949014\t2023-11-13T09:34:56Z\tThanks",
        "ID|Card ID|User contact|Timestamp|Comment\nR1|C1|0585949014|2023-11-13T09:34:56Z|Thanks",
        "\n\r\nID,Card ID,User contact,Timestamp,Comment\r\n"
            + "R1,C1,0585949014,2023-11-13T09:34:56Z,Thanks\r\n\r\n",
        "ID,Card ID,User contact,Timestamp,Comment,,\n"
            + "R1,C1,0585949014,2023-11-13T09:34:56Z,Thanks,,",
    ])
    func load_findsTheColumns_howeverTheHeaderIsWritten(_ text: String) throws {
        let loading = try LoadingStore()
        let report = try loading.load(text)
        #expect(report.rejects == 0)
        #expect(report.warnings == 0)
        #expect(report.unusedColumns == [])
        #expect(try loading.contents() == [Self.event])
    }

    /// Columns without a use are named, those without a title are not.
    @Test func load_namesUnusedColumns() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            "Weight,ID,Card ID,,User contact,Timestamp,City\u{7}\u{202E}\n"
                + "3 g,R1,C1,,0585949014,2023-11-13T09:34:56Z,Dubai\n")
        #expect(report.unusedColumns == ["Weight", "City??"])
        #expect(report.counts.accepted == 1)
    }

    struct Refusal: Sendable {
        let header: String
        let message: String

        init(_ header: String, _ message: String) {
            self.header = header
            self.message = message
        }
    }

    /// A header that does not do is refused in words that help to mend it.
    @Test(arguments: [
        Refusal(
            "ID,Card ID,User contact,When",
            "the file lacks occurred_at ('Timestamp');"
                + " its columns are 'ID', 'Card ID', 'User contact', 'When'"),
        Refusal(
            "Comment",
            "the file lacks card_id ('Card ID') and phone ('User Mobile' or 'User contact') and"
                + " occurred_at ('Timestamp') and reference ('ID'); its columns are 'Comment'"),
        Refusal(
            "ID,Card ID,User contact,User mobile ,Timestamp",
            "several columns could be phone: 'User contact', 'User mobile '"),
        Refusal(
            "ID,Card ID,card  id,User contact,User mobile,Timestamp,timestamp",
            "several columns could be card_id: 'Card ID', 'card  id'"),
        Refusal(
            (1...40).map { "c\($0)" }.joined(separator: ","),
            "the file lacks card_id ('Card ID') and phone ('User Mobile' or 'User contact') and"
                + " occurred_at ('Timestamp') and reference ('ID'); its columns are "
                + (1...30).map { "'c\($0)'" }.joined(separator: ", ") + " and 10 more"),
        Refusal(
            "ID,Card ID,User contact,\(String(repeating: "x", count: 100))",
            "the file lacks occurred_at ('Timestamp'); its columns are 'ID', 'Card ID',"
                + " 'User contact', '\(String(repeating: "x", count: 40))…'"),
        Refusal(
            "ID,Card ID,\"User contact",
            "the header cannot be read: a quote opened on this line is not closed"),
        Refusal(
            String(repeating: "x,", count: 1_024),
            "the header cannot be read: the row has more than 1024 fields"),
    ])
    func load_refusesAHeader_inWordsThatHelp(_ refusal: Refusal) throws {
        let loading = try LoadingStore()
        let error = #expect(throws: FileLoadError.self) {
            try loading.load(refusal.header + "\nR1,C1,0585949014,2023-11-13T09:34:56Z\n")
        }
        guard case .header(_, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect("\(reason)" == refusal.message)
        #expect(try loading.contents() == [])
    }

    /// Without a header the first row is shown in its place; a card's number is not.
    @Test func load_hidesCardNumbers_whenARowStandsInPlaceOfTheHeader() throws {
        let error = #expect(throws: FileLoadError.self) {
            try LoadingStore().load(
                "R1,4111 1111 1111 1111,0585949014,\(String(repeating: " ", count: 35))"
                    + "4111111111111111\n")
        }
        let text = "\(String(describing: error))"
        #expect(!text.contains("1111 1111"))
        #expect(text.contains("**** **** **** 1111"))
        #expect(!text.contains("41111"))
    }
}
