import Glibc
import HTTPFront
import Testing

/// Workers that share a listening socket.
struct AcceptorTests {
    private let folder: ScratchFolder
    private let path: UnixSocketPath

    init() throws {
        folder = try ScratchFolder()
        path = try UnixSocketPath(folder.file("http.sock"))
    }

    private func start(workers: Int, limit: Int) throws -> TestServer {
        try TestServer {
            $0.listeners = [.unix(path, mode: 0o600)]
            $0.workersPerAddress = workers
            $0.limits.connectionsPerWorker = limit
        }
    }

    private func connect(_ count: Int) throws -> [TestClient] {
        try (0..<count).map { _ in
            let client = try TestClient(unix: path.text)
            #expect(try client.get("/").status == 200)
            return client
        }
    }

    private func open(_ test: TestServer) -> [Int] {
        test.counters.map(\.connectionsOpen)
    }

    /// Connections are spread evenly, also when they come in one burst.
    @Test func accept_spreadsConnections_whenWorkersShareASocket() throws {
        let test = try start(workers: 3, limit: 64)
        let clients = try (0..<30).map { _ in try TestClient(unix: path.text) }
        for client in clients { #expect(try client.get("/").status == 200) }
        #expect(open(test) == [10, 10, 10])
        #expect(test.log.elements.isEmpty)
    }

    /// A worker whose clients have left gets the next ones.
    @Test func accept_evensOut_whenOneWorkersClientsLeave() throws {
        let test = try start(workers: 2, limit: 64)
        // In turn, since both are equally full each time.
        var clients = try connect(16)
        #expect(open(test) == [8, 8])
        clients = clients.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)
        #expect(eventually { open(test).sorted() == [0, 8] }, "\(open(test))")
        let more = try connect(8)
        #expect(open(test) == [8, 8])
        withExtendedLifetime((clients, more)) {}
    }

    /// At the limit new connections wait, and the first place that becomes free is theirs.
    @Test(arguments: [1, 2])
    func accept_leavesConnectionsInTheQueue_whenAllWorkersAreFull(workers: Int) throws {
        let test = try start(workers: workers, limit: 2)
        var clients = try connect(2 * workers)
        let waiting = try (0..<3).map { _ in try TestClient(unix: path.text) }
        for client in waiting { try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n") }
        for _ in 0..<5 {
            for client in clients { #expect(try client.get("/").status == 200) }
            usleep(10_000)
        }
        #expect(waiting.allSatisfy { !$0.hasNews })
        #expect(open(test) == [Int](repeating: 2, count: workers))
        clients.removeFirst()
        #expect(eventually { waiting.filter(\.hasNews).count == 1 })
        #expect(try waiting[0].reply().status == 200)
        #expect(open(test) == [Int](repeating: 2, count: workers))
    }

    /// The limit holds under a storm of short connections, and no worker hangs afterwards.
    @Test func accept_keepsToTheLimit_whenConnectionsComeAndGo() throws {
        let test = try start(workers: 2, limit: 1)
        let storms = (0..<8).map { _ in
            Background { () -> Int in
                var answered = 0
                do {
                    for _ in 0..<100 {
                        let client = try TestClient(unix: path.text)
                        if try client.get("/").status == 200 { answered += 1 }
                    }
                } catch {
                    Issue.record(error)
                }
                return answered
            }
        }
        #expect(storms.map { $0.join() } == [Int?](repeating: 100, count: 8))
        #expect(eventually { open(test) == [0, 0] })
        #expect(test.connectionsAccepted == 800)
        #expect(test.log.elements.isEmpty)
    }

    /// Connections that wait in the queue when the server stops are answered or ended, and a stop
    /// at the limit is no different.
    @Test func stop_ends_whenAllWorkersAreFull() throws {
        let test = try start(workers: 1, limit: 1)
        let client = try connect(1)[0]
        let waiting = try TestClient(unix: path.text)
        test.server.stop()
        #expect(try client.isClosedByServer())
        #expect(try waiting.isClosedByServer())
        #expect(try folder.names == [])
    }
}
