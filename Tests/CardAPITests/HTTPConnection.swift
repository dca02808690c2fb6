import Foundation
import ZlibKit

/// An answer as it came over the wire.
struct HTTPAnswer {
    let status: Int
    /// Names in lower case; a repeated one has all its values, separated by commas.
    let headers: [String: String]
    let body: [UInt8]

    var text: String { String(decoding: unpackedBody, as: UTF8.self) }

    func json() throws -> JSON { try JSON(parsing: unpackedBody) }

    /// The body without its coding; empty when that is damaged.
    var unpackedBody: [UInt8] {
        guard headers["content-encoding"] == "gzip" else { return body }
        var inflater = GzipInflater()
        var unpacked = [UInt8](repeating: 0, count: 1 << 24)
        do {
            let result = try body.withUnsafeBytes { body in
                try unpacked.withUnsafeMutableBytes { try inflater.inflate(body, into: $0) }
            }
            try inflater.finish()
            return Array(unpacked.prefix(result.written))
        } catch {
            return []
        }
    }
}

/// A TCP connection for one request, on which a test writes what bytes it likes.
final class HTTPConnection {
    private let descriptor: Int32

    init(port: UInt16) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(what: "socket: \(errno)") }
        var timeout = timeval(tv_sec: 20, tv_usec: 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isConnected = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, size) == 0
            }
        }
        let timeoutSize = socklen_t(MemoryLayout<timeval>.size)
        guard isConnected,
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &timeout, timeoutSize) == 0
        else {
            // The descriptor is closed by deinit, which also runs for what is thrown here.
            throw Failure(what: "connect: \(errno)")
        }
    }

    deinit {
        close(descriptor)
    }

    struct Failure: Error {
        let what: String
    }

    func send(_ text: String) throws {
        let bytes = Array(text.utf8)
        let count = Glibc.send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        guard count == bytes.count else { throw Failure(what: "send: \(errno)") }
    }

    /// The answer after which the server closes the connection. Its body is whatever comes until
    /// then, and must be as long as the answer says.
    func answer(isHead: Bool = false) throws -> HTTPAnswer {
        let received = try receiveAll()
        guard let headEnd = received.firstRange(of: Array("\r\n\r\n".utf8)) else {
            throw Failure(what: "no answer: \(String(decoding: received, as: UTF8.self))")
        }
        let lines = String(decoding: received[..<headEnd.lowerBound], as: UTF8.self)
            .components(separatedBy: "\r\n")
        let status = lines[0].split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0
        var headers: [String: String] = [:]
        for line in lines.dropFirst() {
            let parts = line.split(separator: ":", maxSplits: 1)
            let value = parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : ""
            headers.merge([parts[0].lowercased(): value]) { "\($0), \($1)" }
        }
        let body = Array(received[headEnd.upperBound...])
        let hasNoBody = isHead || status == 304
        let count = hasNoBody ? 0 : headers["content-length"].flatMap { Int($0) }
        guard body.count == count else {
            throw Failure(what: "the body has \(body.count) bytes, not \(count ?? -1)")
        }
        return HTTPAnswer(status: status, headers: headers, body: body)
    }

    func receiveAll() throws -> [UInt8] {
        var received: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count == 0 { return received }
            guard count > 0 else { throw Failure(what: "recv: \(errno)") }
            received += buffer[..<count]
        }
    }
}
