import CardModel
import CardTesting
import Foundation
import Testing

private func parse(
    _ text: String, region: String = "AE", placeholders: Set<PhoneNumber> = []
) throws -> String {
    let region = try #require(PhoneRegion(region))
    return try PhoneParser(region: region, placeholders: placeholders)
        .parse(Array(text.utf8).span).e164
}

/// The ways in which partners write one number of the United Arab Emirates.
@Test(arguments: [
    "0585949014", "585949014", "971585949014", "+971585949014", "00971585949014",
    "058 594-9014", "(058) 5949014", "+971 (0) 58 594 9014", "tel:+971-58-594-9014",
    "0585949014 ext. 12", "０５８５９４９０１４", "٠٥٨٥٩٤٩٠١٤",
])
func parse_findsTheNumber_whenWrittenInAnyForm(_ text: String) throws {
    #expect(try parse(text) == "+971585949014")
}

/// What spreadsheets, data frames and over-eager CSV writers wrap around a number goes first.
@Test(arguments: [
    "\"0585949014\"", "\"\"\"0585949014\"\"\"", "'0585949014", "“0585949014”", "« 0585949014 »",
    " \t\"0585949014\" \r\n", "\u{FEFF}0585949014", "\u{A0}0585949014\u{A0}",
    "585949014.0", "“585949014.0”", "\u{FEFF}585949014.0", "«5.85949014E+08»", "0585949014.00",
    "\"971585949014.0\"", "+971585949014.000000",
    "5.85949014E+08", "5.85949014e8", "5,85949014E+08", "5.8594901400E+08", "9.71585949014E+11",
    "+9.71585949014E+11", "0.585949014E+09", "585949014E0", "\"5.85949014E+08\"",
])
func parse_findsTheNumber_whenTheTextNeedsCleaning(_ text: String) throws {
    #expect(try parse(text) == "+971585949014")
}

/// A text that is no number says why.
@Test(arguments: [
    ("", PhoneError.empty), (" \"\" ", .empty), ("n/a", .notANumber), ("-", .notANumber),
    ("+12.0", .notANumber), ("5.8E-08", .notANumber), ("5.859490145E+08", .notANumber),
    ("9.71535E+11", .lostDigits), ("9,71535E+11", .lostDigits), ("1E999", .lostDigits),
    ("+0585949014", .invalidCountryCode), ("+999123456", .invalidCountryCode),
    ("12", .tooShort), ("+971", .tooShort), ("0585949014585949014", .tooLong),
    (String(repeating: "1", count: 251), .tooLong), (String(repeating: "x", count: 5000), .tooLong),
    ("+3761234567890", .tooLong), ("+3761234567", .invalidLength), ("+1202555", .tooShort),
    ("+15550123", .localOnly),
])
func parse_throwsTheReason_whenThereIsNoNumber(_ text: String, _ reason: PhoneError) {
    #expect(throws: reason) { try parse(text) }
}

/// A point and zeros are a group of the number, not a float's tail, when they are most of it.
@Test func parse_keepsTheZeros_whenTheyAreAGroupOfTheNumber() throws {
    #expect(try parse("971.0000000", region: "GB") == "+449710000000")
    #expect(try parse("4002.0", region: "NU") == "+6834002")
}

/// A listed placeholder is refused in whatever form it comes; its neighbours are not.
@Test func parse_refusesThePlaceholder_whenTheFeedListsIt() throws {
    let placeholders = [try #require(PhoneNumber(digits: 971_500_000_000))]
    for text in ["0500000000", "+971 50 000 0000", "500000000.0", "5.00000000E+08"] {
        #expect(throws: PhoneError.placeholder) {
            try parse(text, placeholders: Set(placeholders))
        }
    }
    #expect(try parse("0500000001", placeholders: Set(placeholders)) == "+971500000001")
    #expect(try parse("0500000000") == "+971500000000")
}

/// Bytes that are not UTF-8 count as characters that no number contains.
@Test func parse_readsTheDigits_whenOtherBytesAreNotText() throws {
    let parser = PhoneParser(region: try #require(PhoneRegion("AE")))
    let before: [UInt8] = [0xFF, 0xC3] + Array("0585949014".utf8)
    #expect(try parser.parse(before.span).e164 == "+971585949014")
    let within: [UInt8] = Array("05859".utf8) + [0xFF] + Array("49014".utf8)
    #expect(throws: PhoneError.notANumber) { try parser.parse(within.span) }
}

/// The answers that the PyPI package `phonenumbers` gave for thousands of texts in all regions.
@Test func parse_answersAsThePackagePhonenumbers_whenGivenTheFixture() throws {
    let path = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Fixtures/phones.txt").path
    let cases = try PhoneCase.all(inFile: path)
    #expect(cases.count > 3000)
    #expect(Set(cases.map(\.region)).count == 245)
    for (index, one) in cases.enumerated() {
        let answer = try one.parsed()
        #expect(
            answer == one.answer,
            "\(one.region) \(String(decoding: one.text, as: UTF8.self)), number \(index)")
    }
}

/// The short way for a plus and digits finds what the parser finds, or leaves it to the parser:
/// every calling code with numbers of all lengths, and digits behind no code.
@Test func international_agreesWithParse_whateverTheDigits() throws {
    let seed = SeededGenerator.newSeed()
    var random = SeededGenerator(seed: seed)
    let parser = PhoneParser(region: try #require(PhoneRegion("AE")))
    var found = 0
    for code in 1...999 {
        for count in 0...17 {
            let rest = (0..<count).map { _ in String(Int.random(in: 0...9, using: &random)) }
            let text = String(code) + rest.joined()
            guard let number = PhoneParser.international(Array(text.utf8).span) else { continue }
            found += 1
            let parsed = try? parser.parse(Array(("+" + text).utf8).span)
            #expect(parsed == number, "seed \(seed): +\(text)")
        }
    }
    #expect(found > 1_000)
}

@Test(arguments: ["", "12", "0971585949014", "97158594901x", "9710585949014", "971585949014585949"])
func international_isNil_whenThereIsMoreToFindOut(_ digits: String) {
    #expect(PhoneParser.international(Array(digits.utf8).span) == nil)
}

@Test func international_findsTheNumber_whenItIsOne() {
    #expect(
        PhoneParser.international(Array("971585949014".utf8).span)?.e164 == "+971585949014")
}
