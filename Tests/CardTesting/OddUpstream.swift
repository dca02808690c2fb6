internal import Foundation
internal import Glibc
internal import Synchronization

/// An HTTP server that behaves as it is told, badly above all. It speaks just enough HTTP/1.1 to be
/// asked something: a test answers each request with bytes, pauses and ends of the connection.
public final class OddUpstream: @unchecked Sendable {
    /// What was asked.
    public struct Request: Sendable {
        /// From 1, of this server.
        public let number: Int
        /// With the query.
        public let target: String
        /// Names in lower case.
        public let headers: [String: String]

        public var path: String { String(target.prefix { $0 != "?" }) }

        /// A parameter of the query.
        public func parameter(_ name: String) -> String? {
            let query = target.drop { $0 != "?" }.dropFirst()
            for pair in query.split(separator: "&") {
                let parts = pair.split(separator: "=", maxSplits: 1)
                if parts.count == 2, parts[0] == name {
                    return String(parts[1]).removingPercentEncoding
                }
            }
            return nil
        }
    }

    /// A part of an answer.
    public enum Step: Sendable {
        case send([UInt8])
        /// Sends the same again and again until the client has had enough.
        case repeatedly([UInt8])
        /// Sends nothing more, and leaves the connection open until the client ends it.
        case silence
        /// Ends the connection at once.
        case end
    }

    public typealias Handler = @Sendable (Request) -> [Step]

    public let port: UInt16
    private let listener: CInt
    private let handler: Handler
    private let log = Log()

    /// - Parameter handler: called on a thread of its connection.
    public init(_ handler: @escaping Handler) throws {
        self.handler = handler
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let descriptor = listener
        let isBound = withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(descriptor, $0, size) == 0 && listen(descriptor, 64) == 0
                    && getsockname(descriptor, $0, &size) == 0
            }
        }
        guard isBound else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        port = UInt16(bigEndian: address.sin_port)
        // The threads hold what they need and not the server: they may start after it has gone.
        let log = log
        Thread { Self.accept(descriptor, handler, log) }.start()
    }

    /// Refuses whoever comes from now on.
    public func stop() {
        log.isStopping.withLock { isStopping in
            if !isStopping { shutdown(listener, Int32(SHUT_RDWR)) }
            isStopping = true
        }
    }

    deinit { stop() }

    public var url: String { "http://127.0.0.1:\(port)" }

    /// What was asked so far.
    public var asked: [Request] { log.requests.withLock { $0 } }

    private final class Log: Sendable {
        let requests = Mutex<[Request]>([])
        /// The thread that accepts closes the socket once this is set, and the socket is shut down
        /// with the lock held: its number cannot be another's by then.
        let isStopping = Mutex(false)

        func note(_ target: String, _ headers: [String: String]) -> Request {
            requests.withLock { list in
                let request = Request(number: list.count + 1, target: target, headers: headers)
                list.append(request)
                return request
            }
        }
    }

    private static func accept(_ listener: CInt, _ handler: @escaping Handler, _ log: Log) {
        defer { close(listener) }
        while true {
            let connection = Glibc.accept(listener, nil, nil)
            if connection < 0 {
                if log.isStopping.withLock({ $0 }) { return }
                // A client that has gone already, or no descriptor is free at the moment.
                usleep(1_000)
                continue
            }
            Thread { serve(connection, handler, log) }.start()
        }
    }

    private static func serve(_ connection: CInt, _ handler: Handler, _ log: Log) {
        defer { close(connection) }
        var pending: [UInt8] = []
        while let head = readHead(connection, &pending) {
            let lines = head.split(separator: "\r\n").map(String.init)
            guard let first = lines.first?.split(separator: " "), first.count == 3 else { return }
            var headers: [String: String] = [:]
            for line in lines.dropFirst() {
                let parts = line.split(separator: ":", maxSplits: 1).map(String.init)
                if parts.count == 2 {
                    headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
                }
            }
            for step in handler(log.note(String(first[1]), headers)) {
                guard perform(step, connection) else { return }
            }
        }
    }

    /// Whether the connection goes on.
    private static func perform(_ step: Step, _ connection: CInt) -> Bool {
        switch step {
        case .send(let bytes): return send(bytes, connection)
        case .repeatedly(let bytes):
            while send(bytes, connection) {}
            return false
        case .silence:
            var byte: UInt8 = 0
            while recv(connection, &byte, 1, 0) > 0 {}
            return false
        case .end:
            // With unread data or this option the other side gets a reset.
            return false
        }
    }

    private static func send(_ bytes: [UInt8], _ connection: CInt) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    connection, $0.baseAddress! + done, $0.count - done,
                    Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            done += count
        }
        return true
    }

    private static func readHead(_ connection: CInt, _ pending: inout [UInt8]) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while true {
            let text = String(decoding: pending, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let head = String(text[..<end.lowerBound])
                pending.removeFirst(head.utf8.count + 4)
                return head
            }
            let count = recv(connection, &buffer, buffer.count, 0)
            if count <= 0 { return nil }
            pending.append(contentsOf: buffer[..<count])
        }
    }
}

extension [OddUpstream.Step] {
    /// A whole answer.
    public static func answer(
        _ status: Int = 200, _ headers: [String] = [], _ body: String = ""
    ) -> Self {
        answer(status, headers, bytes: [UInt8](body.utf8))
    }

    public static func answer(_ status: Int = 200, _ headers: [String] = [], bytes: [UInt8]) -> Self
    {
        let head = ["HTTP/1.1 \(status) X", "Content-Length: \(bytes.count)"] + headers
        let start = [UInt8]((head.joined(separator: "\r\n") + "\r\n\r\n").utf8)
        return [.send(start + bytes)]
    }

    public static func json(_ body: String, _ headers: [String] = []) -> Self {
        answer(200, ["Content-Type: application/json"] + headers, body)
    }
}
