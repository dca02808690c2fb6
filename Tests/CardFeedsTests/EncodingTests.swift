import CardFeeds
import CardModel
import Foundation
import Testing

/// Files in encodings other than UTF-8.
@Suite struct EncodingTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"
    private static let comment = "naïve \u{e9}t\u{e9}"

    private static func row(_ number: Int, comment: String = comment) -> String {
        "R\(number),C\(number),0585949014,13-11-2023 14:00,\(comment)\n"
    }

    private static func event(_ number: Int, comment: String = comment) -> String {
        "C\(number)|2023-11-13T10:00:00Z|delivered|delivered|R\(number)|+971585949014|\(comment)|"
    }

    private static func utf16(_ text: String, isBigEndian: Bool = false) -> [UInt8] {
        text.utf16.flatMap { unit in
            let bytes = [UInt8(unit & 0xFF), UInt8(unit >> 8)]
            return isBigEndian ? bytes.reversed() : bytes
        }
    }

    private static func latin1(_ text: String) -> [UInt8] {
        text.unicodeScalars.map { UInt8($0.value) }
    }

    private static func feeds(encoding: String) throws -> FeedSet {
        let yaml = Configuration.builtInYAML.replacing(
            "status: delivered", with: "status: delivered\n    encoding: \(encoding)")
        return try Configuration(yaml: yaml, source: "test").feeds
    }

    /// A mark decides whatever the feed says; without one the feed does, and `auto` looks.
    @Test(arguments: [
        ("auto", "", "utf-8"), ("auto", "\u{FEFF}", "utf-8"), ("auto", "", "utf-16-le"),
        ("auto", "\u{FEFF}", "utf-16-le"), ("auto", "", "utf-16-be"),
        ("auto", "\u{FEFF}", "utf-16-be"), ("utf-16", "", "utf-16-le"),
        ("utf-16", "", "utf-16-be"), ("utf-16", "\u{FEFF}", "utf-8"), ("utf-8", "", "utf-8"),
        ("utf-8", "\u{FEFF}", "utf-16-le"), ("latin-1", "", "latin-1"),
        ("latin-1", "\u{FEFF}", "utf-8"), ("latin-1", "\u{FEFF}", "utf-16-be"),
    ])
    func load_readsTheSame_inEveryEncoding(
        _ setting: String, _ mark: String, _ encoding: String
    ) throws {
        let text = mark + Self.header + Self.row(1) + Self.row(2)
        let bytes =
            switch encoding {
            case "utf-16-le": Self.utf16(text)
            case "utf-16-be": Self.utf16(text, isBigEndian: true)
            case "latin-1": Self.latin1(text)
            default: Array(text.utf8)
            }
        let loading = try LoadingStore()
        let report = try loading.load(
            bytes, .add, as: "delivered", try Self.feeds(encoding: setting))
        #expect(report.rejects + report.warnings == 0)
        #expect(try loading.contents() == [Self.event(1), Self.event(2)])
    }

    /// Without another hint, UTF-16 is little endian, as Windows writes it.
    @Test func load_takesUTF16ForLittleEndian_whenTheHeaderDoesNotShowIt() throws {
        let titles = "\u{645}\u{648}\u{639},\u{648}\u{642}\u{62A}\u{645}\u{648}\u{639}"
        let yaml = """
            feeds:
              - {id: f, status: returned, region: AE, time_zone: UTC, encoding: utf-16,
                 columns: {card_id: \u{645}\u{648}\u{639},
                           occurred_at: \u{648}\u{642}\u{62A}\u{645}\u{648}\u{639}}}
            """
        let feeds = try Configuration(yaml: yaml, source: "test").feeds
        let loading = try LoadingStore()
        let bytes = Self.utf16(titles + "\nC1,2023-11-13T10:00:00Z\n")
        #expect(try loading.load(bytes, .add, as: "f", feeds).counts.accepted == 1)
    }

    /// A file of a mark, or of less, has no rows.
    @Test(arguments: [[0xFF, 0xFE], [0xFE, 0xFF], [0xFF, 0xFE, 0x0A, 0x00]] as [[UInt8]])
    func load_isARunOfNoRows_whenThereIsOnlyAMark(_ bytes: [UInt8]) throws {
        #expect(try LoadingStore().load(bytes).rows == 0)
    }

    /// Rejects hold the row as UTF-8, with its quotes, also where the reader's chunks end.
    @Test func rawRow_isTheTextInUTF8_whenTheFileIsNot() throws {
        let bad = "R9,,0585949014,13-11-2023 14:00,\"\(Self.comment), \u{1F600} \"\"x\"\"\""
        let loading = try LoadingStore()
        let rows = (0..<20_000).map { Self.row($0) }.joined()
        let report = try loading.load(
            Self.utf16("\u{FEFF}" + Self.header + rows + bad + "\n" + rows + bad))
        #expect(report.rejectsByReason == ["card_id_empty": 2])
        let noted = try ProblemTable(report.rejectsPath).rows
        #expect(noted.map(\.line) == [20_002, 40_003])
        #expect(noted.map(\.rawText) == [bad, bad])
    }

    /// A row too long to be kept is cut in rejects, which say so; its neighbours are read.
    @Test func rawRow_isCutAndMarked_whenItIsTooLongAndTheFileIsNotUTF8() throws {
        let long = "R9,C9,," + String(repeating: "é", count: 700_000)
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.utf16("\u{FEFF}" + Self.header + Self.row(1) + long + "\n" + Self.row(2)))
        #expect(report.rejectsByReason == ["row_too_long": 1])
        #expect(report.counts.accepted == 2)
        let noted = try #require(try ProblemTable(report.rejectsPath).rows.first)
        #expect(noted.rawRow.count == FileLoader.maxRowBytes)
        let isStart = Array(long.utf8.prefix(noted.rawRow.count)) == noted.rawRow
        #expect(isStart)
        #expect(noted.message.hasSuffix("; only its first 1048576 bytes are kept here"))
    }

    /// Half a surrogate pair and half a unit are no text, and are never made into some.
    @Test func load_rejectsRows_whoseUTF16IsBroken() throws {
        var bytes = Self.utf16("\u{FEFF}" + Self.header + "R1,C1,,13-11-2023 14:00,a")
        bytes += [0x3D, 0xD8]
        bytes += Self.utf16("b\n" + Self.row(2) + "R3,C3,,13-11-2023 14:00,x") + [0x41]
        let loading = try LoadingStore()
        let report = try loading.load(bytes)
        #expect(report.rejectsByReason == ["comment_not_utf8": 2])
        #expect(try loading.contents() == [Self.event(2)])
    }

    /// Latin-1 has control characters where Windows-1252 has quotes: they are not kept as such.
    @Test func load_rejectsWindows1252_whenTheFeedSaysLatin1() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Array((Self.header + "R1,C1,,13-11-2023 14:00,it").utf8) + [0x92, 0x73], .add,
            as: "delivered", try Self.feeds(encoding: "latin-1"))
        #expect(report.rejectsByReason == ["comment_control_character": 1])
    }

    /// What a header lacks is said of its text, and not of its encoding; and the other way round.
    @Test func load_namesWhatIsWrong_whenTheHeaderDoesNotDo() throws {
        let loading = try LoadingStore()
        let lacking = #expect(throws: FileLoadError.self) {
            try loading.load(Self.utf16("ID,Card,User contact,Timestamp\n"))
        }
        #expect("\(String(describing: lacking))".contains("card_id"))
        let other = #expect(throws: FileLoadError.self) {
            try loading.load(
                Self.utf16(Self.header), .add, as: "delivered",
                try Self.feeds(encoding: "latin-1"))
        }
        #expect(
            "\(other.map { "\($0)" } ?? "")".hasSuffix(
                "the file is UTF-16, and its feed's encoding is another"))
    }
}
