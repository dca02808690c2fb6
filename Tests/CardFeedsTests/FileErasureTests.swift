import CardModel
import CardStore
import CardTesting
import Foundation
import Testing

@testable import CardFeeds

/// Rows that go out of the files of a data directory, and those that stay.
@Suite struct FileErasureTests {
    private static let digits: UInt64 = 971_585_949_014

    private final class DataDirectory {
        let loading: LoadingStore
        var path: String { loading.storeDirectory }

        init() throws { loading = try LoadingStore() }

        func write(_ text: String, to name: String) throws {
            try loading.directory.write(text, to: "store/" + name)
        }

        func text(_ name: String) throws -> String {
            let data = try Data(contentsOf: URL(fileURLWithPath: path + "/" + name))
            return String(decoding: data, as: UTF8.self)
        }

        func erase(
            customers: [String] = [], changesNothing: Bool = false
        ) throws -> FileErasure.Report {
            let phone = try #require(PhoneNumber(digits: FileErasureTests.digits))
            let ids = try customers.map { try CustomerID(Array($0.utf8).span) }
            return try FileErasure.run(
                try loading.store, phones: [phone], customers: ids, changesNothing: changesNothing)
        }
    }

    /// Rows of several lines go as a whole; all else stays byte for byte, blank lines and the end
    /// without a line break too.
    @Test func run_takesRowsOut_whateverIsAroundThem() throws {
        let data = try DataDirectory()
        let name = "inbox/done/a.csv"
        let text =
            "\u{FEFF}ID,Card ID,Phone\r\n1,A,0501111111\r\n\r\n2,\"B\nb\",\"0585949014\"\r\n"
            + "3,C,+971 58 594 9014\n4,D,\"x\n\ny\"\n\n5,E,5.85949014E+08"
        try data.write(text, to: name)
        let dry = try data.erase(changesNothing: true)
        #expect(try data.text(name) == text)
        let report = try data.erase()
        #expect(report.cleaned.map(\.rows) == [3])
        #expect(report == dry)
        #expect(
            try data.text(name)
                == "\u{FEFF}ID,Card ID,Phone\r\n1,A,0501111111\r\n\r\n4,D,\"x\n\ny\"\n\n")
        #expect(try data.erase().cleaned.isEmpty)
    }

    /// A file larger than what is read at a time, with hits everywhere.
    @Test func run_takesRowsOut_ofALargeFile() throws {
        let data = try DataDirectory()
        let rows = (0..<60_000).map { number in
            "\(number),C\(number),\(number % 7 == 3 ? "0585949014" : "0501111111"),\"a, b\"\n"
        }
        try data.write("ID,Card ID,Phone,Comment\n" + rows.joined(), to: "x/failed/large.csv")
        #expect(try data.erase().cleaned.map(\.rows) == [8_571])
        let kept = rows.filter { !$0.contains("585949014") }
        #expect(
            try data.text("x/failed/large.csv") == "ID,Card ID,Phone,Comment\n" + kept.joined())
    }

    /// Rejects of the phone's rows and of the customer's; those of runs and loads that are under
    /// way are left to them.
    @Test func run_cleansRejects_thatNobodyWrites() throws {
        let data = try DataDirectory()
        let titles = ProblemFile.titles.joined(separator: ",") + "\n"
        let hers = "\"f\",\"2\",\"t\",\"r\",\"m\",\"pickup\",\"h\",\"1,A,0585949014\"\n"
        let another = "\"f\",\"3\",\"t\",\"r\",\"m\",\"pickup\",\"h\",\"1,A,0501111111\"\n"
        func customer(_ id: String) -> String {
            "\"f\",\"4\",\"t\",\"r\",\"m\",\"crm\",\"customer_id,first_name\","
                + "\"\"\"\(id)\"\",\"\"Ann\"\"\"\n"
        }
        let text = titles + hers + another + customer("C1") + customer("C12")
        let open = try data.loading.store.addRun { id in
            StoredRun(id: id, feed: "pickup", way: .folder, source: "inbox", requestedAt: 5)
        }
        let mine = "20231201T060000Z-\(getppid())-1-a.csv.rejects.csv"
        let ended = "20231201T060000Z-0-1-a.csv.rejects.csv"
        for name in [mine, ended, "run-\(open.id)-pickup.rejects.csv", "run-999-x.warnings.csv"] {
            try data.write(text, to: "rejects/" + name)
        }
        let report = try data.erase(customers: ["C1"])
        #expect(report.cleaned.map(\.rows) == [2, 2])
        #expect(try data.text("rejects/" + ended) == titles + another + customer("C12"))
        #expect(report.waiting.count == 2)
        #expect(try data.text("rejects/" + mine) == text)
    }

    /// What cannot be taken apart goes whole, what cannot be read is named, and links lead nowhere.
    @Test func run_removesDocuments_andNamesWhatItCannotRead() throws {
        let data = try DataDirectory()
        try data.write("\n {\"data\": [{\"phone\": \"0585949014\"}]}", to: "inbox/done/a.json")
        try data.write("<a><b>+971 58 594 9014</b></a>", to: "inbox/done/a.xml")
        try data.write("[{\"phone\": \"0501111111\"}]", to: "inbox/done/b.json")
        try data.write("PK\u{3}\u{4}", to: "inbox/failed/a.xlsx")
        let outside = try data.loading.directory.write("x,0585949014\n", to: "outside.csv")
        try FileManager.default.createSymbolicLink(
            atPath: data.path + "/inbox/done/link.csv", withDestinationPath: outside)
        let report = try data.erase()
        #expect(report.removed.map { ($0 as NSString).lastPathComponent } == ["a.json", "a.xml"])
        #expect(report.unread.map(\.reason).count == 1)
        #expect(report.unread[0].reason.contains("workbook"))
        #expect(try data.text("inbox/done/b.json").contains("0501111111"))
        #expect(try String(contentsOfFile: outside, encoding: .utf8) == "x,0585949014\n")
    }

    /// What an erasure that was killed has left of a file goes.
    @Test func run_removesUnfinishedFiles() throws {
        let data = try DataDirectory()
        try data.write("ID\n1\n", to: "rejects/20231201T060000Z-0-1-a.csv.rejects.csv.partial")
        #expect(try data.erase(changesNothing: true) == data.erase())
        let names = try FileManager.default.contentsOfDirectory(atPath: data.path + "/rejects")
        #expect(names.isEmpty)
    }

    /// A record that a repair gave up has the phone's digits as the store had them.
    @Test func run_cleansDamagedRecords() throws {
        let data = try DataDirectory()
        let hex = withUnsafeBytes(of: Self.digits.littleEndian) { bytes in
            bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        try data.write(
            "{\"key\":\"41\",\"value\":\"00\(hex)00\"}\n{\"key\":\"42\",\"value\":\"00\"}\n",
            to: CardStore.damagedFileName)
        #expect(try data.erase().cleaned.map(\.rows) == [1])
        #expect(
            try data.text(CardStore.damagedFileName) == "{\"key\":\"42\",\"value\":\"00\"}\n")
    }
}
