import CardCSV
import Testing

@Suite struct CSVReaderLimitTests {
    private func check(
        _ input: String, _ expected: [String], maxRowBytes: Int = 1 << 20, maxFields: Int = 1024,
        _ location: SourceLocation = #_sourceLocation
    ) {
        let reading = Reading(
            delimiter: UInt8(ascii: ","), maxRowBytes: maxRowBytes, maxFields: maxFields)
        let difference = reading.firstDifference(Array(input.utf8), expected: expected) {
            $0.description
        }
        #expect(difference == nil, "expected \(expected)", sourceLocation: location)
    }

    /// A row of just the limit is read; one byte more is one problem, and the next row is read.
    @Test func read_reportsRow_whenItIsTooLong() {
        check("abcd\nef", ["1@0-4 [abcd]", "2@5-7 [ef]"], maxRowBytes: 4)
        check("abcd", ["1@0-4 [abcd]"], maxRowBytes: 4)
        check("a,\"\"\r\ne", ["1@0-4 [a][]", "2@6-7 [e]"], maxRowBytes: 4)
        check("abcde\nf", ["1@0-5 !tooLong(4) abcd", "2@6-7 [f]"], maxRowBytes: 4)
        check("abcdefghijklm\r\nf", ["1@0-13 !tooLong(4) abcd", "2@15-16 [f]"], maxRowBytes: 4)
        check("abcdefghijklm\rf", ["1@0-13 !tooLong(4) abcd", "2@14-15 [f]"], maxRowBytes: 4)
        check("abcde", ["1@0-5 !tooLong(4) abcd"], maxRowBytes: 4)
        check(
            "ab\n\ncdefg\n\nh", ["1@0-2 [ab]", "3@4-9 !tooLong(4) cdef", "5@11-12 [h]"],
            maxRowBytes: 4)
        check("abcde,\"f\ng\"", ["1@0-8 !tooLong(4) abcd", "2@9-11 [g\"]"], maxRowBytes: 4)
        check("\"ab\"cd\ne", ["1@0-6 !tooLong(4) \"ab\"", "2@7-8 [e]"], maxRowBytes: 4)
        check("abcd\"e\nf", ["1@0-6 !tooLong(4) abcd", "2@7-8 [f]"], maxRowBytes: 4)
    }

    /// A quote still open at the limit counts as never closed, and costs one physical line.
    @Test func read_reportsOneLine_whenQuoteStaysOpenUpToTheLimit() {
        check(
            "\"a\nb\nc\nd", ["1@0-2 !unterminated \"a", "2@3-4 [b]", "3@5-6 [c]", "4@7-8 [d]"],
            maxRowBytes: 4)
        check(
            "\"a\nb\"\nc", ["1@0-2 !unterminated \"a", "2@3-5 [b\"]", "3@6-7 [c]"],
            maxRowBytes: 3)
        check("\"a\nb\"\nc", ["1@0-5 [a\\nb]", "3@6-7 [c]"], maxRowBytes: 5)
        check(
            "\"a\r\nbc\r\nd", ["1@0-2 !unterminated \"a", "2@4-6 [bc]", "3@8-9 [d]"],
            maxRowBytes: 2)
        check("\"ab\"\"cd\ne\"", ["1@0-7 !unterminated \"ab\"", "2@8-10 [e\"]"], maxRowBytes: 4)
        check("\"abcdefgh\"\ni", ["1@0-10 !unterminated \"abc", "2@11-12 [i]"], maxRowBytes: 4)
        check(
            "\"a\n\"bcd\ne", ["1@0-2 !unterminated \"a", "2@3-7 !unterminated \"bcd", "3@8-9 [e]"],
            maxRowBytes: 4)
        check(
            "\"a\n\",bc\nd", ["1@0-2 !unterminated \"a", "2@3-7 !unterminated \",bc", "3@8-9 [d]"],
            maxRowBytes: 4)
        check(
            "\"a\nb\",cdefgh\ni",
            ["1@0-2 !unterminated \"a", "2@3-12 !tooLong(4) b\",c", "3@13-14 [i]"],
            maxRowBytes: 4)
        check("\"abcdefgh", ["1@0-9 !unterminated \"abc"], maxRowBytes: 4)
        check("abc,\"e\nf", ["1@0-6 !unterminated abc,", "2@7-8 [f]"], maxRowBytes: 4)
    }

    /// A row that skips what an unterminated one before it was followed through goes on as that one
    /// would have: here at the start of a field, which a quote opens.
    @Test func read_opensQuote_whenSkippingEndsAtAFieldStart() {
        check(
            "\"aa\nx\"y,\"b\nz\",\",\"\nk",
            ["1@0-3 !unterminated \"aa", "2@4-17 [x\"y][b\\nz][,]", "4@18-19 [k]"],
            maxRowBytes: 13)
    }

    /// A row with too many fields is a problem; its line breaks in quotes still count.
    @Test func read_reportsRow_whenItHasTooManyFields() {
        check(
            "a,b,c\nd,e\nf,g,h,i\n",
            ["1@0-5 [a][b][c]", "2@6-9 [d][e]", "3@10-17 !tooMany(3) f,g,h,i"], maxFields: 3)
        check(
            ",,,\n\"a\n\"\"\",,,\nb",
            [
                "1@0-3 !tooMany(2) ,,,", "2@4-13 !tooMany(2) \"a\\n\"\"\",,,",
                "4@14-15 [b]",
            ], maxFields: 2)
        check("a,b", ["1@0-3 !tooMany(1) a,b"], maxFields: 1)
    }

    /// A line of 10 MB is one problem whose range is whole; memory stays near the limit.
    @Test func read_boundsMemory_whenLineIsHuge() {
        let huge = [UInt8](repeating: UInt8(ascii: "x"), count: 10_000_000)
        let input = Array("a\n".utf8) + huge + Array("\r\nb,c\n".utf8)
        for limit in [10_000, 1 << 20] {
            let reading = Reading(delimiter: UInt8(ascii: ","), maxRowBytes: limit)
            for chunkSize in [4096, 65_536, input.count] {
                let result = reading.read(input, chunkSizes: [chunkSize])
                #expect(result.rows.map(\.line) == [1, 2, 3])
                #expect(
                    result.rows.map(\.byteRange)
                        == [0..<1, 2..<10_000_002, 10_000_004..<10_000_007])
                #expect(result.rows[1].problem == .rowTooLong(limitBytes: limit))
                #expect(result.rows[1].raw == Array(huge.prefix(limit)))
                #expect(result.bytesHeld <= limit + limit / 8 + 4096 + 64 + 1)
                #expect(result.bytesExamined <= input.count + 1)
            }
        }
    }

    /// Only rows that span chunks are copied, and memory stops growing with the longest of them.
    @Test func read_readsInPlace_whenRowsLieInsideChunks() {
        let row = "A883,ZYW8827,\"\"\"0585949014\"\"\",2023-11-13T09:34:56Z,DELIVERED\r\n"
        let input = Array(String(repeating: row, count: 20_000).utf8)
        let chunkSize = 10_000
        let reading = Reading(delimiter: UInt8(ascii: ","))
        let result = reading.read(input, chunkSizes: [chunkSize])
        #expect(result.rows.count == 20_000)
        // Each chunk leaves at most one row behind, which then takes 256 bytes of the next.
        #expect(result.bytesMoved <= (input.count / chunkSize + 1) * (row.utf8.count + 256))
        #expect(result.bytesExamined == input.count)
        #expect(result.bytesHeld < 5000)
    }

    /// Quotes left open on every line cost no more than three looks at each byte, though each such
    /// line is found out only at the end of the input, or a limit of many lines later.
    @Test(arguments: [
        "a\"b,\"c\n", "a\"b,\"c\r\n", "\"a\"b,\"c\n", "a\"b,\"\"c,\"d\n", "\"x\n", "\"\n", "a,\"\n",
        "x\"y,\"z,\"\"\"\"\r",
    ])
    func read_staysLinear_whenEveryLineOpensAQuote(_ line: String) {
        let count = 40_000
        let input = Array(String(repeating: line, count: count).utf8)
        for limit in [1 << 20, 30_000] {
            for chunkSize in [input.count, 65_536, 100] {
                let result = Reading(delimiter: UInt8(ascii: ","), maxRowBytes: limit)
                    .read(input, chunkSizes: [chunkSize])
                #expect(result.bytesExamined <= 3 * input.count)
                #expect(result.bytesMoved <= 12 * input.count)
                #expect(result.bytesHeld <= 2 * limit + limit / 8 + 4096 + 1)
                let lines = result.rows.map(\.line)
                #expect(lines == lines.sorted() && result.rows.count >= count / 2 - 1)
            }
        }
    }

    /// Of a million lines that each leave a quote open, each is reported, in linear time.
    @Test func finish_reportsEveryLine_whenEveryLineLeavesAQuoteOpen() {
        let count = 1_000_000
        let input = Array(String(repeating: "a\"b,\"c\n", count: count).utf8)
        var reader = Reading(delimiter: UInt8(ascii: ",")).makeReader()
        var problemCount = 0
        var line = 0
        var isInOrder = true
        func note(_ row: borrowing CSVRow) {
            line += 1
            if row.line != line || row.byteRange.count != 6 { isInOrder = false }
            if row.problem == .unterminatedQuote { problemCount += 1 }
        }
        reader.read(input.span) { row in note(row) }
        reader.finish { row in note(row) }
        #expect(problemCount == count && isInOrder)
        #expect(reader.bytesExamined <= 2 * input.count)
    }
}
