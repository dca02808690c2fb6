/// Where a server listens, as a log shows it and an error names it: a TCP address or a Unix
/// socket's path.
public enum ListenAddress: Sendable, Hashable {
    case tcp(SocketAddress)
    case tls(SocketAddress)
    case unix(UnixSocketPath)

    /// Whether only this machine's processes can reach it. Who of them may, a Unix socket's mode
    /// says; a loopback address is open to all of them.
    public var isLocal: Bool {
        switch self {
        case .tcp(let address), .tls(let address): address.isLoopback
        case .unix: true
        }
    }
}

extension ListenAddress: CustomStringConvertible {
    /// The form that `ListenRequest.init(parsing:)` reads.
    public var description: String {
        switch self {
        case .tcp(let address): address.description
        case .tls(let address): "tls:\(address)"
        case .unix(let path): "unix:\(path)"
        }
    }
}

/// The path of a Unix socket, of a length that the system takes.
public struct UnixSocketPath: Sendable, Hashable, CustomStringConvertible {
    /// What fits `sockaddr_un.sun_path` with its closing zero byte.
    public static let maxBytes = 107

    public let text: String

    /// - Throws: for an empty or too long path, one with a zero byte, and for `@name`, which means
    ///   Linux's abstract sockets elsewhere: they have no file and so no mode that says who may
    ///   connect. A file of such a name is `./@name`.
    public init(_ text: String) throws(SocketAddressError) {
        let reason: SocketAddressError.Reason? =
            if text.isEmpty {
                .missingPath
            } else if text.utf8.first == UInt8(ascii: "@") || text.utf8.first == 0 {
                .abstractName
            } else if text.utf8.contains(0) {
                .zeroByteInPath
            } else if text.utf8.count > Self.maxBytes {
                .pathTooLong(bytes: text.utf8.count)
            } else {
                nil
            }
        if let reason { throw SocketAddressError(text: "unix:" + text, reason: reason) }
        self.text = text
    }

    public var description: String { text }

    /// The directory that holds it.
    var directory: String {
        guard let slash = text.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
        return slash == text.startIndex ? "/" : String(text[..<slash])
    }
}

/// What a person asks a server to listen on.
public enum ListenRequest: Sendable, Hashable {
    case tcp(SocketAddress)
    case tls(SocketAddress)
    case unix(UnixSocketPath)
    /// The sockets that a supervisor handed over under this name; without a name, all of them.
    case inherited(name: String?)

    /// Reads `127.0.0.1:8080` and the other forms of `SocketAddress.init(parsing:)`, the same
    /// behind `tls:`, `unix:PATH`, `inherited` and `inherited:NAME`.
    public init(parsing text: String) throws(SocketAddressError) {
        let tls = "tls:"
        let unix = "unix:"
        let inherited = "inherited"
        if text.hasPrefix(tls) {
            self = .tls(try SocketAddress(parsing: String(text.dropFirst(tls.count))))
        } else if text.hasPrefix(unix) {
            self = .unix(try UnixSocketPath(String(text.dropFirst(unix.count))))
        } else if text == inherited {
            self = .inherited(name: nil)
        } else if text.hasPrefix(inherited + ":") {
            let name = text.dropFirst(inherited.count + 1)
            guard !name.isEmpty else {
                throw SocketAddressError(text: text, reason: .missingName)
            }
            self = .inherited(name: String(name))
        } else {
            self = .tcp(try SocketAddress(parsing: text))
        }
    }
}

/// What a server is given to listen on.
public enum Listener: Sendable, Hashable {
    /// A socket for each worker, sharing the address, so that the kernel spreads connections.
    case tcp(SocketAddress)

    /// The same, encrypted.
    case tls(SocketAddress)

    /// A socket file of this mode (permission bits; connecting takes the right to write). The file
    /// is made at the start and removed at the stop.
    case unix(UnixSocketPath, mode: UInt32)

    /// A socket that another process opened, and keeps. Our descriptor of it is the server's from
    /// then on, also when the server does not start; theirs is not touched, nor is a socket file.
    case inherited(InheritedSocket)

    /// Whether each worker listens by itself.
    var isOwnForEachWorker: Bool {
        switch self {
        case .tcp, .tls: true
        case .unix, .inherited: false
        }
    }

    public var address: ListenAddress {
        switch self {
        case .tcp(let address): .tcp(address)
        case .tls(let address): .tls(address)
        case .unix(let path, _): .unix(path)
        case .inherited(let socket): socket.address
        }
    }
}
