import CardCSV
import Testing

/// Each line of a table is read whole, byte by byte, and cut in two at every place.
@Suite struct CSVReaderTests {
    private func check(
        _ input: String, _ expected: [String], delimiter: Character? = ",",
        _ text: (RowRecord) -> String = { $0.text }, _ location: SourceLocation = #_sourceLocation
    ) {
        let reading = Reading(delimiter: delimiter.flatMap(\.asciiValue))
        let difference = reading.firstDifference(Array(input.utf8), expected: expected, text)
        #expect(difference == nil, "expected \(expected)", sourceLocation: location)
    }

    /// Rows end at LF, CRLF or CR, or at the end of the input.
    @Test func read_givesRows_whenLineEndsVary() {
        check("", [])
        check("a", ["[a]"])
        check("a\n", ["[a]"])
        check("a\r\n", ["[a]"])
        check("a\r", ["[a]"])
        check("a,b\nc,d", ["[a][b]", "[c][d]"])
        check("a,b\r\nc,d\r\n", ["[a][b]", "[c][d]"])
        check("a,b\rc,d\r", ["[a][b]", "[c][d]"])
        check("a\rb\nc\r\nd\n\re", ["[a]", "[b]", "[c]", "[d]", "[e]"])
        check("a,b,c,d,e,f,g,h,i,j\nk", ["[a][b][c][d][e][f][g][h][i][j]", "[k]"])
        check("a long first field,another\nx,y\n", ["[a long first field][another]", "[x][y]"])
    }

    /// An empty field is a field, an empty line is no row.
    @Test func read_keepsEmptyFieldsAndSkipsBlankLines() {
        check(",", ["[][]"])
        check(",\n,,", ["[][]", "[][][]"])
        check("a,\n,b\r\n", ["[a][]", "[][b]"])
        check("\n", [])
        check("\r\n\r\n", [])
        check("\n\n\r\r\na\n\n\r\nb\r\r", ["[a]", "[b]"])
        check("\"\"", ["[]"])
        check("\"\"\n\"\",\"\"\n", ["[]", "[][]"])
        check(" \n", ["[ ]"])
    }

    /// Quotes protect delimiters, line breaks and, doubled, themselves.
    @Test func read_unquotes_whenFieldsAreQuoted() {
        check("\"a\"", ["[a]"])
        check("\"a\",\"b\"\n\"c\"\r\n", ["[a][b]", "[c]"])
        check("\"a,b\",c", ["[a,b][c]"])
        check("\"a\nb\",c\nd", ["[a\\nb][c]", "[d]"])
        check("\"a\r\nb\rc\",d\r\ne", ["[a\\r\\nb\\rc][d]", "[e]"])
        check("\"a\"\"b\"", ["[a\"b]"])
        check("\"\"\"\"", ["[\"]"])
        check("\"\"\"\"\"\"", ["[\"\"]"])
        check("\"\"\"0585949014\"\"\"", ["[\"0585949014\"]"])
        check("a,\"\"\"\",\"b\"\"\",\"\"\"c\"\n", ["[a][\"][b\"][\"c]"])
        check(
            "\"a long quoted field\",\"and \"\"another\"\" one\"",
            ["[a long quoted field][and \"another\" one]"])
    }

    /// Broken quoting is read as Python's csv module reads it.
    @Test func read_keepsText_whenQuotesAreBroken() {
        check("a\"b\"c,d", ["[a\"b\"c][d]"])
        check("a\"\"\nb", ["[a\"\"]", "[b]"])
        check(" \"a\",b", ["[ \"a\"][b]"])
        check("\"a\"b,c", ["[ab][c]"])
        check("\"a\"b\"c\"\"d,e", ["[ab\"c\"\"d][e]"])
        check("\"a\" ,\"b\"", ["[a ][b]"])
        check("\"\"a\"\",b", ["[a\"\"][b]"])
    }

    /// A quote that is never closed costs its own line alone.
    @Test func finish_reportsOneLine_whenQuoteIsUnterminated() {
        check("\"", ["!unterminated \""])
        check("a,\"b", ["!unterminated a,\"b"])
        check("a,\"b\n", ["!unterminated a,\"b"])
        check("a,\"b\r\nc,d\r\ne\r\n", ["!unterminated a,\"b", "[c][d]", "[e]"])
        check("a,\"b\rc,d\re", ["!unterminated a,\"b", "[c][d]", "[e]"])
        check("x\n\"a\n\nb\n", ["[x]", "!unterminated \"a", "[b]"])
        check("\"a\nb,\"c\nd\n", ["[a\\nb,c]", "[d]"])
        check(
            "a\"b,\"c\na\"b,\"c\na\"b,\"c\nd",
            ["!unterminated a\"b,\"c", "!unterminated a\"b,\"c", "!unterminated a\"b,\"c", "[d]"])
        check("\"a\"\"\nb", ["!unterminated \"a\"\"", "[b]"])
    }

    /// Bytes of no meaning to CSV are data.
    @Test func read_keepsBytes_whenTheyAreControlCharactersOrBeyondASCII() {
        check("\0,\u{1},\t,\u{B}\n\u{C}\u{E}", ["[\\x0][\\x1][\\t][\\xb]", "[\\xc\\xe]"])
        check("é,\u{85}\u{2028}\n", ["[\\xc3\\xa9][\\xc2\\x85\\xe2\\x80\\xa8]"])
        check("\u{8A}\u{8D}\u{A2}\u{AC}", ["[\\xc2\\x8a\\xc2\\x8d\\xc2\\xa2\\xc2\\xac]"])
    }

    /// Any byte but quote and line breaks can be the delimiter, and then others are data.
    @Test func read_splitsAtDelimiter_whenOneIsGiven() {
        check("a;b,c", ["[a][b,c]"], delimiter: ";")
        check("a\tb,c\t\"d\te\"", ["[a][b,c][d\\te]"], delimiter: "\t")
        check("a|\"b|c\"|", ["[a][b|c][]"], delimiter: "|")
        check("a\0b\0\0c", ["[a][b][][c]"], delimiter: "\0")
        for delimiter in UInt8.min...UInt8.max where !"\"\r\n".utf8.contains(delimiter) {
            let other: UInt8 = delimiter == 1 ? 2 : 1
            let similar = "\"\r\n".utf8.contains(delimiter ^ 0x80) ? other : delimiter ^ 0x80
            let bytes = [other, delimiter, similar, delimiter, other, 10, delimiter]
            let rows = Reading(delimiter: delimiter).readWhole(bytes)
            #expect(rows.map(\.fields.count) == [3, 2], "delimiter \(delimiter)")
        }
    }

    /// Lines and byte ranges hold for every way of ending lines, blank lines and broken quotes.
    @Test func read_givesLineAndByteRange() {
        func check(
            _ input: String, _ expected: [String], _ location: SourceLocation = #_sourceLocation
        ) {
            self.check(input, expected, { $0.description }, location)
        }
        check("a,b\nc\n", ["1@0-3 [a][b]", "2@4-5 [c]"])
        check("a,b\r\nc\r\n", ["1@0-3 [a][b]", "2@5-6 [c]"])
        check("a\rb\nc\r\nd", ["1@0-1 [a]", "2@2-3 [b]", "3@4-5 [c]", "4@7-8 [d]"])
        check("\n\r\n\ra\n\nb", ["4@4-5 [a]", "6@7-8 [b]"])
        check("\"a\nb\r\nc\rd\ne\"\nf", ["1@0-12 [a\\nb\\r\\nc\\rd\\ne]", "6@13-14 [f]"])
        check("\"\r\n\n\r\"\nf", ["1@0-6 [\\r\\n\\n\\r]", "5@7-8 [f]"])
        check("x\r\n\"a\r\n\r\nb\r\n", ["1@0-1 [x]", "2@3-5 !unterminated \"a", "4@9-10 [b]"])
        check("\"a\"x,\"b\n\nc", ["1@0-7 !unterminated \"a\"x,\"b", "3@9-10 [c]"])
    }

    /// A byte order mark is skipped at the very start only, and counts in byte ranges.
    @Test func read_skipsByteOrderMark_whenItIsFirst() {
        let tables: [([UInt8], [String])] = [
            ([0xEF, 0xBB, 0xBF], []),
            ([0xEF, 0xBB, 0xBF, 97, 44, 98, 10, 99], ["1@3-6 [a][b]", "2@7-8 [c]"]),
            ([0xEF, 0xBB, 0xBF, 34, 97, 34], ["1@3-6 [a]"]),
            ([0xEF, 0xBB, 0xBF, 10, 97], ["2@4-5 [a]"]),
            ([0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF], ["1@3-6 [\\xef\\xbb\\xbf]"]),
            ([97, 10, 0xEF, 0xBB, 0xBF], ["1@0-1 [a]", "2@2-5 [\\xef\\xbb\\xbf]"]),
            ([0xEF], ["1@0-1 [\\xef]"]),
            ([0xEF, 0xBB], ["1@0-2 [\\xef\\xbb]"]),
            ([0xEF, 0xBB, 97, 10, 98], ["1@0-3 [\\xef\\xbba]", "2@4-5 [b]"]),
            ([0xEF, 10, 0xBF], ["1@0-1 [\\xef]", "2@2-3 [\\xbf]"]),
            ([0xEF, 0xEF, 0xBB, 0xBF], ["1@0-4 [\\xef\\xef\\xbb\\xbf]"]),
        ]
        for (bytes, expected) in tables {
            for delimiter in [UInt8(ascii: ","), nil] {
                let difference = Reading(delimiter: delimiter)
                    .firstDifference(bytes, expected: expected) { $0.description }
                #expect(difference == nil, "\(RowRecord.escaped(bytes)) should give \(expected)")
            }
        }
    }

    /// Files as couriers send them: a trailing space in a name, quoted quotes, no last line end.
    @Test func read_readsCourierFiles() {
        check(
            "ID ,Card ID,User contact,Timestamp,Comment\r\n"
                + "A883,ZYW8827,\"\"\"0585949014\"\"\",2023-11-13T09:34:56Z,DELIVERED\r\n",
            [
                "[ID ][Card ID][User contact][Timestamp][Comment]",
                "[A883][ZYW8827][\"0585949014\"][2023-11-13T09:34:56Z][DELIVERED]",
            ], delimiter: nil)
        check(
            "ID;Card ID;Comment\nA982;ZYW8890;\"Not home, \"\"again\"\"\nsorry\"",
            ["[ID][Card ID][Comment]", "[A982][ZYW8890][Not home, \"again\"\\nsorry]"],
            delimiter: nil)
    }
}
