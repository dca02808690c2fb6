import Glibc
import HTTPFront
import Testing

struct HTTPServerTests {
    /// Several requests on one connection are answered on that one connection.
    @Test func keepAlive_reusesTheConnection_whenClientSendsMore() throws {
        let test = try TestServer()
        let client = try test.client()
        for number in 0..<20 {
            let reply = try client.get("/n/\(number)?q=\(number)")
            #expect(reply.status == 200)
            #expect(reply.text == "GET /n/\(number)|q=\(number)|")
            #expect(reply.header("Connection") != "close")
        }
        #expect(test.connectionsAccepted == 1)
        #expect(eventually { test.counters[0].requestsAnswered == 20 })
        #expect(test.counters[0].requestsInFlight == 0)
        let expected = TestServer.Completion(worker: 0, routeTag: 7, status: 200)
        #expect(test.completed.elements == Array(repeating: expected, count: 20))
    }

    /// HEAD has the length of GET's body and no body; the next request on the connection is intact.
    @Test func head_keepsTheBodyBack_whenHandlerGivesOne() throws {
        let test = try TestServer()
        let client = try test.client()
        let head = try client.request("HEAD /x HTTP/1.1\r\nHost: test\r\n\r\n", isHead: true)
        #expect(head.status == 200)
        #expect(head.header("Content-Length") == "9")
        #expect(head.header("Content-Type") == "text/plain")
        #expect(try client.get("/y").text == "GET /y||")
        #expect(test.connectionsAccepted == 1)
    }

    /// Requests sent in one piece are answered in order.
    @Test func pipelining_answersInOrder_whenRequestsArriveTogether() throws {
        let test = try TestServer()
        let client = try test.client()
        let numbers = 0..<10
        try client.send(
            numbers.map { "GET /\($0) HTTP/1.1\r\nHost: test\r\n\r\n" }.joined())
        for number in numbers { #expect(try client.reply().text == "GET /\(number)||") }
        #expect(test.connectionsAccepted == 1)
    }

    /// A request split at any byte is the same request.
    @Test func request_isWhole_whenItsBytesArriveOneByOne() throws {
        let test = try TestServer()
        let client = try test.client()
        let request = Array(
            "POST /a%20b?q=%2B HTTP/1.1\r\nHost: t\r\nContent-Length: 2\r\n\r\nhi".utf8)
        for byte in request {
            try client.send([byte])
            usleep(200)
        }
        #expect(try client.reply().text == "POST /a%20b|q=%2B|hi")
    }

    /// What a proxy could read otherwise is refused, and nothing after it is taken for a request.
    @Test(arguments: [
        ("GET / HTTP/1.1\r\n\r\n", Refusal.invalidHost),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", .invalidHost),
        ("GET / HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", .invalidHost),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
            .repeatedContentLength
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
            .repeatedContentLength
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .contentLengthWithTransferEncoding
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\nabc",
            .unsupportedTransferEncoding
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            .unsupportedTransferEncoding
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
            .unsupportedTransferEncoding
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n"
                + "Transfer-Encoding: chunked\r\n\r\n",
            .unsupportedTransferEncoding
        ),
        (
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .unsupportedTransferEncoding
        ),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", .invalidHeaderName),
        ("GET / HTTP/1.1\r\nHost: a\r\nA(b): 3\r\n\r\n", .invalidHeaderName),
        ("GET / HTTP/1.1\r\nHost: a\r\nA\u{e9}: 3\r\n\r\n", .invalidHeaderName),
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", .unexpectedBody),
        (
            "HEAD / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            .unexpectedBody
        ),
        ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("GET /a\u{1}b HTTP/1.1\r\nHost: a\r\n\r\n", .invalidTarget),
        ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n", .bodyTooLarge),
    ])
    func framing_isRefused_whenAmbiguous(request: String, refusal: Refusal) throws {
        let test = try TestServer({ $0.limits.bodyBytes = 1_000 })
        let client = try test.client()
        let isHead = request.hasPrefix("HEAD")
        try client.send(request + "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n")
        let reply = try client.reply(isHead: isHead)
        #expect(reply.status == refusal.status)
        if !isHead { #expect(reply.text == "\(refusal.detail)") }
        #expect(reply.header("Connection") == "close")
        #expect(try client.isClosedByServer())
        #expect(eventually { test.counters[0].requestsInFlight == 0 })
        #expect(test.completed.elements.map(\.status) == [refusal.status])
    }

    /// A Content-Length that is no number is refused; libmicrohttpd does so itself, and sends the
    /// head of its answer twice.
    @Test(arguments: ["+3", "-3", "3, 3", "0x3", "3 3", "", "99999999999999999999", "3a"])
    func framing_isRefused_whenLengthIsNoNumber(length: String) throws {
        let test = try TestServer()
        let client = try test.client()
        try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(length)\r\n\r\nabc")
        #expect(try [400, 413].contains(client.reply().status))
        #expect(try !client.rest().contains(" 200 "))
        #expect(test.completed.elements.isEmpty)
    }

    /// What is unusual but clear is answered.
    @Test(arguments: [
        ("GET /a HTTP/1.0\r\n\r\n", "GET /a||"),
        ("GET /a HTTP/1.1\r\nhOsT: x\r\nContent-Length: 0\r\n\r\n", "GET /a||"),
        ("GET http://example.test/a?b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a|b|"),
        ("GET HTTP://example.test?b HTTP/1.1\r\nHost: x\r\n\r\n", "GET |b|"),
        ("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", "OPTIONS *||"),
        ("BREW /a HTTP/1.1\r\nHost: x\r\n\r\n", " /a||"),
        ("POST /a HTTP/1.1\r\nHost: x\r\n\r\n", "POST /a||"),
        ("POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nb\u{0}c", "POST /a||b\u{0}c"),
        (
            "PUT /a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\n\r\n"
                + "2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
            "PUT /a||abc"
        ),
        ("GET /123%00x?a=%00&b=%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /123%00x|a=%00&b=%zz|"),
        ("GET /?a=1&b=2&c HTTP/1.1\r\nHost: x\r\n\r\n", "GET /|a=1&b=2&c|"),
        ("GET /? HTTP/1.1\r\nHost: x\r\n\r\n", "GET /||"),
        ("GET /a??b HTTP/1.1\r\nHost: x\r\n\r\n", "GET /a|?b|"),
    ])
    func request_isAnswered_whenUnusual(request: String, expected: String) throws {
        let test = try TestServer()
        #expect(try test.client().request(request).text == expected)
    }

    /// Long request lines and headers arrive whole while they fit, and are refused by 414 or 431
    /// beyond.
    @Test func longTargetsAndHeaders_areWholeOrRefused_whenMemoryIsBounded() throws {
        let test = try TestServer(handler: { request, reply in
            let cookie = request.header(.forwardedFor)?.count ?? 0
            reply.body.append(Array("\(request.path.count) \(cookie)".utf8))
        })
        for size in [100, 1_000, 3_000] {
            let path = "/" + String(repeating: "a", count: size - 1)
            let cookie = String(repeating: "c", count: size)
            let request = "GET \(path) HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: \(cookie)\r\n\r\n"
            #expect(try test.client().request(request).text == "\(size) \(size)")
        }
        // libmicrohttpd copies a cookie to take it apart, so it counts twice.
        let cookie = String(repeating: "c", count: 2_500)
        let withCookie = "GET / HTTP/1.1\r\nHost: x\r\nCookie: a=\(cookie)\r\n\r\n"
        #expect(try test.client().request(withCookie).text == "1 0")
        let long = String(repeating: "a", count: 9_000)
        for (request, status) in [
            ("GET /\(long) HTTP/1.1\r\nHost: x\r\n\r\n", 414),
            ("GET / HTTP/1.1\r\nHost: x\r\nCookie: \(long)\r\n\r\n", 431),
        ] {
            let client = try test.client()
            #expect(try client.request(request).status == status)
            #expect(try client.isClosedByServer())
        }
        #expect(eventually { test.counters[0].requestsInFlight == 0 })
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
    }

    /// Bodies up to the limit are whole; one byte more is 413, chunked or not.
    @Test func body_isCollected_upToTheLimit() throws {
        let test = try TestServer(
            { $0.limits.bodyBytes = 100_000 },
            handler: { request, reply in
                let sum = request.body.reduce(0) { $0 &+ Int($1) }
                reply.body.append(Array("\(request.body.count) \(sum)".utf8))
            })
        let client = try test.client()
        for count in [0, 1, 8_192, 100_000, 5] {
            let body = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            let sum = body.reduce(0) { $0 + Int($1) }
            try client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(count)\r\n\r\n")
            try client.send(body)
            #expect(try client.reply().text == "\(count) \(sum)")
            try client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
            if count > 0 {
                try client.send(String(count, radix: 16) + "\r\n")
                try client.send(body)
                try client.send("\r\n")
            }
            try client.send("0\r\n\r\n")
            #expect(try client.reply().text == "\(count) \(sum)")
        }
        #expect(test.connectionsAccepted == 1)
        try client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        try client.send("186A1\r\n" + String(repeating: "x", count: 100_001) + "\r\n0\r\n\r\n")
        #expect(try client.reply().status == 413)
        #expect(try client.isClosedByServer())
    }

    /// A client that never ends a body that is too long is cut off.
    @Test func body_endsTheConnection_whenItGoesOnWithoutEnd() throws {
        let test = try TestServer({ $0.limits.bodyBytes = 1_000 })
        let client = try test.client()
        try client.send("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        let chunk = "400\r\n" + String(repeating: "x", count: 1_024) + "\r\n"
        #expect(throws: TestClient.Failure.self) {
            for _ in 0..<20_000 { try client.send(chunk) }
        }
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
        #expect(test.completed.elements.isEmpty)
    }

    /// Headers are found in any case, repeats in order, and the peer is known to be local.
    @Test func headers_areVisible_whenHandlerAsks() throws {
        let test = try TestServer(handler: { request, reply in
            var seen: [String] = []
            request.forEachHeader(.ifNoneMatch) {
                seen.append(String(decoding: $0, as: UTF8.self))
            }
            let first = request.header(.ifNoneMatch).map { String(decoding: $0, as: UTF8.self) }
            let text =
                "\(seen) \(first ?? "none") \(request.headerCount(.apiKey)) "
                + "\(request.isLoopbackClient) \(request.isDraining) \(request.startNanos > 0)"
            reply.body.append(Array(text.utf8))
            reply.addHeader("ETag", text: "\"one\"")
            reply.addHeader("Cache-Control", "private, no-cache")
        })
        let extra = (0..<40).map { "X-\($0): \($0)\r\n" }.joined()
        let reply = try test.client().request(
            "GET / HTTP/1.1\r\nHost: x\r\n\(extra)"
                + "IF-NONE-MATCH: \"a\"\r\nIf-None-Match: W/\"b\"\r\n\r\n"
        )
        #expect(reply.text == "[\"\\\"a\\\"\", \"W/\\\"b\\\"\"] \"a\" 0 true false true")
        #expect(reply.header("ETag") == "\"one\"")
        #expect(reply.header("Cache-Control") == "private, no-cache")
    }

    /// 304 and 204 have no body, and the connection goes on.
    @Test(arguments: [204, 304])
    func status_leavesTheConnectionUsable_whenItHasNoBody(status: Int) throws {
        let test = try TestServer(handler: { $1.status = status })
        let client = try test.client()
        for _ in 0..<3 {
            try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.reply(isHead: true).status == status)
        }
        #expect(test.connectionsAccepted == 1)
    }

    /// A handler can end the connection after its answer.
    @Test func connection_isClosed_whenTheResponseSaysSo() throws {
        let test = try TestServer(handler: { $1.closesConnection = true })
        let client = try test.client()
        #expect(try client.get("/").header("Connection") == "close")
        #expect(try client.isClosedByServer())
    }

    /// The kernel spreads connections over the workers of an address.
    @Test func workers_allGetConnections_whenThereAreMany() throws {
        let test = try TestServer({ $0.workersPerAddress = 2 })
        // Each connection goes to either worker with a chance of a half: 64 miss one once in 2^63.
        let clients = try (0..<64).map { _ in try test.client() }
        for client in clients { #expect(try client.get("/").status == 200) }
        #expect(test.connectionsAccepted == 64)
        for counters in test.counters { #expect(counters.connectionsOpen > 0) }
        #expect(Set(test.completed.elements.map(\.worker)) == [0, 1])
    }

    /// Several addresses are served at once, each under its own port.
    @Test func addresses_areAllServed_whenThereAreSeveral() throws {
        let test = try TestServer({
            $0.listeners = [
                .tcp(.loopback(port: 0)), .tcp(SocketAddress(host: .ipv4(0x7F00_0002), port: 0)),
            ]
        })
        let addresses = test.server.boundAddresses
        #expect(addresses.count == 2)
        #expect(addresses.allSatisfy { $0.port != 0 })
        #expect(test.server.workerCount == 2)
        #expect(try test.client().get("/").status == 200)
    }

    /// A client that goes away in the middle of anything harms nobody else.
    @Test func server_goesOn_whenClientsReset() throws {
        let big = [UInt8](repeating: 120, count: 4 << 20)
        let test = try TestServer(handler: { $1.body.append(big) })
        for part in [
            "", "GET", "GET / HTTP/1.1\r\n",
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nab",
        ] {
            for _ in 0..<5 {
                let client = try test.client()
                try client.send(part)
                client.reset()
            }
        }
        for _ in 0..<5 {
            // The answer does not fit the socket's buffers, so the server is writing when the reset
            // comes.
            let client = try test.client()
            try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            usleep(5_000)
            client.reset()
        }
        #expect(try test.client().get("/").body.count == big.count)
        #expect(eventually { test.counters[0].requestsInFlight == 0 })
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
    }
}
