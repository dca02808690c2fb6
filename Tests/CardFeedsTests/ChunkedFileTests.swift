import CardFeeds
import CardTesting
import Foundation
import Testing

/// A file that is read in chunks gives what one reader of the whole gives, wherever it is cut.
@Suite struct ChunkedFileTests {
    private static let header = "ID ,Card ID,User contact,Timestamp,Comment\n"

    private static func row(_ number: Int, comment: String = "c") -> String {
        "R\(number),CARD\(number),0501234567,13-11-2023 14:0\(number % 10),\(comment)\n"
    }

    /// Quotes that hold line breaks, that never close, that stand where they should not; line ends
    /// of every kind; rejects and warnings; no line end at all.
    private static let texts: [String] = {
        let plain = (0..<30).map { row($0) }.joined()
        let quoted = (0..<30).map {
            row($0, comment: $0 % 3 == 0 ? "\"two\nlines, \"\"said\"\"\"" : "c")
        }.joined()
        let open = (0..<30).map {
            row($0, comment: $0 % 7 == 3 ? "\"never closed" : "x\"y")
        }.joined()
        let bad = (0..<30).map { $0 % 4 == 0 ? "bad,\($0)\n\n" : row($0) }.joined()
        return [
            header + plain, header + quoted, header + open, header + bad, header + plain + "a\"b",
            "\u{FEFF}" + header + quoted + open + bad + row(77, comment: "\"end"),
            (header + quoted + bad).replacingOccurrences(of: "\n", with: "\r\n"),
            (header + plain + bad).replacingOccurrences(of: "\n", with: "\r"),
            header + quoted.replacingOccurrences(of: "two\nlines", with: "two\r\nlines") + "\n\n\n",
            header + String(repeating: "\"", count: 41) + "\n" + plain,
            header + row(1, comment: String(repeating: "long ", count: 100)) + plain + bad,
        ]
    }()

    @Test(arguments: texts.indices)
    func load_readsTheSame_whereverTheFileIsCut(_ index: Int) throws {
        let text = Self.texts[index]
        let whole = try Self.read(text, chunkBytes: 1 << 20)
        for chunkBytes in [1, 2, 3, 5, 7, 11, 16, 29, 53, 64, 97, 101, 255, 400, 1_000] {
            let cut = try Self.read(text, chunkBytes: chunkBytes)
            #expect(cut == whole, "text \(index), chunks of \(chunkBytes) bytes")
        }
    }

    private struct Reading: Equatable {
        var rows = 0
        var accepted = 0
        var duplicates = 0
        var shown: [String] = []
        var problems: [[UInt8]] = []
        var contents: [String] = []
    }

    private static func read(_ text: String, chunkBytes: Int) throws -> Reading {
        let loading = try LoadingStore()
        let path = try loading.directory.write(text, to: "input.csv")
        let report = try loading.loader(runName: "r", chunkBytes: chunkBytes)
            .load(path, as: try FeedSet.samples.profile(named: "delivered"))
        var reading = Reading(
            rows: report.rows, accepted: report.counts.accepted,
            duplicates: report.counts.duplicates)
        reading.shown = report.shown.map { "\($0.line) \($0.isReject) \($0.problem)" }
        // The files name the input, whose folder differs from run to run.
        for problems in [report.rejectsPath, report.warningsPath] {
            guard let problems else { continue }
            let bytes = try String(contentsOfFile: problems, encoding: .utf8)
            reading.problems.append(
                Array(bytes.replacingOccurrences(of: path, with: "INPUT").utf8))
        }
        reading.contents = try loading.contents()
        return reading
    }
}
