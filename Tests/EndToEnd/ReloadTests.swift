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
