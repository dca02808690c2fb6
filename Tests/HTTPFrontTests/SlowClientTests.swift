import Glibc
import Testing

@testable import HTTPFront

/// Clients that keep the server waiting, and clients that come too often at a time.
struct SlowClientTests {
    private static func server(
        _ change: @escaping (inout Limits) -> Void,
        handler: @escaping HTTPServer.Handler = { TestServer.echo($0, &$1) }
    ) throws -> TestServer {
        try TestServer(
            {
                $0.limits.idleSeconds = 1
                $0.limits.headerSeconds = 1
                $0.limits.transferSeconds = 1
                change(&$0.limits)
            }, handler: handler)
    }

    /// Sends a byte whenever it can, so that it is never silent, until the server has had enough.
    ///
    /// - Returns: whether the server ended the connection.
    private static func dribble(
        _ start: String, _ byte: String, to test: TestServer
    ) throws -> Bool {
        let client = try test.client()
        try client.send(start)
        for _ in 0..<300 {
            do {
                try client.send(byte)
            } catch is TestClient.Failure {
                return true
            }
            if client.hasNews { return true }
            usleep(50_000)
        }
        return false
    }

    /// A request line, headers or a body that never end are ended, each under its own name.
    @Test(arguments: [
        ("", "G", ClientDelay.request), ("GET /", "a", .request),
        ("GET / HTTP/1.1\r\n", "a", .headers), ("GET / HTTP/1.1\r\nHost: h\r\nA: ", "b", .headers),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n", "x", .body),
    ])
    func request_isCutOff_whenItNeverEnds(start: String, byte: String, delay: ClientDelay) throws {
        let test = try Self.server { _ in }
        #expect(try Self.dribble(start, byte, to: test))
        #expect(eventually { test.server.cutOffCount(delay) == 1 })
        #expect(ClientDelay.allCases.reduce(0) { $0 + test.server.cutOffCount($1) } == 1)
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
    }

    /// A body that comes at the least rate is read to its end, however long that takes.
    @Test func body_isRead_whenItIsFastEnough() throws {
        let test = try Self.server { $0.bytesPerSecond = 1_000 }
        let client = try test.client()
        let count = 5_000
        try client.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: \(count)\r\n\r\n")
        for _ in 0..<50 {
            try client.send(String(repeating: "x", count: 100))
            usleep(50_000)
        }
        #expect(try client.reply().body.count == count + "POST /||".utf8.count)
        #expect(test.server.cutOffCount(.body) == 0)
    }

    /// A client that does not take its answer is cut off.
    @Test func answer_isCutOff_whenNobodyTakesIt() throws {
        let test = try Self.server {
            $0.bytesPerSecond = 1 << 30
            // Otherwise the library may end the silent connection first.
            $0.idleSeconds = 60
        } handler: { _, reply in
            reply.body.append([UInt8](repeating: 120, count: 32 << 20))
        }
        let client = try test.client()
        try client.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        #expect(eventually { test.server.cutOffCount(.answer) == 1 })
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
    }

    /// Who asks in time on a kept connection is not cut off, nor is one whose handler is slow.
    @Test func connection_isKept_whileItAsksInTime() throws {
        let test = try Self.server {
            $0.idleSeconds = 4
        } handler: { request, reply in
            if request.target.count > 2 { usleep(1_600_000) }
            TestServer.echo(request, &reply)
        }
        let client = try test.client()
        for _ in 0..<6 {
            #expect(try client.get("/").status == 200)
            usleep(600_000)
        }
        #expect(try client.get("/slow").status == 200)
        #expect(try client.get("/").status == 200)
        #expect(ClientDelay.allCases.allSatisfy { test.server.cutOffCount($0) == 0 })
    }

    /// A client's connections are counted over all workers; one that has ended makes room.
    @Test func connections_areLimited_perClient() throws {
        let test = try TestServer {
            $0.workersPerAddress = 2
            $0.limits.connectionsPerClient = 5
        }
        var clients: [TestClient] = []
        for _ in 0..<5 {
            let client = try test.client()
            #expect(try client.get("/").status == 200)
            clients.append(client)
        }
        for number in 1...4 {
            #expect(try test.client().isClosedByServer())
            #expect(eventually { test.server.connectionsRefused == number })
        }
        clients.removeLast()
        #expect(eventually { test.counters.reduce(0) { $0 + $1.connectionsOpen } == 4 })
        #expect(try test.client().get("/").status == 200)
        for client in clients { #expect(try client.get("/").status == 200) }
    }

    /// A proxy that is trusted stands for many.
    @Test func connections_areNotLimited_forTrustedProxies() throws {
        let test = try TestServer {
            $0.limits.connectionsPerClient = 1
            $0.trustedProxies = TrustedProxies(
                [AddressRange("127.0.0.1")].compactMap(\.self), header: .xForwardedFor)
        }
        let clients = try (0..<10).map { _ in try test.client() }
        for client in clients { #expect(try client.get("/").status == 200) }
    }
}
