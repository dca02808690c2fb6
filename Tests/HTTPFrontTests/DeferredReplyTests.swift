import Glibc
import HTTPFront
import Synchronization
import Testing

/// Requests whose answer comes after the handler has returned.
struct DeferredReplyTests {
    /// Where a handler leaves what a test answers.
    private final class Waiting: Sendable {
        private let all = Mutex<[(path: String, reply: DeferredReply)]>([])

        func add(_ path: String, _ reply: DeferredReply) {
            all.withLock { $0.append((path, reply)) }
        }

        var count: Int { all.withLock { $0.count } }

        func takeAll() -> [(path: String, reply: DeferredReply)] {
            all.withLock { all in
                defer { all = [] }
                return all
            }
        }

        func answerAll() {
            for (path, reply) in takeAll() {
                reply.answer { $0.body.append(Array("late \(path)".utf8)) }
            }
        }
    }

    /// A server that answers `/now` at once and everything else when it is told to; what cannot
    /// wait is 503.
    private func server(
        _ waiting: Waiting, timeoutMs: Int = 60_000,
        _ configure: (inout HTTPServer.Configuration) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer(
            configure,
            handler: { request, reply in
                reply.routeTag = 9
                let path = String(decoding: request.path, as: UTF8.self)
                if path == "/now" { return TestServer.echo(request, &reply) }
                guard let late = request.deferReply(timeoutMs: timeoutMs) else {
                    reply.status = 503
                    return
                }
                // Counts for nothing.
                reply.status = 400
                reply.body.append("never sent")
                waiting.add(path, late)
            })
    }

    /// While one request waits its worker serves others; its answer, status, headers and all, goes
    /// to the right connection, which goes on.
    @Test func answer_isSent_whenItIsGivenLater() throws {
        let waiting = Waiting()
        let test = try server(waiting)
        let slow = try test.client()
        try slow.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { waiting.count == 1 })
        let other = try test.client()
        for _ in 0..<20 { #expect(try other.get("/now").text == "GET /now||") }
        #expect(!slow.hasNews)
        #expect(test.server.suspendedConnections == 1)

        let late = waiting.takeAll()[0].reply
        #expect(late.isWaiting)
        #expect(
            late.answer {
                $0.status = 201
                $0.addHeader("Location", text: "/there")
                $0.body.append("done")
            })
        let reply = try slow.reply()
        #expect(reply.status == 201)
        #expect(reply.text == "done")
        #expect(reply.header("Location") == "/there")
        #expect(!late.isWaiting)
        #expect(!late.answer { _ in Issue.record("it was answered before") })
        #expect(try slow.get("/now").status == 200)
        #expect(test.connectionsAccepted == 2)
        #expect(test.server.suspendedConnections == 0)
        #expect(
            eventually {
                test.completed.elements.contains(.init(worker: 0, routeTag: 9, status: 201))
            })
    }

    /// An answer that is there before the handler returns is one too; HEAD keeps its body back.
    @Test func answer_isSent_whenTheHandlerStillRuns() throws {
        let test = try TestServer(handler: { request, _ in
            let body = request.takeBody()
            #expect(request.body.isEmpty)
            request.deferReply(timeoutMs: 60_000)?.answer { reply in
                reply.body.append("got ")
                reply.body.append(body.bytes)
            }
        })
        let client = try test.client()
        for word in ["one", "three"] {
            let request =
                "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: \(word.utf8.count)\r\n\r\n\(word)"
            #expect(try client.request(request).text == "got \(word)")
        }
        let head = try client.request("HEAD / HTTP/1.1\r\nHost: x\r\n\r\n", isHead: true)
        #expect(head.header("Content-Length") == "4")
        #expect(try client.get("/").text == "got ")
        #expect(test.connectionsAccepted == 1)
    }

    /// A request that was sent behind one that waits is answered after it.
    @Test func pipelining_keepsTheOrder_whenTheFirstAnswerIsLate() throws {
        let waiting = Waiting()
        let test = try server(waiting)
        let client = try test.client()
        try client.send(
            "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /now HTTP/1.1\r\nHost: x\r\n\r\n"
                + "GET /b HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { waiting.count == 1 })
        waiting.answerAll()
        #expect(try client.reply().text == "late /a")
        #expect(try client.reply().text == "GET /now||")
        #expect(eventually { waiting.count == 1 })
        waiting.answerAll()
        #expect(try client.reply().text == "late /b")
    }

    /// Who forgets an answer makes the server give one: 500, and the connection goes on.
    @Test func server_answers_whenTheAnswerIsForgotten() throws {
        let waiting = Waiting()
        let test = try server(waiting)
        let client = try test.client()
        try client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { waiting.count == 1 })
        _ = waiting.takeAll()
        let reply = try client.reply()
        #expect(reply.status == 500)
        #expect(reply.text == "\(Refusal.unanswered.detail)")
        #expect(try client.get("/now").status == 200)
    }

    /// After its time the server answers 503 itself, and the late answer is told so.
    @Test func server_answers_whenTheAnswerIsOverdue() throws {
        let waiting = Waiting()
        let test = try server(waiting, timeoutMs: 1)
        let client = try test.client()
        for _ in 0..<3 {
            let reply = try client.get("/slow")
            #expect(reply.status == 503)
            #expect(reply.text == "\(Refusal.overdue.detail)")
            #expect(!waiting.takeAll()[0].reply.answer { _ in })
        }
        #expect(eventually { test.server.suspendedConnections == 0 })
        #expect(test.connectionsAccepted == 1)
    }

    /// No more than the limit wait; a place is free again as soon as one was answered.
    @Test func deferReply_isNil_whenTooManyWait() throws {
        let waiting = Waiting()
        let test = try server(waiting) { $0.limits.suspendedConnections = 2 }
        let clients = try (0..<2).map { _ in try test.client() }
        for client in clients { try client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") }
        #expect(eventually { waiting.count == 2 })
        let third = try test.client()
        #expect(try third.get("/slow").status == 503)
        #expect(try third.get("/now").status == 200)
        waiting.answerAll()
        for client in clients { #expect(try client.reply().text == "late /slow") }
        try third.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { waiting.count == 1 })
        waiting.answerAll()
        #expect(try third.reply().text == "late /slow")
    }

    /// A client that goes away while it waits costs nothing once it is answered.
    @Test func connections_areFreed_whenClientsLeaveWhileTheyWait() throws {
        let waiting = Waiting()
        let test = try server(waiting)
        for number in 0..<20 {
            let client = try test.client()
            try client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            #expect(eventually { waiting.count == number + 1 })
            client.reset()
        }
        waiting.answerAll()
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
        #expect(test.counters[0].requestsInFlight == 0)
        #expect(test.server.suspendedConnections == 0)
        #expect(try test.client().get("/now").status == 200)
    }

    /// The stop does not wait longer than its grace for answers: it gives them itself, 503, and
    /// closes.
    @Test func stop_answers503_whenAnswersDoNotCome() throws {
        let waiting = Waiting()
        let test = try server(waiting) { $0.shutdownGraceMs = 50 }
        let clients = try (0..<20).map { _ in try test.client() }
        for client in clients { try client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") }
        #expect(eventually { waiting.count == 20 })
        test.server.stop()
        for client in clients {
            let reply = try client.reply()
            #expect(reply.status == 503)
            #expect(reply.text == "\(Refusal.stopping.detail)")
            #expect(reply.header("Connection") == "close")
            #expect(try client.isClosedByServer())
        }
        for (_, reply) in waiting.takeAll() { #expect(!reply.answer { _ in }) }
    }

    /// An answer within the grace is sent, and ends its connection.
    @Test func stop_letsAnswersCome_withinItsGrace() throws {
        let waiting = Waiting()
        let test = try server(waiting) { $0.shutdownGraceMs = 60_000 }
        let client = try test.client()
        try client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { waiting.count == 1 })
        let stopping = Background {
            test.server.stop()
            return true
        }
        #expect(eventually { test.server.isDraining })
        waiting.answerAll()
        let reply = try client.reply()
        #expect(reply.text == "late /slow")
        #expect(reply.header("Connection") == "close")
        #expect(stopping.join() == true)
    }

    /// Answers from other threads while the server stops: each client gets one answer or the end,
    /// and nothing is touched that is gone.
    ///
    ///     stop                        answering thread
    ///     closes the registry         claims, writes
    ///     waits for those claimed     resumes, leaves the registry
    ///     ends the daemons
    @Test(arguments: 0..<5)
    func stop_isSafe_whenAnswersComeMeanwhile(round: Int) throws {
        let waiting = Waiting()
        let test = try server(waiting) {
            $0.shutdownGraceMs = 0
            $0.workersPerAddress = 2
        }
        let clients = try (0..<100).map { _ in try test.client() }
        for client in clients { try client.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n") }
        #expect(eventually { waiting.count == 100 })
        let answering = Background {
            waiting.answerAll()
            return true
        }
        test.server.stop()
        #expect(answering.join() == true)
        for client in clients {
            let text = try client.reply().text
            #expect(text == "late /slow" || text == "\(Refusal.stopping.detail)")
        }
    }

    /// Two thousand clients wait at a time, others are served meanwhile, and each gets its own
    /// answer.
    @Test func clients_getTheirOwnAnswers_whenThousandsWait() throws {
        let waiting = Waiting()
        let test = try server(waiting) {
            $0.workersPerAddress = 2
            $0.limits.connectionsPerWorker = 2_048
        }
        let clients = try (0..<2_000).map { _ in try test.client() }
        for (number, client) in clients.enumerated() {
            try client.send("GET /\(number) HTTP/1.1\r\nHost: x\r\n\r\n")
        }
        #expect(eventually { waiting.count == 2_000 })
        #expect(test.server.suspendedConnections == 2_000)
        for _ in 0..<10 { #expect(try test.client().get("/now").status == 200) }
        var all = waiting.takeAll()
        all.shuffle()
        for (path, reply) in all {
            reply.answer { $0.body.append(Array("late \(path)".utf8)) }
        }
        for (number, client) in clients.enumerated() {
            #expect(try client.reply().text == "late /\(number)")
        }
        #expect(test.server.suspendedConnections == 0)
    }
}
