import CMicroHTTPD  // which also brings the constants of <sys/socket.h>
import Glibc

/// The sockets that a supervisor opened and handed to this process, by systemd's protocol
/// (sd_listen_fds(3)): `LISTEN_PID` is the process that they are for, `LISTEN_FDS` how many there
/// are, from descriptor 3 on, and `LISTEN_FDNAMES` their names, with colons between.
///
/// The supervisor keeps the sockets open. While a server is being replaced the kernel queues
/// connections on them, so nobody is refused.
public struct InheritedSockets: Sendable {
    private enum Origin {
        case absent
        case otherProcess(String)
        case given
    }

    private struct Entry {
        let descriptor: Int32
        let name: String
    }

    private let origin: Origin
    private let processID: Int32
    private var unclaimed: [Entry] = []

    /// Takes what is for this process: removes the variables, so that no child takes the sockets
    /// for its own, and closes the descriptors on exec. What is for another process is left alone.
    ///
    /// Call it once, early: changing the environment while another thread reads it is undefined.
    public static func take() throws(InheritedSocketError) -> InheritedSockets {
        var variables: [String: String] = [:]
        for name in variableNames {
            if let value = getenv(name) { variables[name] = String(cString: value) }
        }
        let sockets = try InheritedSockets(environment: variables, processID: getpid())
        if case .given = sockets.origin {
            // It fails only for an empty name or one with an equals sign.
            for name in variableNames { precondition(unsetenv(name) == 0) }
        }
        return sockets
    }

    private static let variableNames = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"]

    /// - Parameter firstDescriptor: 3, but for tests, which have their own files there.
    init(
        environment: [String: String], processID: Int32, firstDescriptor: Int32 = 3
    ) throws(InheritedSocketError) {
        self.processID = processID
        guard let pidText = environment["LISTEN_PID"], let countText = environment["LISTEN_FDS"]
        else {
            origin = .absent
            return
        }
        guard let pid = Int32(pidText), pid > 0 else {
            throw .malformed(variable: "LISTEN_PID", value: pidText)
        }
        guard pid == processID else {
            origin = .otherProcess(pidText)
            return
        }
        origin = .given
        guard let count = Int32(countText), (0...65_536).contains(count) else {
            throw .malformed(variable: "LISTEN_FDS", value: countText)
        }
        var names = [String](repeating: "unknown", count: Int(count))
        if let text = environment["LISTEN_FDNAMES"], count > 0 {
            names = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard names.count == count else {
                throw .malformed(variable: "LISTEN_FDNAMES", value: text)
            }
        }
        for (index, name) in names.enumerated() {
            let entry = Entry(descriptor: firstDescriptor + Int32(index), name: name)
            guard fcntl(entry.descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
                throw .unusable(name: name, descriptor: entry.descriptor, .notOpen)
            }
            unclaimed.append(entry)
        }
    }

    /// The names of the sockets that nobody has claimed.
    public var unclaimedNames: [String] { unclaimed.map(\.name) }

    /// The sockets of a name, or all that are left, in order; each is checked, and given away once.
    ///
    /// - Throws: when there is none, or one is not a listening TCP or Unix socket.
    public mutating func claim(
        name: String?
    ) throws(InheritedSocketError) -> [InheritedSocket] {
        switch origin {
        case .absent: throw .noneGiven
        case .otherProcess(let pid): throw .forOtherProcess(listenPID: pid, processID: processID)
        case .given: break
        }
        let entries = unclaimed.filter { name == nil || $0.name == name }
        guard !entries.isEmpty else { throw .notFound(name: name, others: unclaimedNames) }
        var sockets: [InheritedSocket] = []
        for entry in entries {
            sockets.append(
                try InheritedSocket(checking: entry.descriptor, name: entry.name))
        }
        unclaimed.removeAll { name == nil || $0.name == name }
        return sockets
    }
}

/// A listening TCP or Unix socket that another process opened.
public struct InheritedSocket: Sendable, Hashable {
    let descriptor: Int32
    public let name: String
    public let address: ListenAddress

    init(checking descriptor: Int32, name: String) throws(InheritedSocketError) {
        self.descriptor = descriptor
        self.name = name
        do throws(Flaw) {
            guard try Self.option(descriptor, SO_TYPE) == Int32(SOCK_STREAM.rawValue) else {
                throw Flaw.notAStream
            }
            guard try Self.option(descriptor, SO_ACCEPTCONN) == 1 else { throw Flaw.notListening }
            address = try Self.address(descriptor)
        } catch {
            throw .unusable(name: name, descriptor: descriptor, error)
        }
    }

    /// What is wrong with a descriptor.
    public enum Flaw: Error, Equatable {
        case notOpen, notASocket, notAStream, notListening
        case neitherTCPNorUnix(family: Int32)
        case abstractOrUnnamed
        case unknown(errno: Int32)
    }

    private static func option(_ descriptor: Int32, _ option: Int32) throws(Flaw) -> Int32 {
        var value: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, option, &value, &size) == 0 else {
            switch errno {
            case EBADF: throw .notOpen
            case ENOTSOCK: throw .notASocket
            case let code: throw .unknown(errno: code)
            }
        }
        return value
    }

    private static func address(_ descriptor: Int32) throws(Flaw) -> ListenAddress {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return try withUnsafeMutableBytes(of: &storage) { bytes throws(Flaw) in
            let pointer = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            guard getsockname(descriptor, pointer, &length) == 0 else {
                throw Flaw.unknown(errno: errno)
            }
            let family = Int32(pointer.pointee.sa_family)
            if family == AF_UNIX {
                let path = bytes[2..<max(2, min(Int(length), bytes.count))].prefix { $0 != 0 }
                // An abstract name begins with a zero byte, and an unnamed socket has none.
                guard !path.isEmpty else { throw Flaw.abstractOrUnnamed }
                do {
                    return .unix(try UnixSocketPath(String(decoding: path, as: UTF8.self)))
                } catch {
                    throw Flaw.unknown(errno: ENAMETOOLONG)
                }
            }
            guard family == AF_INET || family == AF_INET6, let address = SocketAddress(pointer)
            else { throw Flaw.neitherTCPNorUnix(family: family) }
            return .tcp(address)
        }
    }
}

/// Why inherited sockets cannot be listened on.
public enum InheritedSocketError: Error, Equatable, CustomStringConvertible {
    case noneGiven
    case forOtherProcess(listenPID: String, processID: Int32)
    case malformed(variable: String, value: String)
    case notFound(name: String?, others: [String])
    case unusable(name: String, descriptor: Int32, InheritedSocket.Flaw)

    public var description: String {
        switch self {
        case .noneGiven:
            "No sockets were inherited: LISTEN_PID and LISTEN_FDS are not set. A supervisor sets "
                + "them, such as systemd for a service with a .socket unit."
        case .forOtherProcess(let listenPID, let processID):
            "No sockets were inherited: LISTEN_PID says that they are for process \(listenPID), "
                + "and this is process \(processID). A wrapper must replace itself (exec)."
        case .malformed(let variable, let value):
            "The inherited sockets cannot be told: \(variable) is \"\(value)\"."
        case .notFound(nil, _):
            "No sockets were inherited, or all are listened on already."
        case .notFound(let name?, let others):
            "No socket named \"\(name)\" was inherited"
                + (others.isEmpty ? "." : "; there are: \(others.joined(separator: ", ")).")
        case .unusable(let name, let descriptor, let flaw):
            "The inherited socket \"\(name)\" (descriptor \(descriptor)) cannot be listened on: "
                + "\(flaw.text)."
        }
    }
}

extension InheritedSocket.Flaw {
    fileprivate var text: String {
        switch self {
        case .notOpen: "no such descriptor is open"
        case .notASocket: "it is no socket"
        case .notAStream: "it is not a stream socket (ListenStream= in a .socket unit)"
        case .notListening:
            "it does not listen (with Accept=yes systemd hands over connections; use Accept=no)"
        case .neitherTCPNorUnix(let family): "it is neither TCP nor Unix but of family \(family)"
        case .abstractOrUnnamed: "it is a Unix socket without a file, which is not supported"
        case .unknown(let code): systemMessage(code)
        }
    }
}
