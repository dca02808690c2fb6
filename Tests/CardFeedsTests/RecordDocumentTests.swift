import CardTesting
import Testing

@testable import CardFeeds

/// What a document says beside its records.
struct RecordDocumentTests {
    private static func values(
        ofXML text: String, at places: [String]
    ) throws -> [String?] {
        let scratch = try ScratchDirectory()
        var input = UnpackedFile(try InputFile(path: try scratch.write(text, to: "document")))
        let document = RecordDocument(
            format: .xml, records: "x/y", fields: ["."], values: places)
        return try document.read(&input, called: "document") {
            (_) throws(FileLoadError) in
        } onPiece: { (_) throws(FileLoadError) in
        }
    }

    /// Text in pieces is one value, without the space around it.
    @Test func read_findsValues_ofElementsAndAttributes() throws {
        #expect(
            try Self.values(
                ofXML: "<x n='7'><next> a&amp;<![CDATA[<b>]]>c </next><empty/></x>",
                at: ["x/next", "x/@n", "x/empty", "x/none", "x/@none"])
                == ["a&<b>c", "7", "", nil, nil])
    }

    /// As of a record's elements, of those with one name the first counts.
    @Test func read_takesTheFirst_ofElementsWithOneName() throws {
        #expect(
            try Self.values(
                ofXML: "<x><p/><next>a</next><p n='1'/><next>b</next><p n='2'/></x>",
                at: ["x/next", "x/p/@n"]) == ["a", "1"])
    }

    /// The end of a value that is too long is not taken for the value.
    @Test(arguments: [8_192, 8_193, 20_000])
    func read_leavesOutAValue_thatIsTooLong(count: Int) throws {
        // Each reference is a piece of text of its own.
        let text = String(repeating: "a", count: count - 3) + "&lt;b&gt;"
        let values = try Self.values(ofXML: "<x><next>\(text)</next></x>", at: ["x/next"])
        #expect((values[0] == nil) == (count > 8_192))
    }
}
