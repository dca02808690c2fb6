import CMicroHTTPD  // which also brings the constants of <sys/socket.h>
import Glibc

/// Opens the listening sockets of one TCP address: one a worker, sharing the port by SO_REUSEPORT,
/// so that the kernel spreads connections evenly.
///
/// SO_REUSEPORT alone would let a second server of the same user join the group without a word and
/// take half of the connections. So the first socket claims the address without it, and it is the
/// `listen` of this socket that decides: with SO_REUSEADDR (needed to start again while old
/// connections linger in TIME_WAIT) two sockets may be bound to one address, but only one may
/// listen. Only when it listens, SO_REUSEPORT is switched on, which lets the others in. A second
/// server always begins with the exclusive claim and so always fails, whenever it comes.
enum ListeningSocket {
    /// The sockets, and the address with the port that the system chose where 0 was asked for. On
    /// an error all are closed.
    static func open(
        _ address: SocketAddress, count: Int
    ) throws(HTTPServerError) -> (address: SocketAddress, sockets: [Int32]) {
        precondition(count > 0, "an address has at least one worker")
        let family = try openable(address)
        var sockets: [Int32] = []
        do throws(HTTPServerError) {
            let first = try create(address, family: family)
            sockets.append(first)
            try bindAndListen(first, address, family: family)
            var bound = address
            bound.port = try port(of: first, address)
            try setOption(first, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT", bound)
            for _ in 1..<count {
                let next = try create(bound, family: family)
                sockets.append(next)
                try setOption(next, SOL_SOCKET, SO_REUSEPORT, "SO_REUSEPORT", bound)
                try bindAndListen(next, bound, family: family)
            }
            return (bound, sockets)
        } catch {
            for socket in sockets { release(socket) }
            throw error
        }
    }

    /// The family for an address: all addresses are one IPv6 socket that takes IPv4 too, or plain
    /// IPv4 where the kernel has no IPv6.
    private static func openable(_ address: SocketAddress) throws(HTTPServerError) -> Int32 {
        switch address.host {
        case .ipv4: return AF_INET
        case .ipv6: return AF_INET6
        case .all:
            let probe = socket(AF_INET6, streamType, 0)
            guard probe >= 0 else {
                if errno == EAFNOSUPPORT { return AF_INET }
                throw .failed("socket", .tcp(address))
            }
            release(probe)
            return AF_INET6
        }
    }

    private static var streamType: Int32 {
        Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
    }

    private static func create(
        _ address: SocketAddress, family: Int32
    ) throws(HTTPServerError) -> Int32 {
        let handle = socket(family, streamType, 0)
        guard handle >= 0 else { throw .failed("socket", .tcp(address)) }
        do throws(HTTPServerError) {
            try setOption(handle, SOL_SOCKET, SO_REUSEADDR, "SO_REUSEADDR", address)
            if family == AF_INET6 {
                let only: Int32 = address.host == .all ? 0 : 1
                try setOption(
                    handle, Int32(IPPROTO_IPV6), IPV6_V6ONLY, "IPV6_V6ONLY", address, value: only)
            }
        } catch {
            release(handle)
            throw error
        }
        return handle
    }

    private static func bindAndListen(
        _ handle: Int32, _ address: SocketAddress, family: Int32
    ) throws(HTTPServerError) {
        let bound = address.withSystemAddress(family: family) { bind(handle, $0, $1) }
        guard bound == 0 else { throw .failed("bind", .tcp(address)) }
        // The kernel caps the queue at net.core.somaxconn.
        guard listen(handle, 4_096) == 0 else { throw .failed("listen", .tcp(address)) }
    }

    private static func port(
        of handle: Int32, _ address: SocketAddress
    ) throws(HTTPServerError) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutableBytes(of: &storage) { bytes in
            getsockname(handle, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, &length)
        }
        guard result == 0 else { throw .failed("getsockname", .tcp(address)) }
        // The port lies at the same place in both families' structures.
        return withUnsafeBytes(of: storage) { bytes in
            UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: 2, as: UInt16.self))
        }
    }

    private static func setOption(
        _ handle: Int32, _ level: Int32, _ option: Int32, _ name: String,
        _ address: SocketAddress, value: Int32 = 1
    ) throws(HTTPServerError) {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(handle, level, option, &value, size) == 0 else {
            throw .failed("setsockopt(\(name))", .tcp(address))
        }
    }

    /// Closes a socket. Linux frees the descriptor even when `close` reports a failure, and a
    /// socket that only listened has no data to lose, so there is nothing to do about one.
    static func release(_ handle: Int32) {
        _ = close(handle)
    }
}

extension SocketAddress {
    /// The address as the system calls take it. `family` decides what all addresses look like.
    func withSystemAddress<Result>(
        family: Int32, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        if family == AF_INET {
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            if case .ipv4(let host) = host { address.sin_addr.s_addr = host.bigEndian }
            return withUnsafeBytes(of: address) { bytes in
                body(
                    bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                    socklen_t(bytes.count))
            }
        }
        var address = sockaddr_in6()
        address.sin6_family = sa_family_t(AF_INET6)
        address.sin6_port = port.bigEndian
        if case .ipv6(let high, let low) = host {
            withUnsafeMutableBytes(of: &address.sin6_addr) { bytes in
                bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
        }
        return withUnsafeBytes(of: address) { bytes in
            body(bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t(bytes.count))
        }
    }

    /// Of a connected peer; nil for a family that is neither IP nor Unix. A Unix socket's peer has
    /// no IP address but is on this machine: it counts as 127.0.0.1, port 0.
    init?(_ address: UnsafePointer<sockaddr>) {
        let raw = UnsafeRawPointer(address)
        switch Int32(address.pointee.sa_family) {
        case AF_INET:
            let peer = raw.loadUnaligned(as: sockaddr_in.self)
            self.init(
                host: .ipv4(UInt32(bigEndian: peer.sin_addr.s_addr)),
                port: UInt16(bigEndian: peer.sin_port))
        case AF_INET6:
            let peer = raw.loadUnaligned(as: sockaddr_in6.self)
            self.init(host: Host(peer.sin6_addr), port: UInt16(bigEndian: peer.sin6_port))
        case AF_UNIX:
            self = .loopback(port: 0)
        default:
            return nil
        }
    }
}
