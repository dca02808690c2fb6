import Testing

@testable import CardModel

private func text(_ bytes: [UInt8], maxCount: Int = 8) throws -> EventText {
    try EventText(bytes.span, maxCount: maxCount)
}

struct EventTextTests {
    /// Surrounding white space goes, what is inside stays, quotes included.
    @Test(arguments: [
        ("", ""), ("  ", ""), ("\u{A0}\t\r\n", ""), (" left at door ", "left at door"),
        ("\"quoted\"", "\"quoted\""), ("a  b", "a  b"), ("\u{A0}مرحبا\u{A0}", "مرحبا"),
        ("a\u{A0}b", "a\u{A0}b"), ("\u{A1}", "\u{A1}"), ("👩‍👩‍👧 ok", "👩‍👩‍👧 ok"),
    ])
    func init_trims(_ text: String, _ trimmed: String) throws {
        let value = try EventText(Array(text.utf8).span, maxCount: EventText.commentMaxCount)
        #expect(value.bytes == Array(trimmed.utf8))
        #expect(value.text == trimmed)
        #expect(value.isEmpty == trimmed.isEmpty)
    }

    /// Bytes that cannot be kept, with where they are in the text as it came.
    @Test(
        arguments: [
            ([0x20, 0x61, 0xFF], EventTextError.notUTF8(offset: 2), "not UTF-8 at byte 3"),
            ([0x61, 0xC3], .notUTF8(offset: 1), "not UTF-8 at byte 2"),
            ([0xED, 0xA0, 0x80], .notUTF8(offset: 0), "not UTF-8 at byte 1"),
            ([0xC0, 0xAF], .notUTF8(offset: 0), "not UTF-8 at byte 1"),
            ([0xA0], .notUTF8(offset: 0), "not UTF-8 at byte 1"),
            ([0x61, 0x0A, 0x62], .controlCharacter(offset: 1), "a control character at byte 2"),
            (
                [0x20, 0x61, 0x00, 0x62], .controlCharacter(offset: 2),
                "a control character at byte 3"
            ),
            ([0x61, 0x7F], .controlCharacter(offset: 1), "a control character at byte 2"),
            (
                [0x61, 0xC2, 0x85, 0x62], .controlCharacter(offset: 1),
                "a control character at byte 2"
            ),
            ([0xC2, 0x9F], .controlCharacter(offset: 0), "a control character at byte 1"),
        ] as [([UInt8], EventTextError, String)])
    func init_refuses_whatIsNoText(_ bytes: [UInt8], _ error: EventTextError, _ words: String) {
        #expect(throws: error) { try text(bytes, maxCount: 10) }
        #expect(
            error.description == "the text is \(words)"
                || error.description == "the text has \(words)")
    }

    /// The limit counts bytes after trimming.
    @Test func init_refuses_whatIsTooLong() throws {
        let full = Array(" \(String(repeating: "é", count: 32)) ".utf8)
        #expect(try text(full, maxCount: 64).bytes.count == 64)
        let error = EventTextError.tooLong(count: 64, limit: 63)
        #expect(throws: error) { try text(full, maxCount: 63) }
        #expect(error.description == "the text has 64 bytes, and 63 is the limit")
    }

    /// Texts that Swift's String holds equal are two texts: merging needs a total order of bytes.
    @Test func order_isThatOfTheBytes() throws {
        let composed = try text(Array("\u{E9}".utf8))
        let decomposed = try text(Array("e\u{301}".utf8))
        #expect(composed.text == decomposed.text)
        #expect(composed != decomposed)
        #expect(decomposed < composed)
        #expect(EventText.empty < decomposed)
        #expect(!(composed < composed))
    }
}
