import Glibc
import Testing

@testable import HTTPFront

/// What HTTP/1.1 asks of a server's parser, topic by topic, on raw connections.
///
/// Each case is sent as it stands, in one piece and byte by byte, with a request behind it that
/// must never be answered when the case is refused: whoever reads on after a request that he did
/// not understand can be made to read anything.
struct ConformanceTests {
    private static let head = "GET /a HTTP/1.1\r\nHost: h\r\n"
    private static let post = "POST /a HTTP/1.1\r\nHost: h\r\n"
    private static let chunked = post + "Transfer-Encoding: chunked\r\n\r\n"

    /// A request, and the echo's answer to it.
    struct Accepted: Sendable {
        let request: String
        let answer: String

        init(_ request: String, _ answer: String) {
            (self.request, self.answer) = (request, answer)
        }
    }

    private static func statuses(_ pieces: [String]) throws -> (statuses: [Int], text: String) {
        let test = try TestServer()
        let client = try test.client()
        let text: String
        do {
            for piece in pieces { try client.send(piece) }
            text = try client.rest()
        } catch let failure as TestClient.Failure where [EPIPE, ECONNRESET].contains(failure.code) {
            // What stands behind a refused request was not read, and never will be.
            return ([], "")
        }
        return (text.matches(of: #/HTTP/1\.1 (\d+) /#).compactMap { Int($0.output.1) }, text)
    }

    // MARK: Request line

    @Test(arguments: [
        Accepted("GET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a||"),
        Accepted("\r\nGET /a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a||"),
        Accepted("GET /a HTTP/1.0\r\n\r\n", "GET /a||"),
        Accepted("GET /a HTTP/1.2\r\nHost: h\r\n\r\n", "GET /a||"),
        Accepted("M-SEARCH /a HTTP/1.1\r\nHost: h\r\n\r\n", " /a||"),
        Accepted("GET /a?b=c?d&e HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a|b=c?d&e|"),
        Accepted("GET http://h/a HTTP/1.1\r\nHost: h\r\n\r\n", "GET /a||"),
        Accepted("OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", "OPTIONS *||"),
    ])
    func requestLine_isRead(of request: Accepted) throws {
        try check(request)
    }

    @Test(arguments: [
        "GET /a\r\n", "GET /a HTTP/0.9\r\n", "GET /a HTTP/2.0\r\n", "GET /a HTTP/1.10\r\n",
        "GET /a HTTP/01.1\r\n", "GET /a http/1.1\r\n", "GET /a HTP/1.1\r\n", "GET /a HTTP/1,1\r\n",
        "GET /a ICE/1.0\r\n", "PRI * HTTP/2.0\r\n", "GET  /a HTTP/1.1\r\n", "GET\t/a HTTP/1.1\r\n",
        "GET /a  HTTP/1.1\r\n", "GET /a HTTP/1.1 \r\n", "GET /a b HTTP/1.1\r\n",
        "GET /a\u{1}b HTTP/1.1\r\n", "GET /a\u{7F} HTTP/1.1\r\n", "GET /a\u{0}b HTTP/1.1\r\n",
        "GET\u{0} /a HTTP/1.1\r\n", "G@T /a HTTP/1.1\r\n", "G(T) /a HTTP/1.1\r\n",
        "GET /a HTTP/1.1\n", "GET /a HTTP/1.1\r",
    ])
    func requestLine_isRefused(_ line: String) throws {
        try checkRefused(line + "Host: h\r\n\r\n")
    }

    // MARK: Headers

    @Test(arguments: [
        Accepted(head + "A:b\r\n\r\n", "GET /a||"),
        Accepted(head + "A: \t b \t\r\n\r\n", "GET /a||"),
        Accepted(head + "A:\r\nB: \r\n\r\n", "GET /a||"),
        Accepted(head + "A: b\tc\r\n\r\n", "GET /a||"),
        Accepted(head + "A: \u{e9}\r\n\r\n", "GET /a||"),
        Accepted(head + "Cookie: a=b; c; d=\"e\"\r\nCookie: f\r\n\r\n", "GET /a||"),
        Accepted(head + "!#$%&'*+-.^_`|~: b\r\n\r\n", "GET /a||"),
        Accepted(
            head + (0..<40).map { "X-\($0): \($0)\r\n" }.joined() + "\r\n", "GET /a||"),
    ])
    func headers_areRead(of request: Accepted) throws {
        try check(request)
    }

    @Test(arguments: [
        "A : b\r\n", " A: b\r\n", "\tA: b\r\n", ": b\r\n", "A b: c\r\n", "A\r\n", "A(: b\r\n",
        "A\u{0}B: c\r\n", "A: b\u{0}c\r\n", "A: b\u{0}\r\n", "A: b\u{1}c\r\n", "A: b\u{7F}\r\n",
        "A: b\r\n c\r\n", "A: b\r\n\tc\r\nD: e\r\n", "A: b\r\n \r\n",
        "A: b\n", "A: b\nC: d\r\n", "A: b\r", "A: b\rC: d\r\n", "A: b\r\rC: d\r\n",
        "A: b\rTransfer-Encoding: chunked\r\n", "A: b\nContent-Length: 3\r\n",
    ])
    func headers_areRefused(_ line: String) throws {
        try checkRefused(Self.head + line + "\r\n")
        try checkRefused(Self.head + line + "Z: last\r\n\r\n")
    }

    /// An empty name must not hide the headers behind it.
    @Test(arguments: [
        ": a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        ": a\r\nHost: h\r\n", ": a\r\nContent-Length: 3\r\nContent-Length: 4\r\n",
    ])
    func headers_areRefused_behindAnEmptyName(_ lines: String) throws {
        try checkRefused(Self.post + lines + "\r\n0\r\n\r\n")
    }

    // MARK: Host

    @Test(arguments: ["h", "h:80", "127.0.0.1:8080", "[::1]:80", "a-b_c.D", ""])
    func host_isRead(_ host: String) throws {
        try check(Accepted("GET /a HTTP/1.1\r\nHost: \(host)\r\n\r\n", "GET /a||"))
    }

    @Test(arguments: [
        "a b", "a,b", "a/b", "a@b", "a\\b", "a?b", "a#b", "<a>", "a\"b", "a%00b", "a\u{0}b", "é",
    ])
    func host_isRefused(_ host: String) throws {
        try checkRefused("GET /a HTTP/1.1\r\nHost: \(host)\r\n\r\n")
    }

    @Test(arguments: ["", "Host: h\r\nHost: h\r\n", "Host: h\r\nhost: i\r\n"])
    func host_isRefused_unlessThereIsOne(_ lines: String) throws {
        try checkRefused("GET /a HTTP/1.1\r\n\(lines)\r\n")
    }

    // MARK: Content-Length

    @Test(arguments: [
        Accepted(post + "Content-Length: 3\r\n\r\nabc", "POST /a||abc"),
        Accepted(post + "Content-Length: 003\r\n\r\nabc", "POST /a||abc"),
        Accepted(post + "Content-Length: 0\r\n\r\n", "POST /a||"),
        Accepted(post + "\r\n", "POST /a||"),
    ])
    func contentLength_isRead(of request: Accepted) throws {
        try check(request)
    }

    @Test(arguments: [
        "+3", "-3", "3, 3", "3,3", "0x3", "3 3", "3a", "", " ", "３", "3.0", "1e1",
        "18446744073709551619", "99999999999999999999", "3\r\nContent-Length: 3",
        "3\r\nContent-Length: 4", "3\r\nTransfer-Encoding: chunked",
        "3\r\nTransfer-Encoding: identity", "3\r\n 4", "\r\n 3",
    ])
    func contentLength_isRefused(_ value: String) throws {
        try checkRefused(Self.post + "Content-Length: \(value)\r\n\r\nabc")
    }

    // MARK: Transfer-Encoding

    @Test(arguments: [
        Accepted(chunked + "3\r\nabc\r\n0\r\n\r\n", "POST /a||abc"),
        Accepted(chunked + "1\r\na\r\n02\r\nbc\r\n000\r\n\r\n", "POST /a||abc"),
        Accepted(chunked + "A\r\n0123456789\r\n0\r\n\r\n", "POST /a||0123456789"),
        Accepted(chunked + "3;x=y\r\nabc\r\n0\r\n\r\n", "POST /a||abc"),
        Accepted(chunked + "3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", "POST /a||abc"),
        Accepted(chunked + "0\r\n\r\n", "POST /a||"),
        Accepted(
            post + "transfer-encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "POST /a||abc"),
    ])
    func transferEncoding_isRead(of request: Accepted) throws {
        try check(request)
    }

    @Test(arguments: [
        "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "identity", "xchunked",
        "chunked ;q=1", "\u{b}chunked", "chun ked", "", "chunked\r\nTransfer-Encoding: chunked",
        "chunked\r\nContent-Length: 3", "chunked\r\nTransfer-Encoding: identity",
    ])
    func transferEncoding_isRefused(_ value: String) throws {
        try checkRefused(
            Self.post + "Transfer-Encoding: \(value)\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
    }

    @Test(arguments: [
        "0x3\r\nabc\r\n0\r\n\r\n", "+3\r\nabc\r\n0\r\n\r\n", "-3\r\nabc\r\n0\r\n\r\n",
        " 3\r\nabc\r\n0\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n", "x\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n", "FFFFFFFFFFFFFFFFF\r\nabc\r\n0\r\n\r\n",
    ])
    func chunk_isRefused(_ body: String) throws {
        try checkRefused(Self.chunked + body)
    }

    @Test func transferEncoding_isRefused_inHTTP10() throws {
        try checkRefused(
            "POST /a HTTP/1.0\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
        )
    }

    // MARK: Bodies where there should be none

    @Test(arguments: [
        "GET /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        "HEAD /a HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
        "GET /a HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ])
    func body_isRefused(_ request: String) throws {
        try checkRefused(request)
    }

    // MARK: Connection and pipelining

    /// Requests that come together are answered in order, whatever their bodies.
    @Test func pipelined_areAnsweredInOrder() throws {
        let requests = [
            Self.head + "\r\n", Self.post + "Content-Length: 3\r\n\r\nGET",
            Self.chunked + "1\r\nx\r\n0\r\n\r\n", Self.head.replacing("/a", with: "/b") + "\r\n",
            Self.post + "Content-Length: 0\r\nConnection: close\r\n\r\n",
        ]
        let (statuses, text) = try Self.statuses([requests.joined()])
        #expect(statuses == [200, 200, 200, 200, 200])
        let bodies = ["GET /a||", "POST /a||GET", "POST /a||x", "GET /b||", "POST /a||"]
        var rest = text[...]
        for body in bodies {
            let range = try #require(rest.firstRange(of: body))
            rest = rest[range.upperBound...]
        }
    }

    /// Nothing is read behind a request that ends the connection.
    @Test(arguments: [
        "Connection: close\r\n", "Connection: keep-alive, close\r\n", "connection: CLOSE\r\n",
    ])
    func requests_areIgnored_behindTheLast(_ line: String) throws {
        let (statuses, _) = try Self.statuses([
            Self.head + line + "\r\n" + Self.head + "\r\n"
        ])
        #expect(statuses.count <= 1)
    }

    /// An upgrade that nobody offers is no upgrade.
    @Test func upgrade_isIgnored() throws {
        let (statuses, _) = try Self.statuses([
            Self.head + "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n" + Self.head
                + "Connection: close\r\n\r\n"
        ])
        #expect(statuses == [200, 200])
    }

    @Test func continue_isSent_whenItIsExpected() throws {
        let (statuses, text) = try Self.statuses([
            Self.post + "Content-Length: 3\r\nConnection: close\r\nExpect: 100-continue\r\n\r\n",
            "abc",
        ])
        #expect(statuses == [100, 200] && text.hasSuffix("POST /a||abc"))
    }

    // MARK: The two ways of checking

    private func check(_ accepted: Accepted) throws {
        let next =
            "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let closes = accepted.request.contains("HTTP/1.0")
        for pieces in [[accepted.request + next], accepted.request.map(String.init) + [next]] {
            let (statuses, text) = try Self.statuses(pieces)
            #expect(
                statuses == (closes ? [200] : [200, 200]), "\(accepted.request.debugDescription)")
            #expect(text.contains("\r\n\r\n" + accepted.answer), "\(text)")
        }
    }

    /// One refusal at most, and nothing behind it. (libmicrohttpd sends the head of some of its own
    /// refusals twice, and to some it says nothing.)
    private func checkRefused(_ request: String) throws {
        let next =
            "GET /next HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        let scalars = request.unicodeScalars.map { String(Character($0)) }
        for pieces in [[request + next], scalars + [next]] {
            let (statuses, text) = try Self.statuses(pieces)
            let what: Comment = "\(request.debugDescription): \(text)"
            #expect(Set(statuses).isSubset(of: [400, 413, 505]), what)
            #expect(!text.contains("/next") && !text.contains(" 200 "), what)
        }
    }
}
