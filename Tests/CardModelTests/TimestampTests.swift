import CardTesting
import Testing

@testable import CardModel

@Suite struct TimestampTests {
    /// The range is that of the contract, to the second on both ends.
    @Test func init_isNil_whenOutsideOf2000To2099() throws {
        #expect(Timestamp(seconds: 946_684_799) == nil)
        #expect(Timestamp(seconds: 946_684_800) == Timestamp.min)
        #expect(Timestamp(seconds: 4_102_444_799) == Timestamp.max)
        #expect(Timestamp(seconds: 4_102_444_800) == nil)
        for seconds in [Int64.min, -1, 0, Int64(UInt32.max), Int64.max] {
            #expect(Timestamp(seconds: seconds) == nil)
        }
        #expect(Timestamp.min.description == "2000-01-01T00:00:00Z")
        #expect(Timestamp.max.description == "2099-12-31T23:59:59Z")
        #expect(Timestamp.min < Timestamp.max)
    }

    /// Known moments, among them both sides of leap days; 2000 is a leap year by the rule of 400.
    @Test(arguments: [
        (951_782_399, "2000-02-28T23:59:59Z"), (951_782_400, "2000-02-29T00:00:00Z"),
        (951_868_800, "2000-03-01T00:00:00Z"), (1_699_868_096, "2023-11-13T09:34:56Z"),
        (1_709_164_800, "2024-02-29T00:00:00Z"), (2_147_483_648, "2038-01-19T03:14:08Z"),
    ])
    func iso8601_isTheKnownText(seconds: Int64, text: String) throws {
        #expect(try #require(Timestamp(seconds: seconds)).iso8601 == text)
    }

    /// Appending keeps what is there and adds exactly 20 bytes.
    @Test func appendISO8601_keepsThePrefix() throws {
        var bytes = Array("at=".utf8)
        try #require(Timestamp(seconds: 1_699_868_096)).appendISO8601(to: &bytes)
        #expect(String(decoding: bytes, as: UTF8.self) == "at=2023-11-13T09:34:56Z")
    }

    /// Writing and reading give the same moment, over random seconds of the whole range.
    @Test func iso8601_roundTrips_whenReadWithOffset() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        var bytes: [UInt8] = []
        for _ in 0..<20_000 {
            let seconds = UInt32.random(
                in: Timestamp.min.seconds...Timestamp.max.seconds, using: &generator)
            let timestamp = try #require(Timestamp(seconds: Int64(seconds)))
            bytes.removeAll(keepingCapacity: true)
            timestamp.appendISO8601(to: &bytes)
            let read = try TimestampParser.parseWithOffset(bytes.span)
            guard read == timestamp else {
                Issue.record("\(seconds) came back as \(read.seconds), seed \(seed)")
                return
            }
        }
    }
}

@Suite struct TimestampCivilDateTests {
    /// Every day from 1999 to 2100 against a calendar that only counts.
    @Test func daysSince1970_agreesWithCounting_whenDayBetween1999And2100() {
        var days: Int64 = 10_592  // 1999-01-01: 29 years of 365 days and 7 leap days.
        var lengths: [Int64] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        for year: Int64 in 1999...2100 {
            // Within these years only 2100 is a century that is not a leap year.
            lengths[1] = year % 4 == 0 && year != 2100 ? 29 : 28
            for month: Int64 in 1...12 {
                let length = lengths[Int(month) - 1]
                guard Timestamp.CivilDate.daysInMonth(month, year: year) == length else {
                    Issue.record("length of month \(month) of \(year)")
                    return
                }
                for day in 1...length {
                    let date = Timestamp.CivilDate(year: year, month: month, day: day)
                    guard date.daysSince1970 == days,
                        Timestamp.CivilDate(daysSince1970: days) == date
                    else {
                        Issue.record("\(year)-\(month)-\(day), day \(days)")
                        return
                    }
                    days += 1
                }
            }
        }
        #expect(days == 47_847)  // 2101-01-01
    }

    private static let knownDays: [(Int64, Int64, Int64, Int64)] = [
        (0, 1, 1, -719_528), (1, 1, 1, -719_162), (1969, 12, 31, -1), (1970, 1, 1, 0),
        (1600, 2, 29, -135_081), (9999, 12, 31, 2_932_896),
    ]

    /// The conversions hold far outside the range too, where out-of-range texts pass through.
    @Test(arguments: TimestampCivilDateTests.knownDays)
    func daysSince1970_isTheKnownNumber(year: Int64, month: Int64, day: Int64, days: Int64) {
        let date = Timestamp.CivilDate(year: year, month: month, day: day)
        #expect(date.daysSince1970 == days)
        #expect(Timestamp.CivilDate(daysSince1970: days) == date)
    }
}
