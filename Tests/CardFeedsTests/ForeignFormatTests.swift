import CardFeeds
import CardModel
import Testing

/// Files that are not CSV.
@Suite struct ForeignFormatTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"
    private static let event = "C1|2023-11-13T10:00:00Z|delivered|delivered|R1|+971585949014|fine|"

    private static func row(_ number: Int) -> String {
        "R\(number),C\(number),0585949014,13-11-2023 14:00,fine\n"
    }

    struct Foreign: Sendable, CustomTestStringConvertible {
        let bytes: [UInt8]
        let words: String

        init(_ words: String, _ bytes: [UInt8]) {
            self.bytes = bytes
            self.words = words
        }

        var testDescription: String { words }
    }

    private static let compressed =
        "the file is compressed, and not by gzip alone; unpack it first"

    private static let foreign = [
        Foreign(
            "the file is UTF-32; save it as UTF-8",
            [0xFF, 0xFE, 0, 0] + header.utf8.flatMap { [$0, 0, 0, 0] }),
        Foreign(
            "the file is UTF-32; save it as UTF-8",
            [0, 0, 0xFE, 0xFF] + header.utf8.flatMap { [0, 0, 0, $0] }),
        Foreign(compressed, [0x28, 0xB5, 0x2F, 0xFD, 4, 0]),
        Foreign(compressed, [0xFD, 0x37, 0x7A, 0x58, 0x5A, 0]),
        Foreign(
            "the file is a workbook or an archive; export it as CSV",
            [0x50, 0x4B, 3, 4, 0x14, 0, 6, 0]),
        Foreign(
            "the file is a workbook or an archive; export it as CSV",
            [0xD0, 0xCF, 0x11, 0xE0, 0xA1, 0xB1, 0x1A, 0xE1, 0]),
        Foreign(
            "the file is not text: its first line has NUL bytes",
            Array("ID,Card,User contact,\u{0}Timestamp\n".utf8)),
        Foreign("the file is not text: its first line has NUL bytes", [0x41, 0, 0, 0, 0x42, 0x0A]),
    ]

    /// What is not CSV is called by its name instead of by what its bytes look like.
    @Test(arguments: foreign)
    func load_namesTheFormat_whenTheFileIsNotText(_ foreign: Foreign) throws {
        let loading = try LoadingStore()
        let error = #expect(throws: FileLoadError.self) { try loading.load(foreign.bytes) }
        guard case .header(_, let reason) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect("\(reason)" == foreign.words)
        #expect(try loading.contents() == [])
    }

    /// Bytes that are not UTF-8 matter only where they are needed.
    @Test func load_takesInvalidUTF8InTitlesItDoesNotUse() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            [0xE9, 0x2C] + Array("ID,Card ID,User contact,Timestamp,Comment\n".utf8)
                + Array(("," + Self.row(1)).utf8))
        #expect(report.unusedColumns == ["?"])
        #expect(try loading.contents() == [Self.event])
        let error = #expect(throws: FileLoadError.self) {
            try loading.load([0xE9] + Array((Self.header + Self.row(1)).utf8))
        }
        #expect("\(String(describing: error))".contains("?ID"))
    }

    /// A NUL or a wrong byte in a row below a good header does not make the file something else.
    @Test func load_rejectsTheRowOnly_whenItHasNULs() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + Self.row(1) + "\u{0}\u{0}\u{0}\n" + Self.row(2))
        #expect(report.rejects == 1)
        #expect(report.counts.accepted == 2)
    }
}
