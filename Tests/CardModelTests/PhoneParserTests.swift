import Testing

@testable import CardModel

/// What partners write for a number of the United Arab Emirates.
@Test(arguments: ["0585949014", "585949014", "971585949014", "+971585949014", "\"0585949014\""])
func parse_findsTheNumber_whenTheRegionIsAE(_ text: String) throws {
    let parser = PhoneParser(region: try #require(PhoneRegion("ae")))
    #expect(try parser.parse(Array(text.utf8).span).e164 == "+971585949014")
}
