import Foundation
import Testing

/// The files that the partners publish as samples.
@Suite struct SampleFilesTests {
    /// Whatever the order, and however often: one state, one warning a run, no reject.
    @Test func load_givesOneState_inEveryOrderAndAgain() throws {
        var exports: Set<String> = []
        for order in Self.permutations(of: Samples.files) {
            let directory = TemporaryDirectory()
            let store = ["--data-dir", directory.file("data")]
            var reports = ""
            for file in order {
                reports += try Program.succeed(["load"] + store + [file])
            }
            #expect(Self.count("phone_lost_digits 1", in: reports) == 1)
            #expect(Self.count("warnings by reason", in: reports) == 1)
            #expect(!reports.contains("rejects by reason"))
            exports.insert(try Program.succeed(["export"] + store))
            let again = try Program.succeed(["load"] + store + order)
            #expect(again.contains("8 rows"))
            #expect(
                again.split(separator: "\n").contains { line in
                    line.split(separator: " ") == ["total", "8", "0", "8", "1", "0"]
                })
            exports.insert(try Program.succeed(["export"] + store))
            try Program.succeed(["check"] + store)
        }
        #expect(exports.count == 1)
        #expect(exports.first?.split(separator: "\n").count == 10)
    }

    /// The table of where each card is, from the command line.
    @Test func get_givesTheTable() throws {
        let directory = TemporaryDirectory()
        let store = ["--data-dir", directory.file("data")]
        try Program.succeed(["load"] + store + [Samples.directory])
        for (id, json) in Samples.cards {
            #expect(try Program.succeed(["get"] + store + [id.lowercased()]) == json + "\n")
        }
        for key in ["+971585949014", "phone:0585949014", "phone:971585949014"] {
            let expected =
                #"{"phone":"+971585949014","cards":["# + Samples.cards["ZYW8827"]!
                + #"],"next":null}"# + "\n"
            #expect(try Program.succeed(["get"] + store + [key]) == expected)
        }
    }

    /// The same table over HTTP, by ID, by phone, and by the call that earlier systems had.
    @Test func serve_givesTheTable() throws {
        let directory = TemporaryDirectory()
        try Program.succeed(["load", "--data-dir", directory.file("data"), Samples.directory])
        let server = try Server(directory.file("data"))
        for (id, json) in Samples.cards {
            let answer = try server.get("/api/cards/\(id)")
            #expect(answer.status == 200)
            #expect(answer.body == json)
            #expect(answer.headers["content-type"] == "application/json")
        }
        for phone in ["+971534534534", "%2B971534534534", "0534534534", "971534534534"] {
            let answer = try server.get("/api/cards?phone=\(phone)")
            #expect(
                answer.body == #"{"phone":"+971534534534","cards":["#
                    + Samples.cards["ZYW8890"]! + #"],"next":null}"#)
        }
        let old = try server.get("/api/get-card-status/?card_id=ZYW7631&user_mobile=0545576586")
        #expect(
            old.body == #"{"status":"success","data":[{"card_id":"ZYW7631","#
                + #""user_mobile":"+971545576586","status":"delivered","#
                + #""timestamp":"2023-11-14T12:34:56Z","comment":"DELIVERED"}]}"#)
        let history = try server.get("/api/cards/ZYW8890/history")
        #expect(Self.count(#""occurred_at""#, in: history.body) == 3)
        #expect(
            history.body.contains(
                #""status":"returned","occurred_at":"2023-11-14T08:00:00Z","phone":null"#))
    }

    private static func count(_ part: String, in text: String) -> Int {
        text.components(separatedBy: part).count - 1
    }

    private static func permutations(of items: [String]) -> [[String]] {
        guard let first = items.first else { return [[]] }
        return permutations(of: Array(items.dropFirst())).flatMap { rest in
            (0...rest.count).map { Array(rest[..<$0]) + [first] + Array(rest[$0...]) }
        }
    }
}
