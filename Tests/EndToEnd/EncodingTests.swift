import Foundation
import Testing

/// The sample files as partners, spreadsheets and pipes may bring them: the same export each time.
@Suite struct EncodingTests {
    private let directory = TemporaryDirectory()
    private var data: [String] { ["--data-dir", directory.file("data")] }

    /// Converts the samples: codec, delimiter, line end and quoting by Python, which knows nothing
    /// of this project; then gzip, in two members.
    private static let script = """
        import csv, gzip, io, os, sys
        source, target, codec, delimiter, end, pack = sys.argv[1:]
        delimiter, end = (s.encode().decode('unicode_escape') for s in (delimiter, end))
        os.mkdir(target)
        for name in sorted(os.listdir(source)):
            with open(os.path.join(source, name), newline='', encoding='utf-8-sig') as file:
                rows = list(csv.reader(file))
            text = io.StringIO(newline='')
            csv.writer(text, delimiter=delimiter, lineterminator=end).writerows(rows)
            data = text.getvalue().encode(codec)
            if pack == 'gz':
                half = len(data) // 2
                data = gzip.compress(data[:half]) + gzip.compress(data[half:])
                name += '.gz'
            with open(os.path.join(target, name), 'wb') as file:
                file.write(data)
        """

    private func convert(_ arguments: [String]) throws -> String {
        let folder = directory.file("converted")
        let python = try RunningProgram(
            ["python3", "-c", Self.script, Samples.directory, folder] + arguments,
            environment: ProcessInfo.processInfo.environment)
        let output = python.waitForEnd()
        try #require(output.status == 0, "\(output.standardError)")
        return folder
    }

    private func expectedExport() throws -> String {
        let store = ["--data-dir", directory.file("expected")]
        try Program.succeed(["load"] + store + [Samples.directory])
        return try Program.succeed(["export"] + store)
    }

    /// Encodings, delimiters, line ends and gzip, in combinations that use each several times.
    @Test(arguments: [
        ["utf-8", ";", "\\n", "plain"], ["utf-8-sig", "\\t", "\\r\\n", "plain"],
        ["utf-16", "\\t", "\\r\\n", "plain"], ["utf-16-le", ",", "\\n", "plain"],
        ["utf-16-be", "|", "\\r", "plain"], ["latin-1", ",", "\\r", "plain"],
        ["utf-8", ",", "\\r\\n", "gz"], ["utf-16", ";", "\\n", "gz"],
        ["utf-16-be", "\\t", "\\r\\n", "gz"], ["utf-8-sig", "|", "\\r", "gz"],
    ])
    func load_givesTheSameExport_howeverTheSamplesCome(_ form: [String]) throws {
        let folder = try convert(form)
        let report = try Program.succeed(["load"] + data + [folder])
        #expect(report.contains("warnings by reason: phone_lost_digits 1"))
        #expect(!report.contains("rejects by reason"))
        #expect(try Program.succeed(["export"] + data) == expectedExport())
    }

    private func load(_ file: String, asInputOf arguments: [String]) throws -> Program.Output {
        try Program.run(
            arguments, launcher: ["sh", "-c", "cat \"$0\" | \"$@\"", file])
    }

    /// Standard input with --feed, packed or not; without a feed, or twice, it is refused.
    @Test(arguments: ["plain", "gz"])
    func load_readsStandardInput(_ pack: String) throws {
        let folder = try convert(["utf-16", ",", "\\n", pack])
        let feeds = ["delivered", "delivery-exceptions", "pickup", "returned"]
        let names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        for (name, feed) in zip(names, feeds) {
            let output = try load(
                folder + "/" + name, asInputOf: ["load"] + data + ["--feed", feed, "-"])
            #expect(output.status == 0, "\(output.standardError)")
        }
        #expect(try Program.succeed(["export"] + data) == expectedExport())
        for arguments in [["-"], ["--feed", "pickup", "-", "-"]] {
            let output = try Program.run(["load"] + data + arguments)
            #expect(output.status == 2)
            #expect(output.standardError.contains("standard input ('-')"))
        }
    }

    /// Rejects from standard input name it, and load again by themselves once they are mended.
    @Test func load_readsRejects_onceTheyAreMended() throws {
        let input = try directory.write(
            "any.csv",
            "ID,Card ID,User Mobile,Timestamp\n1,C1,,12-11-2023 10:00\n2,C/2,,12-11-2023 10:00\n")
        let first = try load(input, asInputOf: ["load"] + data + ["--feed", "pickup", "-"])
        #expect(first.standardError.contains("reject: stdin:3: column 'Card ID'"))
        let rejects = try #require(
            first.standardOutput.split(separator: "\n").first { $0.hasPrefix("rejects are in ") }
                .map { String($0.dropFirst("rejects are in ".count)) })
        // Not mended: rejected again, with both places.
        let again = try Program.run(["load"] + data + [rejects])
        #expect(again.standardError.contains(":2: (stdin:3) column 'Card ID'"))

        let text = try String(contentsOfFile: rejects, encoding: .utf8)
        let mended = try directory.write(
            "mine.csv", text.replacingOccurrences(of: "C/2", with: "C2"))
        let output = try Program.succeed(["load"] + data + [mended])
        #expect(output.contains("by row"))
        let right = ["--data-dir", directory.file("right")]
        let file = try directory.write(
            "right.csv",
            "ID,Card ID,User Mobile,Timestamp\n1,C1,,12-11-2023 10:00\n2,C2,,12-11-2023 10:00\n")
        try Program.succeed(["load"] + right + ["--feed", "pickup", file])
        #expect(
            try Program.succeed(["export"] + data) == Program.succeed(["export"] + right))
        try Program.succeed(["void"] + data + [mended])
        #expect(
            try Program.succeed(["export"] + data).split(separator: "\n")
                .dropFirst().dropLast().map {
                    $0.contains(#""void":true"#)
                } == [false, true])
    }

    /// A packed file that was cut off fails by name, behind the rows that it has.
    @Test func load_fails_whenAPackedFileWasCutOff() throws {
        let folder = try convert(["utf-8", ",", "\\n", "gz"])
        let name = "Sample Card Status Info - Pickup.csv.gz"
        let bytes = try #require(FileManager.default.contents(atPath: folder + "/" + name))
        let cut = try directory.write("pickup.csv.gz", bytes.dropLast(4))
        let output = try Program.run(["load"] + data + [cut])
        #expect(output.status == 1)
        #expect(output.standardError.contains("pickup.csv.gz: the gzip data end too early"))
        #expect(try !Program.succeed(["export"] + data).isEmpty)
    }
}
