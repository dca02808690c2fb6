import CardTesting
import Foundation
import Testing

/// The audit log of the real program: what commands and servers leave in it, and what is found in
/// it again.
struct AuditTests {
    private static func store() throws -> (TemporaryDirectory, String) {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        return (directory, data)
    }

    private static func audit(_ data: String, _ arguments: String...) throws -> [[String: Any]] {
        try Program.succeed(["audit", "--data-dir", data] + arguments)
            .split(separator: "\n").map { line in
                try #require(
                    try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
            }
    }

    /// Commands that change something or read somebody's data say who ran them.
    @Test func commands_areNoted() throws {
        let (directory, data) = try Self.store()
        try Program.succeed(["get", "--data-dir", data, "ZYW8827"])
        try Program.succeed(["get", "--data-dir", data, "phone:0585949014"])
        #expect(try Program.run(["get", "--data-dir", data, "NOSUCH"]).status == 1)
        try Program.succeed(["key", "create", "--data-dir", data, "--name", "desk"])
        try Program.succeed(["key", "revoke", "--data-dir", data, "desk"])
        let export = directory.file("events.ndjson")
        try Program.succeed(["export", "--data-dir", data, "--output", export])
        try Program.succeed(["backup", "--data-dir", data, directory.file("copy")])
        try Program.succeed(
            ["void", "--data-dir", data, "--feed", "delivered", Samples.files[2]])
        let restored = directory.file("restored")
        try Program.succeed(["restore", "--data-dir", restored, export])
        let entries = try Self.audit(data)
        #expect(
            entries.compactMap { $0["what"] as? String } == [
                "load", "get", "get", "get", "key create", "key revoke", "export", "backup", "void",
            ])
        #expect(
            entries.compactMap { $0["did"] as? String } == [
                "change", "look-up", "look-up", "look-up", "change", "change", "look-up", "change",
                "change",
            ])
        for entry in entries {
            #expect(entry["by"] as? String == "user" && entry["user"] as? String != nil)
        }
        #expect(entries[1]["card_ids"] as? [String] == ["ZYW8827"])
        #expect((entries[4]["detail"] as? String)?.hasSuffix("'desk' lookup") == true)
        #expect(try Self.audit(restored).compactMap { $0["what"] as? String } == ["restore"])
        #expect(try Self.audit(data, "--changes").count == 5)
    }

    /// Where the log is off, nothing is noted, and there is no log.
    @Test func commands_areNotNoted_whenItIsOff() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let off = ["CARDSTATUS_AUDIT": "off"]
        #expect(
            try Program.run(["load", "--data-dir", data, Samples.directory], environment: off)
                .status == 0)
        let server = try Server(data, ["--audit", "off"])
        #expect(try server.get("/metrics").body.contains("cardstatus_audit") == false)
        #expect(server.stop().status == 0)
        #expect(!FileManager.default.fileExists(atPath: data + "/audit"))
        let output = try Program.run(["audit", "--data-dir", data])
        #expect(output.status == 1 && output.standardError.contains("there is no audit log"))
    }

    /// A server's entries are found by each of the conditions.
    @Test func audit_findsEntries() throws {
        let (directory, data) = try Self.store()
        defer { withExtendedLifetime(directory) {} }
        let create = ["key", "create", "--data-dir", data, "--role", "agent", "--name"]
        func key(_ name: String) throws -> String {
            try Program.succeed(create + [name]).trimmingCharacters(in: .newlines)
        }
        let (desk, other) = (try key("desk"), try key("other"))
        let server = try Server(data)
        for (key, target) in [
            (desk, "/api/cards/ZYW8827"), (desk, "/api/cards/ZYW8890"),
            (other, "/api/cards?phone=%2B971585949014"), (other, "/api/customers/C-1"),
            (other, "/api/cards/ZYW8827/history"),
        ] {
            _ = try server.get(target, headers: ["X-API-Key: \(key)"])
        }
        // The stop writes what there is.
        #expect(server.stop().status == 0)
        #expect(try Self.audit(data, "--key", "desk").count == 2)
        let id = try #require(try Self.audit(data, "--key", "other")[0]["key_id"] as? String)
        #expect(try Self.audit(data, "--key", id).count == 3)
        #expect(try Self.audit(data, "--card", "zyw8827").count == 2)
        #expect(try Self.audit(data, "--card", "ZYW882").isEmpty)
        #expect(try Self.audit(data, "--phone", "0585949014").count == 1)
        #expect(try Self.audit(data, "--phone", "+971585949014", "--key", "desk").isEmpty)
        #expect(try Self.audit(data, "--customer", "C-1").count == 1)
        #expect(try Self.audit(data, "--since", "1h").count == 8)
        #expect(try Self.audit(data, "--until", "1h").isEmpty)
        let today = ISO8601DateFormatter().string(from: Date()).prefix(10)
        #expect(try Self.audit(data, "--until", String(today), "--since", "2d").count == 8)
        #expect(try Self.audit(data, "--user", "nobody at all").isEmpty)

        let csv = try Program.succeed(
            ["audit", "--data-dir", data, "--phone", "0585949014", "--format", "csv"])
        let rows = csv.split(separator: "\n").map {
            $0.split(separator: ",", omittingEmptySubsequences: false)
        }
        #expect(rows.count == 2 && rows.allSatisfy { $0.count == 16 })
        #expect(rows[1][3] == "other" && rows[1][11] == "14" && rows[1][12].count == 32)
        for bad in [
            ["--since", "soon"], ["--phone", "x"], ["--card", "?"], ["--format", "xml"],
        ] {
            #expect(try Program.run(["audit", "--data-dir", data] + bad).status == 2, "\(bad)")
        }
    }

    /// A line that a crash cut off is told of, and no other is lost.
    @Test func audit_leavesOut_whatIsCutOff() throws {
        let (directory, data) = try Self.store()
        defer { withExtendedLifetime(directory) {} }
        let folder = data + "/audit"
        let name = try #require(
            try FileManager.default.contentsOfDirectory(atPath: folder)
                .first { $0.hasSuffix(".ndjson") })
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: "\(folder)/\(name)"))
        try file.seekToEnd()
        try file.write(contentsOf: Data(#"{"time":"2026-"#.utf8))
        try file.close()
        try Program.succeed(["get", "--data-dir", data, "ZYW8827"])
        let output = try Program.run(["audit", "--data-dir", data])
        #expect(output.status == 0 && output.standardError.hasPrefix("1 lines are no entries"))
        #expect(output.standardOutput.split(separator: "\n").count == 2)
    }

    /// Whatever clients and partners send, no card, phone, comment, query or row of theirs is in
    /// the server's log, in its metrics, or, but for cards, in the audit log.
    @Test(arguments: ["text", "json"])
    func logs_areFreeOfPersonalData(format: String) throws {
        let (directory, data) = try Self.store()
        defer { withExtendedLifetime(directory) {} }
        let server = try Server(
            data, ["--audit", "all", "--log-level", "trace", "--log-format", format])
        let secrets = [
            "ZYW8827", "SECRETCARD", "585949014", "501234567", "left at the door", "hunter2",
        ]
        func send(_ method: String, _ target: String, _ type: String, _ body: String) throws {
            let connection = try HTTPConnection(port: server.port)
            try connection.send(
                "\(method) \(target) HTTP/1.1\r\nHost: localhost\r\nX-Secret: hunter2\r\n"
                    + "Cookie: a=hunter2\r\n"
                    + (body.isEmpty ? "" : "Content-Type: \(type)\r\n")
                    + (body.isEmpty ? "" : "Content-Length: \(body.utf8.count)\r\n")
                    + "\r\n" + body)
            _ = try connection.answer()
        }
        let event =
            #"{"card_id":"SECRETCARD","status":"delivered","occurred_at":"2024-01-01T00:00:00Z","#
            + #""phone":"0501234567","comment":"left at the door"}"#
        let row = "SECRETCARD,0501234567,left at the door,2024-01-01 10:00:00"
        for (method, target, type, body) in [
            ("GET", "/api/cards/ZYW8827", "", ""),
            ("GET", "/api/cards?phone=%2B971585949014", "", ""),
            ("GET", "/api/cards?phone=0585949014&cursor=hunter2%20", "", ""),
            ("GET", "/api/cards/hunter2%20", "", ""), ("GET", "/api/hunter2", "", ""),
            ("PATCH", "/api/cards/SECRETCARD", "", ""),
            ("GET", "/api/cards/SECRETCARD/history", "", ""),
            ("GET", "/api/get-card-status?user_mobile=0585949014", "", ""),
            ("POST", "/api/events", "application/json", event),
            ("POST", "/api/events", "application/json", event + "hunter2"),
            (
                "POST", "/api/cards/batch", "text/plain",
                "SECRETCARD\n+971501234567\nphone:hunter2\n"
            ),
            // A file without a head is all data, and the run's message says which columns it has.
            ("POST", "/api/feeds/delivered/files?name=hunter2.csv", "text/csv", row + "\n" + row),
            (
                "POST", "/api/feeds/pickup/files?name=SECRETCARD", "text/csv",
                "ID,Card ID,User Mobile,Timestamp,Comment\n"
                    + "1,SECRETCARD,0501234567,hunter2,left at the door\n"
            ),
            ("GET", "/\u{1}hunter2", "", ""), ("GET", "hunter2", "", ""),
            ("POST", "/api/events", "text/hunter2", event),
        ] {
            try send(method, target, type, body)
        }
        let ended = try poll(seconds: 20) {
            let runs = try server.get("/api/runs").body
            return runs.contains("\"queued\"") || runs.contains("\"running\"") ? nil : true
        }
        #expect(ended == true)
        let metrics = try server.get("/metrics").body
        let output = server.stop()
        #expect(output.status == 0)
        #expect(output.standardError.contains("a run failed"))
        for secret in secrets {
            #expect(!output.standardError.contains(secret), "the log has \(secret)")
            #expect(!metrics.contains(secret), "the metrics have \(secret)")
        }
        let audit = try Program.succeed(["audit", "--data-dir", data])
        for secret in secrets.dropFirst(2) {
            #expect(!audit.contains(secret), "the audit log has \(secret)")
        }
        #expect(try Self.audit(data, "--card", "SECRETCARD").count >= 3)
        #expect(try Self.audit(data, "--phone", "+971585949014").count >= 2)
    }
}
