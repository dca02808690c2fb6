import Glibc
import Synchronization
import Testing

@testable import HTTPFront

/// Bodies that are planned for when the headers are there: limits of a route's own, and streams.
struct BodyPlanTests {
    /// A sink that writes a file, as an upload's does, and can be held up.
    private final class FileSink: Sendable {
        struct State {
            var calls: [String] = []
            var written = 0
            var isHeld = false
        }

        private let handle: Int32
        private let state = Mutex(State())
        /// After so many bytes it wants no more.
        private let wanted: Int

        init(_ path: String, wanted: Int = .max) {
            handle = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0o600)
            self.wanted = wanted
        }

        deinit { close(handle) }

        var calls: [String] { state.withLock { $0.calls } }
        var written: Int { state.withLock { $0.written } }

        func hold(_ isHeld: Bool) { state.withLock { $0.isHeld = isHeld } }

        var sink: BodySink {
            BodySink(
                write: { [self] in write($0) },
                finish: { [self] reply in
                    state.withLock { $0.calls.append("finish") }
                    let count = written
                    reply.answer {
                        $0.status = count < wanted ? 201 : 507
                        $0.body.append(Array("\(count)".utf8))
                    }
                },
                abandon: { [self] in state.withLock { $0.calls.append("abandon") } })
        }

        private func write(_ bytes: UnsafeRawBufferPointer) -> Bool {
            _ = eventually { state.withLock { !$0.isHeld } }
            let count = Glibc.write(handle, bytes.baseAddress, bytes.count)
            #expect(count == bytes.count)
            #expect(bytes.count <= BodyStream.pieceBytes)
            return state.withLock {
                $0.written += bytes.count
                return $0.written < wanted
            }
        }
    }

    private static let post = "POST /file HTTP/1.1\r\nHost: x\r\n"

    /// `/file` streams into the sink, everything else is the handler's.
    private func server(
        _ sink: FileSink, maxBytes: Int = 1 << 40,
        _ configure: (inout HTTPServer.Configuration) -> Void = { _ in }
    ) throws -> TestServer {
        try TestServer(
            configure,
            plan: { request, _ in
                request.path.elementsEqual("/file".utf8)
                    ? .streamed(maxBytes: maxBytes, to: sink.sink) : .kept(maxBytes: 10)
            })
    }

    private func contents(_ path: String) -> [UInt8] {
        let handle = open(path, O_RDONLY | O_CLOEXEC)
        defer { close(handle) }
        var bytes = [UInt8](repeating: 0, count: 32 << 20)
        var count = 0
        while true {
            let more = bytes.withUnsafeMutableBytes {
                read(handle, $0.baseAddress! + count, $0.count - count)
            }
            guard more > 0 else { return Array(bytes[..<count]) }
            count += more
        }
    }

    /// A route's own limit holds, by length and by count, and another route's is another.
    @Test func body_isLimited_asItsRouteSays() throws {
        let test = try TestServer(plan: { request, _ in
            .kept(maxBytes: request.path.count)
        })
        let client = try test.client()
        func post(_ path: String, _ body: String) -> String {
            "POST \(path) HTTP/1.1\r\nHost: x\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
        }
        #expect(try client.request(post("/four", "12345")).text == "POST /four||12345")
        #expect(try client.request(post("/4", "12")).text == "POST /4||12")
        let chunked =
            "POST /4 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        for tooLarge in [post("/4", "123"), chunked] {
            let client = try test.client()
            #expect(try client.request(tooLarge).status == 413)
            #expect(try client.isClosedByServer())
        }
        #expect(try client.request(post("/", "")).text == "POST /||")
    }

    /// A request that is turned down for its headers is answered before its body is sent.
    @Test func plan_answers_beforeTheBodyIsSent() throws {
        let test = try TestServer(plan: { _, reply in
            reply.status = 401
            reply.body.append("no key")
            return .answered
        })
        let client = try test.client()
        let reply = try client.request(
            "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n"
                + "Expect: 100-continue\r\n\r\n")
        #expect(reply.status == 401)
        #expect(reply.text == "no key")
        #expect(try client.isClosedByServer())
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
    }

    /// What arrives is in the file, byte by byte, whatever pieces it came in; then the sink
    /// answers, and the connection goes on.
    @Test(arguments: [1, 700, 8_192, 100_000, 600_000, 5_000_000], [0, 1, 977, 65_536])
    func stream_writesTheBody_inOrder(count: Int, chunk: Int) throws {
        if chunk == 1, count > 100_000 { return }
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink)
        var generator = SystemRandomNumberGenerator()
        let body = (0..<count).map { _ in UInt8.random(in: 0...255, using: &generator) }
        let client = try test.client()
        if chunk == 0 {
            try client.send(Self.post + "Content-Length: \(count)\r\n\r\n")
            try client.send(body)
        } else {
            try client.send(Self.post + "Transfer-Encoding: chunked\r\n\r\n")
            var message: [UInt8] = []
            for start in stride(from: 0, to: count, by: chunk) {
                let piece = body[start..<min(start + chunk, count)]
                message += Array("\(String(piece.count, radix: 16))\r\n".utf8) + piece
                message += Array("\r\n".utf8)
            }
            try client.send(message + Array("0\r\n\r\n".utf8))
        }
        let reply = try client.reply()
        #expect(reply.status == 201)
        #expect(reply.text == "\(count)")
        #expect(contents(folder.file("body")) == body)
        #expect(sink.calls == ["finish"])
        #expect(try client.get("/next").text == "GET /next||")
        #expect(test.connectionsAccepted == 1)
    }

    /// A streamed body that turns out empty is one too.
    @Test func stream_isFinished_whenThereIsNothing() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink)
        let client = try test.client()
        let request = Self.post + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
        #expect(try client.request(request).text == "0")
        #expect(sink.calls == ["finish"])
    }

    /// While a sink is stuck its client waits, memory does not fill, and others on the same worker
    /// are served. When the disk is back everything arrives.
    @Test func stream_makesTheClientWait_whenTheSinkIsSlow() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink)
        sink.hold(true)
        let count = 24 << 20
        let uploading = Background { () -> String? in
            do {
                let client = try test.client()
                try client.send(Self.post + "Content-Length: \(count)\r\n\r\n")
                try client.send([UInt8](repeating: 0x61, count: count))
                return try client.reply().text
            } catch {
                return "\(error)"
            }
        }
        #expect(eventually { test.server.suspendedConnections == 1 })
        for _ in 0..<20 { #expect(try test.client().get("/").status == 200) }
        #expect(test.server.suspendedConnections == 1)
        #expect(sink.written == 0)
        sink.hold(false)
        #expect(uploading.join() == "\(count)")
        #expect(contents(folder.file("body")).count == count)
        #expect(test.server.suspendedConnections == 0)
    }

    /// No more than three pieces of a body are in memory, whatever arrives.
    @Test func append_isFull_whenTheSinkIsStuck() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        sink.hold(true)
        let stream = try #require(BodyStream(to: sink.sink, places: StreamPlaces(limit: 1)))
        let bytes = [UInt8](repeating: 1, count: 8_000)
        var taken = 0
        while taken < 100 << 20 {
            let result = bytes.withUnsafeBytes { stream.append($0) }
            guard result == .taken else { break }
            taken += bytes.count
        }
        #expect(taken <= 3 * BodyStream.pieceBytes)
        #expect(taken > 2 * BodyStream.pieceBytes)
        sink.hold(false)
        #expect(eventually { sink.written > 0 })
        #expect(eventually { bytes.withUnsafeBytes { stream.append($0) } == .taken })
        stream.abandon()
        #expect(eventually { sink.calls == ["abandon"] })
    }

    /// A client that breaks off, in whatever state, leaves a sink that knows.
    @Test(arguments: [false, true])
    func stream_isAbandoned_whenTheClientGoes(isHeld: Bool) throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink) { $0.limits.streamedBodies = 1 }
        sink.hold(isHeld)
        let client = try test.client()
        try client.send(Self.post + "Content-Length: 100000000\r\n\r\n")
        try client.send([UInt8](repeating: 7, count: 1 << 20))
        // A reset throws away what the server has not read, and with it the request.
        if isHeld {
            #expect(eventually { test.server.suspendedConnections == 1 })
        } else {
            #expect(eventually { sink.written > 0 })
        }
        client.reset()
        sink.hold(false)
        #expect(eventually { sink.calls == ["abandon"] })
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
        // The place is free again.
        let next = try test.client()
        #expect(
            eventually {
                do {
                    let request = Self.post + "Content-Length: 1\r\n\r\nx"
                    return try test.client().request(request).status == 201
                } catch {
                    return false
                }
            })
        #expect(try next.get("/").status == 200)
    }

    /// A sink that fails says so when the body has come to its end, and the connection goes on.
    @Test func stream_throwsTheRestAway_whenTheSinkWantsNoMore() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"), wanted: 100_000)
        let test = try server(sink)
        let client = try test.client()
        try client.send(Self.post + "Content-Length: 8000000\r\n\r\n")
        try client.send([UInt8](repeating: 7, count: 8_000_000))
        #expect(try client.reply().status == 507)
        #expect(sink.written <= BodyStream.pieceBytes)
        #expect(sink.calls == ["finish"])
        #expect(try client.get("/").status == 200)
    }

    /// A body beyond the limit is 413, and what was written of it is abandoned.
    @Test func stream_isAbandoned_whenTheBodyIsTooLarge() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink, maxBytes: 300_000)
        let byLength = try test.client()
        #expect(try byLength.request(Self.post + "Content-Length: 300001\r\n\r\n").status == 413)
        #expect(eventually { sink.calls == ["abandon"] })
        let byCount = try test.client()
        try byCount.send(Self.post + "Transfer-Encoding: chunked\r\n\r\n493E1\r\n")
        try byCount.send([UInt8](repeating: 7, count: 300_001))
        try byCount.send("\r\n0\r\n\r\n")
        #expect(try byCount.reply().status == 413)
        #expect(eventually { sink.calls == ["abandon", "abandon"] })
    }

    /// Only so many bodies are streamed at a time.
    @Test func stream_isRefused_whenThereAreTooMany() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink) { $0.limits.streamedBodies = 1 }
        let first = try test.client()
        try first.send(Self.post + "Content-Length: 2\r\n\r\na")
        #expect(eventually { test.counters[0].requestsInFlight == 1 })
        let second = try test.client()
        #expect(try second.request(Self.post + "Content-Length: 2\r\n\r\n").status == 503)
        #expect(eventually { sink.calls == ["abandon"] })
        try first.send("b")
        #expect(try first.reply().status == 201)
    }

    /// A sink that stays stuck loses its client, and the server stops all the same.
    @Test func stream_endsTheConnection_whenTheSinkStaysStuck() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink) { $0.limits.sinkTimeoutMs = 1 }
        sink.hold(true)
        let client = try test.client()
        try client.send(Self.post + "Content-Length: 100000000\r\n\r\n")
        #expect(throws: TestClient.Failure.self) {
            for _ in 0..<100 { try client.send([UInt8](repeating: 7, count: 1_000_000)) }
        }
        #expect(eventually { test.counters[0].connectionsOpen == 0 })
        sink.hold(false)
        #expect(eventually { sink.calls == ["abandon"] })
    }

    /// The stop cuts off a body that waits for its sink.
    @Test func stop_endsABody_thatWaitsForItsSink() throws {
        let folder = try ScratchFolder()
        let sink = FileSink(folder.file("body"))
        let test = try server(sink) { $0.shutdownGraceMs = 10 }
        sink.hold(true)
        let sending = Background { () -> Bool in
            do {
                let client = try test.client()
                try client.send(Self.post + "Content-Length: 100000000\r\n\r\n")
                for _ in 0..<100 { try client.send([UInt8](repeating: 7, count: 1_000_000)) }
                return false
            } catch {
                return true
            }
        }
        #expect(eventually { test.server.suspendedConnections == 1 })
        test.server.stop()
        #expect(sending.join() == true)
        sink.hold(false)
        #expect(eventually { sink.calls == ["abandon"] })
    }
}
