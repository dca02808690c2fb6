import Foundation
import Synchronization

/// A server on a free port of 127.0.0.1 that misbehaves as a test asks. Each connection has a
/// thread of its own; all end when the server goes.
final class OddServer: Sendable {
    enum Reply: Sendable {
        case bytes(String)
        /// Sends the text in pieces of this many bytes.
        case pieces(String, Int)
        /// Sends the text, then ends the connection.
        case last(String)
        /// Ends the connection without an answer.
        case end
        /// Resets it.
        case reset
        case silence
    }

    static func ok(_ body: String = "ok") -> String {
        "HTTP/1.1 200 OK\r\nContent-Length: \(body.utf8.count)\r\n\r\n\(body)"
    }

    private let listener: Int32
    let port: UInt16
    private let answer: @Sendable (_ number: Int, _ request: String) -> Reply
    private let count = Mutex(0)
    private let listening = Listening()

    /// Whether the server listens. The thread that accepts closes the socket once it does not, and
    /// the socket is shut down with the lock held: its number cannot be another's by then.
    private final class Listening: Sendable {
        let isOver = Mutex(false)
    }

    var requestCount: Int { count.withLock { $0 } }

    /// - Parameter answer: told the request's number, from 0, and its head.
    init(_ answer: @escaping @Sendable (Int, String) -> Reply) {
        self.answer = answer
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let isBound = withUnsafeMutableBytes(of: &address) { bytes in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            return bind(listener, pointer, size) == 0 && listen(listener, 128) == 0
                && getsockname(listener, pointer, &size) == 0
        }
        precondition(isBound, "a test server needs a port")
        port = UInt16(bigEndian: address.sin_port)
        let listening = listening
        Thread.detachNewThread { [weak self] in
            defer { close(listener) }
            while true {
                let descriptor = accept(listener, nil, nil)
                guard descriptor >= 0 else {
                    if listening.isOver.withLock({ $0 }) { return }
                    usleep(1_000)
                    continue
                }
                guard let server = self else {
                    close(descriptor)
                    return
                }
                Thread.detachNewThread { server.serve(descriptor) }
            }
        }
    }

    /// Threads that serve keep the server; this ends the listening, and the load ends the rest.
    func stop() {
        listening.isOver.withLock { isOver in
            if !isOver { shutdown(listener, Int32(SHUT_RDWR)) }
            isOver = true
        }
    }

    private func serve(_ descriptor: Int32) {
        defer { close(descriptor) }
        var waiting = ""
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            while let range = waiting.range(of: "\r\n\r\n") {
                let request = String(waiting[..<range.upperBound])
                waiting = String(waiting[range.upperBound...])
                let number = count.withLock { count in
                    defer { count += 1 }
                    return count
                }
                switch answer(number, request) {
                case .bytes(let text): write(text, descriptor)
                case .pieces(let text, let size):
                    let bytes = Array(text.utf8)
                    for start in stride(from: 0, to: bytes.count, by: size) {
                        let piece = bytes[start..<min(start + size, bytes.count)]
                        write(String(decoding: piece, as: UTF8.self), descriptor)
                        usleep(200)
                    }
                case .last(let text):
                    write(text, descriptor)
                    return
                case .end: return
                case .reset:
                    var option = linger(l_onoff: 1, l_linger: 0)
                    let size = socklen_t(MemoryLayout<linger>.size)
                    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, size)
                    return
                case .silence: break
                }
            }
            let received = recv(descriptor, &buffer, buffer.count, 0)
            guard received > 0 else { return }
            waiting += String(decoding: buffer[..<received], as: UTF8.self)
        }
    }

    private func write(_ text: String, _ descriptor: Int32) {
        let bytes = Array(text.utf8)
        _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
    }
}
