import CardModel
import Testing

@testable import CardAPI

/// `GET /api/cards?phone=`.
struct CardsRouteTests {
    private static let one =
        #"{"phone":"+971585949014","cards":["# + Samples.zyw8827
        + #"],"next":null}"#

    /// A phone is found however it is written. A plus that nobody encoded arrives as a space.
    @Test(arguments: [
        "+971585949014", "%2B971585949014", "%2b971585949014", "%20971585949014",
        "00971585949014", "971585949014", "0585949014", "585949014", "%220585949014%22",
        "058-594-9014", "+971+58+594+9014", "%30585949014",
    ])
    func cards_areFound_howeverThePhoneIsWritten(phone: String) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        for target in [
            "/api/cards?phone=\(phone)", "/api/cards/?phone=\(phone)&",
            "/api/cards?&phone=\(phone)",
            "/api/cards?x=1&phone=\(phone)&x=2", "/api/cards?%70hone=\(phone)",
            "/api/cards?limit=&phone=\(phone)&cursor=&region=",
        ] {
            let answer = try server.get(target)
            #expect(answer.status == 200)
            #expect(answer.text == Self.one, "\(target)")
            #expect(answer.headers["cache-control"] == "private, no-cache")
        }
    }

    /// Nobody has the phone, or the only card that had it has another one now.
    @Test func cards_areNone_whenNobodyHasThePhone() throws {
        var facts = try Samples.facts()
        facts.append(
            try CardFact(
                "ZYW7631", .returned, "2024-01-01T00:00:00Z", feed: "returned",
                phone: "+971501112233"))
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer(facts, from: source)
            for phone in ["+971585949015", "+971545576586", "+971501112234"] {
                #expect(
                    try server.get("/api/cards?phone=\(phone)").text
                        == #"{"phone":"\#(phone)","cards":[],"next":null}"#)
            }
            let moved = try server.get("/api/cards?phone=0501112233").json()
            #expect(moved["cards"]?.elements.map { $0["card_id"]?.text } == ["ZYW7631"])
        }
    }

    /// A client that has the page is told so, and only while the page is what it has.
    @Test func cards_are304_whenTheClientHasThem() throws {
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer(try Samples.facts(), from: source)
            for target in [
                "/api/cards?phone=+971585949014", "/api/cards?phone=+971585949014&limit=7",
            ] {
                let tag = try #require(try server.get(target).headers["etag"])
                let again = try server.get(target, "If-None-Match: \(tag)")
                #expect(again.status == 304)
                #expect(again.headers["etag"] == tag)
                let other = try server.get(
                    "/api/cards?phone=+971545576586", "If-None-Match: \(tag)")
                #expect(other.status == 200)
                #expect(other.headers["etag"] != tag)
            }
        }
    }

    /// `region` says where a phone without a country code belongs, instead of the server's default;
    /// a phone with one needs neither.
    @Test func cards_areFound_inTheRegionOfTheRequest() throws {
        let server = try APIServer(try Samples.facts(), from: .store, region: "DE")
        for (query, isFound) in [
            ("phone=0585949014", false), ("phone=0585949014&region=AE", true),
            ("region=ae&phone=585949014", true), ("phone=0585949014&region=%41E", true),
            ("phone=0585949014&region=", false), ("phone=0585949014&region=DE", false),
            ("phone=+971585949014", true), ("phone=+971585949014&region=DE", true),
            ("phone=00971585949014&region=FR", true),
        ] {
            let answer = try server.get("/api/cards?\(query)")
            #expect(answer.status == 200)
            #expect(answer.text.contains("ZYW8827") == isFound, "\(query)")
        }
    }

    /// What is wrong with a parameter is said.
    @Test(arguments: [
        ("", "The parameter 'phone' is missing."), ("phone", "The parameter 'phone' is missing."),
        ("phone=", "The parameter 'phone' is missing."),
        ("Phone=0585949014", "The parameter 'phone' is missing."),
        ("phone=1&phone=2", "The parameter 'phone' is given more than once."),
        ("phone=&phone=0585949014", "The parameter 'phone' is given more than once."),
        ("phone=1&p%68one=1", "The parameter 'phone' is given more than once."),
        ("phone=%zz", "The parameter 'phone' is not percent-encoded correctly."),
        ("phone=0585949014%", "The parameter 'phone' is not percent-encoded correctly."),
        ("phone=0585949014%00", "The parameter 'phone' is not percent-encoded correctly."),
        ("phone=call%20me", "phone: not a phone number."),
        ("phone=%22%22", "phone: the phone number is empty."),
        ("region=AE&region=AE", "The parameter 'region' is given more than once."),
        ("region=ZZ", "The parameter 'region' must be the two letters of a country, such as AE."),
        ("region=A", "The parameter 'region' must be the two letters of a country, such as AE."),
        ("region=ARE", "The parameter 'region' must be the two letters of a country, such as AE."),
        (
            "region=%ff%fe",
            "The parameter 'region' must be the two letters of a country, such as AE."
        ),
        ("region=%4", "The parameter 'region' is not percent-encoded correctly."),
        ("limit=0", "The parameter 'limit' must be a whole number from 1 to 100."),
        ("limit=101", "The parameter 'limit' must be a whole number from 1 to 100."),
        ("limit=-1", "The parameter 'limit' must be a whole number from 1 to 100."),
        ("limit=1.0", "The parameter 'limit' must be a whole number from 1 to 100."),
        ("limit=+1", "The parameter 'limit' must be a whole number from 1 to 100."),
        ("limit=%2B1", "The parameter 'limit' must be a whole number from 1 to 100."),
        ("limit=ten", "The parameter 'limit' must be a whole number from 1 to 100."),
        (
            "limit=99999999999999999999",
            "The parameter 'limit' must be a whole number from 1 to 100."
        ),
        ("limit=1&limit=1", "The parameter 'limit' is given more than once."),
        (
            "cursor=a%20b",
            "cursor: the card ID has ' ' at position 2;"
                + " letters, digits, '-', '_' and '.' are allowed."
        ),
        ("cursor=%20", "cursor: the card ID is empty."),
        ("cursor=A&cursor=B", "The parameter 'cursor' is given more than once."),
    ])
    func cards_areMalformed(query: String, detail: String) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        let hasPhone = query.isEmpty || query.lowercased().contains("phone")
        let answer = try server.get("/api/cards?\(hasPhone ? "" : "phone=0585949014&")\(query)")
        #expect(answer.status == 400)
        #expect(try answer.json()["type"] == .string("urn:cardstatus:problem:malformed"))
        #expect(try answer.json()["detail"] == .string(detail))
        #expect(server.problems == [])
    }

    /// 250 cards of one phone, walked at several limits, from the store and from memory: each card
    /// once and in order, full pages until the last.
    @Test(arguments: [nil, 1, 7, 50, 99, 100])
    func pages_giveEveryCardOnce(limit: Int?) throws {
        let count = limit == 1 ? 25 : 250
        let facts = try Samples.family(count, phone: "+971501112233") + Samples.facts()
        let servers = try [APIServer.Source.store, .memory].map { try APIServer(facts, from: $0) }
        var ids: [String] = []
        var cursor = ""
        var pages = 0
        repeat {
            let target =
                "/api/cards?phone=0501112233\(limit.map { "&limit=\($0)" } ?? "")"
                + (cursor.isEmpty ? "" : "&cursor=\(cursor)")
            let answers = try servers.map { try $0.get(target) }
            #expect(answers[0].body == answers[1].body)
            let page = try answers[0].json()
            ids += (page["cards"]?.elements ?? []).compactMap { $0["card_id"]?.text }
            cursor = page["next"]?.text ?? ""
            pages += 1
            #expect(cursor.isEmpty || ids.count == pages * (limit ?? 100))
        } while !cursor.isEmpty && pages < 300
        #expect(ids.count == count && ids == ids.sorted() && Set(ids).count == count)
        let size = limit ?? 100
        #expect(pages == (count + size - 1) / size)
    }

    /// A cursor need not be a card of the phone, or any: the page begins behind where it would be.
    @Test func pages_beginBehindTheCursor() throws {
        let facts = try Samples.family(9, phone: "+971501112233")
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer(facts, from: source)
            for (cursor, first) in [
                ("A", "P001"), ("P004", "P005"), ("p004", "P005"), ("P0041", "P005"),
                ("P", "P001"), ("P009", nil), ("Z", nil),
            ] {
                let page = try server.get("/api/cards?phone=0501112233&cursor=\(cursor)").json()
                #expect(page["cards"]?.elements.first?["card_id"]?.text == first, "\(cursor)")
                #expect(page["next"] == .null)
            }
        }
    }
}
