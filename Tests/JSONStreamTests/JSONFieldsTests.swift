import CardTesting
import Foundation
import JSONStream
import Testing

/// Reads fields of single records.
struct JSONFieldsTests {
    private static func read(_ record: String, _ paths: String...) throws -> [String] {
        try JSONFields(paths.map { JSONPath($0) }).read(Array(record.utf8).span).map { field in
            switch field {
            case .absent: "-"
            case .text(let bytes): String(decoding: bytes, as: UTF8.self)
            case .structure(let bytes): "raw " + String(decoding: bytes, as: UTF8.self)
            }
        }
    }

    /// Strings lose their escapes, numbers keep their form, null is nothing.
    @Test func read_givesTexts() throws {
        let record = #"""
            {"s":"a\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00z","n":585949014.0,"e":5.85949014E+08,"t":true,
            "f":false,"x":null,"o":{"a":1,"b":[ ]},"empty":"","é":"é"}
            """#
        #expect(
            try Self.read(record, "s", "n", "e", "t", "f", "x", "o", "empty", "é", "gone", "o.a")
                == [
                    "a\"\\/\u{8}\u{C}\n\r\té😀z", "585949014.0", "5.85949014E+08", "true", "false",
                    "-", #"raw {"a":1,"b":[ ]}"#, "", "é", "-", "1",
                ])
    }

    /// Paths lead into objects and to elements; one place may be asked for twice.
    @Test func read_followsPaths() throws {
        let record = #"{"a":{"b":[{"c":1},{"c":2}],"0":"zero"},"b":{"a":3}}"#
        #expect(
            try Self.read(record, "a.b.1.c", "a.b.0.c", "a.b.2.c", "a.0", "b.a", "b.a", "a.b.x")
                == ["2", "1", "-", "zero", "3", "3", "-"])
        #expect(try Self.read("17", "") == ["17"])
        #expect(try Self.read("[4,5]", "1") == ["5"])
    }

    /// Of members with one name the last counts.
    @Test func read_takesTheLast_ofMembersWithOneName() throws {
        #expect(try Self.read(#"{"a":1,"a":{"b":2},"a":3}"#, "a", "a.b") == ["3", "2"])
    }

    @Test(arguments: [
        "", " ", "{", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "[1,]", "[1 2]", "{\"a\":1}x", "tru",
        "nul", "01", "1.", ".5", "1e", "+1", "--1", "0x1", "\"a", "\"\\x\"", "\"\\u12\"",
        "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\u{1}\"", "{a:1}", "{'a':1}", "[1}", "NaN",
    ])
    func read_refuses(record: String) {
        #expect(throws: JSONProblem.self) { try Self.read(record, "a") }
    }

    /// Bytes that are no UTF-8 are refused, and nesting is bounded.
    @Test func read_refusesBadBytesAndDepth() throws {
        #expect(throws: JSONProblem.self) {
            try JSONFields([]).read([0x22, 0xC3, 0x28, 0x22].span)
        }
        let deep = String(repeating: "[", count: 64) + String(repeating: "]", count: 64)
        #expect(try Self.read(deep, "a") == ["-"])
        #expect(throws: JSONProblem.self) { try Self.read("[\(deep)]", "a") }
        let endless = String(repeating: "[", count: 1_000_000)
        #expect(throws: JSONProblem.self) { try Self.read(endless, "a") }
    }

    @Test func names_areThoseOfTheObject() throws {
        #expect(
            try JSONFields.names(of: Array(#"{"a":{"x":1},"b":2}"#.utf8).span) == ["a", "b"])
        #expect(try JSONFields.names(of: Array("[1]".utf8).span) == [])
    }

    /// What Foundation's reader accepts is accepted, and the other way round; but for a comma
    /// before `]`, which Foundation takes and RFC 8259 does not, and numbers beyond a Double.
    @Test func read_agreesWithFoundation() throws {
        let seed = SeededGenerator.newSeed()
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let parts = [
            "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\"", "1", "-1", "0.5", "1e9", "null", "true",
            " ", "\"\\n\"",
        ]
        for _ in 0..<5_000 {
            let text = (0..<Int.random(in: 1..<9, using: &random))
                .map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            guard !text.contains(/, *\]/), !text.contains(/e9[0-9]/) else { continue }
            let isRight: Bool
            do {
                _ = try JSONSerialization.jsonObject(
                    with: Data(text.utf8), options: .fragmentsAllowed)
                isRight = true
            } catch {
                isRight = false
            }
            if isRight {
                #expect(throws: Never.self, "\(text)") { try Self.read(text, "a") }
            } else {
                #expect(throws: JSONProblem.self, "\(text)") { try Self.read(text, "a") }
            }
        }
    }
}
