import CardModel
import CardStore
import CardTesting
import Foundation
import Testing

/// Exports, and stores made of them.
@Suite struct RestoreTests {
    /// Random stores, with voids, full histories, tombstones and all kinds of text: what was
    /// exported, in either format, packed or not, in pieces or whole, restores to a store that is
    /// sound and has the same export.
    @Test(arguments: 0..<4)
    func restore_givesTheSameExport(_ round: Int) throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed &+ UInt64(round))
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Self.fill(data, &random)
        let export = try Program.succeed(["export", "--data-dir", data])
        #expect(export.utf8.count > 200)
        let table = try Program.succeed(["export", "--data-dir", data, "--format", "csv"])
        try directory.write("whole.ndjson", export)
        try directory.write("table", table)
        for name in ["out.ndjson.gz", "out.csv.gz"] {
            try Program.succeed(
                ["export", "--data-dir", data, "--output", directory.file(name), "--format"]
                    + [name.contains("csv") ? "csv" : "ndjson"])
        }
        let lines = export.split(separator: "\n", omittingEmptySubsequences: false)
        let cut = Int.random(in: 1..<lines.count, using: &random)
        try directory.write("1", lines[..<cut].joined(separator: "\n") + "\n")
        try directory.write("2", lines[cut...].joined(separator: "\n"))
        let inputs = [["whole.ndjson"], ["table"], ["out.ndjson.gz"], ["out.csv.gz"], ["1", "2"]]
        for (number, files) in inputs.enumerated() {
            let store = ["--data-dir", directory.file("restored-\(number)")]
            try Program.succeed(["restore"] + store + files.map(directory.file))
            #expect(try Program.succeed(["export"] + store) == export, "seed \(seed), \(files)")
            try Program.succeed(["check"] + store)
            #expect(
                try FileManager.default.contentsOfDirectory(atPath: store[1]).sorted()
                    == ["audit", "data.mdb", "lock.mdb", "serve.lock"])
        }
        let store = ["--data-dir", directory.file("piped")]
        let input = try #require(FileHandle(forReadingAtPath: directory.file("table")))
        let piped = try Program.run(["restore"] + store + ["-"], standardInput: input)
        #expect(piped.status == 0)
        #expect(try Program.succeed(["export"] + store) == export, "seed \(seed)")
    }

    /// A store of random events: few moments and identities, so that they meet, texts of every kind
    /// of character, and one card with more events and voids than a history keeps.
    private static func fill(_ data: String, _ random: inout SeededGenerator) throws {
        let store = try CardStore(directory: data, create: true)
        var facts: [CardFact] = []
        for _ in 0..<300 {
            facts.append(
                try fact(
                    "C\(Int.random(in: 0..<60, using: &random))",
                    Int.random(in: 0..<9, using: &random), &random))
        }
        let phones = Bool.random(using: &random)
        for second in 0..<1_300 {
            var event = try fact("FULL", second, &random, isPlain: second > 40 || !phones).event
            if second < 700, Bool.random(using: &random) { event = .void(event.identity) }
            facts.append(CardFact(card: try card("FULL"), event: event))
        }
        for _ in 0..<3 { _ = try store.commit([facts.shuffled(using: &random)]) }
    }

    private static func card(_ text: String) throws -> CardID {
        let bytes = Array(text.utf8)
        let id = CardID(canonical: bytes.span)
        return try #require(id)
    }

    private static func fact(
        _ id: String, _ second: Int, _ random: inout SeededGenerator, isPlain: Bool = false
    ) throws -> CardFact {
        let reference = isPlain ? "" : text(&random, maxCount: 8)
        let feed = try #require(FeedID(["delivered", "a-1"].randomElement(using: &random) ?? "a"))
        let identity = EventIdentity(
            occurredAt: try #require(Timestamp(seconds: 1_700_000_000 + Int64(second) * 7_201)),
            status: CardStatus.allCases.randomElement(using: &random) ?? .returned, feed: feed,
            reference: try eventText(reference, 64))
        let digits = UInt64.random(in: 0...(.max / 2), using: &random)
        return CardFact(
            card: try card(id),
            event: CardEvent(
                identity: identity,
                phone: isPlain || digits % 3 == 0 ? nil : PhoneNumber(digits: digits),
                comment: try eventText(text(&random, maxCount: 60), 1_024),
                isVoid: Int.random(in: 0..<5, using: &random) == 0))
    }

    private static func eventText(_ text: String, _ maxCount: Int) throws -> EventText {
        let bytes = Array(text.utf8)
        return try EventText(bytes.span, maxCount: maxCount)
    }

    /// Any characters but control characters: quotes, commas, backslashes, and all of Unicode.
    private static func text(_ random: inout SeededGenerator, maxCount: Int) -> String {
        var text = ""
        for _ in 0..<Int.random(in: 0...maxCount, using: &random) {
            let special: [UInt32] = [
                0x22, 0x5C, 0x2C, 0x3B, 0x2F, 0xFEFF, 0x2028, 0xA0, 0x27, 0x3D,
            ]
            let code =
                switch Int.random(in: 0..<3, using: &random) {
                case 0: special.randomElement(using: &random) ?? 0x22
                case 1: UInt32.random(in: 0x20..<0x7F, using: &random)
                default: UInt32.random(in: 0xA0...0x10FFFF, using: &random)
                }
            if let scalar = Unicode.Scalar(code), text.utf8.count < maxCount {
                text.unicodeScalars.append(scalar)
            }
        }
        return text
    }

    // MARK: What cannot be used

    private static let head = "{\"export\":\"cardstatus\",\"version\":1}\n"

    private static func line(
        _ card: String = "A", time: String = "2023-11-13T09:34:56Z", phone: String = "null",
        comment: String = "null", more: String = ""
    ) -> String {
        "{\"card_id\":\"\(card)\",\"status\":\"delivered\",\"occurred_at\":\"\(time)\","
            + "\"phone\":\(phone),\"comment\":\(comment),\"reference\":null,"
            + "\"feed\":\"delivered\",\"void\":false\(more)}\n"
    }

    /// Every line that cannot be used is named, and there is no store afterwards.
    @Test func restore_namesFileLineAndReason_andMakesNothing() throws {
        let table = "card_id,status,occurred_at,phone,comment,reference,feed,void\n"
        let cases: [(String, String)] = [
            ("", "it is empty"),
            (Self.head, "the export was cut off"),
            (Self.head + Self.line(), "the export was cut off"),
            (Self.line(), ":1: the first line of an export is missing"),
            ("{\"export\":\"cardstatus\",\"version\":2}\n", ":1: this version of cardstatus reads"),
            (Self.head + Self.line("a"), ":2: card_id is no card ID"),
            (Self.head + Self.line("B") + Self.line("A"), ":3: the card belongs before"),
            (Self.head + Self.line() + Self.line() + Self.line("B"), ":2: the events of the card"),
            (Self.head + Self.line(time: "2023-02-29T00:00:00Z"), ":2: occurred_at"),
            (Self.head + Self.line(time: "2023-11-13 09:34:56Z"), ":2: occurred_at"),
            (Self.head + Self.line(time: "1999-12-31T23:59:59Z"), ":2: occurred_at"),
            (Self.head + Self.line(phone: "\"+0123\""), ":2: phone"),
            (Self.head + Self.line(phone: "\"971585949014\""), ":2: phone"),
            (Self.head + Self.line(comment: "\" x\""), ":2: comment has white space"),
            (Self.head + Self.line(comment: "\"\\u0001\""), ":2: comment: the text has a control"),
            (Self.head + Self.line(comment: "\"\\ud800\""), ":2: not JSON"),
            (Self.head + Self.line(more: ",\"extra\":1"), ":2: there is a name"),
            (Self.head + Self.line(more: ",\"void\":true"), ":2: not JSON"),
            (Self.head + "{\"card_id\":\"A\"}\n", ":2: status is missing"),
            (Self.head + "junk\n", ":2: not JSON"),
            (
                Self.head + Self.line() + "{\"cards\":1,\"events\":2,\"digest\":\"0\"}\n",
                ":3: lines"
            ),
            (table + "A,delivered,2023-11-13T09:34:56Z,,,,delivered\n", ":2: it has 7 fields"),
            (table + "A,delivered,2023-11-13T09:34:56Z,,\"x,,delivered,false\n", ":2: a quote"),
            (table + "A,lost,2023-11-13T09:34:56Z,,,,delivered,false\n", ":2: status is none"),
            ("A,delivered,2023-11-13T09:34:56Z,,,,delivered,false\n", ":1: an export begins with"),
        ]
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        for (text, expected) in cases {
            let path = try directory.write("input", text)
            let output = try Program.run(["restore", "--data-dir", data, path])
            #expect(output.status == 1, "\(text)")
            #expect(
                output.standardError.contains(path + expected)
                    || output.standardError.contains(path + ": " + expected),
                "\(text): \(output.standardError)")
            #expect(!FileManager.default.fileExists(atPath: data), "\(text)")
        }
    }

    /// A line that is lost, changed, doubled or moved shows in the last one, and so does a bit in a
    /// packed export.
    @Test func restore_refusesAnExportThatWasChanged() throws {
        let directory = TemporaryDirectory()
        try Program.succeed(["load", "--data-dir", directory.file("data"), Samples.directory])
        let export = try Program.succeed(["export", "--data-dir", directory.file("data")])
        var lines = export.split(separator: "\n").map(String.init)
        let comment = try #require(lines.firstIndex { $0.contains("DELIVERED") })
        var changed = lines
        changed[comment] = changed[comment].replacingOccurrences(of: "DELIVERED", with: "DELIVERES")
        lines.remove(at: 4)
        for text in [lines, changed] {
            let path = try directory.write("input", text.joined(separator: "\n") + "\n")
            let output = try Program.run(["restore", "--data-dir", directory.file("new"), path])
            #expect(output.status == 1)
            #expect(output.standardError.contains("lines before this one are missing, changed"))
        }
        let packed = directory.file("x.ndjson.gz")
        try Program.succeed(["export", "--data-dir", directory.file("data"), "-o", packed])
        let bytes = try Data(contentsOf: URL(fileURLWithPath: packed))
        for cut in [bytes.prefix(bytes.count / 2), bytes.dropLast(4)] {
            let path = try directory.write("cut.gz", Data(cut))
            let output = try Program.run(["restore", "--data-dir", directory.file("new"), path])
            #expect(output.status == 1)
        }
        #expect(!FileManager.default.fileExists(atPath: directory.file("new")))
    }

    /// Where there is a store, or a server, nothing is restored.
    @Test func restore_refusesADirectoryWithAStore() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let export = try Program.succeed(["export", "--data-dir", data])
        let path = try directory.write("export", export)
        let output = try Program.run(["restore", "--data-dir", data, path])
        #expect(output.status == 1)
        #expect(output.standardError.contains("there is a store in '\(data)' already"))
        #expect(try Program.succeed(["export", "--data-dir", data]) == export)
    }

    // MARK: Files

    /// `--output` replaces nothing unasked, and leaves no half file.
    @Test func export_writesAFileWhole() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let path = try directory.write("e.ndjson", "old")
        let command = ["export", "--data-dir", data, "--output"]
        let refused = try Program.run(command + [path])
        #expect(refused.status == 1)
        #expect(refused.standardError.contains("--force replaces it"))
        #expect(try String(contentsOfFile: path, encoding: .utf8) == "old")
        try Program.succeed(command + [path, "--force"])
        #expect(
            try String(contentsOfFile: path, encoding: .utf8)
                == Program.succeed(["export", "--data-dir", data]))
        #expect(try Program.run(command + ["/dev/null", "--force"]).status == 1)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: directory.path).sorted()
                == ["data", "e.ndjson"])
    }

    // MARK: Kills and full disks

    /// A restore or a backup that is killed leaves nothing that passes for a store, and the next
    /// one succeeds.
    @Test func killedRestoresAndBackups_leaveNothingBehind() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let store = try CardStore(directory: data, create: true)
        _ = try store.commit([
            try (0..<40_000).map { try Self.fact("C\($0 % 9_000)", $0, &random, isPlain: true) }
        ])
        let export = try Program.succeed(["export", "--data-dir", data])
        let path = try directory.write("export", export)
        for (name, command) in [
            ("restored", ["restore", "--data-dir", directory.file("restored"), path]),
            ("copied", ["backup", "--data-dir", data, directory.file("copied")]),
        ] {
            let target = directory.file(name)
            let start = Date()
            try Program.succeed(command)
            let duration = Date().timeIntervalSince(start)
            for _ in 0..<6 {
                try FileManager.default.removeItem(atPath: target)
                let program = try Program.start(command)
                usleep(UInt32(Double.random(in: 0..<duration, using: &random) * 1e6))
                program.signal(SIGKILL)
                program.waitForEnd()
                // Either there is no store, or it is the whole one.
                if !FileManager.default.fileExists(atPath: target + "/data.mdb") {
                    try Program.succeed(command)
                }
                let result = try Program.succeed(["export", "--data-dir", target])
                #expect(result == export, "seed \(seed)")
                try Program.succeed(["check", "--data-dir", target])
            }
        }
    }

    private static let mountsTemporaryFiles: Bool = {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
        process.standardError = FileHandle.nullDevice
        do {
            try process.run()
        } catch {
            return false
        }
        process.waitUntilExit()
        return process.terminationStatus == 0
    }()

    /// On a disk without room each command fails, says so, and leaves nothing.
    @Test(.enabled(if: mountsTemporaryFiles))
    func exportRestoreAndBackup_fail_whenTheDestinationIsFull() throws {
        var random = SeededGenerator(seed: 1)
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let store = try CardStore(directory: data, create: true)
        _ = try store.commit([
            try (0..<20_000).map { try Self.fact("C\($0)", $0 % 99, &random, isPlain: true) }
        ])
        let path = directory.file("export")
        try Program.succeed(["export", "--data-dir", data, "--output", path])
        let small = directory.file("small")
        try FileManager.default.createDirectory(atPath: small, withIntermediateDirectories: true)
        let script = """
            mount -t tmpfs -o size=2m tmpfs "$0" && "$@"
            code=$?
            find "$0" -type f | wc -l
            exit $code
            """
        for command in [
            ["export", "--data-dir", data, "--output", small + "/export"],
            ["restore", "--data-dir", small + "/new", path],
            ["backup", "--data-dir", data, small + "/copy"],
        ] {
            let output = try Program.run(
                command, launcher: ["unshare", "-rm", "sh", "-c", script, small])
            #expect(output.status == 1, "\(command)")
            #expect(output.standardOutput == "0\n", "\(command): \(output.standardOutput)")
            let message = output.standardError
            #expect(
                ["No space left", "no space left", "not enough room"].contains {
                    message.contains($0)
                }, "\(command): \(message)")
        }
    }

    // MARK: Repair

    /// `--repair` is refused beside a server, says what it will do, and ends with a sound store.
    @Test func repair_isRefusedBesideAServer() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let server = try Server(data)
        let refused = try Program.run(["check", "--data-dir", data, "--repair"])
        #expect(refused.status == 1)
        #expect(refused.standardError.contains("is already being served"))
        try Program.succeed(["check", "--data-dir", data])
        try Program.succeed(["backup", "--data-dir", data, "--verify", directory.file("copy")])
        _ = server.stop()
        try Program.succeed(["check", "--data-dir", data, "--repair"])
        #expect(try Program.run(["check", "--data-dir", data, "--drop-damaged"]).status == 2)
    }
}
