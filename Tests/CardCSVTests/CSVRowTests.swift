import CardCSV
import Testing

@Suite struct CSVRowTests {
    /// Several fields can be looked at together, unescaped ones too.
    @Test func withField_canBeNested() {
        let input = Array("\"a\"\"1\",b,\"c\"\"3\",\"d\"\n".utf8)
        var reader = CSVReader()
        var joined: [UInt8] = []
        reader.read(input.span) { row in
            row.withField(0) { first in
                row.withField(2) { third in
                    row.withField(3) { fourth in
                        joined += first.indices.map { first[$0] }
                        joined += third.indices.map { third[$0] }
                        joined += fourth.indices.map { fourth[$0] }
                    }
                }
            }
        }
        #expect(joined == Array("a\"1c\"3d".utf8))
    }

    private struct Stop: Error, Equatable { var line: Int }

    /// An error thrown by a callback keeps its type and stops the reading at once.
    @Test func read_throws_whenCallbackThrows() {
        let input = Array("a\nb\nc\n".utf8)
        var reader = CSVReader()
        var lines: [Int] = []
        #expect(throws: Stop(line: 2)) {
            try reader.read(input.span) { row throws(Stop) in
                lines.append(row.line)
                try row.withField(0) { bytes throws(Stop) in
                    if bytes[0] == UInt8(ascii: "b") { throw Stop(line: row.line) }
                }
            }
        }
        #expect(lines == [1, 2])
    }

    /// Misuse that only a bug can cause traps: reading on after an error or the end, and asking for
    /// a field that is not there.
    @Test func read_traps_whenMisused() async {
        await #expect(processExitsWith: .failure) {
            var reader = CSVReader()
            let input = Array("a\nb\n".utf8)
            do {
                try reader.read(input.span) { _ throws(Stop) in throw Stop(line: 1) }
            } catch {
                reader.read(input.span) { _ in }
            }
        }
        await #expect(processExitsWith: .failure) {
            var reader = CSVReader()
            reader.finish { _ in }
            reader.finish { _ in }
        }
        await #expect(processExitsWith: .failure) {
            var reader = CSVReader()
            let input = Array("a,b\n".utf8)
            reader.read(input.span) { row in row.withField(2) { _ in } }
        }
    }

    /// The same misuse's lawful neighbour does not trap, so that the traps above mean something.
    @Test func read_goesOn_whenUsedAsMeant() {
        var reader = CSVReader()
        let input = Array("a,b\n".utf8)
        var count = 0
        reader.read(input.span) { row in row.withField(1) { count += $0.count } }
        reader.read([UInt8]().span) { _ in count += 100 }
        reader.read(input.span) { row in row.withField(1) { count += $0.count } }
        reader.finish { _ in count += 100 }
        #expect(count == 2)
    }
}
