import CardCSV
import Foundation

/// A problem file as a program sees it that reads CSV.
struct ProblemTable {
    struct Row: Equatable {
        var file: [UInt8]
        var line: Int
        var column: String
        var reason: String
        var message: String
        var feed: String
        var header: String
        var rawRow: [UInt8]

        var rawText: String { String(decoding: rawRow, as: UTF8.self) }
    }

    struct Malformed: Error {
        let what: String
    }

    private(set) var rows: [Row] = []

    /// - Parameter path: as reports have it; nil, when there is no such file, throws.
    init(_ path: String?) throws {
        guard let path else { throw Malformed(what: "there is no problem file") }
        let bytes = Array(try Data(contentsOf: URL(fileURLWithPath: path)))
        var table: [[[UInt8]]] = []
        var problem: CSVProblem?
        var reader = CSVReader(
            dialect: CSVDialect(delimiter: UInt8(ascii: ",")), maxRowBytes: 1 << 26)
        let take = { (row: borrowing CSVRow) in
            problem = problem ?? row.problem
            var fields: [[UInt8]] = []
            for index in 0..<row.fieldCount {
                fields.append(
                    row.withField(index) { field in field.withUnsafeBufferPointer { Array($0) } })
            }
            table.append(fields)
        }
        reader.read(bytes.span, take)
        reader.finish(take)
        if let problem { throw Malformed(what: "\(path): \(problem)") }
        let titles = [
            "file", "line", "column", "reason", "message", "feed", "header", "raw_row",
        ]
        guard table.first == titles.map({ Array($0.utf8) }) else {
            throw Malformed(what: "\(path): it has another header")
        }
        for fields in table.dropFirst() {
            let texts = fields.map { String(decoding: $0, as: UTF8.self) }
            guard fields.count == titles.count, let line = Int(texts[1]) else {
                throw Malformed(what: "\(path): \(texts)")
            }
            rows.append(
                Row(
                    file: fields[0], line: line, column: texts[2], reason: texts[3],
                    message: texts[4], feed: texts[5], header: texts[6], rawRow: fields[7]))
        }
    }
}
