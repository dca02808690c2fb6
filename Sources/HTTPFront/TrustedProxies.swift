/// The proxies in front, whose word on who their client is counts.
///
/// A proxy adds the address that it was asked from at the right end of a header; what stands
/// further left was sent by that client, who may have made it up. So the client is the right-most
/// address that is not a trusted proxy's.
public struct TrustedProxies: Sendable {
    /// The one header that the proxies write. Whatever they do not write, clients may.
    public enum Header: String, CaseIterable, Sendable {
        case xForwardedFor = "x-forwarded-for"
        /// RFC 7239.
        case forwarded
    }

    public let ranges: [AddressRange]
    /// Whether whoever may connect to a Unix socket is such a proxy.
    public let includesUnixSockets: Bool
    public let header: Header

    public init(_ ranges: [AddressRange], includesUnixSockets: Bool = false, header: Header) {
        self.ranges = ranges
        self.includesUnixSockets = includesUnixSockets
        self.header = header
    }

    func contain(_ address: ClientAddress) -> Bool {
        ranges.contains { $0.contains(address) }
    }

    /// The client's address.
    ///
    /// - Parameters:
    ///   - peer: whom the connection comes from; nil at a Unix socket.
    ///   - values: of the header, in order.
    /// - Returns: nil at a Unix socket when nobody says whose request it is.
    func client(of peer: ClientAddress?, _ values: [String]) -> ClientAddress? {
        guard peer.map(contain) ?? includesUnixSockets else { return peer }
        var client = peer
        for value in values.reversed() {
            for part in Self.elements(value).reversed() {
                // Behind what makes no sense, or hides its address, nothing can be believed.
                guard let address = self.address(part) else { return client }
                client = address
                guard contain(address) else { return client }
            }
        }
        return client
    }

    /// The parts between commas that stand in no quotes.
    private static func elements(_ value: String) -> [Substring] {
        var isQuoted = false
        return value.split(omittingEmptySubsequences: false) { character in
            if character == "\"" { isQuoted.toggle() }
            return character == "," && !isQuoted
        }
    }

    private func address(_ element: Substring) -> ClientAddress? {
        switch header {
        case .xForwardedFor: return Self.address(withPort: Self.trimmed(element))
        case .forwarded:
            let pairs = element.split(separator: ";").map(Self.trimmed)
            let nodes = pairs.filter { $0.prefix(4).lowercased() == "for=" }
            guard nodes.count == 1 else { return nil }
            var node = nodes[0].dropFirst(4)
            if node.count >= 2, node.first == "\"", node.last == "\"" {
                node = node.dropFirst().dropLast()
            }
            return Self.address(withPort: node)
        }
    }

    /// `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`.
    private static func address(withPort text: Substring) -> ClientAddress? {
        if text.first == "[" {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.first == ":" else { return nil }
            return ClientAddress(text[text.index(after: text.startIndex)..<end])
        }
        if let address = ClientAddress(text) { return address }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 ? ClientAddress(parts[0]) : nil
    }

    private static func trimmed(_ text: Substring) -> Substring {
        var text = text.drop { $0 == " " || $0 == "\t" }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
