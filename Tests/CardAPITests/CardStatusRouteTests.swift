import CardModel
import Testing

@testable import CardAPI

/// `GET /api/get-card-status/`.
struct CardStatusRouteTests {
    private static let zyw8827 =
        #"{"card_id":"ZYW8827","user_mobile":"+971585949014","status":"delivered","#
        + #""timestamp":"2023-11-13T09:34:56Z","comment":"DELIVERED"}"#
    private static let zyw8890 =
        #"{"card_id":"ZYW8890","user_mobile":"+971534534534","status":"returned","#
        + #""timestamp":"2023-11-14T08:00:00Z","comment":null}"#

    private static func success(_ entries: String...) -> String {
        #"{"status":"success","data":["# + entries.joined(separator: ",") + "]}"
    }

    /// By ID, by phone, and by both, where both must match; finding nothing is a success.
    @Test(arguments: APIServer.Source.allCases)
    func cards_areFound(source: APIServer.Source) throws {
        let server = try APIServer(try Samples.facts(), from: source)
        for (query, expected) in [
            ("card_id=ZYW8827", Self.success(Self.zyw8827)),
            ("card_id=%20zyw8827%20", Self.success(Self.zyw8827)),
            ("card_id=ZYW8890&user_mobile=", Self.success(Self.zyw8890)),
            ("user_mobile=0585949014", Self.success(Self.zyw8827)),
            ("user_mobile=+971585949014", Self.success(Self.zyw8827)),
            ("user_mobile=%2B971585949014", Self.success(Self.zyw8827)),
            ("card_id=&user_mobile=%20971534534534", Self.success(Self.zyw8890)),
            ("card_id=ZYW8827&user_mobile=0585949014", Self.success(Self.zyw8827)),
            ("user_mobile=971585949014&card_id=zyw8827", Self.success(Self.zyw8827)),
            ("card_id=ZYW8827&user_mobile=0534534534", Self.success()),
            ("card_id=UNKNOWN", Self.success()), ("user_mobile=0585949015", Self.success()),
            ("card_id=UNKNOWN&user_mobile=0585949014", Self.success()),
            ("card_id=4111111111111111", Self.success()),
        ] {
            for slash in ["", "/"] {
                let answer = try server.get("/api/get-card-status\(slash)?\(query)")
                #expect(answer.status == 200, "\(query)")
                #expect(answer.text == expected, "\(query)")
                #expect(answer.headers["cache-control"] == "private, no-cache")
            }
        }
    }

    /// A card without a phone matches no phone.
    @Test func card_isNotFound_byAPhoneThatItDoesNotHave() throws {
        let fact = try CardFact("C1", .pickedUp, "2024-01-01T00:00:00Z", feed: "pickup")
        let server = try APIServer([fact])
        let entry =
            #"{"card_id":"C1","user_mobile":null,"status":"picked_up","#
            + #""timestamp":"2024-01-01T00:00:00Z","comment":null}"#
        #expect(try server.get("/api/get-card-status?card_id=C1").text == Self.success(entry))
        #expect(
            try server.get("/api/get-card-status?card_id=C1&user_mobile=0585949014").text
                == Self.success())
    }

    /// The phone is taken from the request's region.
    @Test func cards_areFound_inTheRegionOfTheRequest() throws {
        let server = try APIServer(try Samples.facts(), from: .store, region: "DE")
        let target = "/api/get-card-status?user_mobile=0585949014"
        #expect(try server.get(target).text == Self.success())
        #expect(try server.get(target + "&region=AE").text == Self.success(Self.zyw8827))
    }

    /// A phone's cards stand in the order of their IDs, and the first 100 are all that it gives.
    @Test(arguments: [2, 100, 150])
    func cards_areInOrder_andAHundredAtMost(count: Int) throws {
        let facts = try Samples.family(count, phone: "+971501112233")
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer(facts.reversed(), from: source)
            let answer = try server.get("/api/get-card-status?user_mobile=0501112233").json()
            let ids = (answer["data"]?.elements ?? []).compactMap { $0["card_id"]?.text }
            #expect(ids.count == min(count, 100) && ids == ids.sorted())
            #expect(ids.first == "P001")
        }
    }

    /// Errors have this call's own shape.
    @Test(arguments: [
        ("", "Please provide either card_id or user_mobile."),
        ("?", "Please provide either card_id or user_mobile."),
        ("?card_id=&user_mobile", "Please provide either card_id or user_mobile."),
        ("?region=AE", "Please provide either card_id or user_mobile."),
        ("?card_id=A&card_id=A", "The parameter 'card_id' is given more than once."),
        (
            "?card_id=A&user_mobile=1&user_mobile=2",
            "The parameter 'user_mobile' is given more than once."
        ),
        ("?card_id=%zz", "The parameter 'card_id' is not percent-encoded correctly."),
        ("?card_id=%20", "card_id: the card ID is empty."),
        (
            "?card_id=A%00%22%0a", "The parameter 'card_id' is not percent-encoded correctly."
        ),
        (
            "?card_id=A%22A",
            "card_id: the card ID has '\\\"' at position 2;"
                + " letters, digits, '-', '_' and '.' are allowed."
        ),
        ("?user_mobile=call%20me", "user_mobile: not a phone number."),
        ("?card_id=ZYW8827&user_mobile=call%20me", "user_mobile: not a phone number."),
        (
            "?user_mobile=0585949014&region=ZZ",
            "The parameter 'region' must be the two letters of a country, such as AE."
        ),
        (
            "?card_id=ZYW8827&region=ZZ",
            "The parameter 'region' must be the two letters of a country, such as AE."
        ),
    ])
    func request_isMalformed(query: String, message: String) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        for slash in ["", "/"] {
            let answer = try server.get("/api/get-card-status\(slash)\(query)")
            #expect(answer.status == 400)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.text == #"{"status":"error","message":"\#(message)"}"#)
        }
    }
}
