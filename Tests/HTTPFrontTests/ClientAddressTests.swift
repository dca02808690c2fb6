import Testing

@testable import HTTPFront

struct ClientAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "::1"),
        ("2001:DB8:0::1", "2001:db8::1"),
    ])
    func text_isRead(text: String, shown: String) throws {
        #expect(try #require(ClientAddress(text)).description == shown)
    }

    @Test(arguments: [
        "", "localhost", "192.0.2", "192.0.2.1:80", "[::1]", "::1%lo", "192.0.2.1\0", " 192.0.2.1",
        "0x7f.1", "192.0.2.256", String(repeating: "1", count: 50),
    ])
    func text_isRefused(text: String) {
        #expect(ClientAddress(text) == nil)
    }

    /// An IPv4 client is one address, an IPv6 client all that its network gives out.
    @Test func network_isWhatOneClientHas() throws {
        func network(_ text: String) throws -> UInt64 { try #require(ClientAddress(text)).network }
        #expect(try network("192.0.2.1") != network("192.0.2.2"))
        #expect(try network("192.0.2.1") == network("::ffff:192.0.2.1"))
        #expect(try network("2001:db8::1") == network("2001:db8::ffff:0:0:2"))
        #expect(try network("2001:db8::1") != network("2001:db8:0:1::1"))
    }

    @Test(arguments: [
        (
            "10.0.0.0/8", ["10.0.0.0", "10.255.255.255", "::ffff:10.1.1.1"],
            ["11.0.0.0", "::a00:1"]
        ),
        ("192.0.2.1", ["192.0.2.1"], ["192.0.2.0", "192.0.2.2"]),
        ("0.0.0.0/0", ["0.0.0.0", "255.255.255.255"], ["::1", "2001:db8::1"]),
        ("::/0", ["::", "ffff::", "1.2.3.4"], []),
        ("2001:db8::/32", ["2001:db8::", "2001:db8:ffff::1"], ["2001:db9::"]),
        ("2001:db8::/64", ["2001:db8::5"], ["2001:db8:0:1::"]),
        ("2001:db8::8/125", ["2001:db8::f"], ["2001:db8::10", "2001:db8::7"]),
        ("::1", ["::1"], ["::2", "127.0.0.1"]),
    ])
    func range_contains(text: String, inside: [String], outside: [String]) throws {
        let range = try #require(AddressRange(text))
        for text in inside { #expect(range.contains(try #require(ClientAddress(text))), "\(text)") }
        for text in outside {
            #expect(!range.contains(try #require(ClientAddress(text))), "\(text)")
        }
    }

    @Test(arguments: [
        "", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "::/129", "10.0.0.0/+8", "10.0.0.0/8/8",
        "10.0.0.0/08 ", "any",
    ])
    func range_isRefused(text: String) {
        #expect(AddressRange(text) == nil)
    }

    private static let proxies = [AddressRange("10.0.0.0/8")!, AddressRange("::1")!]

    private static func client(
        _ peer: String, _ header: TrustedProxies.Header, _ values: [String]
    ) throws -> String {
        let proxies = TrustedProxies(Self.proxies, header: header)
        let address = try #require(ClientAddress(peer))
        return try #require(proxies.client(of: address, values)).description
    }

    /// At a Unix socket, where there is no address, a proxy's word counts only if that was said.
    @Test func client_isKnownAtAUnixSocket_whenItsProxyIsTrusted() {
        let values = ["198.51.100.1, 10.0.0.9"]
        let trusting = TrustedProxies(
            Self.proxies, includesUnixSockets: true, header: .xForwardedFor)
        #expect(trusting.client(of: nil, values) == ClientAddress("198.51.100.1"))
        #expect(trusting.client(of: nil, []) == nil)
        let other = TrustedProxies(Self.proxies, header: .xForwardedFor)
        #expect(other.client(of: nil, values) == nil)
    }

    /// The right-most address that no trusted proxy has; nothing is believed of anybody else.
    @Test(arguments: [
        ("192.0.2.9", ["198.51.100.1"], "192.0.2.9"),
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", ["198.51.100.1"], "198.51.100.1"),
        ("::1", ["198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6, 198.51.100.1"], "198.51.100.1"),
        ("10.0.0.1", ["6.6.6.6", "198.51.100.1, 10.2.2.2"], "198.51.100.1"),
        ("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        ("10.0.0.1", ["198.51.100.1:4711"], "198.51.100.1"),
        ("10.0.0.1", ["[2001:db8::1]:4711"], "2001:db8::1"),
        ("10.0.0.1", ["\t2001:db8::1 "], "2001:db8::1"),
        ("10.0.0.1", ["6.6.6.6, unknown"], "10.0.0.1"),
        ("10.0.0.1", ["6.6.6.6, unknown, 10.2.2.2"], "10.2.2.2"),
        ("10.0.0.1", ["6.6.6.6,"], "10.0.0.1"), ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", ["[::1"], "10.0.0.1"), ("10.0.0.1", ["[::1]x"], "10.0.0.1"),
    ])
    func client_isTheRightmostUntrusted(peer: String, values: [String], client: String) throws {
        #expect(try Self.client(peer, .xForwardedFor, values) == client)
    }

    @Test(arguments: [
        (["for=198.51.100.1"], "198.51.100.1"),
        (["for=6.6.6.6, For=\"[2001:db8::1]:80\";proto=http;by=10.0.0.2"], "2001:db8::1"),
        (["for=6.6.6.6, for=198.51.100.1, for=10.2.2.2"], "198.51.100.1"),
        (["for=6.6.6.6, for=_hidden"], "10.0.0.1"), (["for=6.6.6.6, proto=http"], "10.0.0.1"),
        (["for=6.6.6.6, for=\"1.1.1.1, for=10.2.2.2\""], "10.0.0.1"),
        (["for=6.6.6.6;for=198.51.100.1"], "10.0.0.1"), (["198.51.100.1"], "10.0.0.1"),
    ])
    func client_isReadFromForwarded(values: [String], client: String) throws {
        #expect(try Self.client("10.0.0.1", .forwarded, values) == client)
    }
}
