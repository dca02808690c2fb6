import CardTesting
import Foundation
import Testing

@testable import CardModel

@Suite struct TimeZoneRulesTests {
    private func utc(_ local: String, in rules: TimeZoneRules) throws -> String {
        let bytes = Array(local.utf8)
        return try TimestampParser(timeZone: rules).parse(bytes.span).iso8601
    }

    private func rules(footer: String) throws -> TimeZoneRules {
        try TimeZoneRules(name: "Test", tzif: TZifBuilder(footer: footer).bytes)
    }

    /// Fixed offsets are named as ISO 8601 writes them.
    @Test(
        arguments: [
            (0, "UTC"), (14_400, "+04:00"), (-12_600, "-03:30"), (20_700, "+05:45"),
            (-3_661, "-01:01:01"), (50_400, "+14:00"),
        ] as [(Int32, String)])
    func fixed_hasOneOffset(offset: Int32, name: String) {
        let rules = TimeZoneRules.fixed(offsetSeconds: offset)
        #expect(rules.name == name)
        for moment: Int64 in [.min / 2, 0, 1_699_868_096, .max / 2] {
            #expect(rules.offsetSeconds(atUTC: moment) == offset)
            #expect(rules.utcSeconds(fromLocal: moment) == moment - Int64(offset))
        }
    }

    private static let footerTimes: [(footer: String, local: String, utc: String)] = [
        ("<+04>-4", "2023-11-13 14:00", "2023-11-13T10:00:00Z"),
        ("<-0330>3:30", "2023-11-13 14:00", "2023-11-13T17:30:00Z"),
        ("LMT-0:19:32", "2023-11-13 14:00", "2023-11-13T13:40:28Z"),
        // A gap is read with the offset before it, an overlap is its first occurrence.
        ("EST5EDT,M3.2.0,M11.1.0", "2090-03-12 01:59:59", "2090-03-12T06:59:59Z"),
        ("EST5EDT,M3.2.0,M11.1.0", "2090-03-12 02:30:00", "2090-03-12T07:30:00Z"),
        ("EST5EDT,M3.2.0,M11.1.0", "2090-03-12 03:00:00", "2090-03-12T07:00:00Z"),
        ("EST5EDT,M3.2.0,M11.1.0", "2090-11-05 01:59:59", "2090-11-05T05:59:59Z"),
        ("EST5EDT,M3.2.0,M11.1.0", "2090-11-05 02:00:00", "2090-11-05T07:00:00Z"),
        // Half an hour, south of the equator.
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2050-01-01 00:00", "2049-12-31T13:00:00Z"),
        ("<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", "2050-07-01 00:00", "2050-06-30T13:30:00Z"),
        // Winter time as negative daylight saving time.
        ("IST-1GMT0,M10.5.0,M3.5.0/1", "2060-07-01 12:00", "2060-07-01T11:00:00Z"),
        ("IST-1GMT0,M10.5.0,M3.5.0/1", "2060-01-01 12:00", "2060-01-01T12:00:00Z"),
        // J60 is 1 March in every year, J59 is 28 February; n counts from 0 with the leap day.
        ("AAA0BBB,J60/0,J300/0", "2024-02-29 23:59:59", "2024-02-29T23:59:59Z"),
        ("AAA0BBB,J60/0,J300/0", "2024-03-01 01:00:00", "2024-03-01T00:00:00Z"),
        ("AAA0BBB,J60/0,J300/0", "2023-03-01 01:00:00", "2023-03-01T00:00:00Z"),
        ("AAA0BBB,J59/0,J300/0", "2024-02-27 23:59:59", "2024-02-27T23:59:59Z"),
        ("AAA0BBB,J59/0,J300/0", "2024-02-28 01:00:00", "2024-02-28T00:00:00Z"),
        ("AAA0BBB,J1/0,J300/0", "2024-01-01 01:00:00", "2024-01-01T00:00:00Z"),
        ("AAA0BBB,59/0,300/0", "2024-02-28 23:59:59", "2024-02-28T23:59:59Z"),
        ("AAA0BBB,59/0,300/0", "2024-02-29 01:00:00", "2024-02-29T00:00:00Z"),
        ("AAA0BBB,59/0,300/0", "2023-03-01 01:00:00", "2023-03-01T00:00:00Z"),
        // All year, as RFC 9636 suggests: from 1 January 00:00 to 31 December 24:00 and DST's hour.
        ("AAA0BBB,J1/0,J365/25", "2024-01-01 01:00:00", "2024-01-01T00:00:00Z"),
        ("AAA0BBB,J1/0,J365/25", "2024-12-31 23:59:59", "2024-12-31T22:59:59Z"),
        ("AAA0BBB,0/0,J365/25", "2023-07-01 00:00:00", "2023-06-30T23:00:00Z"),
        // Hours before the day and beyond it: M3.5.0/-26 is the Friday before, 22:00.
        ("AAA0BBB,M3.5.0/-26,M10.1.0", "2024-03-29 21:59:59", "2024-03-29T21:59:59Z"),
        ("AAA0BBB,M3.5.0/-26,M10.1.0", "2024-03-29 23:00:00", "2024-03-29T22:00:00Z"),
        ("AAA0BBB,M3.5.0/48:30:15,M10.1.0", "2024-04-02 00:30:14", "2024-04-02T00:30:14Z"),
        ("AAA0BBB,M3.5.0/48:30:15,M10.1.0", "2024-04-02 01:30:15", "2024-04-02T00:30:15Z"),
    ]

    /// Footers of every form, expected values by the calendar (and glibc's `date`).
    @Test(arguments: TimeZoneRulesTests.footerTimes)
    func utcSeconds_followsTheFooter(footer: String, local: String, utc text: String) throws {
        #expect(try utc(local, in: rules(footer: footer)) == text)
    }

    /// What holds before the first transition is the first type that is not daylight saving time.
    @Test func utcSeconds_usesTheFirstStandardType_whenBeforeTheFirstTransition() throws {
        let builder = TZifBuilder(
            transitions: [(1_700_000_000, 2)],
            types: [(7_200, true), (3_600, false), (18_000, false)], footer: "<+05>-5")
        let rules = try TimeZoneRules(name: "Test", tzif: builder.bytes)
        #expect(rules.offsetSeconds(atUTC: 1_699_999_999) == 3_600)
        #expect(rules.offsetSeconds(atUTC: 1_700_000_000) == 18_000)
        #expect(rules.utcSeconds(fromLocal: 1_600_003_600) == 1_600_000_000)
    }

    /// `zoneinfo` places the boundary itself by the very first type, even where another one holds
    /// before it: 3,600 goes on until clocks would show the transition at 7,200.
    @Test func utcSeconds_placesTheFirstTransitionByTheFirstType() throws {
        let builder = TZifBuilder(
            transitions: [(1_700_000_000, 2)],
            types: [(7_200, true), (3_600, false), (0, false)], footer: "ABC0")
        let rules = try TimeZoneRules(name: "Test", tzif: builder.bytes)
        #expect(rules.utcSeconds(fromLocal: 1_700_007_199) == 1_700_003_599)
        #expect(rules.utcSeconds(fromLocal: 1_700_007_200) == 1_700_007_200)
    }

    /// Version 1 has 32-bit times and no footer: the last type goes on.
    @Test func init_readsVersion1() throws {
        let builder = TZifBuilder(
            version: 0, transitions: [(-1_000, 1), (1_700_000_000, 0)],
            types: [(3_600, false), (7_200, true)])
        let rules = try TimeZoneRules(name: "Test", tzif: builder.bytes)
        #expect(rules.offsetSeconds(atUTC: 1_699_999_999) == 7_200)
        #expect(rules.offsetSeconds(atUTC: 4_000_000_000) == 3_600)
    }

    private static let badFooters = [
        "4", "AB", "AB4", "ABC", "<AB4", "<AB>4", "ABC25", "ABC4:60", "ABC4:00:60", "ABC4x",
        "ABC4DEF", "ABC4DEF,", "ABC4DEF,M3.2.0", "ABC4DEF,M3.2.0,", "ABC4DEF,M13.2.0,M11.1.0",
        "ABC4DEF,M0.2.0,M11.1.0", "ABC4DEF,M3.6.0,M11.1.0", "ABC4DEF,M3.0.0,M11.1.0",
        "ABC4DEF,M3.2.7,M11.1.0", "ABC4DEF,M3.2,M11.1.0", "ABC4DEF,J0,J300", "ABC4DEF,J366,J300",
        "ABC4DEF,366,J300", "ABC4DEF,1,J300/168", "ABC4DEF,1,J300/-168", "ABC4DEF,1,J300/",
        "ABC4DEF,1,J300/2x", "ABC4DEF,1,J300,5", "ABC4,M3.2.0,M11.1.0", "ABC4DE5,1,2", "\u{0}",
        "ABC4DEF3DEF,1,2", "ABC--4", " ABC4",
    ]

    /// A footer that is not wholly understood is refused, never guessed at.
    @Test(arguments: TimeZoneRulesTests.badFooters)
    func init_throws_whenFooterIsInvalid(footer: String) {
        #expect(throws: TZifError.invalidFooter(footer)) { try rules(footer: footer) }
    }

    /// Counts, indexes and values that RFC 9636 forbids.
    @Test func init_throws_whenContentIsMalformed() {
        func fault(_ change: (inout TZifBuilder) -> Void) -> TZifError? {
            var builder = TZifBuilder(
                transitions: [(1_000_000_000, 1), (1_700_000_000, 0)],
                types: [(3_600, false), (7_200, true)], footer: "ABC-1")
            change(&builder)
            return #expect(throws: TZifError.self) {
                try TimeZoneRules(name: "Test", tzif: builder.bytes)
            }
        }
        #expect(fault { $0.magic = "TZiF" } == .notTZif)
        #expect(fault { $0.types = [] } == .malformed("0 types"))
        #expect(fault { $0.designations = [] } == .malformed("no designations"))
        #expect(fault { $0.leapSeconds = [(78_796_800, 1)] } == .countsLeapSeconds)
        #expect(
            fault { $0.transitions[0].type = 2 }
                == .malformed("a transition to a type that is not there"))
        #expect(
            fault { $0.transitions[1].utc = 1_000_000_000 }
                == .malformed("transitions that do not ascend"))
        #expect(
            fault { $0.transitions[0].utc = .min }
                == .malformed("a transition at \(Int64.min) seconds"))
        #expect(
            fault { $0.types[1].offset = 93_600 }
                == .malformed("an offset from UTC of 93600 seconds"))
        #expect(
            fault { $0.types[1].offset = .min }
                == .malformed("an offset from UTC of \(Int32.min) seconds"))
        #expect(
            fault { $0.designations = [0x41] } == .malformed("a designation outside its table"))
        #expect(
            fault { $0.utIndicators = [0] }
                == .malformed("counts of indicators that do not match the types"))
        #expect(fault { $0.claimedTransitions = .max } == .truncated)
    }
}

@Suite(.enabled(if: FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/Asia/Dubai")))
struct TimeZoneRulesFileTests {
    private func file(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: "/usr/share/zoneinfo/" + name)))
    }

    /// The zone of the samples.
    @Test func utcSeconds_isFourHoursBefore_inDubai() throws {
        let rules = try TimeZoneRules(name: "Asia/Dubai", tzif: file("Asia/Dubai"))
        let parser = TimestampParser(timeZone: rules)
        #expect(rules.name == "Asia/Dubai")
        for (text, moment) in [
            ("13-11-2023 14:00", "2023-11-13T10:00:00Z"),
            ("14-11-2023 12:00PM", "2023-11-14T08:00:00Z"),
        ] {
            let bytes = Array(text.utf8)
            #expect(try parser.parse(bytes.span).iso8601 == moment)
        }
    }

    /// No beginning of a file is a file.
    @Test(arguments: ["Asia/Dubai", "America/New_York", "Europe/Dublin", "UTC"])
    func init_throws_whenFileIsTruncated(name: String) throws {
        let bytes = try file(name)
        #expect(throws: Never.self) { try TimeZoneRules(name: name, tzif: bytes) }
        for count in 0..<bytes.count {
            #expect(throws: TZifError.self, "cut to \(count) bytes") {
                try TimeZoneRules(name: name, tzif: Array(bytes[..<count]))
            }
        }
    }

    /// Damaged files and noise give rules or an error, never a trap.
    @Test func init_neverTraps_whenBytesAreRandom() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let names = ["Asia/Dubai", "Asia/Tehran", "Australia/Lord_Howe"]
        let files = try names.map(file)
        var refused = 0
        for round in 0..<1_500 {
            var bytes = files[round % files.count]
            for _ in 0..<Int.random(in: 1...8, using: &generator) {
                let at = Int.random(in: 0..<bytes.count, using: &generator)
                bytes[at] = UInt8.random(in: 0...255, using: &generator)
            }
            if round % 5 == 0 {
                bytes = (0..<300).map { _ in UInt8.random(in: 0...255, using: &generator) }
                bytes.replaceSubrange(0..<5, with: Array("TZif".utf8) + [UInt8(round % 2 * 50)])
            }
            do throws(TZifError) {
                let rules = try TimeZoneRules(name: "Test", tzif: bytes)
                for moment in [Int64.min / 2, 0, 1_700_000_000, Int64.max / 2] {
                    let offset = rules.offsetSeconds(atUTC: moment)
                    #expect(ZoneHistory.offsetRange.contains(offset), "seed \(seed)")
                }
            } catch {
                refused += 1
                #expect(!error.description.isEmpty)
            }
        }
        #expect(refused > 0, "seed \(seed)")
    }

    /// Files that count leap seconds are refused with a reason.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/usr/share/zoneinfo/right/UTC")))
    func init_throws_whenFileCountsLeapSeconds() throws {
        let bytes = try file("right/UTC")
        #expect(throws: TZifError.countsLeapSeconds) {
            try TimeZoneRules(name: "right/UTC", tzif: bytes)
        }
    }
}
