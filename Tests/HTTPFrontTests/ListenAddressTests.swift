import HTTPFront
import Testing

struct ListenAddressTests {
    /// The four forms are told apart.
    @Test func parsing_tellsTheForms_whenTextIsOne() throws {
        #expect(
            try ListenRequest(parsing: "127.0.0.1:80") == .tcp(.loopback(port: 80)))
        #expect(try ListenRequest(parsing: "inherited") == .inherited(name: nil))
        #expect(try ListenRequest(parsing: "inherited:web") == .inherited(name: "web"))
        #expect(
            try ListenRequest(parsing: "inherited:cardstatus.socket")
                == .inherited(name: "cardstatus.socket"))
        for path in ["/run/a.sock", "a", "./@a", "/a:b,c", String(repeating: "x", count: 107)] {
            let request = try ListenRequest(parsing: "unix:" + path)
            guard case .unix(let parsed) = request else {
                Issue.record("\(request) for \(path)")
                continue
            }
            #expect(parsed.text == path)
            #expect(ListenAddress.unix(parsed).description == "unix:" + path)
            #expect(ListenAddress.unix(parsed).isLocal)
        }
    }

    /// What cannot be listened on is refused, with the text and the reason.
    @Test(arguments: [
        ("unix:", SocketAddressError.Reason.missingPath), ("unix:@a", .abstractName),
        ("unix:\u{0}a", .abstractName), ("unix:/a\u{0}", .zeroByteInPath),
        ("unix:/" + String(repeating: "x", count: 107), .pathTooLong(bytes: 108)),
        ("unix:/" + String(repeating: "é", count: 54), .pathTooLong(bytes: 109)),
        ("inherited:", .missingName), ("inherited ", .missingPort), ("unix", .missingPort),
        ("Unix:/a", .invalidPort), ("8080", .missingPort),
    ])
    func parsing_throws_whenTextIsNone(text: String, reason: SocketAddressError.Reason) {
        let error = #expect(throws: SocketAddressError.self) { try ListenRequest(parsing: text) }
        #expect(error?.reason == reason)
        #expect(error?.text == text)
        #expect(error?.description.contains(text) == true)
    }
}
