import CardTesting
import Foundation
import JSONStream
import Testing

/// Finds records in documents that come in pieces. Every document here is read whole and at every
/// place that it can be split, and byte by byte.
struct JSONSplitterTests {
    /// What became of a document: its records, or what was wrong.
    struct Outcome: Equatable {
        var records: [String] = []
        var values: [String?] = []
        var problem: String?
    }

    private static func read(
        _ pieces: [ArraySlice<UInt8>], at path: String, values: [String], maxRecordBytes: Int
    ) -> Outcome {
        var splitter = JSONSplitter(
            records: JSONPath(path), values: values.map { JSONPath($0) },
            maxRecordBytes: maxRecordBytes)
        var outcome = Outcome()
        do {
            for piece in pieces {
                try splitter.read(Array(piece).span) { record in
                    let text = record.bytes.withUnsafeBufferPointer {
                        String(decoding: $0, as: UTF8.self)
                    }
                    #expect(record.number == outcome.records.count + 1)
                    outcome.records.append(
                        record.isTooLong ? "too long: \(text.prefix(8))" : text)
                }
            }
            try splitter.finish()
        } catch {
            outcome.problem = (error as? JSONProblem)?.description ?? "\(error)"
        }
        outcome.values = splitter.values
        return outcome
    }

    /// Reads in every way and expects the same each time.
    private static func readInEveryWay(
        _ text: String, at path: String = "", values: [String] = [], maxRecordBytes: Int = 1_000,
        sourceLocation: SourceLocation = #_sourceLocation
    ) -> Outcome {
        let bytes = Array(text.utf8)
        let whole = read([bytes[...]], at: path, values: values, maxRecordBytes: maxRecordBytes)
        for split in 0...bytes.count {
            let outcome = read(
                [bytes[..<split], bytes[split...]], at: path, values: values,
                maxRecordBytes: maxRecordBytes)
            #expect(outcome == whole, "split at \(split)", sourceLocation: sourceLocation)
        }
        let single = read(
            bytes.indices.map { bytes[$0...$0] }, at: path, values: values,
            maxRecordBytes: maxRecordBytes)
        #expect(single == whole, "byte by byte", sourceLocation: sourceLocation)
        return whole
    }

    /// The document is the array; records are handed out as they are written.
    @Test(arguments: [
        (#"[]"#, []),
        (#" [ ] "#, []),
        (
            #"[{"a":1},{"b":"}]\"{["} , [1,[2]],3 ,"x\\",null,true]"#,
            [#"{"a":1}"#, #"{"b":"}]\"{["}"#, "[1,[2]]", "3", #""x\\""#, "null", "true"]
        ),
        ("\u{FEFF}[1]", ["1"]),
        ("[\n{\"a\" : [ ] }\n,\t-1.5e+3]\r\n", [#"{"a" : [ ] }"#, "-1.5e+3"]),
    ])
    func read_findsRecords_ofABareArray(text: String, records: [String]) {
        #expect(Self.readInEveryWay(text) == Outcome(records: records))
    }

    /// A path leads through objects; what stands beside it, or has its name elsewhere, does not
    /// matter.
    @Test func read_findsRecords_atAPath() {
        let text = #"""
            {"data":7,"x":{"data":[1]},"page":{"data":{"items":[0]},"items":[{"id":"1"},{"id":"2"}],
            "a":[[{"items":[9]}]]},"items":[5]}
            """#
        #expect(
            Self.readInEveryWay(text, at: "page.items")
                == Outcome(records: [#"{"id":"1"}"#, #"{"id":"2"}"#]))
        #expect(
            Self.readInEveryWay(#"{"d\u0061ta":[1]}"#, at: "data") == Outcome(records: ["1"]))
        #expect(Self.readInEveryWay(#"{"data":null}"#, at: "data") == Outcome())
    }

    /// Totals and cursors beside the records, before and behind them.
    @Test func read_findsValues_besideTheRecords() {
        let text = #"""
            {"total":21,"data":[{"total":9}],"meta":{"next":"a\u00e9\"b","more":true,"none":null,
            "deep":{"total":[1]}},"s":"7"}
            """#
        let outcome = Self.readInEveryWay(
            text, at: "data",
            values: ["total", "meta.next", "meta.more", "meta.none", "meta.deep", "s", "gone"])
        #expect(outcome.values == ["21", "aé\"b", "true", nil, nil, "7", nil])
        #expect(outcome.problem == nil)
    }

    /// A record that is too long costs itself, whatever is inside it, and is not held.
    @Test func read_cutsARecord_thatIsTooLong() {
        let long = "{\"a\":\"" + String(repeating: "x]", count: 600) + "\"}"
        let outcome = Self.readInEveryWay("[1,\(long),2]", maxRecordBytes: 100)
        #expect(outcome == Outcome(records: ["1", "too long: {\"a\":\"x]", "2"]))
        let fits = "\"" + String(repeating: "y", count: 98) + "\""
        #expect(
            Self.readInEveryWay("[\(fits)]", maxRecordBytes: 100) == Outcome(records: [fits]))
    }

    /// What is no JSON, or has no records, is refused with the place and a reason.
    @Test(arguments: [
        ("", "", "at byte 0, there is nothing"),
        ("   ", "", "at byte 3, the document ends too early"),
        ("<html>", "", "at byte 0, a value is expected"),
        ("[1", "", "at byte 2, the document ends too early"),
        (#"[{"a":1}"#, "", "at byte 8, the document ends too early"),
        (#"[{"a":1"#, "", "at byte 7, the document ends too early"),
        ("[1]]", "", "at byte 3, something follows the document"),
        ("[1] x", "", "at byte 4, something follows the document"),
        (#"[{} {}]"#, "", "at byte 4, ',' or ']' is expected"),
        (
            #"{"a":[1],"b":2}"#, "",
            "at byte 15, the document is no array of records; its members are 'a', 'b'"
        ),
        (
            #"{"a":[1],"b":2}"#, "c",
            "at byte 15, the document has no records at 'c'; its members are 'a', 'b'"
        ),
        (#"{"a":{"b":1}}"#, "a", "at byte 5, 'a' is an object and no array of records"),
        (#"{"a":"x"}"#, "a", "at byte 7, 'a' is no array of records"),
        (#"{"a":12}"#, "a", "at byte 7, 'a' is no array of records"),
        ("12", "", "at byte 2, the document is no array of records"),
        (#"{"a" 1}"#, "", "at byte 5, ':' is expected"),
        (#"{"a":1,}"#, "", "at byte 7, a member's name is expected"),
        (#"{"a":01}"#, "", "at byte 7, a value is expected"),
        (#"{"a":tru}"#, "", "at byte 8, a value is expected"),
        (#"{"a":[1,]}"#, "b", "at byte 8, a value is expected"),
        (#"{"a":[1}"#, "b", "at byte 7, ',' or ']' is expected"),
        (#"{a:1}"#, "", "at byte 1, a member's name is expected"),
        (#"{"a":"\x"}"#, "", "at byte 7, there is no such escape"),
        (#"{"a":"\u00g0"}"#, "", "at byte 10, an escape has four hexadecimal digits"),
        ("{\"a\":\"\n\"}", "", "at byte 6, a control character must be escaped"),
        (#"{"\ud800":1}"#, "", "at byte 8, half of a surrogate pair"),
    ])
    func read_refuses(text: String, path: String, problem: String) {
        #expect(Self.readInEveryWay(text, at: path).problem == problem)
    }

    /// Depth is bounded outside of records, and inside one it costs nothing.
    @Test func read_boundsDepth() {
        let deep = String(repeating: "[", count: 65)
        #expect(
            Self.read([Array("{\"a\":\(deep)".utf8)[...]], at: "b", values: [], maxRecordBytes: 9)
                .problem == "at byte 68, the nesting is deeper than 64")
        let record = String(repeating: "[", count: 500) + String(repeating: "]", count: 500)
        #expect(Self.readInEveryWay("[\(record)]") == Outcome(records: [record]))
    }

    /// Whatever bytes come, reading ends with records or a problem, in pieces as in one.
    @Test func read_agreesWithItself_onRandomText() {
        let seed = SeededGenerator.newSeed()
        print("seed \(seed)")
        var random = SeededGenerator(seed: seed)
        let parts = [
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\"a\"", "\"b\":", "1", "-", "null", " ", "é",
            "{\"a\":[", "]}", "\\u00e9", "\n",
        ]
        for _ in 0..<400 {
            let text = (0..<Int.random(in: 0..<24, using: &random))
                .map { _ in parts.randomElement(using: &random) ?? "" }.joined()
            _ = Self.readInEveryWay(text, at: Bool.random(using: &random) ? "a" : "", values: ["b"])
        }
    }
}
