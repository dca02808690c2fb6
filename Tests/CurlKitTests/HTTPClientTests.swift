import CardTesting
import CurlKit
import Foundation
import Synchronization
import Testing

/// The client against servers that behave badly.
struct HTTPClientTests {
    private static func request(
        _ server: OddUpstream, _ path: String = "/x",
        _ change: (inout HTTPRequest) -> Void = { _ in }
    ) throws -> HTTPRequest {
        var request = HTTPRequest(try #require(HTTPAddress(server.url + path)))
        request.limits.totalTimeoutMs = 10_000
        request.limits.connectTimeoutMs = 2_000
        change(&request)
        return request
    }

    private static func get(
        _ request: HTTPRequest, shouldStop: @escaping () -> Bool = { false }
    ) throws -> (HTTPResponse, [UInt8]) {
        var client = HTTPClient()
        var body: [UInt8] = []
        let response = try client.get(request, shouldStop: shouldStop) {
            body.append(contentsOf: $0)
        }
        return (response, body)
    }

    private static func failure(_ request: HTTPRequest) -> HTTPFailure? {
        #expect(throws: HTTPFailure.self) { try get(request) }
    }

    /// Status, headers and body; connections are kept.
    @Test func get_givesTheAnswer() throws {
        let server = try OddUpstream { request in
            .answer(200, ["ETag: \"a\"", "X-Two:  1 ", "x-two: 2"], "body of \(request.target)")
        }
        var request = try Self.request(server, "/x?y=1")
        request.headers = [.init("Accept", "text/csv")]
        let (response, body) = try Self.get(request)
        #expect(String(decoding: body, as: UTF8.self) == "body of /x?y=1")
        #expect(response.status == 200)
        #expect(response.bodyBytes == body.count)
        #expect(response.value("etag") == "\"a\"")
        #expect(response.values("x-two") == ["1", "2"])
        #expect(server.asked.first?.headers["accept"] == "text/csv")
    }

    /// A refusal's body goes nowhere.
    @Test func get_keepsBackTheBody_ofARefusal() throws {
        let server = try OddUpstream { _ in .answer(500, [], "secret of the server") }
        let (response, body) = try Self.get(Self.request(server))
        #expect(response.status == 500)
        #expect(body == [])
    }

    /// Packed answers are unpacked, and what they unpack to is bounded: a bomb is no larger than
    /// any other answer.
    @Test func get_boundsWhatIsUnpacked() throws {
        // 1 MiB of zeros by gzip.
        let packed = try Self.gzip([UInt8](repeating: 0, count: 1 << 20))
        #expect(packed.count < 2_000)
        let server = try OddUpstream { _ in
            .answer(200, ["Content-Encoding: gzip"], bytes: packed)
        }
        #expect(try Self.get(Self.request(server)).1.count == 1 << 20)
        let failure = Self.failure(
            try Self.request(server) { $0.limits.bodyBytesMax = 100_000 })
        #expect(failure?.kind == .tooLarge)
        let broken = try OddUpstream { _ in
            .answer(200, ["Content-Encoding: gzip"], "no gzip at all")
        }
        #expect(Self.failure(try Self.request(broken))?.kind == .malformed)
    }

    private static func gzip(_ bytes: [UInt8]) throws -> [UInt8] {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/gzip")
        process.arguments = ["-9", "-c"]
        let (input, output) = (Pipe(), Pipe())
        process.standardInput = input
        process.standardOutput = output
        try process.run()
        DispatchQueue.global().async {
            input.fileHandleForWriting.write(Data(bytes))
            input.fileHandleForWriting.closeFile()
        }
        return Array(output.fileHandleForReading.readDataToEndOfFile())
    }

    /// An answer without an end, of a length that is too large, and of endless headers.
    @Test func get_boundsAnswers() throws {
        let endless = try OddUpstream { _ in
            [
                .send(Array("HTTP/1.1 200 OK\r\n\r\n".utf8)),
                .repeatedly([UInt8](repeating: 1, count: 4_096)),
            ]
        }
        let limited = try Self.request(endless) { $0.limits.bodyBytesMax = 100_000 }
        #expect(Self.failure(limited)?.kind == .tooLarge)
        let announced = try OddUpstream { _ in
            [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 999999999\r\n\r\n".utf8)), .silence]
        }
        #expect(
            Self.failure(try Self.request(announced) { $0.limits.bodyBytesMax = 100_000 })?.kind
                == .tooLarge)
        let headers = try OddUpstream { _ in
            [
                .send(Array("HTTP/1.1 200 OK\r\n".utf8)),
                .repeatedly(Array("X-A: \(String(repeating: "a", count: 200))\r\n".utf8)),
            ]
        }
        #expect(Self.failure(try Self.request(headers))?.kind == .tooLarge)
    }

    /// Nobody there, silence, half an answer, something else than HTTP.
    @Test func get_tellsWhatWentWrong() throws {
        let gone = try OddUpstream { _ in [.end] }
        let request = try Self.request(gone)
        #expect(Self.failure(request)?.kind == .cutOff)
        let silent = try OddUpstream { _ in [.silence] }
        #expect(
            Self.failure(try Self.request(silent) { $0.limits.totalTimeoutMs = 200 })?.kind
                == .timeout)
        let half = try OddUpstream { _ in
            [.send(Array("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf".utf8)), .end]
        }
        #expect(Self.failure(try Self.request(half))?.kind == .cutOff)
        let chunk = try OddUpstream { _ in
            [
                .send(
                    Array("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab".utf8)),
                .end,
            ]
        }
        #expect(Self.failure(try Self.request(chunk))?.kind == .cutOff)
        let other = try OddUpstream { _ in [.send(Array("SSH-2.0-x\r\n".utf8)), .end] }
        #expect(Self.failure(try Self.request(other))?.kind == .malformed)
        let refused = try #require(HTTPAddress("http://127.0.0.1:1/"))
        #expect(Self.failure(HTTPRequest(refused))?.kind == .connect)
        let tls = try #require(HTTPAddress("https://127.0.0.1:\(silent.port)/"))
        var impatient = HTTPRequest(tls)
        impatient.limits.connectTimeoutMs = 300
        #expect(Self.failure(impatient)?.isPassing == true)
    }

    /// A redirect is followed, but a secret stays with the place that it is for, also when a later
    /// redirect leads back there.
    @Test func get_keepsSecrets_fromOtherPlaces() throws {
        let first = Mutex("")
        let other = try OddUpstream { request in
            request.path == "/back"
                ? .answer(302, ["Location: \(first.withLock { $0 })/end"])
                : .answer(200, [], "other")
        }
        let server = try OddUpstream { request in
            switch request.path {
            case "/same": .answer(301, ["Location: /end"])
            case "/other": .answer(307, ["Location: \(other.url)/end"])
            case "/round": .answer(302, ["Location: \(other.url)/back"])
            default: .answer(200, [], "here")
            }
        }
        first.withLock { $0 = server.url }
        let keyed = { (path: String) throws in
            try Self.request(server, path) { $0.secrets = [.init("Authorization", "Bearer k")] }
        }
        #expect(try Self.get(keyed("/same")).0.address.path == "/end")
        #expect(server.asked.map { $0.headers["authorization"] } == ["Bearer k", "Bearer k"])
        #expect(try Self.get(keyed("/other")).0.address.port == "\(other.port)")
        #expect(other.asked.last?.headers["authorization"] == nil)
        _ = try Self.get(keyed("/round"))
        #expect(server.asked.last?.path == "/end")
        #expect(server.asked.last?.headers["authorization"] == nil)
    }

    /// Redirects end somewhere, and lead to HTTP only.
    @Test func get_boundsRedirects() throws {
        let server = try OddUpstream { request in
            switch request.path {
            case "/file": .answer(302, ["Location: file:///etc/passwd"])
            case "/none": .answer(302)
            case "/five": .answer(302, ["Location: /four"])
            default: .answer(302, ["Location: \(request.path)x"])
            }
        }
        for path in ["/loop", "/file", "/none"] {
            #expect(Self.failure(try Self.request(server, path))?.kind == .redirect, "\(path)")
        }
    }

    /// What the caller throws ends the transfer and comes out; so does a stop.
    @Test func get_endsWhenTheCallerHasEnough() throws {
        struct Enough: Error {}
        let long = String(repeating: "x", count: 100_000)
        let server = try OddUpstream { _ in .answer(200, [], long) }
        var client = HTTPClient()
        #expect(throws: Enough.self) {
            try client.get(
                try Self.request(server), shouldStop: { false }, onBody: { _ in throw Enough() })
        }
        let silent = try OddUpstream { _ in [.silence] }
        let failure = #expect(throws: HTTPFailure.self) {
            try Self.get(try Self.request(silent), shouldStop: { true })
        }
        #expect(failure?.kind == .stopped)
    }

    /// RFC 8288, as servers write it.
    @Test(arguments: [
        (["<https://a.test/?page=2>; rel=\"next\""], "https://a.test/?page=2"),
        (["</p?a=1,2>; rel=prev, </p?a=3,4>; rel=\"first next\""], "/p?a=3,4"),
        (["</x>; title=\"a, b; rel=next\"; rel=last", "</y>;REL=Next"], "/y"),
        (["</x>; rel=prev"], nil), (["nonsense, rel=next"], nil), ([], nil),
    ])
    func nextLink_isFound(links: [String], expected: String?) throws {
        let server = try OddUpstream { _ in .answer(200, links.map { "Link: \($0)" }) }
        #expect(try Self.get(Self.request(server)).0.nextLink == expected)
    }
}
