import Glibc

/// Why a server did not start.
public enum HTTPServerError: Error, Equatable, CustomStringConvertible {
    case noAddress
    case addressInUse(ListenAddress)
    case permissionDenied(ListenAddress)
    case addressNotAvailable(ListenAddress)
    /// A file that is no socket lies where a Unix socket belongs.
    case notASocket(UnixSocketPath)
    /// Any other failure of the system; `call` is the name of the function.
    case socketFailed(ListenAddress, call: String, errno: Int32)
    /// There is an address for TLS, and no certificate.
    case noCertificate(ListenAddress)
    /// The connection limits need more file descriptors than the system grants this process.
    case tooFewFileDescriptors(needed: Int, granted: Int)
    /// libmicrohttpd refused; its own words are in the error log.
    case daemonFailed(ListenAddress, errno: Int32)

    public var description: String {
        switch self {
        case .noAddress:
            "There is no address to listen on."
        case .addressInUse(let address):
            "Cannot listen on \(address): address in use. Another program, or another copy of this "
                + "one, already listens there."
        case .permissionDenied(.tcp(let address)), .permissionDenied(.tls(let address)):
            "Cannot listen on \(address): permission denied. Ports below 1024 need a privilege "
                + "(CAP_NET_BIND_SERVICE); choose a higher port or grant it."
        case .permissionDenied(.unix(let path)):
            "Cannot listen on unix:\(path): permission denied. This user must be allowed to read "
                + "and write the directory '\(path.directory)', and to connect to a socket that "
                + "lies there already."
        case .addressNotAvailable(let address):
            "Cannot listen on \(address): this machine has no such address."
        case .notASocket(let path):
            "Cannot listen on unix:\(path): a file that is no socket lies there and is left alone."
        case .socketFailed(let address, let call, let code):
            "Cannot listen on \(address): \(call): \(systemMessage(code))."
        case .noCertificate(let address):
            "Cannot listen on \(address): there is no certificate for TLS."
        case .tooFewFileDescriptors(let needed, let granted):
            "The connection limits need \(needed) file descriptors and the system grants "
                + "\(granted): raise it (ulimit -Hn, LimitNOFILE=) or lower the connection limit."
        case .daemonFailed(let address, let code):
            "libmicrohttpd did not start on \(address): \(systemMessage(code))."
        }
    }

    /// The error of a call that has just failed.
    static func failed(_ call: String, _ address: ListenAddress) -> HTTPServerError {
        switch errno {
        case EADDRINUSE: .addressInUse(address)
        case EACCES: .permissionDenied(address)
        case EADDRNOTAVAIL: .addressNotAvailable(address)
        case let code: .socketFailed(address, call: call, errno: code)
        }
    }
}

/// The system's text for an errno value.
func systemMessage(_ code: Int32) -> String {
    String(cString: strerror(code))
}
