import ExpatKit
import Testing

/// Reads XML in pieces.
struct XMLReaderTests {
    private static func read(_ pieces: [ArraySlice<UInt8>]) throws -> [String] {
        var events: [String] = []
        var text = ""
        func flush() {
            if !text.isEmpty { events.append(text) }
            text = ""
        }
        let reader = XMLReader(
            .init(
                start: { name, attributes in
                    flush()
                    events.append(
                        "<\(name)" + attributes.map { " \($0.name)=\($0.value)" }.joined() + ">")
                },
                end: {
                    flush()
                    events.append("</\($0)>")
                },
                text: { text += String(decoding: $0, as: UTF8.self) }))
        for piece in pieces { try Array(piece).withUnsafeBytes { try reader.read($0) } }
        try reader.finish()
        return events
    }

    private static func read(_ text: String) throws -> [String] {
        try read([Array(text.utf8)[...]])
    }

    /// Elements, attributes, entities and CDATA, the same at every split.
    @Test func read_tellsOfAll_atEverySplit() throws {
        let bytes = Array(
            ("<?xml version=\"1.0\"?><a x=\"1 &amp; 2\"><!-- no -->"
                + "<b>é&lt;&#x41;<![CDATA[<c>]]></b><d/></a>")
                .utf8)
        let expected = ["<a x=1 & 2>", "<b>", "é<A<c>", "</b>", "<d>", "</d>", "</a>"]
        for split in 0...bytes.count {
            #expect(try Self.read([bytes[..<split], bytes[split...]]) == expected)
        }
    }

    /// Other encodings come out as UTF-8.
    @Test func read_transcodes() throws {
        let head = "<?xml version='1.0' encoding='ISO-8859-1'?><a>"
        let bytes = Array(head.utf8) + [0xE9] + Array("</a>".utf8)
        #expect(try Self.read([bytes[...]]) == ["<a>", "é", "</a>"])
    }

    @Test(arguments: ["", "<a>", "<a></b>", "a", "<a></a><b/>", "<a x=1/>", "<a>&nbsp;</a>", "{}"])
    func read_refuses(text: String) {
        #expect(throws: XMLProblem.self) { try Self.read(text) }
    }

    /// Document types are refused before any of their entities counts.
    @Test func read_refusesDocumentTypes() {
        let bomb = """
            <!DOCTYPE a [<!ENTITY l0 "ha"><!ENTITY l1 "&l0;&l0;&l0;&l0;&l0;&l0;&l0;&l0;&l0;&l0;">\
            <!ENTITY l2 "&l1;&l1;&l1;&l1;&l1;&l1;&l1;&l1;&l1;&l1;">]><a>&l2;</a>
            """
        for text in [bomb, "<!DOCTYPE a SYSTEM \"file:///etc/passwd\"><a/>", "<!DOCTYPE a><a/>"] {
            let problem = #expect(throws: XMLProblem.self) { try Self.read(text) }
            #expect(problem?.what == "it has a document type, which is not accepted")
        }
    }

    /// Depth and the length of a tag are bounded; text is not, for it is not held.
    @Test func read_boundsDepthAndTokens() throws {
        let problem = #expect(throws: XMLProblem.self) {
            try Self.read(String(repeating: "<a>", count: 65))
        }
        #expect(problem?.what == "elements are nested deeper than 64")
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 18)
        let start = Array("<a b=\"".utf8)
        #expect(throws: XMLProblem.self) {
            try Self.read([start[...]] + (0..<64).map { _ in piece[...] })
        }
        let long = try Self.read(
            [Array("<a>".utf8)[...]] + (0..<8).map { _ in piece[...] } + [Array("</a>".utf8)[...]])
        #expect(long[1].utf8.count == 8 << 18)
    }

    /// What a handler throws ends the reading.
    @Test func read_throwsWhatAHandlerThrows() {
        struct Enough: Error {}
        var count = 0
        let reader = XMLReader(
            .init(
                start: { _, _ in
                    count += 1
                    if count == 2 { throw Enough() }
                }, end: { _ in }, text: { _ in }))
        #expect(throws: Enough.self) {
            try Array("<a><b/><c/></a>".utf8).withUnsafeBytes { try reader.read($0) }
        }
        #expect(count == 2)
    }
}
