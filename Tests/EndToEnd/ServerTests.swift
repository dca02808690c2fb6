import Foundation
import Testing

/// A running server beside other processes, and how it stops.
@Suite struct ServerTests {
    /// What another process commits is served, voids too. (How soon is for Benchmarks/visibility.)
    @Test func serve_showsWhatIsLoadedBesideIt() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let server = try Server(data)
        #expect(try server.get("/api/cards/ZYW8827").status == 404)
        let told = try Program.succeed(["load", "--data-dir", data, Samples.directory])
        #expect(told.contains("one thread at idle priority"))
        let found = try poll(seconds: 20) {
            try server.get("/api/cards/ZYW8827").status == 200 ? true : nil
        }
        #expect(found == true)
        #expect(try server.get("/api/cards/ZYW8827").body == Samples.cards["ZYW8827"])

        try Program.succeed(
            ["void", "--data-dir", data, "--feed", "delivered", Samples.files[2]])
        let undone = try poll(seconds: 20) {
            try server.get("/api/cards/ZYW8827").body.contains("picked_up") ? true : nil
        }
        #expect(undone == true)
        try Program.succeed(["void", "--data-dir", data, "--feed", "pickup", Samples.files[0]])
        let gone = try poll(seconds: 20) {
            try server.get("/api/cards/ZYW8827").status == 404 ? true : nil
        }
        #expect(gone == true)
        let history = try server.get("/api/cards/ZYW8827/history")
        #expect(history.body.components(separatedBy: #""void":true"#).count == 3)
    }

    /// SIGTERM and SIGINT end the server with status 0, an idle connection or not.
    @Test(arguments: [SIGTERM, SIGINT])
    func serve_endsInOrder_whenAskedTo(signal: Int32) throws {
        let directory = TemporaryDirectory()
        let server = try Server(directory.file("data"))
        let idle = try HTTPConnection(port: server.port)
        #expect(try idle.get("/api/health").status == 200)
        server.program.signal(signal)
        #expect(server.program.waitForEnd().status == 0)
        #expect(throws: HTTPConnection.ConnectionError.self) {
            try HTTPConnection(port: server.port)
        }
    }

    /// A request whose first half has arrived is answered before the server ends.
    @Test func serve_answersARequestInFlight_whenAskedToEnd() throws {
        let directory = TemporaryDirectory()
        let server = try Server(directory.file("data"))
        let connection = try HTTPConnection(port: server.port)
        try connection.send("GET /api/health HTTP/1.1\r\n")
        // The request line has to arrive before the signal does.
        usleep(200_000)
        server.program.signal(SIGTERM)
        usleep(200_000)
        #expect(server.program.isRunning)
        try connection.send("Host: localhost\r\n\r\n")
        let answer = try connection.answer()
        #expect(answer.status == 200)
        #expect(answer.headers["connection"]?.lowercased() == "close")
        #expect(server.program.waitForEnd().status == 0)
    }

    /// Several requests travel on one connection.
    @Test func serve_keepsAConnection_forManyRequests() throws {
        let directory = TemporaryDirectory()
        let server = try Server(directory.file("data"), ["--workers", "2"])
        let connection = try HTTPConnection(port: server.port)
        for _ in 0..<50 { #expect(try connection.get("/api/health").status == 200) }
        let metrics = try connection.get("/metrics").body
        #expect(metrics.contains("cardstatus_http_connections_accepted_total 1\n"))
        #expect(
            metrics.contains(
                #"cardstatus_http_requests_total{method="GET",route="/api/health",status="200"} 50"#
            ))
    }

    /// Logs and metrics name no card and no phone, whatever is asked.
    @Test func serve_logsNoPersonalData() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        try Program.succeed(["load", "--data-dir", data, Samples.directory])
        for format in ["text", "json"] {
            let server = try Server(data, ["--log-level", "trace", "--log-format", format])
            for target in [
                "/api/cards/ZYW8827", "/api/cards?phone=0585949014", "/api/cards/ZYW8827/history",
                "/api/get-card-status?user_mobile=0585949014", "/api/cards/ZYW0000",
                "/api/cards/bad%20id", "/nowhere/ZYW8827", "/api/cards/%zz0585949014",
            ] {
                _ = try server.get(target)
            }
            let metrics = try server.get("/metrics").body
            let log = server.stop().standardError
            #expect(log.contains("listening"))
            for secret in ["ZYW", "85949014", "bad%20id"] {
                #expect(!log.contains(secret))
                #expect(!metrics.contains(secret))
            }
            if format == "json" {
                for line in log.split(separator: "\n") {
                    let object = try JSONSerialization.jsonObject(with: Data(line.utf8))
                    #expect((object as? [String: Any])?["message"] != nil)
                }
            }
        }
    }

    /// A port in use is named, and nothing is served twice.
    @Test func serve_fails_whenThePortIsInUse() throws {
        let directory = TemporaryDirectory()
        let server = try Server(directory.file("one"))
        let output = try Program.run([
            "serve", "--data-dir", directory.file("two"), "--listen", "127.0.0.1:\(server.port)",
        ])
        #expect(output.status == 1)
        #expect(output.standardError.contains("127.0.0.1:\(server.port)"))
        #expect(try server.get("/api/health").status == 200)
    }

    /// A store has one server; other commands work beside it.
    @Test func serve_fails_whenTheStoreIsServed() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let server = try Server(data)
        let output = try Program.run(["serve", "--data-dir", data, "--listen", "127.0.0.1:0"])
        #expect(output.status == 1)
        #expect(output.standardError.contains("already being served by process"))
        #expect(try Program.run(["check", "--data-dir", data]).status == 0)
        #expect(try server.get("/api/health").status == 200)
    }

    /// Two processes that both are number 1, as in two containers, cannot share a store; the error
    /// says why.
    @Test(.enabled(if: getuid() == 0, "a process namespace takes root"))
    func serve_namesTheProcessNamespace_whenTwoContainersShareAStore() throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let launcher = ["unshare", "--pid", "--fork", "--kill-child"]
        let first = try Program.start(
            ["serve", "--data-dir", data, "--listen", "127.0.0.1:0"], launcher: launcher)
        let isListening: Bool? = poll(seconds: 30) {
            first.standardError.contains("answers come from memory") ? true : nil
        }
        try #require(isListening == true, "\(first.standardError)")
        let second = try Program.run(["check", "--data-dir", data], launcher: launcher)
        #expect(second.status == 1)
        #expect(second.standardError.contains("process namespace"), "\(second.standardError)")
        first.signal(SIGKILL)
        first.waitForEnd()
    }
}
