import Glibc

/// A raw client: what it sends is exactly what the test wrote, and all waits are bounded.
final class TestClient {
    struct Reply: Equatable {
        var status: Int
        var headers: [(name: String, value: String)]
        var body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }

        func header(_ name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        static func == (left: Reply, right: Reply) -> Bool {
            left.status == right.status && left.body == right.body
        }
    }

    struct Failure: Error {
        var call: String
        var code: Int32
    }

    private var handle: Int32
    private var received: [UInt8] = []

    init(port: UInt16) throws {
        handle = try Self.open(AF_INET)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try withUnsafeBytes(of: address) { try establish($0) }
    }

    /// To a Unix socket; from one of a path of its own, if one is given.
    init(unix path: String, from ownPath: String? = nil) throws {
        handle = try Self.open(AF_UNIX)
        if let ownPath {
            let result = Self.withAddress(ownPath) { bytes in
                bind(
                    handle, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                    socklen_t(bytes.count))
            }
            guard result == 0 else { throw Failure(call: "bind", code: errno) }
        }
        try Self.withAddress(path) { try establish($0) }
    }

    static func withAddress<R>(_ path: String, _ body: (UnsafeRawBufferPointer) throws -> R)
        rethrows
        -> R
    {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return try withUnsafeBytes(of: address) { try body($0) }
    }

    private static func open(_ family: Int32) throws -> Int32 {
        let handle = socket(family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard handle >= 0 else { throw Failure(call: "socket", code: errno) }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(
            handle, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return handle
    }

    private func establish(_ address: UnsafeRawBufferPointer) throws {
        let result = connect(
            handle, address.assumingMemoryBound(to: sockaddr.self).baseAddress!,
            socklen_t(address.count))
        guard result == 0 else {
            // The handle is closed by deinit, which also runs for what is thrown here. Closed
            // twice, it could be a server's by then.
            throw Failure(call: "connect", code: errno)
        }
    }

    deinit {
        if handle >= 0 { close(handle) }
    }

    func send(_ text: String) throws {
        try send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(handle, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw Failure(call: "send", code: errno) }
            sent += count
        }
    }

    /// A reset instead of an orderly close.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            handle, SOL_SOCKET, SO_LINGER, &linger,
            socklen_t(MemoryLayout<Glibc.linger>.size))
        close(handle)
        handle = -1
    }

    /// Ends our side of the stream; the server's may go on.
    func endSending() {
        shutdown(handle, Int32(SHUT_WR))
    }

    func request(_ text: String, isHead: Bool = false) throws -> Reply {
        try send(text)
        return try reply(isHead: isHead)
    }

    func get(_ path: String) throws -> Reply {
        try request("GET \(path) HTTP/1.1\r\nHost: test\r\n\r\n")
    }

    /// The next reply on this connection.
    func reply(isHead: Bool = false) throws -> Reply {
        var end: Int?
        while end == nil {
            end = received.indices.first { received[$0...].starts(with: "\r\n\r\n".utf8) }
            if end == nil, try !receive() { throw Failure(call: "end before a reply", code: 0) }
        }
        let head = String(decoding: received[..<end!], as: UTF8.self)
        received.removeFirst(end! + 4)
        var lines = head.split(separator: "\r\n")[...]
        let status = Int(lines.removeFirst().split(separator: " ")[1])!
        let headers = lines.map { line in
            let colon = line.firstIndex(of: ":")!
            let value = line[line.index(after: colon)...].drop { $0 == " " }
            return (name: String(line[..<colon]), value: String(value))
        }
        var reply = Reply(status: status, headers: headers, body: [])
        guard !isHead, let length = reply.header("Content-Length").flatMap({ Int($0) }) else {
            return reply
        }
        while received.count < length {
            guard try receive() else { throw Failure(call: "end within a body", code: 0) }
        }
        reply.body = Array(received[..<length])
        received.removeFirst(length)
        return reply
    }

    /// Whether an answer, or the end, has arrived: it does not wait.
    var hasNews: Bool {
        var byte: UInt8 = 0
        return !received.isEmpty
            || recv(handle, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) >= 0
    }

    /// Whether the server closes this connection, or resets it, without sending more.
    func isClosedByServer() throws -> Bool {
        do {
            return try received.isEmpty && !receive()
        } catch let failure as Failure where failure.code == ECONNRESET {
            return true
        }
    }

    /// All that still comes until the server ends the stream.
    func rest() throws -> String {
        while try receive() {}
        return String(decoding: received, as: UTF8.self)
    }

    /// False at the end of the stream.
    private func receive() throws -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(handle, &buffer, buffer.count, 0)
        guard count >= 0 else { throw Failure(call: "recv", code: errno) }
        received += buffer[..<count]
        return count > 0
    }
}
