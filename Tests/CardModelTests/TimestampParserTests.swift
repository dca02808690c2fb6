import CardTesting
import Testing

@testable import CardModel

@Suite struct TimestampParserTests {
    private static let dubai = TimestampParser(timeZone: .fixed(offsetSeconds: 4 * 3_600))

    private func parse(
        _ text: String, with parser: TimestampParser = dubai
    ) throws(TimestampError) -> String {
        let bytes = Array(text.utf8)
        return try parser.parse(bytes.span).iso8601
    }

    /// What partners send, at UTC+4, with the moment that it means.
    @Test(arguments: [
        ("12-11-2023 23:59", "2023-11-12T19:59:00Z"),
        ("13-11-2023 14:00", "2023-11-13T10:00:00Z"),
        ("14-11-2023 12:00PM", "2023-11-14T08:00:00Z"),
        ("2023-11-13T09:34:56Z", "2023-11-13T09:34:56Z"),
        ("12-11-2023 11:59 PM", "2023-11-12T19:59:00Z"),
        // Day first, 24 hours.
        ("13-11-2023 14:00:59", "2023-11-13T10:00:59Z"),
        ("13/11/2023 14:00", "2023-11-13T10:00:00Z"),
        ("13/11/2023 14:00:59", "2023-11-13T10:00:59Z"),
        ("1-2-2024 9:05", "2024-02-01T05:05:00Z"),
        ("1/2/2024 9:05", "2024-02-01T05:05:00Z"),
        ("01-2-2024  9:05", "2024-02-01T05:05:00Z"),
        ("29-02-2024 00:00", "2024-02-28T20:00:00Z"),
        ("01-01-2024 00:00:00.999", "2023-12-31T20:00:00Z"),
        // Day first, 12 hours: 12 AM begins the day, 12 PM halves it.
        ("14-11-2023 12:00AM", "2023-11-13T20:00:00Z"),
        ("14-11-2023 12:59:59 am", "2023-11-13T20:59:59Z"),
        ("14-11-2023 1:00Am", "2023-11-13T21:00:00Z"),
        ("14-11-2023 01:00 pM", "2023-11-14T09:00:00Z"),
        ("14-11-2023 12:00:01 pm", "2023-11-14T08:00:01Z"),
        ("14-11-2023 11:59:59PM", "2023-11-14T19:59:59Z"),
        ("14/11/2023 2:30 PM", "2023-11-14T10:30:00Z"),
        ("14/11/2023 2:30:15pm", "2023-11-14T10:30:15Z"),
        ("14/11/2023 2:30\u{202F}PM", "2023-11-14T10:30:00Z"),
        ("14/11/2023\u{A0}2:30\u{A0}PM", "2023-11-14T10:30:00Z"),
        // ISO 8601 with an offset.
        ("2023-11-13t09:34:56z", "2023-11-13T09:34:56Z"),
        ("2023-11-13 09:34:56Z", "2023-11-13T09:34:56Z"),
        ("2023-11-13T09:34Z", "2023-11-13T09:34:00Z"),
        ("2023-11-13T09:34:56+04:00", "2023-11-13T05:34:56Z"),
        ("2023-11-13T09:34:56+0400", "2023-11-13T05:34:56Z"),
        ("2023-11-13T09:34:56+04", "2023-11-13T05:34:56Z"),
        ("2023-11-13 09:34:56-03:30", "2023-11-13T13:04:56Z"),
        ("2023-11-13T09:34:56-0330", "2023-11-13T13:04:56Z"),
        ("2023-11-13T09:34:56-00:00", "2023-11-13T09:34:56Z"),
        ("2023-11-13T09:34:56+23:59", "2023-11-12T09:35:56Z"),
        ("2023-11-13T09:34:56.999999999Z", "2023-11-13T09:34:56Z"),
        ("2023-11-13T09:34:56,9+04:00", "2023-11-13T05:34:56Z"),
        ("2023-11-13T09:34:56.0000000000000000000000000001Z", "2023-11-13T09:34:56Z"),
        // ISO 8601 in the feed's zone.
        ("2023-11-13T14:00:01", "2023-11-13T10:00:01Z"),
        ("2023-11-13 14:00", "2023-11-13T10:00:00Z"),
        ("2023-11-13 14:00:01", "2023-11-13T10:00:01Z"),
        ("2023-11-13 14:00:01.5", "2023-11-13T10:00:01Z"),
        // Unix time.
        ("1699868096", "2023-11-13T09:34:56Z"),
        ("1699868096999", "2023-11-13T09:34:56Z"),
        ("0946684800", "2000-01-01T00:00:00Z"),
        ("4102444799", "2099-12-31T23:59:59Z"),
        ("0946684800000", "2000-01-01T00:00:00Z"),
        ("4102444799999", "2099-12-31T23:59:59Z"),
        // Trimming: white space, one pair of quotes, white space inside.
        (" \t12-11-2023 23:59\r\n", "2023-11-12T19:59:00Z"),
        ("\"12-11-2023 23:59\"", "2023-11-12T19:59:00Z"),
        ("'12-11-2023 23:59'", "2023-11-12T19:59:00Z"),
        (" \" 12-11-2023 23:59 \" ", "2023-11-12T19:59:00Z"),
        // The range is checked on the moment in UTC.
        ("01-01-2000 04:00", "2000-01-01T00:00:00Z"),
        ("01-01-2100 03:59:59", "2099-12-31T23:59:59Z"),
        ("1999-12-31T20:00:00-04:00", "2000-01-01T00:00:00Z"),
    ])
    func parse_givesTheMoment_whenFormatIsKnown(text: String, moment: String) throws {
        #expect(try parse(text) == moment)
    }

    private static let faults: [(String, TimestampError)] = [
        ("", .empty), ("   ", .empty), ("\"\"", .empty), ("\" \"", .empty), ("''", .empty),
        // No family begins like this.
        ("n/a", .unknownFormat), ("-", .unknownFormat), ("\"", .unknownFormat),
        ("\"\"12-11-2023 23:59\"\"", .unknownFormat), ("\"12-11-2023 23:59", .unknownFormat),
        ("\"12-11-2023 23:59'", .unknownFormat), ("Nov 12 2023 23:59", .unknownFormat),
        ("20231113T093456Z", .unknownFormat), ("2023/11/13 10:00", .unknownFormat),
        ("123-11-2023 10:00", .unknownFormat), ("12.11.2023 10:00", .unknownFormat),
        ("-1699868096", .unknownFormat), ("+1699868096", .unknownFormat),
        ("\u{FEFF}12-11-2023 23:59", .unknownFormat), ("\0", .unknownFormat),
        // Unix time.
        ("1", .unixDigits(count: 1)), ("169986809", .unixDigits(count: 9)),
        ("16998680961", .unixDigits(count: 11)), ("169986809612", .unixDigits(count: 12)),
        ("16998680961234", .unixDigits(count: 14)),
        ("99999999999999999999999999", .unixDigits(count: 26)),
        ("1699868096.0", .unexpectedCharacter(byteOffset: 10)),
        ("1699868096 ms", .unexpectedCharacter(byteOffset: 10)),
        ("1699868096123Z", .unexpectedCharacter(byteOffset: 13)),
        // Dates.
        ("31-02-2024", .noSuchDate(year: 2024, month: 2, day: 31)),
        ("31-02-2024 10:00", .noSuchDate(year: 2024, month: 2, day: 31)),
        ("29-02-2023 10:00", .noSuchDate(year: 2023, month: 2, day: 29)),
        ("31/04/2023 10:00", .noSuchDate(year: 2023, month: 4, day: 31)),
        ("2023-02-29T10:00:00Z", .noSuchDate(year: 2023, month: 2, day: 29)),
        ("2100-02-29T10:00:00Z", .noSuchDate(year: 2100, month: 2, day: 29)),
        ("11-13-2023 10:00", .fieldOutOfRange(.month, value: 13)),
        ("12-00-2023 10:00", .fieldOutOfRange(.month, value: 0)),
        ("32-01-2023 10:00", .fieldOutOfRange(.day, value: 32)),
        ("0-01-2023 10:00", .fieldOutOfRange(.day, value: 0)),
        ("2023-00-13T10:00:00Z", .fieldOutOfRange(.month, value: 0)),
        ("2023-11-00T10:00:00Z", .fieldOutOfRange(.day, value: 0)),
        ("12-011-2023 10:00", .fieldDigits(.month)), ("12-11-23 10:00", .fieldDigits(.year)),
        ("12-11-20231 10:00", .fieldDigits(.year)), ("2023-1-13T10:00:00Z", .fieldDigits(.month)),
        ("2023-11-3T10:00:00Z", .fieldDigits(.day)), ("2023-111-13T10:00Z", .fieldDigits(.month)),
        ("12-11/2023 10:00", .unexpectedCharacter(byteOffset: 5)),
        ("12/11-2023 10:00", .unexpectedCharacter(byteOffset: 5)),
        ("2023-11/13 10:00", .unexpectedCharacter(byteOffset: 7)),
        ("12-Nov-2023 10:00", .unexpectedCharacter(byteOffset: 3)),
        ("12--11-2023 10:00", .unexpectedCharacter(byteOffset: 3)),
        ("12-11-2023T10:00", .unexpectedCharacter(byteOffset: 10)),
        ("12-11-2023, 10:00", .unexpectedCharacter(byteOffset: 10)),
        ("2023-11-13_10:00", .unexpectedCharacter(byteOffset: 10)),
        ("2023-11-13  10:00", .unexpectedCharacter(byteOffset: 11)),
        ("12-", .incomplete), ("12-11", .incomplete), ("12-11-", .incomplete),
        ("2023-", .incomplete), ("2023-11", .incomplete), ("2023-11-", .incomplete),
        ("12-11-2023", .missingTime), ("12/11/2023 ", .missingTime),
        ("2023-11-13", .missingTime), ("2023-11-13T", .incomplete),
        // Times.
        ("12-11-2023 24:00", .fieldOutOfRange(.hour, value: 24)),
        ("2023-11-13T24:00:00Z", .fieldOutOfRange(.hour, value: 24)),
        ("12-11-2023 10:60", .fieldOutOfRange(.minute, value: 60)),
        ("12-11-2023 10:00:60", .fieldOutOfRange(.second, value: 60)),
        ("2023-11-13T23:59:60Z", .fieldOutOfRange(.second, value: 60)),
        ("2023-11-13T23:60:00Z", .fieldOutOfRange(.minute, value: 60)),
        ("12-11-2023 13:00 PM", .fieldOutOfRange(.hour12, value: 13)),
        ("12-11-2023 0:30 AM", .fieldOutOfRange(.hour12, value: 0)),
        ("12-11-2023 00:30PM", .fieldOutOfRange(.hour12, value: 0)),
        ("12-11-2023 010:00", .fieldDigits(.hour)), ("12-11-2023 10:5", .fieldDigits(.minute)),
        ("12-11-2023 10:005", .fieldDigits(.minute)), ("12-11-2023 10:05:5", .fieldDigits(.second)),
        ("2023-11-13T9:34:56Z", .fieldDigits(.hour)),
        ("2023-11-13T0934Z", .fieldDigits(.hour)),
        ("12-11-2023 10", .incomplete), ("12-11-2023 10:", .incomplete),
        ("12-11-2023 10:00:", .incomplete), ("12-11-2023 10:00:00.", .incomplete),
        ("12-11-2023 10:00 P", .incomplete), ("2023-11-13T10:00:00.", .incomplete),
        ("12-11-2023 10.00", .unexpectedCharacter(byteOffset: 13)),
        ("12-11-2023 -1:00", .unexpectedCharacter(byteOffset: 11)),
        ("2023-11-13T10:00.5Z", .unexpectedCharacter(byteOffset: 16)),
        ("2023-11-13T10:00:00.Z", .unexpectedCharacter(byteOffset: 20)),
        // Trailing junk.
        ("12-11-2023 10:00 x", .unexpectedCharacter(byteOffset: 17)),
        ("  12-11-2023 10:00 x", .unexpectedCharacter(byteOffset: 19)),
        ("12-11-2023 10:00 AMx", .unexpectedCharacter(byteOffset: 19)),
        ("12-11-2023 10:00 A.M.", .unexpectedCharacter(byteOffset: 18)),
        ("12-11-2023 10:00 PM GST", .unexpectedCharacter(byteOffset: 19)),
        ("12-11-2023 10:00Z", .unexpectedCharacter(byteOffset: 16)),
        ("12-11-2023 10:00+04:00", .unexpectedCharacter(byteOffset: 16)),
        ("12-11-2023 10:00\0", .unexpectedCharacter(byteOffset: 16)),
        ("12-11-2023 10:00\u{2009}PM", .unexpectedCharacter(byteOffset: 16)),
        ("12-11-2023 10:00 \u{C2}\u{B1}", .unexpectedCharacter(byteOffset: 17)),
        ("2023-11-13T10:00:00 Z", .unexpectedCharacter(byteOffset: 19)),
        ("2023-11-13T10:00:00ZZ", .unexpectedCharacter(byteOffset: 20)),
        ("2023-11-13T10:00:00 PM", .unexpectedCharacter(byteOffset: 19)),
        // Offsets.
        ("2023-11-13T10:00:00+", .incomplete), ("2023-11-13T10:00:00+04:", .incomplete),
        ("2023-11-13T10:00:00+4", .fieldDigits(.offsetHour)),
        ("2023-11-13T10:00:00+400", .fieldDigits(.offsetHour)),
        ("2023-11-13T10:00:00+04000", .fieldDigits(.offsetHour)),
        ("2023-11-13T10:00:00+x", .fieldDigits(.offsetHour)),
        ("2023-11-13T10:00:00+04:0", .fieldDigits(.offsetMinute)),
        ("2023-11-13T10:00:00+24:00", .fieldOutOfRange(.offsetHour, value: 24)),
        ("2023-11-13T10:00:00+04:60", .fieldOutOfRange(.offsetMinute, value: 60)),
        ("2023-11-13T10:00:00+0460", .fieldOutOfRange(.offsetMinute, value: 60)),
        ("2023-11-13T10:00:00+04:00:00", .unexpectedCharacter(byteOffset: 25)),
        ("2023-11-13T10:00:00+04Z", .unexpectedCharacter(byteOffset: 22)),
        // Real moments out of range, in UTC.
        ("01-01-2000 03:59:59", .outOfRange), ("01-01-2100 04:00", .outOfRange),
        ("2000-01-01T00:00:00+00:01", .outOfRange), ("2099-12-31T23:59:59-00:01", .outOfRange),
        ("0946684799", .outOfRange), ("4102444800", .outOfRange), ("9999999999999", .outOfRange),
        ("0946684799999", .outOfRange), ("0000-01-01T00:00:00Z", .outOfRange),
        ("9999-12-31T23:59:59Z", .outOfRange), ("01-01-0000 00:00", .outOfRange),
    ]

    /// Nonsense and near misses, each with the error that names what is wrong.
    @Test(arguments: TimestampParserTests.faults)
    func parse_namesTheFault_whenTextIsNoTimestamp(text: String, fault: TimestampError) {
        #expect(throws: fault) { try parse(text) }
    }

    /// One text of every family.
    private static let examples: [(TimestampFormat, String)] = [
        (.dayMonthYear24, "13-11-2023 13:34"), (.dayMonthYear12, "13-11-2023 1:34 PM"),
        (.slashDayMonthYear24, "13/11/2023 13:34"), (.slashDayMonthYear12, "13/11/2023 1:34PM"),
        (.iso8601, "2023-11-13T09:34:00Z"), (.iso8601Local, "2023-11-13T13:34:00"),
        (.unixSeconds, "1699868040"), (.unixMilliseconds, "1699868040000"),
    ]

    /// A feed that accepts one family takes that one only, and says which it was given.
    @Test func parse_refusesEveryOtherFamily_whenOneIsAccepted() throws {
        #expect(TimestampParserTests.examples.map(\.0) == TimestampFormat.allCases)
        for accepted in TimestampFormat.allCases {
            let parser = TimestampParser(
                formats: [accepted], timeZone: .fixed(offsetSeconds: 4 * 3_600))
            for (format, text) in TimestampParserTests.examples {
                if format == accepted {
                    #expect(try parse(text, with: parser) == "2023-11-13T09:34:00Z")
                } else {
                    #expect(throws: TimestampError.formatNotAccepted(format)) {
                        try parse(text, with: parser)
                    }
                }
            }
        }
    }

    /// Configuration files name the families by these words; they must not change.
    @Test func rawValue_isTheNameInConfiguration() {
        #expect(
            TimestampFormat.allCases.map(\.rawValue) == [
                "dd-MM-yyyy HH:mm", "dd-MM-yyyy h:mm a", "dd/MM/yyyy HH:mm", "dd/MM/yyyy h:mm a",
                "iso8601", "iso8601-local", "unix-seconds", "unix-milliseconds",
            ])
    }

    private static let jsonTexts: [(String, TimestampError?)] = [
        ("2023-11-13T09:34:56Z", nil), ("2023-11-13T13:34:56+04:00", nil),
        ("2023-11-13 13:34:56.7+04", nil), ("", .empty), (" ", .notISO8601),
        ("2023-11-13T09:34:56", .missingOffset), ("2023-11-13 09:34", .missingOffset),
        (" 2023-11-13T09:34:56Z", .notISO8601), ("\"2023-11-13T09:34:56Z\"", .notISO8601),
        ("2023-11-13T09:34:56Z ", .unexpectedCharacter(byteOffset: 20)),
        ("1699868096", .notISO8601), ("13-11-2023 13:34:56", .notISO8601), ("2023", .notISO8601),
        ("2023/11/13", .notISO8601), ("2023-11-13", .missingTime), ("2023-", .incomplete),
        ("2023-11-31T09:34:56Z", .noSuchDate(year: 2023, month: 11, day: 31)),
        ("1999-12-31T23:59:59Z", .outOfRange), ("2100-01-01T00:00:00Z", .outOfRange),
    ]

    /// JSON takes ISO 8601 with an offset, and nothing around it.
    @Test(arguments: TimestampParserTests.jsonTexts)
    func parseWithOffset_takesOnlyISO8601(text: String, fault: TimestampError?) throws {
        let bytes = Array(text.utf8)
        if let fault {
            #expect(throws: fault) { try TimestampParser.parseWithOffset(bytes.span) }
        } else {
            let moment = try TimestampParser.parseWithOffset(bytes.span)
            #expect(moment.iso8601 == "2023-11-13T09:34:56Z")
        }
    }

    /// Whatever the bytes, the answer is a moment or an error, never a trap. Texts are valid ones
    /// with a few bytes changed, cut or doubled, so that every branch is reached.
    @Test func parse_neverTraps_whenBytesAreMutated() {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let alphabet = Array("0123456789-/: .,TtZz+aApPmM\"'\t\u{A0}\u{202F}".utf8) + [0, 0xFF]
        var accepted = 0
        for _ in 0..<20_000 {
            let index = Int.random(in: 0..<TimestampParserTests.examples.count, using: &generator)
            var bytes = Array(TimestampParserTests.examples[index].1.utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let at = Int.random(in: 0...bytes.count, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes.insert(alphabet.randomElement(using: &generator) ?? 0, at: at)
                case 1: bytes.removeSubrange(at..<min(at + 1, bytes.count))
                default:
                    bytes.replaceSubrange(
                        at..<min(at + 1, bytes.count),
                        with: [alphabet.randomElement(using: &generator) ?? 0])
                }
            }
            do throws(TimestampError) {
                let timestamp = try TimestampParserTests.dubai.parse(bytes.span)
                accepted += 1
                guard timestamp >= Timestamp.min, timestamp <= Timestamp.max else {
                    Issue.record("\(bytes) gave \(timestamp.seconds), seed \(seed)")
                    return
                }
            } catch {
                guard error.description.hasPrefix("timestamp") || error.description.contains(" of ")
                else {
                    Issue.record("no description for \(error), seed \(seed)")
                    return
                }
            }
        }
        #expect(accepted > 0, "seed \(seed)")
    }

    private static let descriptions: [(TimestampError, String)] = [
        (
            .fieldOutOfRange(.hour12, value: 13),
            "hour before AM/PM of timestamp is 13, not in 1...12"
        ),
        (
            .noSuchDate(year: 2024, month: 2, day: 31),
            "timestamp names a day that does not exist: day 31 of month 2 of 2024"
        ),
        (
            .formatNotAccepted(.unixSeconds),
            "timestamp has the format unix-seconds, which this feed does not accept"
        ),
        (
            .unexpectedCharacter(byteOffset: 0),
            "timestamp has an unexpected character at position 1"
        ),
    ]

    /// Texts that people will read; they name the field, its value and what would be right.
    @Test(arguments: TimestampParserTests.descriptions)
    func description_saysWhatIsWrong(error: TimestampError, text: String) {
        #expect(error.description == text)
    }
}
