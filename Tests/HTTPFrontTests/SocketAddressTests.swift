import HTTPFront
import Testing

struct SocketAddressTests {
    /// An address is read, and written back in its canonical form.
    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1:8080", true),
        ("127.9.8.7:1", "127.9.8.7:1", true),
        ("0.0.0.0:80", "0.0.0.0:80", false),
        ("255.255.255.255:65535", "255.255.255.255:65535", false),
        ("192.168.1.20:0", "192.168.1.20:0", false),
        ("localhost:8080", "127.0.0.1:8080", true),
        (":8080", ":8080", false),
        (":0", ":0", false),
        ("[::1]:8080", "[::1]:8080", true),
        ("[0:0:0:0:0:0:0:1]:8080", "[::1]:8080", true),
        ("[::]:8080", "[::]:8080", false),
        ("[2001:DB8::5]:443", "[2001:db8::5]:443", false),
        ("[::ffff:127.0.0.1]:9", "[::ffff:127.0.0.1]:9", true),
        ("[::ffff:10.0.0.1]:9", "[::ffff:10.0.0.1]:9", false),
        ("[1::1]:9", "[1::1]:9", false),
        ("127.0.0.1:00080", "127.0.0.1:80", true),
    ])
    func parsing_roundTrips_whenTextIsAnAddress(text: String, canonical: String, loopback: Bool)
        throws
    {
        let address = try SocketAddress(parsing: text)
        #expect(address.description == canonical)
        #expect(address.isLoopback == loopback)
        #expect(try SocketAddress(parsing: canonical) == address)
    }

    /// What is not an address is refused, with the text and the reason.
    @Test(arguments: [
        ("", SocketAddressError.Reason.missingPort), ("8080", .missingPort),
        ("127.0.0.1", .missingPort), ("127.0.0.1:", .missingPort), ("[::1]:", .missingPort),
        (":65536", .invalidPort), (":+80", .invalidPort), (":-1", .invalidPort),
        (":8 0", .invalidPort), (":000080", .invalidPort), (":80x", .invalidPort),
        ("[::1]", .invalidPort), (":٣", .invalidPort),
        ("256.0.0.1:80", .invalidHost), ("127.1:80", .invalidHost),
        ("example.com:80", .invalidHost),
        ("[127.0.0.1]:80", .invalidHost), ("[]:80", .invalidHost), ("[::1:80", .invalidHost),
        ("[fe80::1%eth0]:80", .invalidHost), (" 127.0.0.1:80", .invalidHost),
        ("LOCALHOST:80", .invalidHost), ("127.0.0.1\u{0}:80", .invalidHost),
        ("::1", .ipv6WithoutBrackets), ("::1:8080", .ipv6WithoutBrackets),
        ("http://127.0.0.1:80", .ipv6WithoutBrackets),
    ])
    func parsing_throws_whenTextIsNoAddress(text: String, reason: SocketAddressError.Reason) {
        let error = #expect(throws: SocketAddressError.self) {
            try SocketAddress(parsing: text)
        }
        #expect(error?.reason == reason)
        #expect(error?.text == text)
    }
}
