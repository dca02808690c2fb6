import Foundation
import Testing

/// Limits of clients, as an operator sets them.
@Suite struct LimitTests {
    /// What makes no sense is refused at the start, by name.
    @Test(arguments: [
        (["--key-rate", "x"], "--key-rate"), (["--key-rate", "5/0"], "--key-rate"),
        (["--key-rate", "5/6/7"], "--key-rate"), (["--client-rate", "-1"], "--client-rate"),
        (["--client-rate", "9999999"], "--client-rate"),
        (["--header-timeout", "0"], "--header-timeout"),
        (["--client-connections", "-1"], "--client-connections"),
        (["--trusted-proxy", "10.0.0.1/8"], "--trusted-proxy"),
        (["--trusted-proxy", "proxy.example"], "--trusted-proxy"),
        (["--forwarded-header", "x-real-ip"], "--forwarded-header"),
        (["--cors-origin", "*"], "--cors-origin"),
        (["--cors-origin", "https://a.example/path"], "--cors-origin"),
    ])
    func serve_refusesToStart(options: [String], name: String) throws {
        let directory = TemporaryDirectory()
        // An option whose value begins with a hyphen is written in one word.
        let words = [options.joined(separator: "=")]
        let output = try Program.run(
            ["serve", "--data-dir", directory.file("data"), "--listen", "127.0.0.1:0"] + words)
        #expect(output.status == 2 && output.standardError.contains(name))
    }

    /// A rate from the file holds, a variable beats it, and what was refused is counted.
    @Test func clientRate_isTakenFromTheFile() throws {
        let directory = TemporaryDirectory()
        let config = try directory.write(
            "config.yaml", "limits: {client_rate: 1/2, header_timeout: 5}\n")
        let server = try Server(directory.file("data"), ["--config", config])
        let statuses = try (0..<6).map { _ in try server.get("/api/cards/X").status }
        #expect(statuses.prefix(2) == [404, 404] && statuses.contains(429), "\(statuses)")
        let metrics = try poll(seconds: 20) {
            let answer = try server.get("/metrics")
            return answer.status == 200 ? answer.body : nil
        }
        let sample = #/cardstatus_http_rate_limited_total\{limit="client"\} [1-9]/#
        #expect(metrics?.contains(sample) == true)
        #expect(server.stop().status == 0)

        let free = try Server(
            directory.file("data"), ["--config", config],
            environment: ["CARDSTATUS_CLIENT_RATE": "0"])
        #expect(try (0..<6).allSatisfy { _ in try free.get("/api/cards/X").status == 404 })
    }

    /// A client that sends half a head is cut off, which the metrics show.
    @Test func headers_areWaitedForBriefly() throws {
        let directory = TemporaryDirectory()
        let server = try Server(
            directory.file("data"), [], environment: ["CARDSTATUS_HEADER_TIMEOUT": "1"])
        let connection = try HTTPConnection(port: server.port)
        try connection.send("GET /api/health HTTP/1.1\r\nHost: localhost\r\nA: ")
        #expect(throws: HTTPConnection.ConnectionError.self) { try connection.answer() }
        let metrics = try server.get("/metrics").body
        #expect(metrics.contains("cardstatus_http_clients_cut_off_total{waited_for=\"headers\"} 1"))
    }
}
