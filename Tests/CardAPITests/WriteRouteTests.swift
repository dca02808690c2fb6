import CardModel
import CardStore
import Foundation
import Testing

@testable import CardAPI

/// `POST /api/events` and `/api/events/void`.
struct WriteRouteTests {
    private static let event =
        #"{"card_id":"zyw8827","status":"returned","occurred_at":"2023-11-20T13:30:00+04:00","#
        + #""phone":"0585949014","comment":" Moved away ","reference":"R-17"}"#

    private func post(
        _ server: APIServer, _ body: String, to target: String = "/api/events",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> HTTPAnswer {
        try server.send(
            "POST", target, ["Content-Type: application/json"], body: body,
            sourceLocation: sourceLocation)
    }

    private func counts(_ answer: HTTPAnswer) throws -> [Int] {
        let json = try answer.json()
        return ["accepted", "duplicates", "beyond_limit"].compactMap {
            json[$0]?.number.map { Int($0) }
        }
    }

    /// Who is answered sees what was written, at once, from memory and from the store; the same
    /// again is 200 and changes nothing.
    @Test func event_isSeen_whenItIsAnswered() throws {
        let server = try APIServer(try Samples.facts())
        let first = try post(server, Self.event)
        #expect(first.status == 201)
        #expect(
            first.text
                == #"{"sequence":4,"accepted":1,"duplicates":0,"beyond_limit":0,"#
                + #""warnings":{"count":0,"first":[]}}"#)
        #expect(
            try server.get("/api/cards/ZYW8827").text
                == #"{"card_id":"ZYW8827","phone":"+971585949014","status":"returned","#
                + #""updated_at":"2023-11-20T09:30:00Z","comment":"Moved away","#
                + #""reference":"R-17"}"#)
        let events = try server.get("/api/cards/ZYW8827/history").json()["events"]?.elements
        #expect(events?.last?["feed"] == .string("api"))

        let second = try post(server, "[\(Self.event)]")
        #expect(second.status == 200)
        #expect(try counts(second) == [0, 1, 0])
        #expect(try second.json()["sequence"] == .number(4))
        #expect(server.problems.isEmpty)
        #expect(try server.store.check().findings.isEmpty)
    }

    /// The feed is part of the identity, and comes from the item; a phone's region is the query's.
    @Test func event_belongsToItsFeed_andPhonesToTheRegion() throws {
        let server = try APIServer([])
        let body =
            #"[{"card_id":"C1","status":"delivered","occurred_at":"2024-01-02T03:04:05Z"},"#
            + #" {"occurred_at":"2024-01-02T03:04:05.9Z","feed":"couriers","status":"delivered","#
            + #""card_id":"C1","phone":"030 123456","comment":null}]"#
        let answer = try post(server, body, to: "/api/events?region=DE")
        #expect(try counts(answer) == [2, 0, 0])
        let events = try server.get("/api/cards/C1/history").json()["events"]?.elements ?? []
        #expect(events.map { $0["feed"] } == [.string("api"), .string("couriers")])
        #expect(events.last?["phone"] == .string("+4930123456"))
        #expect(try post(server, body, to: "/api/events?region=X").status == 400)
    }

    /// A phone that cannot be used costs the event its phone; it, a number's tail and a moment in
    /// the future are told.
    @Test func warnings_tellWhatWasLeftOut() throws {
        let server = try APIServer([])
        let answer = try post(
            server,
            #"[{"card_id":"17.0","status":"delivered","occurred_at":"2098-01-02T03:04:05Z"},"#
                + #"{"card_id":"C2","status":"delivered","occurred_at":"2024-01-02T03:04:05Z","#
                + #""phone":"9.71535E+11"},{"card_id":"C3","status":"delivered","#
                + #""occurred_at":"2024-01-02T03:04:05Z","phone":""}]"#)
        #expect(answer.status == 201)
        let warnings = try #require(try answer.json()["warnings"])
        #expect(warnings["count"] == .number(3))
        let found = warnings["first"]?.elements.map {
            "\(Int($0["index"]?.number ?? -1)) \($0["field"]?.text ?? "")"
        }
        #expect(found == ["0 card_id", "0 occurred_at", "1 phone"])
        #expect(try server.get("/api/cards/C2").json()["phone"] == .null)
        #expect(try server.get("/api/cards/17").status == 200)
    }

    /// Each mistake is told, with the item and the member, and nothing is written.
    @Test(arguments: [
        (#"{"status":"delivered","occurred_at":"2024-01-02T03:04:05Z"}"#, "card_id"),
        (#"{"card_id":null,"status":"delivered","occurred_at":"2024-01-02T03:04:05Z"}"#, "card_id"),
        (
            #"{"card_id":"a b","status":"delivered","occurred_at":"2024-01-02T03:04:05Z"}"#,
            "card_id"
        ),
        (
            #"{"card_id":"4111111111111111","status":"delivered","#
                + #""occurred_at":"2024-01-02T03:04:05Z"}"#, "card_id"
        ),
        (#"{"card_id":7,"status":"delivered","occurred_at":"2024-01-02T03:04:05Z"}"#, "card_id"),
        (#"{"card_id":"C","occurred_at":"2024-01-02T03:04:05Z"}"#, "status"),
        (#"{"card_id":"C","status":"lost","occurred_at":"2024-01-02T03:04:05Z"}"#, "status"),
        (#"{"card_id":"C","status":"Delivered","occurred_at":"2024-01-02T03:04:05Z"}"#, "status"),
        (#"{"card_id":"C","status":"delivered"}"#, "occurred_at"),
        (
            #"{"card_id":"C","status":"delivered","occurred_at":"2024-01-02T03:04:05"}"#,
            "occurred_at"
        ),
        (
            #"{"card_id":"C","status":"delivered","occurred_at":"2024-02-30T03:04:05Z"}"#,
            "occurred_at"
        ),
        (#"{"card_id":"C","status":"delivered","occurred_at":"1704164645"}"#, "occurred_at"),
        (
            #"{"card_id":"C","status":"delivered","occurred_at":"2024-01-02T03:04:05Z","#
                + #""feed":"No Feed"}"#, "feed"
        ),
        (
            #"{"card_id":"C","status":"delivered","occurred_at":"2024-01-02T03:04:05Z","#
                + #""comment":"a\u0007b"}"#, "comment"
        ),
        (
            #"{"card_id":"C","status":"delivered","occurred_at":"2024-01-02T03:04:05Z","#
                + #""phone":971585949014}"#, "phone"
        ),
        (
            #"{"card_id":"C","status":"delivered","occurred_at":"2024-01-02T03:04:05Z","#
                + #""mood":{"a":[1.5e3,true,{}]}}"#, "mood"
        ),
        (
            #"{"card_id":"C","status":"delivered","occurred_at":"2024-01-02T03:04:05Z","#
                + #""status":"delivered"}"#, "status"
        ),
    ])
    func mistakes_areTold_andNothingIsWritten(item: String, field: String) throws {
        let server = try APIServer([], from: .store)
        let answer = try post(server, "[\(Self.event),\(item)]")
        #expect(answer.status == 422)
        let errors = try #require(try answer.json()["errors"])
        #expect(errors["count"] == .number(1))
        #expect(errors["first"]?.elements.first?["index"] == .number(1))
        #expect(errors["first"]?.elements.first?["field"] == .string(field))
        #expect(try server.store.lastSequence() == 0)
    }

    /// Of very many mistakes the first hundred are told, and all are counted.
    @Test func mistakes_areCounted_whenThereAreMany() throws {
        let server = try APIServer([], from: .store)
        let items = Array(repeating: "7", count: 3_000).joined(separator: ",")
        let errors = try #require(try post(server, "[\(items)]").json()["errors"])
        #expect(errors["count"] == .number(3_000))
        #expect(errors["first"]?.elements.count == 100)
        #expect(errors["first"]?.elements.last?["field"] == .null)
    }

    /// What is no JSON of events is 400 and names the byte.
    @Test(arguments: [
        "", "x", "7", "null", "[]", "[", "{", "{}x", "[{}] 1", "{\"card_id\":}", "{\"card_id\" 1}",
        "[{},]", "{\"a\":01}", "{\"a\":1.}", "{\"a\":+1}", "{\"a\":tru}", "{\"a\":\"\u{1}\"}",
        "{\"a\":\"\\q\"}", "{\"a\":[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]}",
    ])
    func body_isMalformed_whenItIsNoJSON(body: String) throws {
        let server = try APIServer([], from: .store)
        let answer = try post(server, body)
        #expect(answer.status == 400)
        #expect(try answer.json()["type"] == .string("urn:cardstatus:problem:malformed"))
    }

    /// No prefix of a good body is one.
    @Test func read_refuses_whatIsCutOff() throws {
        let region = try #require(PhoneRegion("AE"))
        let good = Array("[\(Self.event), \(Self.event)]".utf8)
        for count in 0...good.count {
            var reader = EventReader(.add, feed: .any, region: region, nowSeconds: 0)
            do throws(EventsError) {
                try reader.read(Array(good[..<count]).span)
                #expect(count == good.count)
                #expect(reader.facts.count == 2 && reader.problems.count == 0)
            } catch {
                #expect(count < good.count)
            }
        }
    }

    /// Ten thousand items are written, one more is 413, and so is a body of more than 4 MiB.
    @Test func size_isLimited() throws {
        let server = try APIServer([])
        func items(_ count: Int) -> String {
            let all = (0..<count).map {
                #"{"card_id":"C\#($0)","status":"delivered","occurred_at":"2024-01-02T03:04:05Z"}"#
            }
            return "[\(all.joined(separator: ","))]"
        }
        let answer = try post(server, items(10_000))
        #expect(answer.status == 201)
        #expect(try counts(answer) == [10_000, 0, 0])
        #expect(try server.get("/api/cards/C9999").status == 200)
        #expect(try post(server, items(10_001)).status == 413)
        let long = try HTTPConnection(port: server.server.boundAddresses[0].port)
        try long.send(
            "POST /api/events HTTP/1.1\r\nHost: localhost\r\nContent-Length: \((4 << 20) + 1)\r\n"
                + "\r\n")
        #expect(try long.answer().status == 413)
        #expect(try server.store.statistics().cards == 10_000)
    }

    /// Only JSON is taken; without a type it is JSON.
    @Test func mediaType_isJSON() throws {
        let server = try APIServer([])
        for type in ["text/plain", "text/csv", "application/xml"] {
            let answer = try server.send(
                "POST", "/api/events", ["Content-Type: \(type)"], body: Self.event)
            #expect(answer.status == 415)
        }
        #expect(try server.send("POST", "/api/events", body: Self.event).status == 201)
    }

    /// An event is undone by its identity, for good, whether it came before or comes later.
    @Test func void_undoes_whicheverCameFirst() throws {
        let server = try APIServer(try Samples.facts())
        let delivered =
            #"{"card_id":"ZYW7631","status":"delivered","occurred_at":"2023-11-14T16:34:56+04:00","#
            + #""feed":"delivered","reference":"A073"}"#
        let answer = try post(server, delivered, to: "/api/events/void")
        #expect(answer.status == 201)
        #expect(
            try server.get("/api/cards/ZYW7631").json()["status"] == .string("delivery_exception"))
        #expect(try post(server, delivered, to: "/api/events/void").status == 200)
        #expect(try counts(post(server, delivered)) == [0, 1, 0])
        #expect(
            try server.get("/api/cards/ZYW7631").json()["status"] == .string("delivery_exception"))

        let early =
            #"{"card_id":"NEW","status":"delivered","occurred_at":"2024-01-02T03:04:05Z"}"#
        #expect(try post(server, early, to: "/api/events/void").status == 201)
        _ = try post(server, early)
        #expect(try server.get("/api/cards/NEW").status == 404)
        // What is no part of an identity has no place here.
        #expect(try post(server, Self.event, to: "/api/events/void").status == 422)
    }

    /// A full map is 507 for events; reads and voids go on.
    @Test func event_hasNoRoom_whenTheMapIsFull() throws {
        let server = try APIServer(try Samples.facts(), mapSizeBytes: 1 << 20)
        var number = 0
        let comment = String(repeating: "x", count: 200)
        let full: HTTPAnswer? = try wait {
            let items = (0..<500).map { _ in
                number += 1
                return #"{"card_id":"M\#(number)","status":"delivered","#
                    + #""occurred_at":"2024-01-02T03:04:05Z","comment":"\#(comment)"}"#
            }
            let answer = try post(server, "[\(items.joined(separator: ","))]")
            return answer.status == 201 ? nil : answer
        }
        #expect(full?.status == 507)
        #expect(try full?.json()["type"] == .string("urn:cardstatus:problem:no-room"))
        #expect(try server.get("/api/cards/ZYW8827").status == 200)
        #expect(try server.store.check().findings.isEmpty)
    }

    /// A key that is bound to a feed reports for that one, named or not, and for no other.
    @Test func feed_isThatOfTheKey_whenItIsBound() throws {
        let key = APIKey()
        let feed = try #require(FeedID("couriers"))
        let server = try APIServer(
            [],
            prepare: { directory in
                try CardStore(directory: directory, create: false).addKey(
                    StoredKey(
                        hash: key.hash, name: "test", createdAt: 0, role: .ingest, feed: feed))
            })
        func post(_ feed: String) throws -> HTTPAnswer {
            try server.send(
                "POST", "/api/events", ["X-API-Key: " + key.text],
                body: #"{"card_id":"C","status":"delivered","#
                    + #""occurred_at":"2024-01-02T03:04:05Z"\#(feed)}"#)
        }
        #expect(try post("").status == 201)
        #expect(try post(#","feed":"couriers""#).status == 200)
        #expect(try post(#","feed":"api""#).status == 422)
        let history = try server.store.history(of: CardID(text: "C"))
        #expect(history?.events.map(\.identity.feed) == [feed])
    }

    /// A key is asked for before the body is looked at.
    @Test func key_isNeeded() throws {
        let server = try APIServer([], from: .store, access: .keysOnly)
        for target in ["/api/events", "/api/events/void"] {
            #expect(try post(server, "x", to: target).status == 401)
        }
    }
}
