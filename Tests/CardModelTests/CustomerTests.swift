import Testing

@testable import CardModel

struct CustomerTests {
    private static func id(_ text: String) throws(CustomerIDError) -> CustomerID {
        try CustomerID(Array(text.utf8).span)
    }

    /// An ID is what is left after trimming, case and all.
    @Test func id_isTheTrimmedText() throws {
        #expect(try Self.id(" C-17/é \n").description == "C-17/é")
        #expect(try Self.id("a") != Self.id("A"))
        #expect(try Self.id(String(repeating: "x", count: 64)).bytes.count == 64)
        #expect(try Self.id("B") < Self.id("a"))
        #expect(try Self.id("10") < Self.id("9"))
    }

    /// What is no ID says why.
    @Test func id_throws_whenItIsNone() {
        #expect(throws: CustomerIDError.empty) { try Self.id("  ") }
        #expect(throws: CustomerIDError.text(.tooLong(count: 65, limit: 64))) {
            try Self.id(String(repeating: "x", count: 65))
        }
        #expect(throws: CustomerIDError.text(.controlCharacter(offset: 1))) {
            try Self.id("a\u{1}b")
        }
    }

    /// Bytes of a store's key are an ID only as they stand.
    @Test func id_isNil_whenStoredBytesAreNone() {
        #expect(CustomerID(stored: Array("C1".utf8).span)?.description == "C1")
        for bytes: [UInt8] in [[], [0x20], Array("C1 ".utf8), [0x43, 0], [0xFF]] {
            #expect(CustomerID(stored: bytes.span) == nil)
        }
    }

    private static func date(_ text: String) throws(CalendarDateError) -> CalendarDate {
        try CalendarDate.parse(Array(text.utf8).span)
    }

    /// A date, or the date of a timestamp as it is written there.
    @Test(arguments: [
        ("1990-05-17", "1990-05-17"), (" 2000-02-29 ", "2000-02-29"),
        ("\"1970-01-01\"", "1970-01-01"), ("1969-12-31", "1969-12-31"),
        ("1800-01-01", "1800-01-01"), ("2099-12-31", "2099-12-31"),
        ("1990-05-17T00:00:00Z", "1990-05-17"), ("1990-05-17 23:59:59+04:00", "1990-05-17"),
        ("1990-05-17t00:00:00.000", "1990-05-17"),
    ])
    func date_isRead(text: String, expected: String) throws {
        let date = try Self.date(text)
        #expect(date.description == expected)
        #expect(CalendarDate(days: date.days) == date)
    }

    /// What is no date says why.
    @Test(arguments: [
        ("", CalendarDateError.empty), ("17-05-1990", .notADate), ("1990/05/17", .notADate),
        ("1990-5-17", .notADate), ("19900517", .notADate), ("642902400", .notADate),
        ("1990-05-17x", .notADate), ("1990-05-17T", .notADate), ("1990-05-17 x", .notADate),
        ("1990-05-1", .notADate), ("unknown", .notADate), ("1990-13-01", .noSuchDay),
        ("1990-00-01", .noSuchDay), ("1990-02-29", .noSuchDay), ("1990-01-00", .noSuchDay),
        ("1799-12-31", .outOfRange), ("2100-01-01", .outOfRange), ("0000-01-01", .outOfRange),
    ])
    func date_throws(text: String, expected: CalendarDateError) {
        #expect(throws: expected) { try Self.date(text) }
    }

    /// Days outside the range are none.
    @Test func date_isNil_outsideItsRange() throws {
        let first = try Self.date("1800-01-01")
        let last = try Self.date("2099-12-31")
        #expect(CalendarDate(days: first.days - 1) == nil)
        #expect(CalendarDate(days: last.days + 1) == nil)
        #expect(first < last)
    }
}
