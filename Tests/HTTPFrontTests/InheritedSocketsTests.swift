import Glibc
import Testing

@testable import HTTPFront

/// Descriptors handed over by a supervisor. They lie where the system gives none here, which gives
/// the lowest that is free, since other tests have thousands of their own; the suite is serial
/// because all tests use the same numbers.
@Suite(.serialized) struct InheritedSocketsTests {
    private static let first: Int32 = {
        var limit = rlimit()
        let code = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        precondition(code == 0, "getrlimit failed with \(errno)")
        // The kernel's table of descriptors is as long as the highest.
        return Int32(min(limit.rlim_cur, 20_000)) - 16
    }()
    private static let pid: Int32 = 4_711

    /// Puts descriptors where a supervisor would; closes them, but for those that a server took.
    private final class Handed {
        private(set) var open: [Int32] = []

        init(_ descriptors: [Int32]) throws {
            for (index, descriptor) in descriptors.enumerated() {
                let target = InheritedSocketsTests.first + Int32(index)
                try #require(dup2(descriptor, target) == target)
                open.append(target)
            }
        }

        func giveAway() { open = [] }

        deinit {
            for descriptor in open { close(descriptor) }
        }
    }

    private func take(
        _ count: String, names: String? = nil, pid: String = "4711"
    ) throws -> InheritedSockets {
        var environment = ["LISTEN_PID": pid, "LISTEN_FDS": count]
        environment["LISTEN_FDNAMES"] = names
        return try InheritedSockets(
            environment: environment, processID: Self.pid, firstDescriptor: Self.first)
    }

    private func tcpSocket(listens: Bool = true) throws -> (descriptor: Int32, port: UInt16) {
        let (address, sockets) = try ListeningSocket.open(.loopback(port: 0), count: 1)
        if listens { return (sockets[0], address.port) }
        close(sockets[0])
        return (socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0), 0)
    }

    /// Without the variables, or with another process's, there is nothing; the error tells which.
    @Test func claim_throws_whenNothingIsForThisProcess() throws {
        var none = try InheritedSockets(environment: [:], processID: Self.pid)
        #expect(throws: InheritedSocketError.noneGiven) { try none.claim(name: nil) }
        var others = try take("1", pid: "4712")
        #expect(others.unclaimedNames == [])
        #expect(
            throws: InheritedSocketError.forOtherProcess(listenPID: "4712", processID: Self.pid)
        ) { try others.claim(name: nil) }
        var zero = try take("0")
        #expect(throws: InheritedSocketError.notFound(name: nil, others: [])) {
            try zero.claim(name: nil)
        }
    }

    /// What is not as the protocol has it is refused with the variable and its value.
    @Test func take_throwsMalformed_whenAVariableIsWrong() throws {
        for text in ["", "-1", "x", "99999999999", " 1", "65537"] {
            #expect(
                throws: InheritedSocketError.malformed(variable: "LISTEN_FDS", value: text)
            ) { try take(text) }
        }
        for text in ["", "0", "-4711", "4711 "] {
            #expect(
                throws: InheritedSocketError.malformed(variable: "LISTEN_PID", value: text)
            ) { try take("1", pid: text) }
        }
        for names in ["", "a:b", "a:b:c:d"] where names.split(separator: ":").count != 3 {
            #expect(
                throws: InheritedSocketError.malformed(variable: "LISTEN_FDNAMES", value: names)
            ) { try take("3", names: names) }
        }
        #expect(
            throws: InheritedSocketError.unusable(
                name: "unknown", descriptor: Self.first, .notOpen)
        ) { try take("1") }
    }

    /// Sockets are given by name, in order, once, with their addresses, and close on exec.
    @Test func claim_givesSockets_byNameAndOnce() throws {
        let tcp = try tcpSocket()
        let folder = try ScratchFolder()
        let path = try UnixSocketPath(folder.file("s"))
        let unix = try UnixSocketFile.open(path, mode: 0o600).descriptor
        defer { for descriptor in [tcp.descriptor, unix] { close(descriptor) } }
        let handed = try Handed([tcp.descriptor, unix, tcp.descriptor])
        var sockets = try take("3", names: "web:local:web")
        for index in 0..<3 { #expect(fcntl(Self.first + Int32(index), F_GETFD) == FD_CLOEXEC) }
        #expect(sockets.unclaimedNames == ["web", "local", "web"])
        #expect(
            throws: InheritedSocketError.notFound(name: "x", others: ["web", "local", "web"])
        ) { try sockets.claim(name: "x") }
        let web = try sockets.claim(name: "web")
        #expect(web.map(\.descriptor) == [Self.first, Self.first + 2])
        #expect(
            web.map(\.address) == [
                .tcp(.loopback(port: tcp.port)), .tcp(.loopback(port: tcp.port)),
            ])
        #expect(throws: InheritedSocketError.notFound(name: "web", others: ["local"])) {
            try sockets.claim(name: "web")
        }
        let rest = try sockets.claim(name: nil)
        #expect(rest.map(\.address) == [.unix(path)])
        #expect(rest.map(\.name) == ["local"])
        #expect(sockets.unclaimedNames == [])
        withExtendedLifetime(handed) {}
    }

    /// What cannot be listened on is refused with its flaw.
    @Test(arguments: ["file", "udp", "silent", "packets", "abstract"])
    func claim_throwsUnusable_whenADescriptorIsNoListeningSocket(kind: String) throws {
        let folder = try ScratchFolder()
        let (descriptor, flaw): (Int32, InheritedSocket.Flaw) =
            switch kind {
            case "file": (open(folder.path, O_RDONLY), .notASocket)
            case "udp": (socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0), .notAStream)
            case "silent": (try tcpSocket(listens: false).descriptor, .notListening)
            case "packets": (socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0), .notAStream)
            default: (try abstractSocket(), .abstractOrUnnamed)
            }
        try #require(descriptor >= 0)
        defer { close(descriptor) }
        let handed = try Handed([descriptor])
        var sockets = try take("1", names: "odd")
        let error = #expect(
            throws: InheritedSocketError.unusable(name: "odd", descriptor: Self.first, flaw)
        ) { try sockets.claim(name: nil) }
        #expect(error?.description.contains("odd") == true)
        withExtendedLifetime(handed) {}
    }

    private func abstractSocket() throws -> Int32 {
        let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        let result = TestClient.withAddress("\u{0}cardstatus-test-\(getpid())") { bytes in
            bind(
                descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                socklen_t(bytes.count))
        }
        try #require(result == 0 && listen(descriptor, 1) == 0)
        return descriptor
    }

    /// Two servers, one after the other, on a socket that stays open elsewhere: who connects while
    /// there is none waits in the queue, and is answered by the second.
    @Test(arguments: [1, 2])
    func stop_keepsTheSocketAndItsQueue_whenItIsInherited(workers: Int) throws {
        let tcp = try tcpSocket()
        defer { close(tcp.descriptor) }
        var waiting: [TestClient] = []
        for round in 0..<3 {
            let handed = try Handed([tcp.descriptor])
            var sockets = try take("1")
            let listeners = try sockets.claim(name: nil).map(Listener.inherited)
            let test = try TestServer {
                $0.listeners = listeners
                $0.workersPerAddress = workers
            }
            handed.giveAway()
            #expect(test.port == tcp.port)
            for client in waiting { #expect(try client.reply().status == 200) }
            #expect(waiting.count == (round == 0 ? 0 : 4))
            #expect(try test.client().get("/").status == 200)
            test.server.stop()
            #expect(test.log.elements.isEmpty)
            #expect(fcntl(Self.first, F_GETFD) == -1)
            waiting = try (0..<4).map { _ in
                let client = try TestClient(port: tcp.port)
                try client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                return client
            }
        }
        #expect(waiting.allSatisfy { !$0.hasNews })
    }

    /// A Unix socket that was inherited keeps its file, which is its owner's, and its peers count
    /// as local.
    @Test func stop_keepsTheFile_whenAUnixSocketIsInherited() throws {
        let folder = try ScratchFolder()
        let path = try UnixSocketPath(folder.file("s"))
        let owned = try UnixSocketFile.open(path, mode: 0o600)
        defer { close(owned.descriptor) }
        for _ in 0..<2 {
            let handed = try Handed([owned.descriptor])
            var sockets = try take("1")
            let listeners = try sockets.claim(name: nil).map(Listener.inherited)
            let test = try TestServer(
                { $0.listeners = listeners },
                handler: { request, reply in
                    reply.body.append(Array("\(request.isLoopbackClient)".utf8))
                })
            handed.giveAway()
            #expect(test.server.listenAddresses == [.unix(path)])
            #expect(test.server.boundAddresses == [])
            #expect(try TestClient(unix: path.text).get("/").text == "true")
            test.server.stop()
            #expect(try folder.names == ["s"])
        }
    }
}
