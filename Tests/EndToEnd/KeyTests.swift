import Foundation
import Testing

/// API keys, and where a server may listen without one.
@Suite struct KeyTests {
    private static func exposed(_ data: String) -> [String] {
        ["serve", "--data-dir", data, "--listen", "0.0.0.0:0"]
    }

    /// Without a key nothing but loopback is listened on, and the message says what to do.
    @Test func serve_refusesOtherAddresses_withoutAKey() throws {
        let directory = TemporaryDirectory()
        let output = try Program.run(Self.exposed(directory.file("data")))
        #expect(output.status == 1)
        for part in ["0.0.0.0", "cardstatus key create", "127.0.0.1", "CARDSTATUS_INSECURE=1"] {
            #expect(output.standardError.contains(part))
        }
    }

    /// Overridden, it listens, and warns at every start.
    @Test func serve_warns_whenInsecure() throws {
        let directory = TemporaryDirectory()
        for _ in 0..<2 {
            let program = try Program.start(
                Self.exposed(directory.file("data")), environment: ["CARDSTATUS_INSECURE": "1"])
            let isListening: Bool? = poll(seconds: 30) {
                program.standardError.contains("listening") ? true : nil
            }
            #expect(isListening == true, "\(program.standardError)")
            #expect(program.standardError.contains("warning"))
            #expect(program.standardError.contains("insecure"))
            program.signal(SIGTERM)
            #expect(program.waitForEnd().status == 0)
        }
    }

    /// Created, listed, used, revoked: each noticed by a running server.
    @Test func keys_areNoticedByARunningServer() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let server = try Server(data)
        #expect(try server.get("/api/cards/ZYW8827").status == 200)

        let key = try Program.succeed(["key", "create", "--data-dir", data, "--name", "desk"])
            .trimmingCharacters(in: .newlines)
        let other = try Program.succeed(["key", "create", "--data-dir", data, "--name", "other"])
            .trimmingCharacters(in: .newlines)
        let list = try Program.succeed(["key", "list", "--data-dir", data])
        #expect(list.contains("desk") && list.contains("other") && !list.contains(key))

        let locked = try poll(seconds: 20) {
            try server.get("/api/cards/ZYW8827").status == 401 ? true : nil
        }
        #expect(locked == true)
        for header in ["Authorization: Bearer \(key)", "X-API-Key: \(key)"] {
            let isLetIn = try poll(seconds: 20) {
                try server.get("/api/cards/ZYW8827", headers: [header]).status == 200 ? true : nil
            }
            #expect(isLetIn == true)
        }
        #expect(try server.get("/api/cards/ZYW8827", headers: ["X-API-Key: \(key)x"]).status == 401)
        #expect(try server.get("/api/health").status == 200)

        try Program.succeed(["key", "revoke", "--data-dir", data, "desk"])
        let isOut = try poll(seconds: 20) {
            try server.get("/api/cards/ZYW8827", headers: ["X-API-Key: \(key)"]).status == 401
                ? true : nil
        }
        #expect(isOut == true)
        #expect(
            try server.get("/api/cards/ZYW8827", headers: ["X-API-Key: \(other)"]).status == 200)
        #expect(try Program.run(["key", "revoke", "--data-dir", data, "desk"]).status == 1)
        #expect(try Program.run(["check", "--data-dir", data]).status == 0)
    }

    /// As in the container image: the first start makes a key, a second one does not.
    @Test func serve_createsTheFirstKey_onceOnly() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let path = directory.file("admin-key")
        let arguments = ["--first-key-file", path]
        let first = try Server(data, arguments)
        let key = String(decoding: FileManager.default.contents(atPath: path)!, as: UTF8.self)
            .trimmingCharacters(in: .newlines)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        let log = first.program.standardError
        #expect(log.contains(path) && !log.contains(key))
        #expect(try first.get("/api/cards/ZYW8827").status == 401)
        #expect(try first.get("/api/cards/ZYW8827", headers: ["X-API-Key: \(key)"]).status == 200)
        #expect(first.stop().status == 0)

        let second = try Server(data, arguments)
        #expect(try second.get("/api/cards/ZYW8827", headers: ["X-API-Key: \(key)"]).status == 200)
        #expect(
            try Program.succeed(["key", "list", "--data-dir", data]).split(separator: "\n").count
                == 2)
    }

    /// A role, an expiry and a feed are taken or refused as they are written, and listed.
    @Test func create_takesRoleExpiryAndFeed() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let create = ["key", "create", "--data-dir", data, "--name"]
        for bad in [
            ["--role", "root"], ["--expires", "soon"], ["--expires", "0d"], ["--expires", "d"],
            ["--expires", "-1d"], ["--expires", "2001-01-01"],
            ["--expires", "2001-01-01T00:00:00Z"],
            ["--expires", "99999999d"], ["--feed", "delivered"],
            ["--role", "agent", "--feed", "delivered"], ["--role", "ingest", "--feed", "A b"],
        ] {
            #expect(try Program.run(create + ["bad"] + bad).status == 2, "\(bad)")
        }
        try Program.succeed(create + ["plain"])
        try Program.succeed(
            create + ["courier", "--role", "ingest", "--feed", "delivered", "--expires", "90d"])
        try Program.succeed(create + ["boss", "--role", "admin", "--expires", "2090-12-31"])
        let lines = try Program.succeed(["key", "list", "--data-dir", data])
            .split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
        #expect(lines.count == 4)
        let rows = Dictionary(uniqueKeysWithValues: lines.dropFirst().map { ($0[1], $0) })
        #expect(rows["plain"]?[2...3] == ["lookup", "any"])
        #expect(rows["plain"]?.suffix(2) == ["never", "never"])
        #expect(rows["courier"]?[2...3] == ["ingest", "delivered"])
        #expect(rows["boss"]?[2] == "admin")
        #expect(rows["boss"]?[5] == "2091-01-01T00:00:00Z")
    }

    /// On a connection that is kept, a key stops to be good when it expires, and until then its
    /// use is noted.
    @Test func key_expires_onAKeptConnection() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let format = ISO8601DateFormatter()
        let expiry = format.string(from: Date().addingTimeInterval(6))
        let key = try Program.succeed([
            "key", "create", "--data-dir", data, "--name", "short", "--expires", expiry,
        ]).trimmingCharacters(in: .newlines)
        let server = try Server(data)
        let connection = try HTTPConnection(port: server.port)
        let header = ["X-API-Key: \(key)"]
        var statuses: [Int] = []
        let answer = try poll(seconds: 30) { () -> HTTPAnswer? in
            let answer = try connection.get("/api/cards/ZYW8827", headers: header)
            if statuses.last != answer.status { statuses.append(answer.status) }
            return answer.status == 401 ? answer : nil
        }
        #expect(Date() >= format.date(from: expiry)!)
        #expect(statuses.last == 401 && statuses.allSatisfy { [200, 401].contains($0) })
        #expect(answer?.body.contains("expired") == true)
        #expect(server.stop().status == 0)
        let list = try Program.succeed(["key", "list", "--data-dir", data])
        #expect(list.contains("(expired)"))
        #expect(statuses.count == 1 || !list.contains("never"))
    }
}
