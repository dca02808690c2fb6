import Foundation

/// What `URL` on the command line says: where to connect, what to put into `Host`, and the path.
struct Target: Sendable, Equatable {
    let destination: Destination
    let host: String
    /// Begins with `/`; nil when the URL had none.
    let path: String?

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// Reads `http://ADDRESS[:PORT][/PATH]`, where ADDRESS is a number or `localhost`, or
    /// `unix:/SOCKET[:/PATH]`. Names are not looked up, so that a load never goes to a machine
    /// that somebody else's resolver chose.
    init(_ text: String) throws(Failure) {
        if text.hasPrefix("unix:") {
            self = try Self.unix(text.dropFirst(5))
            return
        }
        guard text.hasPrefix("http://") else {
            throw Failure(description: "'\(text)' is not http://ADDRESS:PORT/PATH or unix:/SOCKET")
        }
        let rest = text.dropFirst(7)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        let authority = rest[..<slash]
        path = slash == rest.endIndex ? nil : try Self.checked(String(rest[slash...]))
        host = String(authority)
        let hostEnd: Substring.Index
        let name: String
        if authority.hasPrefix("["), let bracket = authority.firstIndex(of: "]") {
            name = String(authority[authority.index(after: authority.startIndex)..<bracket])
            hostEnd = authority.index(after: bracket)
        } else {
            hostEnd = authority.firstIndex(of: ":") ?? authority.endIndex
            name = String(authority[..<hostEnd])
        }
        let portText = authority[hostEnd...]
        var port: UInt16 = 80
        if !portText.isEmpty {
            guard portText.first == ":", let number = UInt16(portText.dropFirst()), number > 0
            else { throw Failure(description: "'\(portText)' is not a port in '\(text)'") }
            port = number
        }
        let numeric = name == "localhost" ? "127.0.0.1" : name
        guard let found = Destination(host: numeric, port: port) else {
            throw Failure(
                description: "'\(name)' is no IP address; names other than localhost are not"
                    + " looked up")
        }
        destination = found
    }

    private init(destination: Destination, host: String, path: String?) {
        self.destination = destination
        self.host = host
        self.path = path
    }

    private static func unix(_ text: Substring) throws(Failure) -> Target {
        // The socket's path ends where ":/" begins the request's.
        let range = text.range(of: ":/")
        let socket = String(text[..<(range?.lowerBound ?? text.endIndex)])
        var path: String?
        if let range { path = try checked("/" + text[range.upperBound...]) }
        guard !socket.isEmpty, socket.utf8.count <= Destination.unixPathCountMax else {
            throw Failure(
                description: "the path of a Unix socket has 1 to"
                    + " \(Destination.unixPathCountMax) bytes")
        }
        return Target(destination: .unix(socket), host: "localhost", path: path)
    }

    /// A path is sent as it is, so it must not hold what ends a request line.
    static func checked(_ path: String) throws(Failure) -> String {
        guard path.hasPrefix("/"), path.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }) else {
            throw Failure(
                description: "a path begins with '/' and has no blanks or other bytes than ASCII"
                    + " (percent-encode them), unlike '\(path)'")
        }
        return path
    }

    /// Whether the load stays on this machine.
    var isLocal: Bool {
        switch destination {
        case .ipv4(let address, _): UInt32(bigEndian: address) >> 24 == 127
        case .ipv6(let bytes, _): bytes == [UInt8](repeating: 0, count: 15) + [1]
        case .unix: true
        }
    }
}
