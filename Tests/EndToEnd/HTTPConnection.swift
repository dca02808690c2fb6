import Foundation
import Testing

/// An answer as it came over the wire.
struct HTTPAnswer: Sendable {
    let status: Int
    /// Names in lower case.
    let headers: [String: String]
    let body: String
}

/// A connection on which a test writes what bytes it likes.
final class HTTPConnection {
    private let descriptor: Int32
    private var received: [UInt8] = []

    init(port: UInt16) throws {
        descriptor = try Self.open(AF_INET)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        try withUnsafeBytes(of: address) { try establish($0) }
    }

    init(unix path: String) throws {
        descriptor = try Self.open(AF_UNIX)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        try withUnsafeBytes(of: address) { try establish($0) }
    }

    private static func open(_ family: Int32) throws -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        let descriptor = socket(family, type, 0)
        try #require(descriptor >= 0)
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(
            descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    private func establish(_ address: UnsafeRawBufferPointer) throws {
        let code = connect(
            descriptor, address.assumingMemoryBound(to: sockaddr.self).baseAddress!,
            socklen_t(address.count))
        // The descriptor is closed by deinit, which also runs for what is thrown here. Closed
        // twice, it could be another thread's by then.
        guard code == 0 else {
            throw ConnectionError(what: "connect: \(String(cString: strerror(errno)))")
        }
    }

    deinit {
        close(descriptor)
    }

    struct ConnectionError: Error {
        let what: String
    }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard count == bytes.count else { throw ConnectionError(what: "send") }
    }

    func get(_ target: String, headers: [String] = []) throws -> HTTPAnswer {
        let lines = ["GET \(target) HTTP/1.1", "Host: localhost"] + headers + ["", ""]
        try send(lines.joined(separator: "\r\n"))
        return try answer()
    }

    /// Reads one answer; its body's length is in Content-Length, unless it has none.
    func answer() throws -> HTTPAnswer {
        var headEnd: Int?
        while headEnd == nil {
            headEnd = Self.firstEnd(of: Array("\r\n\r\n".utf8), in: received)
            if headEnd == nil { try receive() }
        }
        let head = String(decoding: received[..<headEnd!], as: UTF8.self)
        received.removeFirst(headEnd!)
        let lines = head.split(separator: "\r\n")
        let status = try #require(lines.first?.split(separator: " ").dropFirst().first)
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            headers[parts[0].lowercased()] =
                parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
        }
        let count = Int(headers["content-length"] ?? "0") ?? 0
        let hasBody = status != "304"
        while hasBody, received.count < count { try receive() }
        let body = hasBody ? received.prefix(count) : []
        received.removeFirst(body.count)
        return HTTPAnswer(
            status: Int(status) ?? 0, headers: headers,
            body: String(decoding: body, as: UTF8.self))
    }

    private func receive() throws {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        guard count != 0 else { throw ConnectionError(what: "the server closed the connection") }
        guard count > 0 else {
            throw ConnectionError(what: "recv: \(String(cString: strerror(errno)))")
        }
        received += buffer[..<count]
    }

    private static func firstEnd(of pattern: [UInt8], in bytes: [UInt8]) -> Int? {
        guard bytes.count >= pattern.count else { return nil }
        for start in 0...(bytes.count - pattern.count)
        where bytes[start..<(start + pattern.count)].elementsEqual(pattern) {
            return start + pattern.count
        }
        return nil
    }
}
