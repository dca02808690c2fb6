import CardTesting
import Foundation
import Synchronization
import Testing

/// What was acknowledged is there after `kill -9`, and nothing is there by half.
@Suite struct WriteCrashTests {
    private struct Answered {
        var acknowledged: [String] = []
        /// The card whose write was not answered.
        var inDoubt: String?
    }

    private static func body(_ card: String) -> String {
        #"{"card_id":"\#(card)","status":"delivered","occurred_at":"2024-01-02T03:04:05Z"}"#
    }

    private static func post(
        _ connection: HTTPConnection, _ target: String, _ body: String
    ) throws -> HTTPAnswer {
        try connection.send(
            "POST \(target) HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                + "Content-Length: \(body.utf8.count)\r\n\r\n\(body)")
        return try connection.answer()
    }

    /// Writes cards one after the other until the server is gone.
    private static func write(
        _ server: Server, _ cards: [String], to target: String = "/api/events"
    ) throws -> Answered {
        var answered = Answered()
        do {
            let connection = try HTTPConnection(port: server.port)
            for card in cards {
                answered.inDoubt = card
                let answer = try post(connection, target, body(card))
                #expect(answer.status == 201)
                answered.acknowledged.append(card)
                answered.inDoubt = nil
            }
        } catch is HTTPConnection.ConnectionError {}
        return answered
    }

    /// Killed at each named place of a commit: before it, the write in doubt has not happened;
    /// behind it, it has; and those before it have in any case.
    @Test(arguments: ["before-commit", "after-commit", "before-publish", "before-answer"])
    func write_isWholeOrNotThere_whenKilledAt(point: String) throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let cards = (0..<5).map { "C\($0)" }
        let server = try Server(data, environment: ["CARDSTATUS_FAIL_POINT": "\(point):3"])
        let answered = try Self.write(server, cards)
        #expect(server.program.waitForEnd().status == SIGKILL)
        #expect(answered.acknowledged == ["C0", "C1"])
        #expect(answered.inDoubt == "C2")
        try Program.succeed(["check", "--data-dir", data])

        let next = try Server(data)
        for card in answered.acknowledged {
            #expect(try next.get("/api/cards/\(card)").status == 200)
        }
        let hasHappened = point != "before-commit"
        #expect(try next.get("/api/cards/C2").status == (hasHappened ? 200 : 404))
        #expect(try next.get("/api/changes").body.contains("\"next\":\(hasHappened ? 3 : 2)}"))
        // The same again: twice is once.
        let connection = try HTTPConnection(port: next.port)
        let again = try Self.post(connection, "/api/events", Self.body("C2"))
        #expect(again.status == (hasHappened ? 200 : 201))
    }

    /// As for events, for voids.
    @Test(arguments: ["before-commit", "before-answer"])
    func void_isWholeOrNotThere_whenKilledAt(point: String) throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let cards = (0..<3).map { "C\($0)" }
        do {
            let server = try Server(data)
            #expect(try Self.write(server, cards).acknowledged == cards)
            #expect(server.stop().status == 0)
        }
        let server = try Server(data, environment: ["CARDSTATUS_FAIL_POINT": "\(point):2"])
        let answered = try Self.write(server, cards, to: "/api/events/void")
        #expect(server.program.waitForEnd().status == SIGKILL)
        #expect(answered.acknowledged == ["C0"])
        try Program.succeed(["check", "--data-dir", data])
        let next = try Server(data)
        #expect(try next.get("/api/cards/C0").status == 404)
        #expect(try next.get("/api/cards/C1").status == (point == "before-commit" ? 200 : 404))
        #expect(try next.get("/api/cards/C2").status == 200)
    }

    /// A ledger of what was acknowledged, kept by several clients, against what is there after each
    /// of some kills. `CARDSTATUS_TEST_KILLS` sets how many; Scripts/kill-writes is the long form.
    @Test func everyAcknowledgedWrite_isThere_whenKilledAgainAndAgain() throws {
        let kills =
            ProcessInfo.processInfo.environment["CARDSTATUS_TEST_KILLS"].flatMap { Int($0) } ?? 4
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let ledger = Mutex<[String]>([])
        for round in 0..<kills {
            let server = try Server(data)
            let isDone = DispatchSemaphore(value: 0)
            for client in 0..<4 {
                Thread.detachNewThread {
                    do {
                        let cards = (0..<100_000).map { "R\(round).\(client).\($0)" }
                        let answered = try Self.write(server, cards)
                        ledger.withLock { $0 += answered.acknowledged }
                    } catch {
                        Issue.record("seed \(seed): \(error)")
                    }
                    isDone.signal()
                }
            }
            // Not before there is anything to lose.
            let hasWritten: Bool? = try poll(seconds: 20) {
                try server.get("/api/changes?limit=1").body.contains("\"sequence\"") ? true : nil
            }
            #expect(hasWritten == true)
            usleep(UInt32.random(in: 0..<300_000, using: &random))
            server.program.signal(SIGKILL)
            server.program.waitForEnd()
            for _ in 0..<4 { #expect(isDone.wait(timeout: .now() + 60) == .success) }
            try Program.succeed(["check", "--data-dir", data])
            let export = try Program.succeed(["export", "--data-dir", data])
            let found = Set(
                export.split(separator: "\n").compactMap { line in
                    line.firstMatch(of: /"card_id":"([^"]+)"/).map { String($0.output.1) }
                })
            let lost = ledger.withLock { $0 }.filter { !found.contains($0) }
            #expect(lost == [], "seed \(seed), round \(round)")
        }
        #expect(ledger.withLock { $0.count } > kills, "seed \(seed)")
    }

    /// Followers hear of what another process writes, too.
    @Test func follower_hears_whenAnotherProcessWrites() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let server = try Server(data)
        let connection = try HTTPConnection(port: server.port)
        try connection.send(
            "GET /api/changes?since=0&wait=15 HTTP/1.1\r\nHost: localhost\r\n\r\n")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let answer = try connection.answer()
        #expect(answer.status == 200)
        #expect(answer.body.contains("\"card_id\":\"ZYW"))
        #expect(server.stop().status == 0)
    }
}
