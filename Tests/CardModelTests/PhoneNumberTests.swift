import CardModel
import Testing

/// Zero is no number, and 19 digits are the most that a numbering plan allows.
@Test(arguments: [
    (UInt64(0), false), (1, true), (971_585_949_014, true), (9_999_999_999_999_999_999, true),
    (10_000_000_000_000_000_000, false), (.max, false),
])
func init_takesTheDigits_whenTheyFitE164(_ digits: UInt64, _ fits: Bool) {
    #expect(PhoneNumber(digits: digits)?.digits == (fits ? digits : nil))
}

/// Appending writes what `e164` says, behind what is there.
@Test(arguments: [
    (UInt64(1), "+1"), (971_585_949_014, "+971585949014"), (390_612_345_678, "+390612345678"),
    (1000, "+1000"), (9_999_999_999_999_999_999, "+9999999999999999999"),
])
func appendE164_appendsTheWholeNumber_whenBytesAreThere(_ digits: UInt64, _ text: String) throws {
    let number = try #require(PhoneNumber(digits: digits))
    var bytes = Array("phone:".utf8)
    number.appendE164(to: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self) == "phone:" + text)
    #expect(number.e164 == text)
}

/// A log line shows the calling code and the last two digits, however the number gets into it.
@Test(arguments: [
    (UInt64(971_585_949_014), "+971*******14"), (12_025_550_123, "+1********23"),
    (442_079_460_958, "+44********58"), (6_834_002, "+683**02"),
    (999_585_949_014, "+**********14"), (971_12, "+*****"), (7, "+*"),
])
func description_hidesTheSubscriber_whenInterpolated(_ digits: UInt64, _ text: String) throws {
    let number = try #require(PhoneNumber(digits: digits))
    #expect("\(number)" == text)
    #expect(number.masked == text)
}

/// Numbers order as integers, as the store's big-endian keys do.
@Test func lessThan_ordersByDigits_whenLengthsDiffer() throws {
    let short = try #require(PhoneNumber(digits: 6_834_002))
    let long = try #require(PhoneNumber(digits: 971_585_949_014))
    #expect(short < long)
    #expect(!(long < short))
}

/// A region is found in either case, and nothing else is.
@Test(
    arguments: [
        ("AE", "AE"), ("ae", "AE"), ("zW", "ZW"), ("AC", "AC"), ("", nil), ("A", nil), ("ARE", nil),
        ("ZZ", nil), ("00", nil), ("!%", nil), ("é", nil), ("AQ", nil), ("\u{0}\u{0}", nil),
    ] as [(String, String?)])
func region_isKnown_whenItHasANumberingPlan(_ text: String, _ code: String?) {
    #expect(PhoneRegion(text)?.code == code)
}
