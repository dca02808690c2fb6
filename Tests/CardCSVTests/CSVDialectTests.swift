import CardCSV
import Testing

@Suite struct CSVDialectTests {
    /// The first row decides, outside its quotes.
    @Test(arguments: [
        ("", ","), ("a", ","), ("a,b", ","), ("a;b", ";"), ("a\tb", "\t"), ("a|b", "|"),
        ("a;b,c;d", ";"), ("a;b,c", ","), ("a|b\tc", "\t"), ("a;b\n,,,,", ";"),
        ("a;b\r,,,,", ";"), ("\n\r\n\na|b\n;;;", "|"), ("\"a,b,c\";d", ";"),
        ("\"a,\"\"b,\"\"c\";d", ";"), ("\"a\n,,,\";d\n,,,", ";"), ("x\"a;b;\"c,d", ";"),
        ("\"a\"x\"|,,\"\t\t\t\"", ","), ("a;b;\"c\n,,,,\n", ";"), ("\"a,b\n;;;;", ","),
        ("\"a\";\"b,,,", ","),
    ])
    func detectDelimiter_findsMostFrequent(_ input: String, _ expected: String) {
        let bytes = Array(input.utf8)
        #expect(CSVDialect.detectDelimiter(in: bytes.span) == expected.utf8.first)
        // The reader finds the same however the bytes arrive, once there is a row.
        for size in 1...max(1, bytes.count) {
            let result = Reading().read(bytes, chunkSizes: [size])
            let hasRow = !result.rows.isEmpty
            #expect(result.delimiter == (hasRow ? expected.utf8.first : nil), "chunks of \(size)")
        }
    }

    /// A first row too long to be kept is decided on what fits.
    @Test func detectDelimiter_usesWhatFits_whenFirstRowIsTooLong() {
        let input = Array(("a;b;" + String(repeating: ",", count: 100) + "\nc;d\n").utf8)
        let result = Reading(maxRowBytes: 3).read(input, chunkSizes: [1])
        #expect(result.delimiter == UInt8(ascii: ";"))
        #expect(result.rows.map(\.description) == ["1@0-104 !tooLong(3) a;b", "2@105-108 [c][d]"])
    }

    /// A quote or a line break as delimiter could not be told from itself.
    @Test func init_traps_whenDelimiterIsAmbiguous() async {
        await #expect(processExitsWith: .failure) { _ = CSVDialect(delimiter: UInt8(ascii: "\"")) }
        await #expect(processExitsWith: .failure) { _ = CSVDialect(delimiter: UInt8(ascii: "\n")) }
    }
}
