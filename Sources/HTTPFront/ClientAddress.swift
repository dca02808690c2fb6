internal import Glibc

/// Whose requests these are, as limits and the audit see it: an IP address without a port. An IPv4
/// address is the same however it was written or mapped into IPv6.
public struct ClientAddress: Sendable, Hashable {
    /// The upper and lower half of the IPv6 address, or of the IPv4 address mapped into it.
    let high: UInt64
    let low: UInt64

    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Nil for all addresses, which are nobody's.
    public init?(_ host: SocketAddress.Host) {
        switch host {
        case .ipv4(let address): self.init(high: 0, low: 0xFFFF << 32 | UInt64(address))
        case .ipv6(let high, let low): self.init(high: high, low: low)
        case .all: return nil
        }
    }

    /// Of a connected peer; nil for one at a Unix socket, which counts as port 0.
    init?(peer: SocketAddress) {
        guard peer.port != 0 else { return nil }
        self.init(peer.host)
    }

    /// An IPv4 or IPv6 address without a port or brackets.
    public init?(_ text: some StringProtocol) {
        // The C functions would read only as far as a zero byte.
        guard text.utf8.count <= 45, !text.utf8.contains(0) else { return nil }
        var ipv4 = in_addr()
        var ipv6 = in6_addr()
        if inet_pton(AF_INET, String(text), &ipv4) == 1 {
            self.init(high: 0, low: 0xFFFF << 32 | UInt64(UInt32(bigEndian: ipv4.s_addr)))
        } else if inet_pton(AF_INET6, String(text), &ipv6) == 1 {
            self.init(SocketAddress.Host(ipv6))
        } else {
            return nil
        }
    }

    public var isIPv4: Bool { high == 0 && low >> 32 == 0xFFFF }

    /// What one client is taken to have: an IPv4 address, or the 64 bits of an IPv6 address that
    /// its network has, since anybody can have 2^64 of the others.
    public var network: UInt64 { isIPv4 ? low : high }
}

extension ClientAddress: CustomStringConvertible {
    public var description: String {
        let host: SocketAddress.Host =
            isIPv4 ? .ipv4(UInt32(truncatingIfNeeded: low)) : .ipv6(high, low)
        let text = SocketAddress(host: host, port: 0).description.dropLast(2)
        return isIPv4 ? String(text) : String(text.dropFirst().dropLast())
    }
}

/// The addresses of a network, such as `10.0.0.0/8` or `2001:db8::/32`.
public struct AddressRange: Sendable, Hashable {
    private let first: ClientAddress
    /// Of 128 bits.
    private let prefixBits: Int

    /// A network, or an address by itself; nil when the text is neither, or has bits set behind its
    /// prefix, which is a slip.
    public init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = ClientAddress(parts[0]) else { return nil }
        let bitsMax = address.isIPv4 ? 32 : 128
        var bits = bitsMax
        if parts.count == 2 {
            guard parts[1].utf8.count <= 3,
                parts[1].utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let given = Int(parts[1]), given <= bitsMax
            else { return nil }
            bits = given
        }
        prefixBits = 128 - bitsMax + bits
        first = address
        guard Self.masked(address, prefixBits) == address else { return nil }
    }

    public func contains(_ address: ClientAddress) -> Bool {
        Self.masked(address, prefixBits) == first
    }

    private static func masked(_ address: ClientAddress, _ bits: Int) -> ClientAddress {
        // Shifts by 64 or more give 0.
        ClientAddress(
            high: address.high & (UInt64.max << UInt64(max(0, 64 - bits))),
            low: address.low & (UInt64.max << UInt64(min(64, 128 - bits))))
    }
}
