import Foundation
import Glibc
import HTTPFront
import Synchronization
import Testing

struct UnixSocketTests {
    private let folder: ScratchFolder
    private let path: UnixSocketPath

    init() throws {
        folder = try ScratchFolder()
        path = try UnixSocketPath(folder.file("http.sock"))
    }

    private func start(
        workers: Int = 1, mode: UInt32 = 0o660,
        handler: @escaping HTTPServer.Handler = { TestServer.echo($0, &$1) }
    ) throws -> TestServer {
        try TestServer(
            {
                $0.listeners = [.unix(path, mode: mode)]
                $0.workersPerAddress = workers
            }, handler: handler)
    }

    private func mode(_ path: String) throws -> UInt32 {
        var status = stat()
        try #require(lstat(path, &status) == 0)
        return status.st_mode & 0o777
    }

    /// A socket that listens here, made by another program; `isLeftBehind` closes it.
    private func otherSocket(isLeftBehind: Bool) throws -> Int32 {
        let other = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        let result = TestClient.withAddress(path.text) { bytes in
            bind(
                other, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                socklen_t(bytes.count))
        }
        try #require(result == 0)
        try #require(listen(other, 0) == 0)
        guard isLeftBehind else { return other }
        close(other)
        return -1
    }

    /// Requests are answered, peers count as local, the log stays empty, and only the socket file
    /// is made, and is gone in the end.
    @Test(arguments: [UInt32(0o660), 0o666, 0o600])
    func start_servesAndCleansUp_whenThePathIsFree(mode wanted: UInt32) throws {
        let test = try start(mode: wanted) { request, reply in
            reply.body.append(Array("\(request.isLoopbackClient)".utf8))
        }
        #expect(test.server.listenAddresses == [.unix(path)])
        #expect(try folder.names == ["http.sock"])
        #expect(try mode(path.text) == wanted)
        let client = try TestClient(unix: path.text)
        for _ in 0..<3 { #expect(try client.get("/").text == "true") }
        // A peer's own path may be longer than what libmicrohttpd has for an address.
        let bound = try TestClient(
            unix: path.text, from: folder.file(String(repeating: "x", count: 70)))
        #expect(try bound.get("/").text == "true")
        test.server.stop()
        #expect(try client.isClosedByServer())
        #expect(!FileManager.default.fileExists(atPath: path.text))
        #expect(test.log.elements.isEmpty)
    }

    /// The file of a server that was killed is replaced.
    @Test func start_replacesTheFile_whenNobodyListens() throws {
        _ = try otherSocket(isLeftBehind: true)
        let test = try start()
        #expect(try TestClient(unix: path.text).get("/").status == 200)
        test.server.stop()
        #expect(try folder.names == [])
    }

    /// A live server's socket is left alone: ours, another program's, also one whose queue is full.
    @Test(arguments: ["ours", "other", "full"])
    func start_throwsAddressInUse_whenSomebodyListens(who: String) throws {
        let ours = try who == "ours" ? start() : nil
        let other = try who == "ours" ? -1 : otherSocket(isLeftBehind: false)
        defer { if other >= 0 { close(other) } }
        // A queue of length 0 holds one.
        let waiting = try who == "full" ? TestClient(unix: path.text) : nil
        let error = #expect(throws: HTTPServerError.addressInUse(.unix(path))) { try start() }
        #expect(error?.description.contains(path.text) == true)
        if ours != nil {
            #expect(try TestClient(unix: path.text).get("/").status == 200)
        }
        withExtendedLifetime(waiting) {}
    }

    /// A file that is no socket is somebody's, and stays.
    @Test func start_throwsNotASocket_whenAFileIsThere() throws {
        try Data("precious".utf8).write(to: URL(fileURLWithPath: path.text))
        #expect(throws: HTTPServerError.notASocket(path)) { try start() }
        #expect(FileManager.default.contents(atPath: path.text) == Data("precious".utf8))
    }

    /// The system's refusals name the path.
    @Test func start_throws_whenTheDirectoryDoesNotExist() throws {
        let nowhere = try UnixSocketPath(folder.file("no/http.sock"))
        let error = #expect(throws: HTTPServerError.self) {
            try TestServer { $0.listeners = [.unix(nowhere, mode: 0o600)] }
        }
        #expect(error?.description.contains(nowhere.text) == true)
        #expect(error?.description.contains("No such file") == true)
    }

    /// Of many servers that find a stale file at once one gets the place, and it can be reached.
    @Test func start_succeedsOnce_whenServersRaceForAStaleFile() throws {
        for _ in 0..<100 {
            _ = try otherSocket(isLeftBehind: true)
            let ready = Atomic<Int>(0)
            let starting = (0..<4).map { _ in
                Background { () -> TestServer? in
                    // All at once: who has a processor must not be done before the others begin.
                    ready.add(1, ordering: .sequentiallyConsistent)
                    while ready.load(ordering: .sequentiallyConsistent) < 4 { sched_yield() }
                    do { return try start() } catch { return nil }
                }
            }
            let servers = starting.compactMap { $0.join() ?? nil }
            #expect(servers.count == 1)
            #expect(try TestClient(unix: path.text).get("/").status == 200)
            for test in servers { test.server.stop() }
            #expect(try folder.names == [])
        }
    }

    /// What took the file's place is not removed.
    @Test func stop_leavesTheFile_whenItIsAnothers() throws {
        let test = try start()
        unlink(path.text)
        let other = try otherSocket(isLeftBehind: false)
        defer { close(other) }
        test.server.stop()
        #expect(try folder.names == ["http.sock"])
        #expect(test.log.elements.isEmpty)
    }

    /// A later listener that fails leaves no file behind.
    @Test func start_removesTheFile_whenALaterAddressIsTaken() throws {
        let taken = try TestServer()
        let address = ListenAddress.tcp(taken.server.boundAddresses[0])
        #expect(throws: HTTPServerError.addressInUse(address)) {
            try TestServer {
                $0.listeners = [.unix(path, mode: 0o600), .tcp(taken.server.boundAddresses[0])]
            }
        }
        #expect(try folder.names == [])
    }
}
