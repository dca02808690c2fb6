import CardTesting
import Foundation
import Synchronization
import Testing

/// Feeds of the real program: files, pulls and uploads, and what `kill -9` leaves of them.
struct FeedTests {
    private static let pages = 30
    private static let pageSize = 1_500

    private static func record(_ number: Int) -> String {
        let second = 1_700_000_000 + number
        return #"{"id":"P\#(number % 9_000)","at":\#(second),"ref":"r\#(number)"}"#
    }

    private static func configuration(_ source: String) -> String {
        """
        feeds:
          - id: pulled
            status: delivered
            region: AE
            time_zone: Asia/Dubai
            format: json
            records: data
            files: ["*pulled*"]
            columns: {card_id: id, occurred_at: at, reference: ref}
            \(source)
        """
    }

    private static func run(_ server: Server, _ id: Int) throws -> String? {
        let body = try server.get("/api/runs/\(id)").body
        return body.contains("\"state\":\"done\"") || body.contains("\"state\":\"failed\"")
            ? body : nil
    }

    /// A pull that is killed again and again begins again by itself, and ends in the same bytes as
    /// a load of the same records.
    @Test func pull_endsInTheSameState_whenKilled() throws {
        let seed = SeededGenerator.newSeed()
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let upstream = try OddUpstream { request in
            let page = request.parameter("page").flatMap { Int($0) } ?? 1
            let numbers = ((page - 1) * Self.pageSize)..<(page * Self.pageSize)
            let records = page > Self.pages ? [] : numbers.map(Self.record)
            return .json(
                #"{"total":\#(Self.pages * Self.pageSize),"#
                    + #""data":[\#(records.joined(separator: ","))]}"#)
        }
        let directory = TemporaryDirectory()
        let config = try directory.write(
            "config.yaml",
            Self.configuration(
                "pull: {url: \"\(upstream.url)\", every: 1h,"
                    + " paging: {by: pages, size: \(Self.pageSize), total: total}}"))
        let all = try directory.write(
            "pulled.json",
            #"{"data":["#
                + (0..<(Self.pages * Self.pageSize)).map(Self.record).joined(separator: ",")
                + "]}")
        try Program.succeed(
            ["load", "--data-dir", directory.file("whole"), "--config", config, all])
        let expected = try Program.succeed(["export", "--data-dir", directory.file("whole")])

        let data = directory.file("data")
        for round in 0..<4 {
            let server = try Server(data, ["--config", config])
            let before = upstream.asked.count
            let wanted = before + Int.random(in: 1..<Self.pages, using: &random)
            let isThere: Bool? = try poll(seconds: 600) {
                if upstream.asked.count >= wanted { return true }
                return try Self.run(server, 1) == nil ? nil : true
            }
            #expect(isThere == true, "round \(round)")
            server.program.signal(SIGKILL)
            server.program.waitForEnd()
            try Program.succeed(["check", "--data-dir", data])
        }
        let server = try Server(data, ["--config", config])
        let run = try #require(try poll(seconds: 600) { try Self.run(server, 1) })
        #expect(run.contains("\"state\":\"done\""), "\(run)")
        #expect(run.contains("\"rows\":\(Self.pages * Self.pageSize)"), "\(run)")
        #expect(server.stop().status == 0)
        #expect(try Program.succeed(["export", "--data-dir", data]) == expected)
        try Program.succeed(["check", "--data-dir", data])
    }

    /// A file in the inbox is read by one run that ends, however often that is cut off; then it is
    /// moved.
    @Test func file_isReadToTheEnd_whenKilled() throws {
        let directory = TemporaryDirectory()
        let config = try directory.write("config.yaml", Self.configuration("settle: 10ms"))
        let all = try directory.write(
            "pulled.json",
            #"{"data":["# + (0..<60_000).map(Self.record).joined(separator: ",") + "]}")
        try Program.succeed(
            ["load", "--data-dir", directory.file("whole"), "--config", config, all])
        let expected = try Program.succeed(["export", "--data-dir", directory.file("whole")])
        let data = directory.file("data")
        let inbox = data + "/inbox"
        try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: all, toPath: inbox + "/pulled.json")
        for _ in 0..<3 {
            let server = try Server(data, ["--config", config])
            let isThere: Bool? = try poll(seconds: 600) {
                let runs = try server.get("/api/runs").body
                return runs.contains(/"rows":[1-9]/) ? true : nil
            }
            #expect(isThere == true)
            server.program.signal(SIGKILL)
            server.program.waitForEnd()
        }
        let server = try Server(data, ["--config", config])
        let done = inbox + "/done/pulled.json"
        let isMoved: Bool? = poll(seconds: 600) {
            FileManager.default.fileExists(atPath: done) ? true : nil
        }
        #expect(isMoved == true)
        let run = try #require(try poll(seconds: 600) { try Self.run(server, 1) })
        #expect(run.contains("\"state\":\"done\""), "\(run)")
        #expect(server.stop().status == 0)
        #expect(try Program.succeed(["export", "--data-dir", data]) == expected)
        try Program.succeed(["check", "--data-dir", data])
    }

    /// Killed at each named place of a run, a server begins it again, or finishes what is left of
    /// it: one run, its rejects once, its file moved, and the state of one load.
    @Test(arguments: [("mid-run:3", 2), ("before-run-end", 2), ("after-run-end", 1)])
    func run_endsOnce_whenKilledAt(point: String, attempts: Int) throws {
        let directory = TemporaryDirectory()
        let config = try directory.write("config.yaml", Self.configuration("settle: 10ms"))
        let all = try directory.write(
            "pulled.json",
            #"{"data":["# + (0..<5_000).map(Self.record).joined(separator: ",")
                + #",{"id":"","at":1}]}"#)
        try Program.succeed(
            ["load", "--data-dir", directory.file("whole"), "--config", config, all])
        let expected = try Program.succeed(["export", "--data-dir", directory.file("whole")])
        let data = directory.file("data")
        let inbox = data + "/inbox"
        try FileManager.default.createDirectory(atPath: inbox, withIntermediateDirectories: true)
        try FileManager.default.copyItem(atPath: all, toPath: inbox + "/pulled.json")
        let killed = try Server(
            data, ["--config", config], environment: ["CARDSTATUS_FAIL_POINT": point])
        #expect(killed.program.waitForEnd().status == SIGKILL)
        try Program.succeed(["check", "--data-dir", data])

        let server = try Server(data, ["--config", config])
        let done = inbox + "/done/pulled.json"
        let isMoved: Bool? = poll(seconds: 60) {
            FileManager.default.fileExists(atPath: done) ? true : nil
        }
        #expect(isMoved == true)
        let run = try #require(try poll(seconds: 60) { try Self.run(server, 1) })
        #expect(run.contains("\"attempts\":\(attempts),"), "\(run)")
        #expect(run.contains("\"rejects\":1,"), "\(run)")
        #expect(try server.get("/api/runs").body.contains("\"id\":2,") == false)
        #expect(server.stop().status == 0)
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: data + "/rejects")
                == ["run-1-pulled.rejects.csv"])
        #expect(try Program.succeed(["export", "--data-dir", data]) == expected)
        try Program.succeed(["check", "--data-dir", data])
    }

    /// While an upstream says nothing at all, look-ups and other feeds go on, a stop is not held
    /// up, and who waits for the pull is told.
    @Test func server_goesOn_whileAnUpstreamIsSilent() throws {
        let upstream = try OddUpstream { _ in [.silence] }
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let config = try directory.write(
            "config.yaml", Self.configuration("pull: {url: \"\(upstream.url)\", every: 1h}"))
        let server = try Server(data, ["--config", config])
        let isAsked: Bool? = poll(seconds: 30) { upstream.asked.isEmpty ? nil : true }
        #expect(isAsked == true)
        let waiting = try HTTPConnection(port: server.port)
        try waiting.send("POST /api/ingest HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for (card, body) in Samples.cards {
            #expect(try server.get("/api/cards/\(card)").body == body)
        }
        #expect(
            try server.get("/metrics").body.contains("cardstatus_feed_running{feed=\"pulled\"} 1"))
        // A request that no worker has read yet is cut off at the stop, not answered.
        let isRead: Bool? = try poll(seconds: 30) {
            try server.get("/metrics").body.contains("\ncardstatus_http_connections_suspended 1\n")
                ? true : nil
        }
        #expect(isRead == true)
        let output = server.stop()
        #expect(output.status == 0, "\(output.standardError)")
        #expect(try waiting.answer().status == 503)
        let again = try Server(data, ["--config", config])
        let attempts: Bool? = try poll(seconds: 30) {
            try again.get("/api/runs/1").body.contains("\"attempts\":2") ? true : nil
        }
        #expect(attempts == true)
    }

    /// The configuration's feeds change with a reload: a new one is read at once.
    @Test func feeds_change_withAReload() throws {
        let directory = TemporaryDirectory()
        let config = try directory.write("config.yaml", "")
        let data = directory.file("data")
        let server = try Server(data, ["--config", config])
        #expect(try server.get("/api/feeds").body.contains("\"id\":\"pickup\""))
        let inbox = data + "/inbox"
        let isMade: Bool? = poll(seconds: 30) {
            FileManager.default.fileExists(atPath: inbox) ? true : nil
        }
        #expect(isMade == true)
        try Data(#"{"data":[{"id":"NEW1","at":1700000000}]}"#.utf8)
            .write(to: URL(fileURLWithPath: inbox + "/pulled.json"))
        try directory.write("config.yaml", Self.configuration("settle: 10ms"))
        server.program.signal(SIGHUP)
        let isThere: Bool? = try poll(seconds: 30) {
            try server.get("/api/cards/NEW1").status == 200 ? true : nil
        }
        #expect(isThere == true, "\(server.program.standardError)")
        #expect(try server.get("/api/feeds").body.contains("\"id\":\"pickup\"") == false)
    }
}
