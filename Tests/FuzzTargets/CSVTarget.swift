internal import CardCSV

/// Rows do not depend on how the bytes are cut, none of the bytes is lost, and reading costs what
/// it may.
enum CSVTarget {
    private struct Row: Equatable {
        var line: Int
        var byteRange: Range<Int>
        var fields: [[UInt8]]
        var raw: [UInt8]
        var problem: CSVProblem?

        init(_ row: borrowing CSVRow) {
            line = row.line
            byteRange = row.byteRange
            fields = (0..<row.fieldCount).map { row.withField($0, CSVTarget.copy) }
            raw = row.withRawRow(CSVTarget.copy)
            problem = row.problem
        }
    }

    private static func copy(_ span: Span<UInt8>) -> [UInt8] { span.indices.map { span[$0] } }

    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let delimiter = input.choice(of: [nil, ",", ";", "\t", "|", "a"] as [Unicode.Scalar?])
        let maxRowBytes = input.choice(of: [1 << 20, 1, 2, 7, 16, 64, 300])
        let maxFields = input.choice(of: [1_024, 1, 2, 5])
        let sizes = input.take(3).map { Int($0) + 1 }
        let text = input.rest
        func read(_ sizes: [Int]) -> [Row] {
            var reader = CSVReader(
                dialect: CSVDialect(delimiter: delimiter.map { UInt8(ascii: $0) }),
                maxRowBytes: maxRowBytes, maxFields: maxFields)
            var rows: [Row] = []
            var start = 0
            var turn = 0
            while start < text.count {
                let end = min(start + sizes[turn % sizes.count], text.count)
                // The chunk is gone when the next one comes.
                Array(text[start..<end]).withExactBytes { chunk in
                    reader.read(chunk.span) { rows.append(Row($0)) }
                }
                start = end
                turn += 1
            }
            reader.finish { rows.append(Row($0)) }
            precondition(
                reader.bytesExamined <= 3 * text.count + min(text.count, maxRowBytes + 1),
                "reading looked at bytes too often")
            return rows
        }
        let rows = read([max(text.count, 1)])
        precondition(rows == read(sizes.isEmpty ? [1] : sizes), "the cuts changed the rows")
        check(rows, text, maxRowBytes: maxRowBytes)
    }

    /// What lies between the rows is line breaks and the byte order mark.
    private static func check(_ rows: [Row], _ text: [UInt8], maxRowBytes: Int) {
        var end = 0
        for row in rows {
            precondition(row.byteRange.lowerBound >= end, "rows overlap")
            let gap = text[end..<row.byteRange.lowerBound]
            let mark = end == 0 && gap.starts(with: [0xEF, 0xBB, 0xBF]) ? 3 : 0
            precondition(
                gap.dropFirst(mark).allSatisfy { $0 == 10 || $0 == 13 }, "bytes are lost")
            precondition(
                row.raw == Array(text[row.byteRange].prefix(maxRowBytes)), "the raw row is not")
            end = row.byteRange.upperBound
        }
    }
}

/// Text does not depend on how the bytes are cut.
enum TextEncodingTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let encodings: [TextEncoding] = [.utf16LittleEndian, .utf16BigEndian, .latin1, .utf8]
        let encoding = input.choice(of: encodings)
        let size = input.byte() + 1
        let text = input.rest
        text.withExactBytes { text in
            _ = TextEncoding.marked(at: text.span)
            _ = TextEncoding.utf16ByZeros(in: text.span)
        }
        func read(_ size: Int) -> [UInt8] {
            var transcoder = UTF8Transcoder(from: encoding)
            var output: [UInt8] = []
            func take(_ span: Span<UInt8>) {
                for index in span.indices { output.append(span[index]) }
            }
            for start in stride(from: 0, to: text.count, by: size) {
                Array(text[start..<min(start + size, text.count)]).withExactBytes {
                    transcoder.read($0.span, take)
                }
            }
            transcoder.finish(take)
            return output
        }
        precondition(read(max(text.count, 1)) == read(size), "the cuts changed the text")
    }
}
