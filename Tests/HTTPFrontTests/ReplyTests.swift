import Foundation
import Testing

@testable import HTTPFront

/// Replies that are made beforehand, and those that use response objects again.
struct ReplyTests {
    private static func text(_ bytes: UnsafeBufferPointer<UInt8>) -> String {
        String(decoding: bytes, as: UTF8.self)
    }

    /// A prepared reply is the same every time, on every connection, with HEAD, and when the
    /// handler had said something else before.
    @Test func preparedReply_isSentAgainAndAgain() throws {
        let prepared = PreparedReply(workers: 2) {
            $0.status = 429
            $0.contentType = "text/plain"
            $0.addHeader("Retry-After", "1")
            $0.body.append("later")
        }
        let test = try TestServer(
            { $0.workersPerAddress = 2 },
            handler: { request, reply in
                reply.body.append("forgotten")
                reply.use(prepared, worker: request.worker)
                reply.routeTag = 3
                reply.closesConnection = request.path.count > 1
            })
        for _ in 0..<8 {
            let client = try test.client()
            for _ in 0..<3 {
                let reply = try client.get("/")
                #expect(reply.status == 429 && reply.text == "later")
                #expect(reply.header("Retry-After") == "1")
                #expect(reply.header("Content-Type") == "text/plain")
                #expect(reply.header("Connection") != "close")
            }
            try client.send("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(try client.reply(isHead: true).header("Content-Length") == "5")
            let last = try client.get("/close")
            #expect(last.text == "later" && last.header("Connection") == "close")
            #expect(try client.isClosedByServer())
        }
        #expect(eventually { test.completed.elements.count == 40 })
        #expect(test.completed.elements.allSatisfy { $0.status == 429 && $0.routeTag == 3 })
    }

    private static func template(_ status: Int = 200, workers: Int = 1) -> ReplyTemplate {
        ReplyTemplate(
            workers: workers, status: status, contentType: "text/plain",
            headers: [("Cache-Control", "no-cache")], varying: "ETag", valueCount: 6)
    }

    /// Replies by a template have their own body and value, whatever lengths come in whatever
    /// order on however many connections, and also when they are too long to be pooled.
    @Test func template_keepsRepliesApart_whateverTheirLengths() throws {
        let template = Self.template(workers: 2)
        let test = try TestServer(
            { $0.workersPerAddress = 2 },
            handler: { request, reply in
                let number = Int(Self.text(request.path).dropFirst()) ?? 0
                reply.body.append([UInt8](repeating: UInt8(97 + number % 26), count: number))
                reply.use(template, worker: request.worker) { place in
                    for (index, byte) in String(100_000 + number).utf8.enumerated() {
                        place[index] = byte
                    }
                }
            })
        let clients = try (0..<6).map { _ in try test.client() }
        let limit = ReplyTemplate.bodyCountMax
        let numbers = [0, 1, 150, 7, limit, limit + 1, 151, 150, 5_000, 0, 150]
        for round in 0..<20 {
            // Pipelined, so that several replies are under way at once.
            for (index, client) in clients.enumerated() {
                for step in 0..<3 {
                    let number = numbers[(round + index + step) % numbers.count]
                    try client.send("GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
                }
            }
            for (index, client) in clients.enumerated() {
                for step in 0..<3 {
                    let number = numbers[(round + index + step) % numbers.count]
                    let reply = try client.reply()
                    #expect(reply.header("ETag") == String(100_000 + number))
                    #expect(reply.header("Cache-Control") == "no-cache")
                    #expect(reply.header("Content-Type") == "text/plain")
                    let byte = UInt8(97 + number % 26)
                    #expect(reply.body == [UInt8](repeating: byte, count: number))
                }
            }
        }
    }

    /// A reply by a template has one date, which is now's and goes on.
    @Test func template_hasTheDate_alsoInTheNextSecond() throws {
        let template = Self.template()
        let test = try TestServer(handler: { request, reply in
            reply.use(template, worker: request.worker) { place in
                for index in 0..<6 { place[index] = 0x30 }
            }
        })
        let form = DateFormatter()
        form.locale = Locale(identifier: "en_US_POSIX")
        form.timeZone = TimeZone(identifier: "GMT")
        form.dateFormat = "EEE, dd MMM yyyy HH:mm:ss 'GMT'"
        let client = try test.client()
        var seen: Set<String> = []
        while seen.count < 3 {
            let dates = try client.get("/").headers.filter { $0.name == "Date" }
            let text = try #require(dates.first).value
            let date = try #require(form.date(from: text))
            #expect(dates.count == 1 && form.string(from: date) == text)
            #expect(abs(date.timeIntervalSinceNow) < 60)
            guard seen.insert(text).inserted else {
                usleep(1_000)
                continue
            }
        }
    }

    /// More replies at once than are kept free, and clients that go away before theirs, leave the
    /// pool whole: its end checks that everything was given back.
    @Test func template_getsEverythingBack_whenClientsGoAway() throws {
        let template = Self.template()
        let test = try TestServer(handler: { request, reply in
            reply.body.append([UInt8](repeating: 120, count: 1_000))
            reply.use(template, worker: request.worker) { place in
                for index in 0..<6 { place[index] = 0x30 }
            }
        })
        for _ in 0..<20 {
            let clients = try (0..<16).map { _ in try test.client() }
            for client in clients {
                try client.send(
                    String(repeating: "GET / HTTP/1.1\r\nHost: x\r\n\r\n", count: 8))
            }
            #expect(try clients[0].reply().body.count == 1_000)
        }
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
        // The pool is the worker's, which has to have ended before anybody else reads it.
        test.server.stop()
        #expect(template.pool(0).pointee.usedCount == 0)
    }

    /// A reply by a template can end its connection, and says the same then.
    @Test func template_saysTheSame_whenTheConnectionEnds() throws {
        let template = Self.template(201)
        let test = try TestServer(handler: { request, reply in
            reply.closesConnection = true
            reply.body.append("bye")
            reply.use(template, worker: request.worker) { place in
                for index in 0..<6 { place[index] = 0x31 }
            }
        })
        let client = try test.client()
        let reply = try client.get("/")
        #expect(reply.status == 201 && reply.text == "bye")
        #expect(reply.header("ETag") == "111111" && reply.header("Cache-Control") == "no-cache")
        #expect(reply.header("Content-Type") == "text/plain")
        #expect(reply.header("Connection") == "close")
        #expect(try client.isClosedByServer())
    }

    /// A handler that takes its words back leaves none of them.
    @Test func reset_leavesNothing() throws {
        let template = Self.template()
        let test = try TestServer(handler: { request, reply in
            reply.status = 500
            reply.contentType = "text/plain"
            reply.addHeader("A", "b")
            reply.use(template, worker: request.worker) { _ in }
            reply.body.append("half")
            reply.routeTag = 9
            reply.reset()
        })
        let reply = try test.client().get("/")
        #expect(reply.status == 200 && reply.body.isEmpty)
        #expect(reply.header("A") == nil && reply.header("ETag") == nil)
        #expect(reply.header("Content-Type") == nil)
        #expect(eventually { test.completed.elements.map(\.routeTag) == [9] })
    }

    /// Handlers can be called without a server.
    @Test func withTesting_callsAHandler() {
        let found = Request.withTesting(
            .post, Array("/a/b?c=d".utf8), headers: [(.apiKey, Array("k ".utf8))],
            body: Array("text".utf8)
        ) { request, reply in
            TestServer.echo(request, &reply)
            return Self.text(reply.body.bytes) + Self.text(request.header(.apiKey) ?? request.body)
        }
        #expect(found == "POST /a/b|c=d|textk")
    }

    /// A credential is remembered for one version and time, whole, and only up to a length.
    @Test func credential_isAccepted_onlyAsItWasRemembered() {
        func accepts(
            _ kept: [UInt8], _ shown: [UInt8], version: UInt64 = 1, at nanos: UInt64 = 99
        ) -> Bool {
            var credential = AcceptedCredential()
            kept.withUnsafeBufferPointer {
                credential.remember($0, version: 1, grant: 7, untilNanos: 100)
            }
            return shown.withUnsafeBufferPointer {
                credential.isValid($0, version: version, nowNanos: nanos) && credential.grant == 7
            }
        }
        for count in 1..<AcceptedCredential.countMax {
            let key = (0..<count).map { UInt8($0 + 33) }
            #expect(accepts(key, key))
            #expect(!accepts(key, key, version: 2))
            #expect(!accepts(key, key, at: 100))
            #expect(!accepts(key, Array(key.dropLast())))
            #expect(!accepts(key, key + [0]))
            for place in 0..<count {
                var other = key
                other[place] ^= 1
                #expect(!accepts(key, other), "\(count) \(place)")
            }
        }
        let long = [UInt8](repeating: 65, count: AcceptedCredential.countMax)
        #expect(!accepts(long, long))
        #expect(!accepts([], []))
    }
}
