import Glibc
import HTTPFront
import Testing

struct ListeningTests {
    private func configuration(_ address: SocketAddress, workers: Int = 1)
        -> HTTPServer.Configuration
    {
        var configuration = HTTPServer.Configuration(addresses: [address])
        configuration.workersPerAddress = workers
        configuration.limits.connectionsPerWorker = 64
        return configuration
    }

    private func start(_ configuration: HTTPServer.Configuration) throws -> HTTPServer {
        try HTTPServer(
            configuration: configuration, errorLog: { _ in }, handler: { TestServer.echo($0, &$1) })
    }

    /// A second server on a port in use is told so, however many workers either has.
    @Test(arguments: [(1, 1), (1, 2), (2, 1), (2, 2)])
    func start_throwsAddressInUse_whenAnotherServerListens(first: Int, second: Int) throws {
        let test = try TestServer({ $0.workersPerAddress = first })
        let address = test.server.boundAddresses[0]
        #expect(throws: HTTPServerError.addressInUse(.tcp(address))) {
            try start(configuration(address, workers: second))
        }
        for host in [SocketAddress.Host.all, .ipv4(0)] {
            let wider = SocketAddress(host: host, port: address.port)
            #expect(throws: HTTPServerError.addressInUse(.tcp(wider))) {
                try start(configuration(wider))
            }
        }
        #expect(try test.client().get("/").status == 200)
    }

    /// A port of another program is in use too, even where that program would share it.
    @Test(arguments: [false, true])
    func start_throwsAddressInUse_whenAnotherProgramListens(sharesPort: Bool) throws {
        let other = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(other) }
        var on: Int32 = 1
        for option in sharesPort ? [SO_REUSEADDR, SO_REUSEPORT] : [SO_REUSEADDR] {
            try #require(setsockopt(other, SOL_SOCKET, option, &on, 4) == 0)
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        try withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            try #require(bind(other, pointer, length) == 0)
            try #require(getsockname(other, pointer, &length) == 0)
        }
        try #require(listen(other, 5) == 0)
        let taken = SocketAddress.loopback(port: UInt16(bigEndian: address.sin_port))
        #expect(throws: HTTPServerError.addressInUse(.tcp(taken))) {
            try start(configuration(taken, workers: 2))
        }
        #expect(HTTPServerError.addressInUse(.tcp(taken)).description.contains("\(taken)"))
        #expect(HTTPServerError.addressInUse(.tcp(taken)).description.contains("in use"))
    }

    /// Of many servers that start at once on one port at most one gets it.
    @Test func start_succeedsOnceAtMost_whenServersRace() throws {
        let probe = try TestServer()
        let address = probe.server.boundAddresses[0]
        probe.server.stop()
        for _ in 0..<20 {
            let starting = (0..<4).map { _ in
                Background { () -> HTTPServer? in
                    do {
                        return try self.start(self.configuration(address, workers: 2))
                    } catch {
                        return nil
                    }
                }
            }
            let servers = starting.map { $0.join() ?? nil }
            #expect(servers.compactMap { $0 }.count <= 1)
            for server in servers { server?.stop() }
        }
    }

    /// A stopped server's port is free at once, though its old connections linger.
    @Test func start_succeeds_whenTheFormerServerHasStopped() throws {
        let test = try TestServer({ $0.workersPerAddress = 2 })
        let client = try test.client()
        #expect(try client.get("/").status == 200)
        test.server.stop()
        let again = try start(configuration(test.server.boundAddresses[0], workers: 2))
        #expect(again.boundAddresses == test.server.boundAddresses)
        #expect(try TestClient(port: test.port).get("/").status == 200)
        again.stop()
    }

    /// An address that is not this machine's is named.
    @Test func start_throwsAddressNotAvailable_whenAddressIsForeign() throws {
        // 192.0.2.0/24 is for documentation and belongs to nobody.
        let foreign = SocketAddress(host: .ipv4(0xC000_0201), port: 0)
        #expect(throws: HTTPServerError.addressNotAvailable(.tcp(foreign))) {
            try start(configuration(foreign))
        }
    }

    /// A later address that is taken leaves nothing of the earlier ones behind.
    @Test func start_releasesEarlierAddresses_whenALaterOneIsTaken() throws {
        let test = try TestServer()
        let probe = try TestServer()
        let free = probe.server.boundAddresses[0]
        probe.server.stop()
        var both = configuration(free)
        both.listeners.append(.tcp(test.server.boundAddresses[0]))
        #expect(throws: HTTPServerError.addressInUse(.tcp(test.server.boundAddresses[0]))) {
            try start(both)
        }
        try start(configuration(free)).stop()
    }

    /// Without an address there is no server; beyond the system's limits the numbers are told.
    @Test func start_throws_whenConfigurationCannotBeServed() throws {
        #expect(throws: HTTPServerError.noAddress) { try start(.init(addresses: [])) }
        var huge = configuration(.loopback(port: 0))
        huge.limits.connectionsPerWorker = 1 << 24
        huge.workersPerAddress = 100
        let error = #expect(throws: HTTPServerError.self) { try start(huge) }
        guard case .tooFewFileDescriptors(let needed, let granted) = error else {
            Issue.record("\(String(describing: error)) was thrown")
            return
        }
        #expect(needed > granted)
    }
}
