import CardTesting
import Foundation
import Synchronization
import Testing

/// Unix sockets, sockets handed over by a supervisor, and restarts with them.
@Suite struct ListenerTests {
    /// Starts a server and waits until it listens.
    private func listening(
        _ arguments: [String], environment: [String: String] = [:], launcher: [String] = [],
        standardInput: FileHandle = .nullDevice
    ) throws -> RunningProgram {
        let program = try Program.start(
            ["serve"] + arguments, environment: environment, launcher: launcher,
            standardInput: standardInput)
        let isListening: Bool? = poll(seconds: 60) {
            guard program.isRunning else { return false }
            // Of several sockets the last one's line; all listen before the first is logged.
            return program.standardError.contains("listening") ? true : nil
        }
        try #require(isListening == true, "\(program.standardError)")
        return program
    }

    /// A Unix socket and a TCP port at once, from the environment; the file has the mode and goes
    /// with the server. A killed server's file is replaced, a live one's is refused.
    @Test func serve_answersOnAUnixSocket_besideTCP() throws {
        let directory = TemporaryDirectory()
        let path = try SocketFolder()
        let environment = [
            "CARDSTATUS_LISTEN": "unix:\(path.socket), 127.0.0.1:0", "CARDSTATUS_UNIX_MODE": "600",
            "CARDSTATUS_DATA_DIR": directory.file("data"),
        ]
        let killed = try listening([], environment: environment)
        killed.signal(SIGKILL)
        killed.waitForEnd()
        #expect(FileManager.default.fileExists(atPath: path.socket))

        let program = try listening(["--workers", "2"], environment: environment)
        let mode = try FileManager.default.attributesOfItem(atPath: path.socket)[.posixPermissions]
        #expect(mode as? Int == 0o600)
        for _ in 0..<4 {
            let connection = try HTTPConnection(unix: path.socket)
            for _ in 0..<3 { #expect(try connection.get("/api/health").status == 200) }
        }
        let second = try Program.run([
            "serve", "--data-dir", directory.file("other"), "--listen", "unix:\(path.socket)",
        ])
        #expect(second.status == 1)
        #expect(second.standardError.contains("unix:\(path.socket): address in use"))

        program.signal(SIGTERM)
        let output = program.waitForEnd()
        #expect(output.status == 0)
        #expect(!FileManager.default.fileExists(atPath: path.socket))
        #expect(output.standardError.contains("socket=\(path.socket)"))
        #expect(output.standardError.contains("url=http://127.0.0.1:"))
        #expect(!output.standardError.contains("warning"), "\(output.standardError)")
    }

    /// A hundred and twenty-eight requests that are there at once are all answered. libmicrohttpd
    /// asks for as many events at a time, and would wait for one more.
    @Test(arguments: [127, 128, 256])
    func requests_areAllAnswered_whenSoManyAreReadyAtOnce(count: Int) throws {
        let directory = TemporaryDirectory()
        let server = try Server(directory.file("data"), ["--workers", "1"])
        let connections = try (0..<count).map { _ in try HTTPConnection(port: server.port) }
        for connection in connections {
            #expect(try connection.get("/api/health").status == 200)
        }
        server.program.signal(SIGSTOP)
        for connection in connections {
            try connection.send("GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        }
        server.program.signal(SIGCONT)
        for connection in connections {
            #expect(try connection.answer().status == 200)
        }
    }

    /// What cannot be listened on is refused before anything is done, with what was asked for.
    @Test(arguments: [
        (["--listen", "unix:@name"], "abstract"),
        (["--listen", "unix:"], "no path"),
        (["--listen", "unix:/" + String(repeating: "x", count: 200)], "201 bytes"),
        (["--listen", "inherited"], "LISTEN_FDS"),
        (["--listen", "unix:/tmp/never", "--unix-mode", "888"], "--unix-mode"),
        (["--listen", "unix:/tmp/never", "--unix-mode", "2770"], "--unix-mode"),
        (["--listen", "127.0.0.1:0", "--idle-grace", "-1"], "idle-grace"),
    ])
    func serve_refuses_whatItCannotListenOn(arguments: [String], message: String) throws {
        let directory = TemporaryDirectory()
        let output = try Program.run(
            ["serve", "--data-dir", directory.file("data")] + arguments)
        #expect(output.status == 2 || output.status == 64, "\(output)")
        #expect(output.standardError.contains(message), "\(output.standardError)")
        #expect(!FileManager.default.fileExists(atPath: directory.file("data")))
    }

    /// A supervisor's socket that others can reach needs a key as any other; a Unix socket is this
    /// machine's alone.
    @Test func serve_refusesAnInheritedAddress_withoutAKey() throws {
        let directory = TemporaryDirectory()
        let exposed = try Supervisor(host: 0)
        let output = try Program.run(
            ["serve", "--data-dir", directory.file("data"), "--listen", "inherited:web"],
            launcher: Supervisor.launcher, standardInput: exposed.socket)
        #expect(output.status == 1)
        #expect(output.standardError.contains("will not listen on 0.0.0.0:\(exposed.port)"))
        #expect(output.standardError.contains("cardstatus key create"))
    }

    /// A socket under another name is not listened on, and the error shows the names.
    @Test func serve_namesTheSockets_whenTheNameIsUnknown() throws {
        let directory = TemporaryDirectory()
        let supervisor = try Supervisor()
        let output = try Program.run(
            ["serve", "--data-dir", directory.file("data"), "--listen", "inherited:api"],
            launcher: Supervisor.launcher, standardInput: supervisor.socket)
        #expect(output.status == 2)
        #expect(output.standardError.contains("\"api\""))
        #expect(output.standardError.contains("web"))
    }

    /// Restarted three times under a supervisor that keeps the socket, the server answers every
    /// request of clients that connect anew each time and of clients that keep their connections:
    /// nobody is refused, reset or left without an answer.
    @Test(arguments: [1, 2])
    func serve_refusesNobody_whenRestartedOnAnInheritedSocket(workers: Int) throws {
        let directory = TemporaryDirectory()
        let data = directory.file("data")
        let supervisor = try Supervisor()
        let clients = (0..<4).map { number in
            LoadClient(port: supervisor.port, keepsConnections: number % 2 == 0)
        }
        defer { for client in clients { client.stop() } }
        for _ in 0..<4 {
            let program = try listening(
                // Clients go on at once, so that no connection outlasts the grace but for one whose
                // client this machine has not let run for so long.
                [
                    "--data-dir", data, "--listen", "inherited:web", "--workers", "\(workers)",
                    "--idle-grace", "30", "--shutdown-grace", "30",
                ], launcher: Supervisor.launcher, standardInput: supervisor.socket)
            let before = clients.map(\.answered)
            let isBusy: Bool? = poll(seconds: 60) {
                zip(clients, before).allSatisfy { $0.answered >= $1 + 50 || $0.hasFailed }
                    ? true : nil
            }
            #expect(isBusy == true, "\(clients.map(\.answered)) after \(before)")
            program.signal(SIGTERM)
            let output = program.waitForEnd()
            #expect(output.status == 0)
            #expect(!output.standardError.contains("warning"), "\(output.standardError)")
        }
        // What connected since the last server ended would wait for ever: it gets one more.
        let last = try listening(
            ["--data-dir", data, "--listen", "inherited"], launcher: Supervisor.launcher,
            standardInput: supervisor.socket)
        for client in clients { client.stop() }
        for client in clients { #expect(client.problem() == nil) }
        #expect(clients.allSatisfy { $0.connections > 4 })
        last.signal(SIGTERM)
        #expect(last.waitForEnd().status == 0)
    }

    /// A second server on the same store is refused at once and the first goes on: two never run
    /// beside each other, whatever socket they share.
    @Test func serve_leavesTheSocketAlone_whenTheStoreIsServed() throws {
        let directory = TemporaryDirectory()
        let supervisor = try Supervisor()
        let arguments = ["--data-dir", directory.file("data"), "--listen", "inherited"]
        let first = try listening(
            arguments, launcher: Supervisor.launcher, standardInput: supervisor.socket)
        let second = try Program.run(
            ["serve"] + arguments, launcher: Supervisor.launcher,
            standardInput: supervisor.socket)
        #expect(second.status == 1)
        #expect(second.standardError.contains("already being served by process"))
        for _ in 0..<5 {
            let connection = try HTTPConnection(port: supervisor.port)
            #expect(try connection.get("/api/health").status == 200)
        }
        first.signal(SIGTERM)
        #expect(first.waitForEnd().status == 0)
    }

    /// Without a descriptor left the server says so once, does not burn the processor, keeps its
    /// connections, and goes on when there are descriptors again.
    @Test func serve_waits_whenItHasNoMoreDescriptors() throws {
        let directory = TemporaryDirectory()
        let folder = try SocketFolder()
        let program = try listening([
            "--data-dir", directory.file("data"), "--listen", "unix:\(folder.socket)",
            "--connection-limit", "100",
        ])
        let first = try HTTPConnection(unix: folder.socket)
        #expect(try first.get("/api/health").status == 200)
        let descriptors = "/proc/\(program.processID)/fd"
        let count = try FileManager.default.contentsOfDirectory(atPath: descriptors).count
        try Self.limitDescriptors(of: program, to: count + 1)
        let waiting = try (0..<6).map { _ in try HTTPConnection(unix: folder.socket) }
        for connection in waiting { try connection.send(Self.request) }
        let hasSaidSo: Bool? = poll(seconds: 30) {
            program.standardError.contains("cannot accept") ? true : nil
        }
        #expect(hasSaidSo == true, "\(program.standardError)")

        let ticks = try program.processorTicks()
        usleep(1_000_000)
        // A loop without a pause would take about a hundred.
        #expect(try program.processorTicks() - ticks < 40)
        #expect(try first.get("/api/health").status == 200)
        try Self.limitDescriptors(of: program, to: 1_000)
        for connection in waiting { #expect(try connection.answer().status == 200) }
        #expect(program.standardError.components(separatedBy: "cannot accept").count == 2)
        program.signal(SIGTERM)
        #expect(program.waitForEnd().status == 0)
    }

    private static let request = "GET /api/health HTTP/1.1\r\nHost: localhost\r\n\r\n"

    private static func limitDescriptors(of program: RunningProgram, to count: Int) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/prlimit")
        process.arguments = ["--pid", "\(program.processID)", "--nofile=\(count):"]
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
    }

    /// systemd finds nothing to complain of in the units that are shipped.
    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: "/usr/bin/systemd-analyze"),
            "takes systemd-analyze"))
    func units_areValid() throws {
        let directory = TemporaryDirectory()
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent()
            .appendingPathComponent("Scripts/systemd")
        for name in ["cardstatus.socket", "cardstatus.service"] {
            // The program need not be installed where the tests run.
            let text = try String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)
            try directory.write(
                name, text.replacingOccurrences(of: "/usr/local/bin/cardstatus", with: "/bin/true"))
        }
        let process = Process()
        let errors = Pipe()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/systemd-analyze")
        process.arguments = [
            "verify", "--man=no", directory.file("cardstatus.socket"),
            directory.file("cardstatus.service"),
        ]
        process.standardError = errors
        try process.run()
        let complaints = String(
            decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(complaints)")
        // It also tells of the machine's own units.
        #expect(!complaints.contains("cardstatus"), "\(complaints)")
    }
}

/// A folder with a short name: socket paths have at most 107 bytes.
private final class SocketFolder: Sendable {
    let path: String

    var socket: String { path + "/http.sock" }

    init() throws {
        path = "/tmp/cs-" + ScratchDirectory.randomName()
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("cannot remove \(path): \(error)")
        }
    }
}

/// Holds a listening socket as systemd does, and hands it to each server in turn.
private final class Supervisor: Sendable {
    /// Runs the rest of the command with standard input as its one inherited socket. The shell
    /// replaces itself, so its process ID is the server's.
    static let launcher = [
        "sh", "-c",
        #"LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=web exec "$0" "$@" 3<&0 </dev/null"#,
    ]

    private let descriptor: Int32
    let port: UInt16

    /// - Parameter host: in host byte order; 127.0.0.1 unless told.
    init(host: UInt32 = 0x7F00_0001) throws {
        descriptor = Glibc.socket(
            AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = host.bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = self.descriptor
        port = try withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            try #require(bind(descriptor, pointer, length) == 0)
            try #require(listen(descriptor, 128) == 0)
            try #require(getsockname(descriptor, pointer, &length) == 0)
            return UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
    }

    deinit {
        close(descriptor)
    }

    var socket: FileHandle { FileHandle(fileDescriptor: descriptor, closeOnDealloc: false) }
}

/// A client that asks on and on, and stops at the first thing that goes wrong.
private final class LoadClient: Sendable {
    private struct State {
        var answered = 0
        var connections = 0
        var problem: String?
    }

    private let state = Mutex(State())
    private let isStopping = Atomic<Bool>(false)
    private let done = DispatchSemaphore(value: 0)

    init(port: UInt16, keepsConnections: Bool) {
        Thread.detachNewThread { [self] in
            do {
                try run(port, keepsConnections)
            } catch {
                state.withLock { $0.problem = "after \($0.answered) answers: \(error)" }
            }
            done.signal()
        }
    }

    var answered: Int { state.withLock { $0.answered } }
    var connections: Int { state.withLock { $0.connections } }
    var hasFailed: Bool { state.withLock { $0.problem != nil } }

    func stop() { isStopping.store(true, ordering: .relaxed) }

    /// What went wrong, when the client has stopped.
    func problem() -> String? {
        guard done.wait(timeout: .now() + 60) == .success else { return "it does not end" }
        return state.withLock { $0.problem }
    }

    private func run(_ port: UInt16, _ keepsConnections: Bool) throws {
        var connection: HTTPConnection?
        while !isStopping.load(ordering: .relaxed) {
            let current = try connection ?? HTTPConnection(port: port)
            if connection == nil { state.withLock { $0.connections += 1 } }
            let answer = try current.get("/api/health")
            guard answer.status == 200 else {
                throw HTTPConnection.ConnectionError(what: "status \(answer.status)")
            }
            state.withLock { $0.answered += 1 }
            let isOver = answer.headers["connection"]?.lowercased() == "close"
            connection = keepsConnections && !isOver ? current : nil
        }
    }
}
