import Glibc
import HTTPFront
import Synchronization
import Testing

struct StoppingTests {
    /// Opens once; a handler waits for it.
    private final class Gate: Sendable {
        private let isOpen = Atomic<Bool>(false)
        private let arrivals = Atomic<Int>(0)

        var hasArrivals: Bool { arrivals.load(ordering: .acquiring) > 0 }

        func open() { isOpen.store(true, ordering: .releasing) }

        func wait() {
            arrivals.add(1, ordering: .releasing)
            _ = eventually { isOpen.load(ordering: .acquiring) }
        }
    }

    private func stopInBackground(_ server: HTTPServer) -> Background<Bool> {
        Background {
            server.stop()
            return true
        }
    }

    /// A request whose handler runs is answered whole, new connections are refused meanwhile, and
    /// an idle connection is closed without delaying anything.
    @Test(arguments: [1, 2])
    func stop_answersWhatHasBegun_whenAHandlerRuns(workers: Int) throws {
        let gate = Gate()
        let body = [UInt8](repeating: 97, count: 3 << 20)
        let test = try TestServer(
            {
                $0.workersPerAddress = workers
                $0.shutdownGraceMs = 60_000
            },
            handler: { request, reply in
                if request.path.count > 1 {
                    gate.wait()
                    reply.body.append(body)
                }
            })
        let idle = try test.client()
        #expect(try idle.get("/").status == 200)
        let silent = try test.client()
        let busy = try test.client()
        try busy.send("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        #expect(eventually { gate.hasArrivals })

        let stopping = stopInBackground(test.server)
        #expect(eventually { test.server.isDraining && !canConnect(test.port) })
        #expect(test.counters.reduce(0) { $0 + $1.requestsInFlight } == 1)
        gate.open()

        let reply = try busy.reply()
        #expect(reply.body == body)
        #expect(stopping.join() == true)
        #expect(try busy.isClosedByServer())
        #expect(try idle.isClosedByServer())
        #expect(try silent.isClosedByServer())
        #expect(test.counters.allSatisfy { $0.connectionsOpen == 0 && $0.requestsInFlight == 0 })
        #expect(test.log.elements.isEmpty)
    }

    private func canConnect(_ port: UInt16) -> Bool {
        do {
            _ = try TestClient(port: port)
            return true
        } catch {
            return false
        }
    }

    /// While one request keeps the server from ending, others on open connections are still
    /// answered, and told that the connection ends.
    @Test func stop_closesConnectionsAfterTheirAnswer_whenTheyGoOnMeanwhile() throws {
        let test = try TestServer(
            { $0.shutdownGraceMs = 60_000 },
            handler: { $1.body.append(Array("\($0.isDraining)".utf8)) })
        let slow = try test.client()
        try slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        let other = try test.client()
        #expect(try other.get("/").text == "false")
        #expect(eventually { test.counters[0].requestsInFlight == 1 })

        let stopping = stopInBackground(test.server)
        #expect(eventually { test.server.isDraining })
        let reply = try other.get("/")
        #expect(reply.text == "true")
        #expect(reply.header("Connection") == "close")
        #expect(try other.isClosedByServer())

        try slow.send("b")
        let last = try slow.reply()
        #expect(last.text == "true")
        #expect(last.header("Connection") == "close")
        #expect(stopping.join() == true)
    }

    /// A client that never finishes its request is waited for until the deadline and no longer.
    @Test func stop_cutsClientsOff_whenTheGraceIsOver() throws {
        let test = try TestServer({ $0.shutdownGraceMs = 50 })
        let slow = try test.client()
        try slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
        #expect(eventually { test.counters[0].requestsInFlight == 1 })
        test.server.stop()
        #expect(try slow.isClosedByServer())
        #expect(test.counters[0].requestsInFlight == 0)
        #expect(test.completed.elements.isEmpty)
    }

    /// Stopping twice, and from several threads, is stopping once.
    @Test func stop_returns_whenCalledAgain() throws {
        let test = try TestServer({ $0.workersPerAddress = 2 })
        let stopping = (0..<4).map { _ in stopInBackground(test.server) }
        for stop in stopping { #expect(stop.join() == true) }
        test.server.stop()
        #expect(throws: TestClient.Failure.self) { try test.client() }
    }

    /// Under load every answered request is whole, and a connection ends only between answers.
    @Test func stop_cutsNoAnswer_whenClientsAreBusy() throws {
        let body = [UInt8](repeating: 98, count: 20_000)
        let test = try TestServer(
            { $0.workersPerAddress = 2 }, handler: { $1.body.append(body) })
        let started = Recorder<Int>()
        let clients = (0..<4).map { number in
            Background { () -> Int in
                var count = 0
                do {
                    let client = try test.client()
                    while true {
                        let reply = try client.get("/")
                        #expect(reply.body.count == body.count)
                        count += 1
                        if count == 20 { started.append(number) }
                        if reply.header("Connection") == "close" { break }
                    }
                } catch let failure as TestClient.Failure {
                    #expect(failure.call != "end within a body")
                } catch {
                    Issue.record(error)
                }
                return count
            }
        }
        #expect(eventually { started.elements.count == 4 })
        test.server.stop()
        let answered = clients.reduce(0) { $0 + ($1.join() ?? 0) }
        #expect(answered >= 80)
        #expect(test.completed.elements.count >= answered)
    }

    /// With a grace for idle connections, what they send in it is answered; the last one's end is
    /// the end of the wait.
    @Test(arguments: [false, true])
    func stop_answersIdleConnections_whenTheyHaveAGrace(isUnix: Bool) throws {
        let directory = try ScratchFolder()
        let path = try UnixSocketPath(directory.file("http.sock"))
        let test = try TestServer {
            $0.idleGraceMs = 60_000
            $0.shutdownGraceMs = 60_000
            if isUnix { $0.listeners = [.unix(path, mode: 0o600)] }
        }
        let idle = try isUnix ? TestClient(unix: path.text) : test.client()
        #expect(try idle.get("/").status == 200)
        let silent = try isUnix ? TestClient(unix: path.text) : test.client()
        #expect(eventually { test.counters[0].connectionsOpen == 2 })

        let stopping = stopInBackground(test.server)
        #expect(eventually { test.server.isDraining })
        for client in [idle, silent] {
            let reply = try client.get("/")
            #expect(reply.status == 200)
            #expect(reply.header("Connection") == "close")
            #expect(try client.isClosedByServer())
        }
        #expect(stopping.join() == true)
    }
}
