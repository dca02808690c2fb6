import CardCSV
import CardTesting
import Foundation
import Testing

/// `CSVReader` against Python's `csv.reader`, over text read with `newline=''` and Latin-1, so that
/// each character is a byte.
///
/// The reader differs on purpose in these:
/// - Blank lines are skipped; Python gives rows of no fields. The script leaves them out.
/// - A quote that is never closed is a problem of one line, after which reading goes on; Python
///   gives one last row with everything from there to the end. Rows are compared up to there, and
///   Python must then have just that one row left.
/// - A byte order mark is skipped; here no file has one.
/// - Rows and fields are limited by `maxRowBytes` and `maxFields`; here no row comes near them.
/// - NUL is data; Python before 3.11 refuses it, so here no file has one.
@Suite struct CSVReaderPythonTests {
    /// One line per row: the line it starts on, then its fields in hexadecimal; `#` ends a file.
    private static let script = """
        import csv, os, sys
        csv.field_size_limit(1 << 30)
        folder = sys.argv[1]
        with open(os.path.join(folder, 'rows'), 'w') as out:
            for entry in open(os.path.join(folder, 'files')):
                name, delimiter = entry.split()
                path = os.path.join(folder, name)
                with open(path, newline='', encoding='latin-1') as text:
                    reader = csv.reader(text, delimiter=chr(int(delimiter)))
                    line = 1
                    for row in reader:
                        if row:
                            fields = [field.encode('latin-1').hex() for field in row]
                            out.write(f"{line}:{','.join(fields)}\\n")
                        line = reader.line_num + 1
                out.write('#\\n')
        """

    private struct File {
        var delimiter: UInt8
        var bytes: [UInt8]
        var name: String
    }

    /// Files of each delimiter, line end, style of quoting and kind of brokenness are read alike.
    @Test func read_equalsPython_onGeneratedFiles() throws {
        let seed =
            ProcessInfo.processInfo.environment["CARDSTATUS_TEST_SEED"].flatMap(UInt64.init)
            ?? .random(in: 0...UInt64.max)
        var random = SeededGenerator(seed: seed)
        var files: [File] = []
        for delimiter in CSVDialect.detectableDelimiters {
            for lineEnd in ["\n", "\r\n", "\r", "mixed"] {
                for style in Style.allCases {
                    for flaw in Flaw.allCases {
                        for number in 0..<4 {
                            let bytes = makeFile(delimiter, lineEnd, style, flaw, &random)
                            let name = "\(delimiter) \(lineEnd.debugDescription) \(style) \(flaw)"
                            files.append(
                                File(
                                    delimiter: delimiter, bytes: bytes,
                                    name: "\(name) number \(number)"))
                        }
                    }
                }
            }
        }
        let expected = try readWithPython(files)
        #expect(expected.count == files.count)
        var unterminatedCount = 0
        for (file, pythonRows) in zip(files, expected) {
            let reading = Reading(delimiter: file.delimiter)
            let rows = reading.readWhole(file.bytes)
            // What is equal to Python's rows in one piece is equal at every split into chunks.
            let difference = reading.firstDifference(
                file.bytes, expected: rows.map(\.description), \.description)
            #expect(difference == nil, "seed \(seed), \(file.name)")
            let readable = rows.prefix { $0.problem == nil }
            let isUnterminated = readable.count < rows.count
            unterminatedCount += isUnterminated ? 1 : 0
            let texts = readable.map(hexText)
            #expect(
                texts == Array(pythonRows.prefix(texts.count))
                    && pythonRows.count == texts.count + (isUnterminated ? 1 : 0),
                "seed \(seed), \(file.name): \(RowRecord.escaped(file.bytes))")
            if isUnterminated, let problem = rows.dropFirst(texts.count).first {
                #expect(problem.problem == .unterminatedQuote)
                #expect(pythonRows.last?.hasPrefix("\(problem.line):") == true)
            }
        }
        // Some files must end in an open quote, and some must not, for the above to mean anything.
        #expect(unterminatedCount > 50 && unterminatedCount < files.count / 2)
    }

    private func hexText(_ row: RowRecord) -> String {
        let fields = row.fields.map { field in
            field.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        return "\(row.line):" + fields.joined(separator: ",")
    }

    private func readWithPython(_ files: [File]) throws -> [[String]] {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("csv-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer {
            do {
                try FileManager.default.removeItem(at: folder)
            } catch {
                Issue.record(error, "the temporary folder \(folder.path) is left behind")
            }
        }
        var list = ""
        for (index, file) in files.enumerated() {
            try Data(file.bytes).write(to: folder.appendingPathComponent("\(index).csv"))
            list += "\(index).csv \(file.delimiter)\n"
        }
        try Data(list.utf8).write(to: folder.appendingPathComponent("files"))

        let python = Process()
        python.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        python.arguments = ["python3", "-c", Self.script, folder.path]
        try python.run()
        python.waitUntilExit()
        try #require(
            python.terminationStatus != 127,
            "python3 was not found in PATH; this test compares with its csv module. Install it.")
        try #require(python.terminationStatus == 0, "the Python script failed")

        let output = try String(
            contentsOf: folder.appendingPathComponent("rows"), encoding: .utf8)
        var results: [[String]] = []
        var rows: [String] = []
        for line in output.split(separator: "\n") {
            if line == "#" {
                results.append(rows)
                rows = []
            } else {
                rows.append(String(line))
            }
        }
        return results
    }
}

// MARK: - Files

extension CSVReaderPythonTests {
    private enum Style: CaseIterable { case whereNeeded, always, atRandom }

    private enum Flaw: CaseIterable {
        case none, quoteInside, textAfterQuote, spaceAroundQuotes, openQuote, noise
    }

    private func makeFile(
        _ delimiter: UInt8, _ lineEnd: String, _ style: Style, _ flaw: Flaw,
        _ random: inout SeededGenerator
    ) -> [UInt8] {
        let special = [delimiter, 34, 13, 10]
        if flaw == .noise {
            return random.bytes(of: special + [34, delimiter, 97, 32, 0xE9, 59], count: 60)
        }
        var bytes: [UInt8] = []
        let rowCount = Int.random(in: 0...6, using: &random)
        for row in 0..<rowCount {
            for column in 0..<Int.random(in: 1...5, using: &random) {
                if column > 0 { bytes.append(delimiter) }
                let plain = Int.random(in: 0...2, using: &random) > 0
                let alphabet = plain ? Array("aB1 .é".utf8) : special + Array("ab ".utf8)
                let count = Int.random(in: 0...12, using: &random)
                let text = random.bytes(of: alphabet, count: count)
                let isFlawed = Int.random(in: 0...3, using: &random) == 0
                bytes += makeField(text, special, style, isFlawed ? flaw : .none, &random)
            }
            let isLast = row == rowCount - 1
            if isLast && Bool.random(using: &random) { break }
            let ends = lineEnd == "mixed" ? ["\n", "\r\n", "\r", "\n\n", "\r\r\n"] : [lineEnd]
            bytes += Array((ends.randomElement(using: &random) ?? lineEnd).utf8)
        }
        return bytes
    }

    private func makeField(
        _ text: [UInt8], _ special: [UInt8], _ style: Style, _ flaw: Flaw,
        _ random: inout SeededGenerator
    ) -> [UInt8] {
        let isQuoted =
            switch style {
            case .whereNeeded: text.contains(where: special.contains)
            case .always: true
            case .atRandom: text.contains(where: special.contains) || Bool.random(using: &random)
            }
        let doubled = text.flatMap { byte -> [UInt8] in byte == 34 ? [34, 34] : [byte] }
        let quoted: [UInt8] = [34] + doubled + [34]
        switch flaw {
        case .none, .noise: return isQuoted ? quoted : text
        case .quoteInside: return Array("5\" and \"more\"".utf8)
        case .textAfterQuote: return quoted + Array("x\"y \"".utf8)
        case .spaceAroundQuotes: return [32] + Array("\"plain\" ".utf8)
        case .openQuote: return [34] + text.filter { $0 != 34 }
        }
    }
}
