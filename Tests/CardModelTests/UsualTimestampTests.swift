import CardTesting
import Testing

@testable import CardModel

@Suite struct UsualTimestampTests {
    private static let parser = TimestampParser(timeZone: .fixed(offsetSeconds: 4 * 3_600))
    private static let texts = [
        "29-02-2024 23:59", "31-12-2099 23:59:59", "2000-02-29T00:00:00Z", "01-01-2000 00:00",
    ]

    private func usual(_ text: String) -> Timestamp? { Self.parser.usual(Array(text.utf8).span) }

    /// The short way finds what the long one finds, or nothing: every byte in every place of the
    /// usual forms, and random digits in all places.
    @Test func usual_agreesWithRead_whateverTheBytes() {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        var found = 0
        func check(_ bytes: [UInt8]) {
            guard let usual = Self.parser.usual(bytes.span) else { return }
            found += 1
            let read = try? Self.parser.read(bytes.span)
            #expect(read == usual, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        }
        for text in Self.texts {
            let bytes = Array(text.utf8)
            for place in bytes.indices {
                for byte in UInt8.min...UInt8.max {
                    var changed = bytes
                    changed[place] = byte
                    check(changed)
                }
            }
            for _ in 0..<20_000 {
                var changed = bytes
                for place in bytes.indices where changed[place] >= 0x30 && changed[place] < 0x3A {
                    changed[place] = UInt8.random(in: 0x30...0x39, using: &random)
                    if place == 6 || place == 7, text.count < 20 { changed[place] = bytes[place] }
                }
                check(changed)
            }
        }
        // Some five hundred are times, and have the usual form.
        #expect(found > 250)
    }

    /// All days that there are, and none besides.
    @Test func usual_findsExactlyTheDaysThatThereAre() {
        var days = 0
        for year in [2000, 2001, 2023, 2024, 2099] {
            for month in 0...13 {
                for day in 0...32 {
                    let two = { (number: Int) in number < 10 ? "0\(number)" : "\(number)" }
                    if usual("\(year)-\(two(month))-\(two(day))T12:00:00Z") != nil { days += 1 }
                }
            }
        }
        #expect(days == 3 * 365 + 2 * 366)
    }

    @Test(arguments: UsualTimestampTests.texts)
    func usual_findsTheMoment_whenTheFormIsUsual(_ text: String) throws {
        let read = try? Self.parser.read(Array(text.utf8).span)
        #expect(read?.iso8601 != nil || text.hasPrefix("01-01-2000"))
        #expect(usual(text) == read)
    }

    /// Also what is wrong with a text is found out the long way.
    @Test(arguments: [
        "", "29-02-2023 10:00", "13-11-2023 24:00", "13-11-2023 23:60", "13-11-2023 23:59:60",
        "2023-11-13T24:00:00Z", "2023-11-13t09:34:56z", "2023-11-13T09:34:56", "13/11/2023 14:00",
        "1-11-2023 2:00PM", "00-11-2023 14:00", "01-00-2023 14:00", "01-01-1999 14:00",
    ])
    func usual_isNil_whenThereIsMoreToFindOut(_ text: String) {
        #expect(usual(text) == nil)
    }

    /// A form that the feed does not take is refused, as by the long way.
    @Test func usual_isNil_whenTheFormIsNotAccepted() {
        let parser = TimestampParser(formats: [.unixSeconds], timeZone: .utc)
        for text in Self.texts { #expect(parser.usual(Array(text.utf8).span) == nil) }
    }
}
