import CardModel
import Testing

@testable import CardAPI

/// `GET /api/events`.
struct EventsRouteTests {
    /// The samples' events, each as its card's ID and what follows, in the order of time.
    private static let references = [
        "ZYW8890 465", "ZYW8827 332", "ZYW7631 878", "ZYW8827 A883", "ZYW8890 A982",
        "ZYW7631 A073", "ZYW8890 A982", "ZYW7631 A073",
    ]

    private static func references(_ answer: HTTPAnswer) throws -> [String] {
        (try answer.json()["events"]?.elements ?? []).map {
            "\($0["card_id"]?.text ?? "") \($0["reference"]?.text ?? "")"
        }
    }

    /// All events, byte for byte, and the headers of personal data.
    @Test func events_areAnswered() throws {
        let server = try APIServer(
            try Samples.facts().filter { $0.card == (try CardID(text: "ZYW8890")) })
        let answer = try server.get("/api/events")
        #expect(answer.status == 200)
        #expect(answer.headers["cache-control"] == "private, no-cache")
        #expect(
            answer.text
                == #"{"events":[{"card_id":"ZYW8890","status":"picked_up","#
                + #""occurred_at":"2023-11-11T23:45:00Z","phone":"+971534534534","comment":null,"#
                + #""reference":"465","feed":"pickup","void":false},"#
                + #"{"card_id":"ZYW8890","status":"delivery_exception","#
                + #""occurred_at":"2023-11-13T10:00:00Z","phone":"+971534534534","#
                + #""comment":"User not available","reference":"A982","#
                + #""feed":"delivery-exceptions","void":false},"#
                + #"{"card_id":"ZYW8890","status":"returned","occurred_at":"2023-11-14T08:00:00Z","#
                + #""phone":null,"comment":null,"reference":"A982","feed":"returned","#
                + #""void":false}],"next":null}"#)
    }

    /// `from` is the first moment that counts, `to` the first that does not; offsets count, and a
    /// plus may come as a space. Filters leave what fits all of them.
    @Test(arguments: [
        ("", 0..<8), ("?from=2023-11-12T19:59:00Z", 1..<8), ("?from=2023-11-12T19:59:01Z", 2..<8),
        ("?from=2023-11-12T19:59:00.9Z", 1..<8),
        ("?to=2023-11-14T08:00:00Z", 0..<6), ("?to=2023-11-14T08:00:01Z", 0..<7),
        ("?from=2023-11-12T23:59:00%2B04:00&to=2023-11-13T11:02:01%2B04:00", 1..<3),
        ("?from=2023-11-12T23:59:00+04:00&to=2023-11-13T11:02:01+04:00", 1..<3),
        ("?from=2023-11-12+23:59:00+04:00", 1..<8), ("?from=2023-11-12T15:59:00-04:00", 1..<8),
        ("?from=2023-11-13T00:00:00Z&to=2023-11-13T00:00:00Z", 0..<0),
        ("?from=2050-01-01T00:00:00Z", 0..<0), ("?status=picked_up", 0..<3),
        ("?status=picked_up&from=2023-11-12T00:00:00Z", 1..<3), ("?feed=pickup", 0..<3),
        ("?feed=nobody", 0..<0), ("?feed=pickup&status=delivered", 0..<0),
        ("/?limit=1000&cursor=&status=&feed=&from=&to=", 0..<8),
    ])
    func events_areThoseThatAreAskedFor(query: String, found: Range<Int>) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        let answer = try server.get("/api/events\(query)")
        #expect(answer.status == 200)
        #expect(try Self.references(answer) == Array(Self.references[found]))
        #expect(try answer.json()["next"] == .null)
    }

    /// Pages of every size, one after the other, with and without filters.
    @Test(arguments: [1, 2, 3, 7, 8, 9])
    func pages_giveEveryEventOnce(limit: Int) throws {
        let server = try APIServer(try Samples.facts())
        for (filter, expected) in [
            ("", Self.references), ("&feed=delivered", ["ZYW8827 A883", "ZYW7631 A073"]),
            ("&status=returned", ["ZYW8890 A982"]),
        ] {
            var found: [String] = []
            var cursor = ""
            var pages = 0
            repeat {
                let answer = try server.get("/api/events?limit=\(limit)\(filter)\(cursor)")
                found += try Self.references(answer)
                cursor = try answer.json()["next"]?.text.map { "&cursor=\($0)" } ?? ""
                pages += 1
            } while !cursor.isEmpty && pages < 20
            #expect(found == expected, "\(filter)")
        }
    }

    /// A voided event says so, and a void that came alone is there too.
    @Test func events_sayThatTheyAreVoid() throws {
        let facts = [
            try CardFact("C1", .delivered, "2024-01-01T00:00:00Z", feed: "a", comment: "c"),
            try CardFact("C1", .delivered, "2024-01-01T00:00:00Z", feed: "a", isVoid: true),
            try CardFact("C2", .returned, "2024-01-02T00:00:00Z", feed: "a", isVoid: true),
            try CardFact("C3", .returned, "2024-01-03T00:00:00Z", feed: "a"),
        ]
        let events = try APIServer(facts).get("/api/events").json()["events"]?.elements
        #expect(
            events?.map { $0["void"] } == [.boolean(true), .boolean(true), .boolean(false)])
    }

    /// What is wrong with a parameter is said.
    @Test(arguments: [
        ("from=yesterday", "from: timestamp is not ISO 8601"),
        ("from=2024-01-01T00:00:00", "from: timestamp needs Z"),
        ("from=2024-01-01", "from: timestamp"), ("to=1700000000", "to: timestamp"),
        ("to=2100-01-01T00:00:00Z", "to: timestamp is not between"),
        ("from=2024-02-30T00:00:00Z", "from: timestamp names a day that does not exist"),
        ("from=2024-01-02T00:00:00Z&to=2024-01-01T00:00:00Z", "The parameter 'to' lies before"),
        ("from=2024-01-01T00:00:00Z&from=2024-01-01T00:00:00Z", "The parameter 'from' is given"),
        (
            "status=lost",
            "The parameter 'status' must be one of 'picked_up',"
                + " 'delivery_exception', 'delivered', 'returned'."
        ),
        ("status=Delivered", "The parameter 'status' must be"),
        ("feed=A%20b", "The parameter 'feed' must be a feed's ID"),
        ("limit=0", "The parameter 'limit' must be a whole number from 1 to 1000."),
        ("limit=1001", "The parameter 'limit' must be a whole number from 1 to 1000."),
        ("cursor=x", "The parameter 'cursor' is not one of ours."),
        ("cursor=655011fc007069636b75700000", "The parameter 'cursor' is not one of ours."),
        (
            "cursor=FFFFFFFFFFFFFFFF0041FFFFFFFFFFFFFFFF",
            "The parameter 'cursor' is not one of ours."
        ),
        (
            "cursor=ffffffffffffffff0041ffffffffffffffff",
            "The parameter 'cursor' is not one of ours."
        ),
    ])
    func events_areMalformed(query: String, detail: String) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        let answer = try server.get("/api/events?\(query)")
        #expect(answer.status == 400)
        #expect(try answer.json()["detail"]?.text?.hasPrefix(detail) == true, "\(answer.text)")
    }

    /// A cursor of an earlier time than `from` begins at `from`; a later one than `to` is the end.
    @Test func cursor_doesNotLeaveTheTimeAskedFor() throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        let first = try #require(try server.get("/api/events?limit=1").json()["next"]?.text)
        let late = try #require(try server.get("/api/events?limit=7").json()["next"]?.text)
        let begin = try server.get("/api/events?from=2023-11-13T12:00:00Z&cursor=\(first)")
        #expect(try Self.references(begin) == Array(Self.references[5...]))
        let end = try server.get("/api/events?to=2023-11-13T12:00:00Z&cursor=\(late)")
        #expect(end.text == #"{"events":[],"next":null}"#)
    }

    /// While more pages wait than may, further ones are refused, and look-ups are answered.
    @Test func events_areRefused_whenTooManyWait() throws {
        let server = try APIServer(try Samples.facts())
        let gate = try BusyTasks(server.api.tasks)
        let refused = try server.get("/api/events")
        #expect(refused.status == 503)
        #expect(refused.headers["retry-after"] == "1")
        #expect(try refused.json()["type"] == .string("urn:cardstatus:problem:busy"))
        #expect(try server.get("/api/events?limit=0").status == 400)
        #expect(try server.get("/api/cards/ZYW8827").text == Samples.zyw8827)
        gate.open()
        let answered: HTTPAnswer? = try wait {
            let answer = try server.get("/api/events")
            return answer.status == 200 ? answer : nil
        }
        #expect(try answered.map(Self.references) == Self.references)
    }
}
