import CardTesting
import Foundation
import Testing

/// What `kill -9` leaves behind.
@Suite struct CrashTests {
    /// `CARDSTATUS_TEST_KILLS` sets how many; Scripts/kill-loads runs the long form.
    private static let kills =
        ProcessInfo.processInfo.environment["CARDSTATUS_TEST_KILLS"].flatMap { Int($0) } ?? 8

    /// Killed at a random moment and run again, a load ends in the same bytes as one that was not.
    @Test func load_endsInTheSameState_whenKilledAndRunAgain() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let directory = TemporaryDirectory()
        let file = try directory.write("pickup.csv", Self.rows(30_000, &random))
        let start = Date()
        try Program.succeed(["load", "--data-dir", directory.file("whole"), file])
        let duration = Date().timeIntervalSince(start)
        let expected = try Program.succeed(["export", "--data-dir", directory.file("whole")])

        var cutShort = 0
        for round in 0..<Self.kills {
            let data = directory.file("killed-\(round)")
            // Sometimes the second load is killed as well.
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let load = try Program.start(["load", "--data-dir", data, file])
                usleep(UInt32(Double.random(in: 0..<duration, using: &random) * 1e6))
                load.signal(SIGKILL)
                if load.waitForEnd().status != 0 { cutShort += 1 }
                let store = ["--data-dir", data]
                if FileManager.default.fileExists(atPath: data + "/data.mdb"),
                    try Program.run(["get"] + store + ["X"]).standardError.contains("no store")
                        == false
                {
                    try Program.succeed(["check"] + store)
                }
            }
            try Program.succeed(["load", "--data-dir", data, file])
            let export = try Program.succeed(["export", "--data-dir", data])
            #expect(export == expected, "seed \(seed), round \(round)")
            try Program.succeed(["check", "--data-dir", data])
        }
        #expect(cutShort > 0, "no load was cut short; seed \(seed)")
    }

    /// Killed and started again, a server answers as before.
    @Test func server_answersTheSame_whenKilledAndStartedAgain() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let targets = Samples.cards.keys.sorted().flatMap {
            ["/api/cards/\($0)", "/api/cards/\($0)/history"]
        }
        let first = try Server(data)
        let before = try targets.map { try first.get($0).body }
        let tags = try targets.map { try first.get($0).headers["etag"] }
        first.program.signal(SIGKILL)
        first.program.waitForEnd()
        let second = try Server(data)
        #expect(try targets.map { try second.get($0).body } == before)
        #expect(try targets.map { try second.get($0).headers["etag"] } == tags)
        #expect(try second.get("/api/ready").status == 200)
    }

    private static func rows(_ count: Int, _ random: inout SeededGenerator) -> String {
        var text = "ID,Card ID,User Mobile,Timestamp\n"
        for row in 0..<count {
            let card = Int.random(in: 0..<(count / 2), using: &random)
            let phone = 500_000_000 + Int.random(in: 0..<(count / 4), using: &random)
            let minute = Int.random(in: 0..<60, using: &random)
            let time = "\(1 + row % 28)-11-2023 10:\(minute < 10 ? "0" : "")\(minute)"
            text += "\(row),C\(card),0\(phone),\(time)\n"
        }
        return text
    }
}
