import CardGenerator
import CardTesting
import Foundation
import Testing

/// The manifest against the real loader: two ways to the same numbers that share no code but the
/// hash.
@Suite struct ManifestTests {
    private static let isFull = ProcessInfo.processInfo.environment["CARDSTATUS_FULL_TESTS"] == "1"

    /// A fixed seed, and others that are new in every run and stand in every failure.
    @Test func load_givesTheManifest_forAnySeed() throws {
        var random = SeededGenerator(seed: SeededGenerator.newSeed())
        for seed in [1, random.next(), random.next(), UInt64.max] {
            try LoadedRun(.init(cards: 5_000, seed: seed)).check()
        }
    }

    /// Which file comes first never shows, nor in the counts of each file.
    @Test func load_givesTheManifest_inEveryOrder() throws {
        let run = try LoadedRun(.init(cards: 5_000, seed: SeededGenerator.newSeed()))
        for order in Self.permutations(of: [0, 1, 2, 3]) { try run.check(order: order) }
    }

    /// Rows dated in the future are warned about, whatever the clock says after `now`.
    @Test func load_givesTheManifest_withFutureRowsAndLaterClocks() throws {
        let seed = SeededGenerator.newSeed()
        let run = try LoadedRun(.init(cards: 5_000, seed: seed, hasFutureRows: true))
        let count = run.manifest.files.reduce(0) {
            $0 + $1.warningsByReason["timestamp_in_future", default: 0]
        }
        #expect(count > 0, "seed \(seed)")
        try run.check()
        // 2060-01-01T00:00:00Z
        try run.check(nowSeconds: 2_840_140_800)
    }

    /// Whatever `now` may be, all times can be loaded, and none lies ahead of it.
    @Test func load_givesTheManifest_atTheEndsOfTime() throws {
        let range = CardGenerator.Options.nowRange
        for now in [range.lowerBound, 1_709_251_200, range.upperBound] {
            let seed = SeededGenerator.newSeed()
            try LoadedRun(.init(cards: 2_000, seed: seed, nowSeconds: now)).check()
        }
    }

    /// Small runs have blocks that are not full, and orders of magnitude fewer of everything.
    @Test(arguments: [0, 1, 2, 8, 999, 1_000, 16_384, 16_385])
    func load_givesTheManifest_whenCardsAre(_ cards: Int) throws {
        let run = try LoadedRun(.init(cards: cards, seed: SeededGenerator.newSeed()))
        #expect(run.manifest.cards == cards - cards / 2_000)
        try run.check()
    }

    /// A million cards, when there is time for them.
    @Test(.enabled(if: isFull)) func load_givesTheManifest_whenThereAreMany() throws {
        let start = Date()
        let run = try LoadedRun(
            .init(cards: 450_000, seed: SeededGenerator.newSeed(), threads: 2))
        let made = Date()
        try run.check()
        let end = Date()
        print(
            "\(run.manifest.rows) rows, seed \(run.options.seed): made in"
                + " \(made.timeIntervalSince(start)) s, loaded and compared in"
                + " \(end.timeIntervalSince(made)) s")
        #expect(run.manifest.rows >= 1_000_000)
    }

    /// The manifest as JSON says the same as the value, and spells the first cards out.
    @Test func json_saysWhatTheValueSays() throws {
        let run = try LoadedRun(.init(cards: 3_000, seed: 5))
        let text = try run.directory.bytes(CardGenerator.manifestName)
        let json = try #require(
            try JSONSerialization.jsonObject(with: Data(text)) as? [String: Any])
        let totals = try #require(json["totals"] as? [String: Int])
        #expect(
            totals == [
                "rows": run.manifest.rows, "accepted": run.manifest.accepted,
                "duplicates": run.manifest.duplicates, "warnings": run.manifest.warnings,
                "rejects": run.manifest.rejects, "cards": run.manifest.cards,
                "events": run.manifest.events, "phones": run.manifest.phones,
            ])
        let digest = try #require(json["state_digest"] as? String)
        #expect(UInt64(digest, radix: 16) == run.manifest.stateDigest)
        #expect((json["first_cards"] as? [Any])?.count == 100)
        let files = try #require(json["files"] as? [[String: Any]])
        for (file, expected) in zip(files, run.manifest.files) {
            #expect(file["name"] as? String == expected.name)
            #expect(file["feed"] as? String == expected.feed)
            #expect(file["rows"] as? Int == expected.rows)
            #expect(file["accepted"] as? Int == expected.accepted)
            #expect(file["duplicates"] as? Int == expected.duplicates)
            #expect(file["warnings"] as? [String: Int] == expected.warningsByReason)
            #expect(file["rejects"] as? [String: Int] == expected.rejectsByReason)
            #expect(file["bytes"] as? Int == (try run.directory.bytes(expected.name)).count)
        }
        let lines = String(decoding: text, as: UTF8.self).split(separator: "\n")
        for card in run.manifest.firstCards {
            let line = "    " + String(decoding: card, as: UTF8.self)
            #expect(lines.contains { $0 == line || $0 == line + "," })
        }
    }

    private static func permutations(of items: [Int]) -> [[Int]] {
        guard let first = items.first else { return [[]] }
        return permutations(of: Array(items.dropFirst())).flatMap { rest in
            (0...rest.count).map { Array(rest[..<$0]) + [first] + Array(rest[$0...]) }
        }
    }
}
