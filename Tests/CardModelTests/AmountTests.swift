import CardTesting
import Testing

@testable import CardModel

struct AmountTests {
    private static func parse(_ text: String) throws(AmountError) -> Amount {
        try Amount.parse(Array(text.utf8).span)
    }

    /// Decimal numbers, however they are written, are exact.
    @Test(arguments: [
        ("0", "0.00"), ("-0", "0.00"), ("-0.00", "0.00"), ("1", "1.00"), ("1.5", "1.50"),
        ("1234.56", "1234.56"), ("-1234.56", "-1234.56"), ("+7", "7.00"), ("0.07", "0.07"),
        ("-0.07", "-0.07"), ("-0.7", "-0.70"), (".5", "0.50"), ("5.", "5.00"),
        ("007.10", "7.10"), ("0.10", "0.10"), ("1.50000000000000000000000000", "1.50"),
        ("000000000000000000000000000001", "1.00"), ("1.2345e3", "1234.50"), ("12e-1", "1.20"),
        ("1E+2", "100.00"), ("100e-4", "0.01"), ("0e999999999999", "0.00"),
        ("0.0000000000001e13", "1.00"), ("100000000000000000000e-20", "1.00"),
        (" 12.30\t", "12.30"), ("\"12.30\"", "12.30"), ("'1'", "1.00"),
        ("92233720368547758.07", "92233720368547758.07"),
        ("-92233720368547758.07", "-92233720368547758.07"), ("9e16", "90000000000000000.00"),
    ])
    func parse_isExact(text: String, expected: String) throws {
        #expect(try Self.parse(text).description == expected)
    }

    /// What no amount can be, or not without rounding, is an error that says so.
    @Test(arguments: [
        ("", AmountError.empty), (" ", .empty), ("\"\"", .empty), ("1.005", .tooPrecise),
        ("0.001", .tooPrecise), ("1e-3", .tooPrecise), ("1e-99999999999999999999", .tooPrecise),
        ("92233720368547758.08", .outOfRange), ("-92233720368547758.08", .outOfRange),
        ("1e17", .outOfRange), ("1e99999999999999999999", .outOfRange),
        ("123456789012345678901234567890", .outOfRange), ("1,234.50", .comma), ("1,5", .comma),
        ("1,000", .comma), ("abc", .notANumber), (".", .notANumber), ("-", .notANumber),
        ("1e", .notANumber), ("1e+", .notANumber), ("1 2", .notANumber), ("--1", .notANumber),
        ("1.2.3", .notANumber), ("$5", .notANumber), ("5 AED", .notANumber),
        ("NaN", .notANumber), ("Infinity", .notANumber), ("0x10", .notANumber),
        ("true", .notANumber), ("1_000", .notANumber),
    ])
    func parse_throws(text: String, expected: AmountError) {
        #expect(throws: expected) { try Self.parse(text) }
    }

    /// Every amount reads back from what it writes, and from that with its point moved.
    @Test func parse_readsWhatIsWritten() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        for _ in 0..<2_000 {
            let bits = Int.random(in: 1...63, using: &random)
            let magnitude = Int64.random(in: 0...(Int64.max >> (63 - bits)), using: &random)
            let amount = Amount(hundredths: Bool.random(using: &random) ? magnitude : -magnitude)
            #expect(try Self.parse(amount.description) == amount, "seed \(seed)")
            let power = Int.random(in: 0...30, using: &random)
            let zeros = String(repeating: "0", count: power)
            #expect(
                try Self.parse("\(amount.hundredths)\(zeros)e-\(power + 2)") == amount,
                "seed \(seed)")
        }
    }
}
