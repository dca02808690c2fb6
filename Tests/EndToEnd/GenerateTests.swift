import CardTesting
import Foundation
import Testing

/// Files that the program makes, and what the program makes of them.
@Suite struct GenerateTests {
    /// From `generate` through `load` to `get`: what the manifest says comes out.
    @Test func load_givesTheManifest() throws {
        let seed = SeededGenerator.newSeed()
        let directory = TemporaryDirectory()
        let made = directory.file("made")
        try Program.succeed(["generate", "--cards", "3000", "--seed", "\(seed)", made])
        let text = try String(contentsOfFile: made + "/manifest.json", encoding: .utf8)
        let manifest = try #require(
            try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        let totals = try #require(manifest["totals"] as? [String: Int])

        let store = ["--data-dir", directory.file("data")]
        let report = try Program.succeed(["load"] + store + [made])
        let expected = ["rows", "accepted", "duplicates", "warnings", "rejects"].map {
            "\(totals[$0] ?? -1)"
        }
        let lines = report.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.contains(["total"] + expected), "seed \(seed): \(report)")

        let check = try Program.succeed(["check"] + store)
        #expect(
            check.hasPrefix(
                "\(totals["cards"] ?? -1) cards, \(totals["events"] ?? -1) events,"
                    + " \(totals["phones"] ?? -1) phones,"), "seed \(seed): \(check)")

        let cards = text.split(separator: "\n").filter { $0.hasPrefix("    {\"card_id\"") }
        #expect(cards.count == 100)
        for line in cards.prefix(10) {
            let json = line.trimmingCharacters(in: CharacterSet(charactersIn: " ,"))
            let id = try #require(json.split(separator: "\"").dropFirst(2).dropFirst().first)
            #expect(try Program.succeed(["get"] + store + ["\(id)"]) == json + "\n")
        }
    }

    /// The same options make the same files, however many threads work.
    @Test func generate_givesTheSameBytes_again() throws {
        let directory = TemporaryDirectory()
        var runs: [[Data]] = []
        for (name, threads) in [("a", "1"), ("b", "2")] {
            let made = directory.file(name)
            try Program.succeed(
                ["generate", "--cards", "40000", "--seed", "9", "--threads", threads, made])
            runs.append(
                try FileManager.default.contentsOfDirectory(atPath: made).sorted().map {
                    try Data(contentsOf: URL(fileURLWithPath: made + "/" + $0))
                })
        }
        #expect(runs[0].count == 5)
        #expect(runs[0] == runs[1])
    }

    /// What is there stays there; arguments that make no sense are said to.
    @Test func generate_fails_withAReason() throws {
        let directory = TemporaryDirectory()
        try directory.write("manifest.json", "mine")
        let refused = try Program.run(["generate", "--cards", "5", directory.path])
        #expect(refused.status == 1)
        #expect(refused.standardError.contains("already there: \(directory.path)/manifest.json"))
        #expect(refused.standardError.contains("--force"))
        try Program.succeed(["generate", "--cards", "5", "--force", directory.path])

        for (arguments, reason) in [
            ([directory.file("x")], "generate needs --cards"),
            (["--cards", "-1", directory.file("x")], "--cards"),
            (["--cards", "1000000001", directory.file("x")], "--cards must be from 0"),
            (["--cards", "5", "--now", "today", directory.file("x")], "--now must be a time"),
            (["--cards", "5", "--now", "2095-01-01T00:00:00Z", directory.file("x")], "--now must"),
            (["--cards", "5", "--threads", "0", directory.file("x")], "--threads must be from 1"),
        ] {
            let output = try Program.run(["generate"] + arguments)
            #expect(output.status == 2, "\(arguments)")
            #expect(output.standardError.contains(reason), "\(output.standardError)")
        }
    }
}
