import Testing

@testable import LoadTest

/// What came out of bytes: statuses with whether the connection lasts, and how it ended.
private struct Parsed: Equatable, CustomStringConvertible {
    var replies: [String] = []
    var isMalformed = false
    var isAtStart = true

    var description: String {
        replies.joined(separator: " ") + (isMalformed ? " malformed" : "")
            + (isAtStart ? "" : " unfinished")
    }
}

/// Feeds pieces as a connection does: what was not consumed lies in front of the next piece.
private func parse(_ pieces: [ArraySlice<UInt8>], endsThere: Bool) -> Parsed {
    let captured = UnsafeMutablePointer<UInt8>.allocate(capacity: ResponseParser.captureMax)
    defer { captured.deallocate() }
    var parser = ResponseParser(capture: captured)
    var parsed = Parsed()
    var buffer: [UInt8] = []
    func note() {
        let body = UnsafeBufferPointer(start: captured, count: parser.captured)
        parsed.replies.append(
            "\(parser.status)\(parser.keepsAlive ? "" : "!")"
                + (body.isEmpty ? "" : ":" + String(decoding: body, as: UTF8.self)))
    }
    for piece in pieces {
        buffer += piece
        var position = 0
        var outcome = ResponseParser.Outcome.complete
        while outcome == .complete {
            outcome = buffer.withUnsafeMutableBufferPointer { bytes in
                guard let start = bytes.baseAddress else { return .incomplete }
                return parser.consume(start, bytes.count, &position)
            }
            if outcome == .complete { note() }
        }
        if outcome == .malformed {
            parsed.isMalformed = true
            return parsed
        }
        buffer.removeFirst(position)
    }
    if endsThere, parser.end() { note() }
    parsed.isAtStart = parser.isAtStart && buffer.isEmpty
    return parsed
}

struct ResponseParserTests {
    private static let replies: [(String, String)] = [
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200:hello"),
        (
            "HTTP/1.1 200 OK\r\nDate: x\r\ncontent-LENGTH:\t5 \r\nServer: s\r\n\r\nhello",
            "200:hello"
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200"),
        ("HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304\r\nContent-Length: 9\r\n\r\n", "204 304"),
        (
            "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nnoHTTP/1.1 200 OK\r\n"
                + "Content-Length: 2\r\n\r\nok", "404:no 200:ok"
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789"
                + "\r\n0\r\nTrailer: t\r\n\r\nHTTP/1.1 500 E\r\nContent-Length: 0\r\n\r\n",
            "200:abc0123456789 500"
        ),
        ("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 C\r\nContent-Length: 1\r\n\r\nx", "201:x"),
        ("HTTP/1.1 200 OK\r\nConnection: a, Close\r\nContent-Length: 1\r\n\r\nx", "200!:x"),
        ("HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\nx", "200!:x"),
        ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\nx", "200:x"),
        ("HTTP/1.1 200 OK\r\n\r\nuntil the end", "200!:until the end"),
        ("HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "200:ok"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", "200:x"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", " unfinished"),
        ("HTTP/1.1 200 OK\r\nContent-Le", " unfinished"),
        ("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", " malformed"),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", " malformed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", " malformed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", " malformed"),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxy\r\n", " malformed"),
        ("HTTP/1.1 101 Switching\r\n\r\n", " malformed"),
        ("HTTP/1.1 2x0 OK\r\n\r\n", " malformed"),
        ("HTTP/2 200 and more\r\n\r\n", " malformed"),
        ("SSH-2.0-OpenSSH_9.2p1\r\n", " malformed"),
    ]

    /// The same replies come out wherever the bytes are cut in two, and one by one.
    @Test(arguments: replies)
    func consume_findsTheReplies_atEverySplit(_ text: String, _ expected: String) {
        let bytes = Array(text.utf8)
        for split in 0...bytes.count {
            let parsed = parse([bytes[..<split], bytes[split...]], endsThere: true)
            #expect(parsed.description == expected, "cut at \(split)")
        }
        let single = bytes.indices.map { bytes[$0...$0] }
        #expect(parse(single, endsThere: true).description == expected, "byte by byte")
    }

    /// A body is counted off beyond what is kept of it.
    @Test
    func consume_keepsTheBodysStart_whenItIsLong() {
        let body = String(repeating: "0123456789", count: 1_000)
        let text = "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n\(body)"
        let parsed = parse([ArraySlice(text.utf8)], endsThere: false)
        #expect(parsed.description == "200:" + body.prefix(ResponseParser.captureMax))
    }
}
