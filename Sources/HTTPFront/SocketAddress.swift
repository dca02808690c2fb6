import Glibc

/// Where a server listens: an IP address, or all of them, and a TCP port.
///
/// Host names are not looked up, because what they resolve to may change between two starts;
/// `localhost` is the one exception and means 127.0.0.1.
public struct SocketAddress: Sendable, Hashable {
    public enum Host: Sendable, Hashable {
        /// Every IPv4 and IPv6 address of the machine, written as no host at all (`:8080`).
        case all
        /// In host byte order: 127.0.0.1 is 0x7F00_0001.
        case ipv4(UInt32)
        /// The first and the last eight bytes, in host byte order. `[::]` is all of IPv6 and
        /// nothing of IPv4.
        case ipv6(UInt64, UInt64)
    }

    public var host: Host

    /// 0 asks the system for a free port.
    public var port: UInt16

    public init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    public static func loopback(port: UInt16) -> SocketAddress {
        SocketAddress(host: .ipv4(0x7F00_0001), port: port)
    }

    /// Reads `127.0.0.1:8080`, `[::1]:8080`, `localhost:8080` or `:8080`.
    public init(parsing text: String) throws(SocketAddressError) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else {
            throw SocketAddressError(text: text, reason: .missingPort)
        }
        let host = text[..<colon]
        let digits = text[text.index(after: colon)...].utf8
        // A lone IPv6 address ends in a colon and digits too: `::1` is not all addresses and port
        // 1.
        guard !host.contains(":") || host.hasPrefix("[") else {
            throw SocketAddressError(text: text, reason: .ipv6WithoutBrackets)
        }
        guard !digits.isEmpty else {
            throw SocketAddressError(text: text, reason: .missingPort)
        }
        guard digits.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }), digits.count <= 5,
            let port = UInt16(Substring(digits))
        else {
            throw SocketAddressError(text: text, reason: .invalidPort)
        }
        guard let parsed = Host(parsing: host) else {
            throw SocketAddressError(text: text, reason: .invalidHost)
        }
        self.init(host: parsed, port: port)
    }

    /// Whether only this machine can reach it: 127.0.0.0/8 and ::1, also as an IPv4-mapped address.
    public var isLoopback: Bool {
        switch host {
        case .all: false
        case .ipv4(let address): address >> 24 == 127
        case .ipv6(0, 1): true
        case .ipv6(0, let low): low >> 32 == 0xFFFF && (low >> 24) & 0xFF == 127
        case .ipv6: false
        }
    }
}

extension SocketAddress.Host {
    fileprivate init?(parsing text: Substring) {
        // The C functions would read only as far as a zero byte.
        if text.utf8.contains(0) { return nil }
        if text.isEmpty {
            self = .all
        } else if text == "localhost" {
            self = .ipv4(0x7F00_0001)
        } else if text.hasPrefix("[") {
            guard text.hasSuffix("]"), text.count > 2 else { return nil }
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(text.dropFirst().dropLast()), &address) == 1 else {
                return nil
            }
            self.init(address)
        } else {
            var address = in_addr()
            guard inet_pton(AF_INET, String(text), &address) == 1 else { return nil }
            self = .ipv4(UInt32(bigEndian: address.s_addr))
        }
    }

    init(_ address: in6_addr) {
        self = withUnsafeBytes(of: address) { bytes in
            .ipv6(
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// The form that `init(parsing:)` reads.
    public var description: String {
        switch host {
        case .all:
            return ":\(port)"
        case .ipv4(let address):
            let octets = [address >> 24, address >> 16, address >> 8, address]
            return octets.map { "\($0 & 0xFF)" }.joined(separator: ".") + ":\(port)"
        case .ipv6(let high, let low):
            var address = in6_addr()
            withUnsafeMutableBytes(of: &address) { bytes in
                bytes.storeBytes(of: high.bigEndian, toByteOffset: 0, as: UInt64.self)
                bytes.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
            // It fails for an unknown family or too small a buffer: neither can be.
            let written = inet_ntop(AF_INET6, &address, &text, socklen_t(text.count))
            precondition(written != nil, "INET6_ADDRSTRLEN bytes hold every IPv6 address")
            let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
            return "[\(String(decoding: bytes, as: UTF8.self))]:\(port)"
        }
    }
}

/// Why a text is not an address.
public struct SocketAddressError: Error, Equatable, CustomStringConvertible {
    public enum Reason: Sendable, Equatable {
        case missingPort, invalidPort, invalidHost, ipv6WithoutBrackets
        /// Of Unix sockets.
        case missingPath, abstractName, zeroByteInPath
        case pathTooLong(bytes: Int)
        /// Of inherited sockets.
        case missingName
    }

    public let text: String
    public let reason: Reason

    public var description: String {
        let problem =
            switch reason {
            case .missingPort: "it has no port"
            case .invalidPort: "the port is not a number from 0 to 65535"
            case .invalidHost:
                "the host is not an IP address (names other than localhost are not looked up)"
            case .ipv6WithoutBrackets: "an IPv6 address must stand in brackets"
            case .missingPath: "it has no path"
            case .abstractName:
                "abstract Unix sockets, which have no file and so no permissions, are not "
                    + "supported (a file of that name is ./@NAME)"
            case .zeroByteInPath: "the path contains a zero byte"
            case .pathTooLong(let bytes):
                "the path has \(bytes) bytes and the system takes at most "
                    + "\(UnixSocketPath.maxBytes) (a relative path, or a symbolic link to its "
                    + "directory, is shorter)"
            case .missingName: "it has no name (inherited, without a colon, takes all sockets)"
            }
        return "\"\(text)\" is not an address to listen on: \(problem). "
            + "Examples: 127.0.0.1:8080, [::1]:8080, :8080 for all addresses, "
            + "unix:/run/cardstatus/http.sock, inherited."
    }
}
