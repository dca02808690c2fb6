import HTTPFront
import Testing

struct PercentDecodingTests {
    private func decodeSegment(_ text: String) throws(PercentDecodingError) -> [UInt8] {
        var output = Array("left over".utf8)
        let input = Array(text.utf8)
        let result = input.withUnsafeBufferPointer { bytes in
            Result { () throws(PercentDecodingError) in
                try PercentDecoding.decode(segment: bytes, into: &output)
            }
        }
        do throws(PercentDecodingError) {
            try result.get()
        } catch {
            #expect(output.isEmpty)
            throw error
        }
        return output
    }

    /// Escapes become bytes; everything else, `+` included, stays.
    @Test(arguments: [
        ("", ""), ("ZYW8827", "ZYW8827"), ("a%20b", "a b"), ("%41%5a%7A", "AZz"), ("a+b", "a+b"),
        ("%2B971", "+971"), ("%2F", "/"), ("%25", "%"), ("%2525", "%25"), ("%C3%A9", "é"),
        ("é", "é"),
    ])
    func segment_isDecoded_whenWellFormed(text: String, expected: String) throws {
        #expect(try decodeSegment(text) == Array(expected.utf8))
    }

    /// Every malformed escape is an error that says where, and leaves nothing in the buffer.
    @Test(arguments: [
        ("%", PercentDecodingError.truncatedEscape(offset: 0)),
        ("%4", .truncatedEscape(offset: 0)),
        ("ab%", .truncatedEscape(offset: 2)),
        ("ab%F", .truncatedEscape(offset: 2)),
        ("%%", .truncatedEscape(offset: 0)),
        ("%41%", .truncatedEscape(offset: 3)),
        ("%G0", .invalidEscape(offset: 0)),
        ("%0G", .invalidEscape(offset: 0)),
        ("%%41", .invalidEscape(offset: 0)),
        ("% 41", .invalidEscape(offset: 0)),
        ("x%-1", .invalidEscape(offset: 1)),
        ("%+1", .invalidEscape(offset: 0)),
        ("%/0", .invalidEscape(offset: 0)),
        ("%:0", .invalidEscape(offset: 0)),
        ("%@0", .invalidEscape(offset: 0)),
        ("%`0", .invalidEscape(offset: 0)),
        ("%g0", .invalidEscape(offset: 0)),
        ("%00", .zeroByte(offset: 0)),
        ("123%00x", .zeroByte(offset: 3)),
        ("a\u{0}b", .zeroByte(offset: 1)),
    ])
    func segment_throws_whenMalformed(text: String, expected: PercentDecodingError) {
        #expect(throws: expected) { try decodeSegment(text) }
    }

    /// A raw `+` in a query value is a space or a plus, as the caller asks; `%2B` is always a plus.
    @Test func queryValue_readsPlus_asTheCallerAsks() throws {
        let input = Array("+971%2B5+5".utf8)
        for (plus, expected) in [(PlusDecoding.space, " 971+5 5"), (.plus, "+971+5+5")] {
            var output: [UInt8] = []
            try input.withUnsafeBufferPointer {
                try PercentDecoding.decode(queryValue: $0, plus: plus, into: &output)
            }
            #expect(output == Array(expected.utf8))
        }
    }
}

struct QueryTests {
    /// Names are found in any order and encoding; the value stays encoded.
    @Test(arguments: [
        ("phone=1", "1"), ("a=2&phone=1", "1"), ("phone=1&phone=2", "1"), ("phone", ""),
        ("phone=", ""), ("phone=a=b", "a=b"), ("p%68one=%2B1", "%2B1"), ("&&phone=1&", "1"),
        ("=x&phone=+1", "+1"), ("phones=2", nil), ("phon=2", nil), ("", nil), ("Phone=1", nil),
        ("phone%=1", nil), ("x=phone=1", nil), ("phone%00=1", nil),
    ])
    func value_isFound_whenNameMatches(text: String, expected: String?) {
        let found = Array(text.utf8).withUnsafeBufferPointer { bytes in
            Query(bytes).value("phone").map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(found == expected)
    }

    /// Repeats can be seen.
    @Test func count_isTwo_whenNameIsRepeated() {
        Array("a=1&b=2&%61=3".utf8).withUnsafeBufferPointer { bytes in
            #expect(Query(bytes).count("a") == 2)
            #expect(Query(bytes).count("c") == 0)
        }
    }
}
