import CardCSV

/// A row copied out of its callback, so that rows can be kept and compared.
struct RowRecord: Equatable, CustomStringConvertible {
    var line: Int
    var byteRange: Range<Int>
    var fields: [[UInt8]] = []
    var problem: CSVProblem?
    var raw: [UInt8]

    /// `[a][b]` for fields, `!problem raw` for a problem; control characters escaped.
    var text: String {
        switch problem {
        case nil: fields.map { "[\(Self.escaped($0))]" }.joined()
        case .unterminatedQuote: "!unterminated \(Self.escaped(raw))"
        case .rowTooLong(let limit): "!tooLong(\(limit)) \(Self.escaped(raw))"
        case .tooManyFields(let limit): "!tooMany(\(limit)) \(Self.escaped(raw))"
        }
    }

    /// `text` behind the line and the byte range: `3@10-14 [a][b]`.
    var description: String { "\(line)@\(byteRange.lowerBound)-\(byteRange.upperBound) \(text)" }

    static func escaped(_ bytes: [UInt8]) -> String {
        bytes.map { byte in
            switch byte {
            case UInt8(ascii: "\n"): "\\n"
            case UInt8(ascii: "\r"): "\\r"
            case UInt8(ascii: "\t"): "\\t"
            case 0x20..<0x7F: String(UnicodeScalar(byte))
            default: "\\x" + String(byte, radix: 16)
            }
        }.joined()
    }
}

extension RowRecord {
    init(_ row: borrowing CSVRow) {
        line = row.line
        byteRange = row.byteRange
        problem = row.problem
        for index in 0..<row.fieldCount {
            fields.append(row.withField(index) { span in span.indices.map { span[$0] } })
        }
        raw = row.withRawRow { span in span.indices.map { span[$0] } }
    }
}

/// How a test reads a file.
struct Reading {
    var delimiter: UInt8?
    var maxRowBytes = 1 << 20
    var maxFields = 1024

    /// What reading gave, with what it cost.
    struct Result {
        var rows: [RowRecord] = []
        var delimiter: UInt8?
        var bytesExamined = 0
        var bytesMoved = 0
        var bytesHeld = 0
    }

    func makeReader() -> CSVReader {
        CSVReader(
            dialect: CSVDialect(delimiter: delimiter), maxRowBytes: maxRowBytes,
            maxFields: maxFields)
    }

    /// Reads `bytes` in chunks of the given sizes, the last size repeated until all is read. Each
    /// chunk is memory of its own and overwritten as soon as `read` is back, so that a reader that
    /// held on to it would show wrong bytes.
    func read(_ bytes: [UInt8], chunkSizes: [Int]) -> Result {
        var reader = makeReader()
        var result = Result()
        var position = 0
        var sizes = chunkSizes[...]
        while position < bytes.count {
            let size = sizes.count > 1 ? sizes.removeFirst() : max(1, sizes.first ?? bytes.count)
            let end = min(position + size, bytes.count)
            var chunk = Array(bytes[position..<end])
            reader.read(chunk.span) { row in result.rows.append(RowRecord(row)) }
            chunk.withUnsafeMutableBufferPointer { $0.update(repeating: 0xEE) }
            position = end
        }
        reader.finish { row in result.rows.append(RowRecord(row)) }
        result.delimiter = reader.delimiter
        result.bytesExamined = reader.bytesExamined
        result.bytesMoved = reader.bytesMoved
        result.bytesHeld = reader.bytesHeld
        return result
    }

    func readWhole(_ bytes: [UInt8]) -> [RowRecord] {
        read(bytes, chunkSizes: [bytes.count]).rows
    }

    /// The first way of cutting `bytes` in two, or into single bytes, that gives other rows than
    /// `expected` do, with the rows it gives; nil when there is none.
    func firstDifference(_ bytes: [UInt8], expected: [String], _ text: (RowRecord) -> String)
        -> String?
    {
        let cuts = [[bytes.count], [1]] + (0...bytes.count).map { [$0, bytes.count] }
        for cut in cuts {
            let rows = read(bytes, chunkSizes: cut).rows.map(text)
            if rows != expected { return "chunks of \(cut) gave \(rows)" }
        }
        return nil
    }
}
