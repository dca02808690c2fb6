import Foundation
import Testing

/// Settings and keys that are read again while the server runs.
@Suite struct ReloadTests {
    /// SIGHUP reads the configuration again; one that is not valid changes nothing, and the server
    /// goes on either way.
    @Test func serve_readsItsConfigurationAgain_atSIGHUP() throws {
        let directory = TemporaryDirectory()
        let path = directory.file("config.yaml")
        func write(_ text: String) throws {
            try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        }
        try write("workers: 1\n")
        let server = try Server(directory.file("data"), ["--config", path])
        func expect(_ text: String, after signal: Int32? = SIGHUP) throws {
            if let signal { server.program.signal(signal) }
            let log: String? = poll(seconds: 20) {
                let log = server.program.standardError
                return log.contains(text) ? log : nil
            }
            #expect(log != nil, "\(server.program.standardError)")
            #expect(try server.get("/api/health").status == 200)
        }
        try write("workers: 2\n")
        try expect("in effect from the next start on: workers")
        // The last step of the same reload: a signal that came before would find it under way.
        try expect("read 0 API keys", after: nil)
        try write("worker: 2\n")
        try expect("\(path):1:1")
        try write("log_level: loud\n")
        try expect("not 'loud'")
        #expect(server.stop().status == 0)
    }

    /// A level that is set holds at once, and until a reload finds another one in the file.
    @Test func logLevel_changes_whileTheServerRuns() throws {
        let directory = TemporaryDirectory()
        let path = try directory.write("config.yaml", "log_level: info\n")
        let server = try Server(directory.file("data"), ["--config", path])
        func send(_ method: String, _ target: String) throws -> HTTPAnswer {
            let connection = try HTTPConnection(port: server.port)
            try connection.send("\(method) \(target) HTTP/1.1\r\nHost: localhost\r\n\r\n")
            return try connection.answer()
        }
        let level = "/api/admin/log-level"
        #expect(try server.get(level).body == #"{"level":"info"}"#)
        #expect(try send("POST", level + "?level=critical").status == 200)
        try directory.write("config.yaml", "log_level: loud\n")
        #expect(try send("POST", "/api/admin/reload?scope=config").status == 422)
        #expect(!server.program.standardError.contains("loud"))
        // The file says what it said before, so what was set stays.
        try directory.write("config.yaml", "log_level: info\nworkers: 1\n")
        #expect(try send("POST", "/api/admin/reload?scope=config").status == 200)
        #expect(try server.get(level).body == #"{"level":"critical"}"#)
        try directory.write("config.yaml", "log_level: notice\n")
        server.program.signal(SIGHUP)
        let isTold: Bool? = poll(seconds: 20) {
            server.program.standardError.contains("the log's level is notice") ? true : nil
        }
        #expect(isTold == true, "\(server.program.standardError)")
        #expect(try server.get(level).body == #"{"level":"notice"}"#)
        let output = server.stop()
        #expect(output.status == 0 && !output.standardError.contains("stopping"))
    }

    /// Readiness may wait for memory, and comes.
    @Test func serve_isReady_whenTheCardsAreInMemory() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        let server = try Server(data, environment: ["CARDSTATUS_READY_WHEN": "memory"])
        let body: String? = try poll(seconds: 20) {
            let answer = try server.get("/api/ready")
            return answer.status == 200 ? answer.body : nil
        }
        #expect(body?.hasPrefix(#"{"status":"ready","answers_from":"memory","fill":"#) == true)
        let misused = try Program.run(["serve", "--data-dir", data, "--ready-when", "soon"])
        #expect(misused.status == 2)
        #expect(misused.standardError.contains("--ready-when must be store or memory, not 'soon'"))
    }
}
