import HTTPFront
import Testing

struct ForesightTests {
    struct Seen: Sendable, Equatable {
        var step: ForesightStep
        var target: String
    }

    /// A server with a foresight that writes down what it is shown, and for GET remembers how long
    /// the target is; the handler answers with what it finds remembered.
    private static func server(_ seen: Recorder<Seen>) throws -> TestServer {
        try TestServer(
            foresee: { step, target, hint in
                seen.append(Seen(step: step, target: String(decoding: target, as: UTF8.self)))
                if step == .requestLine, target.count > 4 {
                    hint.kind = 1
                    hint.words.0 = UInt64(target.count)
                } else if step == .headers, hint.kind == 1 {
                    hint.words.1 = hint.words.0 * 2
                }
            },
            handler: { request, reply in
                let hint = request.hint
                let text =
                    hint.kind == 0 ? "nothing" : "\(hint.kind) \(hint.words.0) \(hint.words.1)"
                reply.body.append(Array(text.utf8))
            })
    }

    /// Every request is shown twice before its handler runs, and what the first step remembers
    /// reaches the second and the handler.
    @Test func hint_reachesTheHandler_throughBothSteps() throws {
        let seen = Recorder<Seen>()
        let test = try Self.server(seen)
        let client = try test.client()
        #expect(try client.get("/long?q=1").text == "1 9 18")
        #expect(
            seen.elements == [
                Seen(step: .requestLine, target: "/long?q=1"),
                Seen(step: .headers, target: "/long?q=1"),
            ])
    }

    /// What was remembered of a request is not there for the next one on the connection, also when
    /// both arrive together.
    @Test func hint_isForgotten_whenTheNextRequestComes() throws {
        let test = try Self.server(Recorder<Seen>())
        let client = try test.client()
        #expect(try client.get("/long").text == "1 5 10")
        #expect(try client.get("/x").text == "nothing")
        try client.send(
            ["/longer", "/y", "/long"].map { "GET \($0) HTTP/1.1\r\nHost: t\r\n\r\n" }.joined())
        #expect(try client.reply().text == "1 7 14")
        #expect(try client.reply().text == "nothing")
        #expect(try client.reply().text == "1 5 10")
    }

    /// A request that is refused is shown too, since its headers are checked meanwhile, and its
    /// answer is the refusal.
    @Test func hint_changesNothing_whenTheRequestIsRefused() throws {
        let seen = Recorder<Seen>()
        let test = try Self.server(seen)
        let reply = try test.client().request("GET /no/host HTTP/1.1\r\n\r\n")
        #expect(reply.status == 400)
        #expect(seen.elements.map(\.step) == [.requestLine, .headers])
    }

    /// The steps come when their part of the request is there, and not before.
    @Test func steps_waitForTheirPartOfTheRequest() throws {
        let seen = Recorder<Seen>()
        let test = try Self.server(seen)
        let client = try test.client()
        try client.send("POST /later HTTP/1.1\r\nHost")
        #expect(eventually { seen.elements.map(\.step) == [.requestLine] })
        try client.send(": t\r\nContent-Length: 2\r\n\r\n")
        #expect(eventually { seen.elements.map(\.step) == [.requestLine, .headers] })
        try client.send("hi")
        #expect(try client.reply().text == "1 6 12")
        #expect(seen.elements.count == 2)
    }

    /// Many connections with several requests on each are all answered, each with what was
    /// remembered of it.
    @Test func answers_areRight_whenManyRequestsCome() throws {
        let test = try Self.server(Recorder<Seen>())
        let clients = try (0..<40).map { _ in try test.client() }
        for round in 1...6 {
            for (number, client) in clients.enumerated() {
                let target = "/" + String(repeating: "x", count: 10 * round + number)
                let request = "GET \(target) HTTP/1.1\r\nHost: t\r\n\r\n"
                try client.send(String(repeating: request, count: round))
            }
            for (number, client) in clients.enumerated() {
                let count = 10 * round + number + 1
                for _ in 0..<round { #expect(try client.reply().text == "1 \(count) \(2 * count)") }
            }
        }
        #expect(test.connectionsAccepted == clients.count)
        #expect(eventually { test.counters[0].requestsInFlight == 0 })
        #expect(test.counters[0].requestsAnswered == 40 * 21)
    }

    /// Clients that go away take nothing with them: the others are answered, and nothing stays in
    /// flight.
    @Test func othersAreAnswered_whenClientsLeave() throws {
        let test = try Self.server(Recorder<Seen>())
        for _ in 0..<10 {
            let clients = try (0..<20).map { _ in try test.client() }
            for client in clients {
                try client.send("GET /long HTTP/1.1\r\nHost: t\r\n\r\n")
            }
            for client in clients[10...] { client.reset() }
            for client in clients[..<10] { #expect(try client.reply().text == "1 5 10") }
        }
        #expect(eventually { test.counters[0].requestsInFlight == 0 })
    }

    /// A request that was read when the server is stopped is answered.
    @Test func stop_answersRequestsThatWereRead() throws {
        let test = try Self.server(Recorder<Seen>())
        let clients = try (0..<30).map { _ in try test.client() }
        for client in clients { #expect(try client.get("/long").status == 200) }
        for client in clients { try client.send("GET /long HTTP/1.1\r\nHost: t\r\n\r\n") }
        #expect(eventually { test.counters[0].requestsAnswered >= 31 })
        test.server.stop()
        // One that had not been read yet may be cut off, but no answer is cut short.
        for client in clients {
            guard let rest = try? client.rest(), !rest.isEmpty else { continue }
            #expect(rest.hasSuffix("1 5 10"))
        }
        #expect(test.counters[0].requestsInFlight == 0)
    }
}
