import CardTesting
import Testing

@testable import CardModel

struct CardIDTests {
    /// What people and spreadsheets write, and the canonical form of it.
    @Test(arguments: [
        ("ZYW8827", "ZYW8827"),
        ("zyw8827", "ZYW8827"),
        ("  ZYW8827\t", "ZYW8827"),
        ("\"ZYW8827\"", "ZYW8827"),
        (" '\"zyw8827\"' ", "ZYW8827"),
        ("\u{A0}ZYW8827\u{A0}", "ZYW8827"),
        ("a-b_c.d", "A-B_C.D"),
        (".", "."),
        (".0", ".0"),
        ("A.0", "A.0"),
        ("1.00", "1.00"),
        ("1.0.0", "1.0.0"),
        ("7", "7"),
        ("12345678901234567890123456789012", "12345678901234567890123456789012"),
    ])
    func parse_givesTheCanonicalForm(_ text: String, _ canonical: String) throws {
        let parsed = try CardID.parse(Array(text.utf8).span)
        #expect(parsed.id.text == canonical)
        #expect(!parsed.hadFloatTail)
    }

    /// A float's tail goes, with a sign that it did.
    @Test(arguments: [
        ("123456.0", "123456"), ("\"7.0\"", "7"), (" 0.0 ", "0"),
        ("12345678901234567890123456789012.0", "12345678901234567890123456789012"),
    ])
    func parse_takesTheFloatTailOff_whenAllElseIsDigits(_ text: String, _ id: String) throws {
        let parsed = try CardID.parse(Array(text.utf8).span)
        #expect(parsed.id.text == id)
        #expect(parsed.hadFloatTail)
    }

    /// What is no card ID, and the words a person gets.
    @Test(arguments: [
        ("", CardIDError.empty, "the card ID is empty"),
        (" \" ' ", .empty, "the card ID is empty"),
        (
            "ABCDEFGHIJKLMNOPQRSTUVWXYZ-123456", .tooLong(count: 33, limit: 32),
            "the card ID has 33 bytes, and 32 is the limit"
        ),
        (
            " AB C", .invalidByte(0x20, offset: 2),
            "the card ID has ' ' at position 3; letters, digits, '-', '_' and '.' are allowed"
        ),
        (
            "CAF\u{C9}", .invalidByte(0xC3, offset: 3),
            "the card ID has byte 0xc3 at position 4; letters, digits, '-', '_' and '.' are allowed"
        ),
        (
            "A\0B", .invalidByte(0, offset: 1),
            "the card ID has byte 0x0 at position 2; letters, digits, '-', '_' and '.' are allowed"
        ),
    ])
    func parse_refuses_whatIsNoCardID(_ text: String, _ error: CardIDError, _ words: String) {
        #expect(throws: error) { try CardID.parse(Array(text.utf8).span) }
        #expect(error.description == words)
    }

    /// 13 to 19 digits that pass the Luhn check: published test numbers of the card schemes, and
    /// the same with one digit off or out of the range of lengths.
    @Test(arguments: [
        ("4222222222222", true), ("378282246310005", true), ("4111111111111111", true),
        ("5555555555554444", true), ("6304000000000000000", true), ("4111111111111111.0", true),
        ("4111111111111112", false), ("411111111111111A", false), ("422222222222", false),
        ("42222222222", false), ("63040000000000000000", false),
    ])
    func parse_refusesCardNumbers_unlessTheyAreAllowed(_ text: String, _ isNumber: Bool) throws {
        let bytes = Array(text.utf8)
        if isNumber {
            #expect(throws: CardIDError.looksLikeCardNumber) { try CardID.parse(bytes.span) }
        } else {
            _ = try CardID.parse(bytes.span)
        }
        _ = try CardID.parse(bytes.span, allowsCardNumbers: true)
    }

    /// Canonical text is taken as it is or not at all: what a store's key may be.
    @Test(arguments: [
        ("ZYW8827", true), ("A", true), ("", false), ("zyw", false), (" A", false), ("A\0", false),
        ("4111111111111111", true), ("123.0", true), ("12345678901234567890123456789012", true),
        ("123456789012345678901234567890123", false),
    ])
    func canonical_isTakenOnlyAsItIs(_ text: String, _ isCanonical: Bool) {
        let id = CardID(canonical: Array(text.utf8).span)
        #expect(id?.text == (isCanonical ? text : nil))
    }

    /// Whatever is parsed is canonical, and parsing it again changes nothing more.
    @Test(arguments: UInt64(1)...4)
    func parse_isIdempotent_onRandomText(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let alphabet = Array("aZ09-_. \"'\t\u{A0}é\0".utf8)
        for _ in 0..<5_000 {
            let count = Int.random(in: 0...40, using: &random)
            let text = (0..<count).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            guard let parsed = try? CardID.parse(text.span, allowsCardNumbers: true) else {
                continue
            }
            var canonical: [UInt8] = []
            parsed.id.append(to: &canonical)
            #expect(CardID(canonical: canonical.span) == parsed.id, "seed \(seed): \(text)")
            #expect(parsed.id.count == canonical.count, "seed \(seed): \(text)")
            // With its tail off, an ID may have another: only text without one settles at once.
            if !parsed.hadFloatTail {
                let again = try? CardID.parse(canonical.span, allowsCardNumbers: true)
                #expect(again?.id == parsed.id, "seed \(seed): \(text)")
            }
        }
    }
}

extension CardIDTests {
    /// Reading several bytes at a time finds the same ID as reading each, or leaves the text to
    /// that: every byte at every place of texts of every length.
    @Test func plain_isWhatParseFinds() throws {
        for count in 0...34 {
            for place in 0..<max(count, 1) {
                for byte in UInt8.min...UInt8.max {
                    var text = (0..<count).map { UInt8(ascii: "a") + UInt8($0 % 26) }
                    if count > 0 { text[place] = byte }
                    guard let plain = CardID(plain: text.span) else {
                        let isPlain =
                            (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte)
                            || (0x61...0x7A).contains(byte) || byte == 0x2D || byte == 0x5F
                        #expect(!isPlain || count == 0 || count > 32, "\(text)")
                        continue
                    }
                    let parsed = try CardID.parse(text.span, allowsCardNumbers: true)
                    guard plain == parsed.id else {
                        Issue.record("\(text) is \(plain.text)")
                        return
                    }
                }
            }
        }
    }
}
