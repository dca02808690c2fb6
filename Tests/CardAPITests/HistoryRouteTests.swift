import CardModel
import Testing

@testable import CardAPI

/// `GET /api/cards/{card_id}/history`.
struct HistoryRouteTests {
    private static let events = [
        #"{"status":"picked_up","occurred_at":"2023-11-11T23:45:00Z","phone":"+971534534534","#
            + #""comment":null,"reference":"465","feed":"pickup","void":false}"#,
        #"{"status":"delivery_exception","occurred_at":"2023-11-13T10:00:00Z","#
            + #""phone":"+971534534534","comment":"User not available","reference":"A982","#
            + #""feed":"delivery-exceptions","void":false}"#,
        #"{"status":"returned","occurred_at":"2023-11-14T08:00:00Z","phone":null,"#
            + #""comment":null,"reference":"A982","feed":"returned","void":false}"#,
    ]

    private static func page(_ events: some Collection<String>, next: String?) -> String {
        #"{"card_id":"ZYW8890","events":["# + events.joined(separator: ",") + #"],"next":"#
            + (next.map { "\"\($0)\"" } ?? "null") + "}"
    }

    /// A history, byte for byte, while the index is there and while it is not.
    @Test(arguments: APIServer.Source.allCases)
    func history_isAnswered(source: APIServer.Source) throws {
        let server = try APIServer(try Samples.facts(), from: source)
        for segment in ["ZYW8890/history", "zyw8890/history/", "%5AYW8890/history?limit=1000"] {
            let answer = try server.get("/api/cards/\(segment)")
            #expect(answer.status == 200)
            #expect(answer.text == Self.page(Self.events, next: nil))
            #expect(answer.headers["cache-control"] == "private, no-cache")
            #expect(answer.headers["etag"] == nil)
        }
    }

    /// Pages of one and of two events, with the cursors as they are.
    @Test func pages_giveEveryEventOnce() throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        // Time, status, length of feed, feed, reference.
        let cursors = [
            "655011fc" + "00" + "06" + "7069636b7570" + "343635",
            "6551f3a0" + "01" + "13" + "64656c69766572792d657863657074696f6e73" + "41393832",
        ]
        let target = "/api/cards/ZYW8890/history?limit="
        let first = try server.get(target + "1").text
        #expect(first == Self.page(Self.events[..<1], next: cursors[0]))
        let second = try server.get(target + "1&cursor=" + cursors[0]).text
        #expect(second == Self.page(Self.events[1..<2], next: cursors[1]))
        let third = try server.get(target + "1&cursor=" + cursors[1]).text
        #expect(third == Self.page(Self.events[2...], next: nil))
        #expect(try server.get(target + "2").text == Self.page(Self.events[..<2], next: cursors[1]))
        #expect(try server.get(target + "3").text == Self.page(Self.events, next: nil))
        let rest = try server.get("/api/cards/ZYW8890/history?cursor=" + cursors[0]).text
        #expect(rest == Self.page(Self.events[1...], next: nil))
    }

    /// Without a limit a page has 100 events; the largest limit takes all that a card keeps.
    @Test func pages_haveTheirDefaultLimit() throws {
        let facts = try (0..<600).map { number in
            let (minute, second) = (number / 60, number % 60)
            return try CardFact(
                "C1", .pickedUp, String(format: "2024-01-01T00:%02d:%02dZ", minute, second),
                feed: "pickup")
        }
        let server = try APIServer(facts, from: .store)
        var times: [String] = []
        var cursor = ""
        repeat {
            let page = try server.get("/api/cards/C1/history\(cursor)").json()
            let events = page["events"]?.elements ?? []
            times += events.compactMap { $0["occurred_at"]?.text }
            cursor = page["next"]?.text.map { "?cursor=\($0)" } ?? ""
            #expect(cursor.isEmpty || events.count == 100)
        } while !cursor.isEmpty && times.count < 1_000
        let all = try server.get("/api/cards/C1/history?limit=1000").json()
        #expect(all["next"] == .null)
        #expect(all["events"]?.elements.compactMap { $0["occurred_at"]?.text } == times)
        #expect(times.count == CardHistory.eventLimit && times == times.sorted())
        #expect(times.last == "2024-01-01T00:09:59Z")
    }

    /// A voided event stays in its place and says so; a void that came alone is there too.
    @Test func history_hasVoidedEvents() throws {
        let facts =
            try Samples.facts() + [
                CardFact(
                    "ZYW8890", .returned, "2023-11-14T08:00:00Z", feed: "returned",
                    reference: "A982", isVoid: true),
                CardFact(
                    "ZYW8890", .delivered, "2023-11-12T00:00:00Z", feed: "delivered",
                    reference: "V", isVoid: true),
            ]
        let server = try APIServer(facts)
        let void =
            #"{"status":"delivered","occurred_at":"2023-11-12T00:00:00Z","phone":null,"#
            + #""comment":null,"reference":"V","feed":"delivered","void":true}"#
        let returned = Self.events[2].replacing(#""void":false"#, with: #""void":true"#)
        #expect(
            try server.get("/api/cards/ZYW8890/history").text
                == Self.page([Self.events[0], void, Self.events[1], returned], next: nil))
        #expect(
            try server.get("/api/cards/ZYW8890").json()["status"] == .string("delivery_exception"))
    }

    /// What is wrong with a parameter is said, also of a card that nobody knows.
    @Test(arguments: [
        ("limit=0", "The parameter 'limit' must be a whole number from 1 to 1000."),
        ("limit=1001", "The parameter 'limit' must be a whole number from 1 to 1000."),
        ("limit=x", "The parameter 'limit' must be a whole number from 1 to 1000."),
        ("cursor=x", "The parameter 'cursor' is not one of ours."),
        ("cursor=ZYW8827", "The parameter 'cursor' is not one of ours."),
        ("cursor=655010ac00067069636b757", "The parameter 'cursor' is not one of ours."),
        ("cursor=00&cursor=00", "The parameter 'cursor' is given more than once."),
        ("cursor=%", "The parameter 'cursor' is not percent-encoded correctly."),
    ])
    func history_isMalformed(query: String, detail: String) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        for card in ["ZYW8890", "UNKNOWN"] {
            let answer = try server.get("/api/cards/\(card)/history?\(query)")
            #expect(answer.status == 400)
            #expect(try answer.json()["detail"] == .string(detail))
        }
    }
}
