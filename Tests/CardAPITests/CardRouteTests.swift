import CardModel
import CardService
import Testing

@testable import CardAPI

/// `GET /api/cards/{card_id}`.
struct CardRouteTests {
    /// The cards of the sample files, byte for byte, from the store and from memory.
    @Test(arguments: APIServer.Source.allCases)
    func card_isAnswered(source: APIServer.Source) throws {
        let server = try APIServer(try Samples.facts(), from: source)
        for (id, json) in [
            ("ZYW8827", Samples.zyw8827), ("ZYW8890", Samples.zyw8890),
            ("ZYW7631", Samples.zyw7631),
        ] {
            let answer = try server.get("/api/cards/\(id)")
            #expect(answer.status == 200)
            #expect(answer.text == json)
            #expect(answer.headers["content-type"] == "application/json")
            #expect(answer.headers["cache-control"] == "private, no-cache")
        }
        #expect(
            try server.get("/api/cards/ZYW8827").headers["etag"] == #""06d5c7346d5c35bf""#)
    }

    /// An ID is found as people write it, and a query makes no difference.
    @Test(arguments: [
        "zyw8827", "%5A%59W8827", "%20ZYW8827%20", "%22ZYW8827%22", "Zyw8827?x=%zz&x",
        "ZYW8827/?region=nowhere", "%09zYw8827",
    ])
    func card_isFound_howeverWritten(segment: String) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        let answer = try server.get("/api/cards/\(segment)")
        #expect(answer.status == 200)
        #expect(answer.text == Samples.zyw8827)
    }

    /// What cannot be an ID is malformed, and the detail says why (`…` stands for what is allowed).
    @Test(arguments: [
        (
            "a%20b",
            "card_id: the card ID has ' ' at position 2; …"
        ),
        (
            "ZYW%2F8827",
            "card_id: the card ID has '/' at position 4; …"
        ),
        (
            "%C3%A9",
            "card_id: the card ID has byte 0xc3 at position 1; …"
        ),
        (
            "%FF",
            "card_id: the card ID has byte 0xff at position 1; …"
        ),
        (
            "a+b",
            "card_id: the card ID has '+' at position 2; …"
        ),
        (
            "%0a%0dX%0aY",
            "card_id: the card ID has byte 0xa at position 2; …"
        ),
        ("%22", "card_id: the card ID is empty."),
        ("%20", "card_id: the card ID is empty."),
        (
            "A23456789012345678901234567890123",
            "card_id: the card ID has 33 bytes, and 32 is the limit."
        ),
        ("%zz", "card_id is not percent-encoded correctly."),
        ("ZYW8827%", "card_id is not percent-encoded correctly."),
        ("ZYW8827%4", "card_id is not percent-encoded correctly."),
        ("ZYW8827%00", "card_id is not percent-encoded correctly."),
    ])
    func card_isMalformed(segment: String, detail: String) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        for ending in ["", "/", "/history"] {
            let answer = try server.get("/api/cards/\(segment)\(ending)")
            #expect(answer.status == 400)
            #expect(try answer.json()["type"] == .string("urn:cardstatus:problem:malformed"))
            let allowed = "letters, digits, '-', '_' and '.' are allowed."
            let expected = detail.replacing("…", with: allowed)
            #expect(try answer.json()["detail"] == .string(expected))
        }
        #expect(server.problems == [])
    }

    /// What may be an ID and is none is not found: a payment card's number too, which no store has.
    @Test(arguments: [
        "ZYW0000", "ZYW882", "ZYW88277", "history", ".", "-", "4111111111111111", "8827.0",
        "12345678901234567890123456789012",
    ])
    func card_isUnknown(segment: String) throws {
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer(try Samples.facts(), from: source)
            let answer = try server.get("/api/cards/\(segment)", "If-None-Match: *")
            #expect(answer.status == 404)
            #expect(
                answer.text
                    == #"{"type":"urn:cardstatus:problem:unknown-card","title":"Unknown card","#
                    + #""status":404,"#
                    + #""detail":"Nothing that counts has been reported about this card."}"#)
            #expect(try server.get("/api/cards/\(segment)/history").status == 404)
        }
    }

    /// A client that names the card's tag gets no body.
    @Test(arguments: [
        (["If-None-Match: \"06d5c7346d5c35bf\""], 304),
        (["If-None-Match: W/\"06d5c7346d5c35bf\""], 304),
        (["If-None-Match: \"x\", \"06d5c7346d5c35bf\""], 304),
        (["if-none-match: *"], 304),
        (["If-None-Match: \"x\"", "If-None-Match: \"06d5c7346d5c35bf\""], 304),
        (["If-None-Match: \"06d5c7346d5c35bf\"", "If-None-Match: \"x\""], 304),
        (["If-None-Match: \"7b7244c42cd1c4ba\""], 200),
        (["If-None-Match: 06d5c7346d5c35bf"], 200), (["If-None-Match:"], 200),
        (["If-Match: \"06d5c7346d5c35bf\""], 200),
    ])
    func card_isNotModified_whenTheClientHasIt(headers: [String], status: Int) throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        for method in ["GET", "HEAD"] {
            let answer = try server.send(method, "/api/cards/ZYW8827", headers)
            #expect(answer.status == status)
            #expect(answer.headers["etag"] == #""06d5c7346d5c35bf""#)
            #expect(answer.headers["cache-control"] == "private, no-cache")
            // RFC 9110, 8.6: a 304 has the length of the 200 in its place, or none.
            let length = "\(Samples.zyw8827.utf8.count)"
            #expect([nil, length].contains(answer.headers["content-length"]))
            if status == 304 { #expect(answer.headers["content-type"] == nil) }
        }
    }

    /// A card all of whose events are void has no state; one void only takes its own event away.
    @Test func card_hasNoState_whenAllIsVoid() throws {
        var facts = try Samples.facts()
        facts.append(
            try CardFact(
                "ZYW8827", .delivered, "2023-11-13T09:34:56Z", feed: "delivered",
                reference: "A883", isVoid: true))
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer(facts, from: source)
            #expect(
                try server.get("/api/cards/ZYW8827").text
                    == #"{"card_id":"ZYW8827","phone":"+971585949014","status":"picked_up","#
                    + #""updated_at":"2023-11-12T19:59:00Z","comment":null,"reference":"332"}"#)
        }
        facts.append(
            try CardFact(
                "ZYW8827", .pickedUp, "2023-11-12T19:59:00Z", feed: "pickup", reference: "332",
                isVoid: true))
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer(facts, from: source)
            #expect(try server.get("/api/cards/ZYW8827").status == 404)
            #expect(
                try server.get("/api/cards?phone=0585949014").text
                    == #"{"phone":"+971585949014","cards":[],"next":null}"#)
            let history = try server.get("/api/cards/ZYW8827/history")
            #expect(history.status == 200)
            let events = try history.json()["events"]?.elements ?? []
            #expect(events.map { $0["void"] } == [.boolean(true), .boolean(true)])
            let data = try server.get("/api/get-card-status?card_id=ZYW8827").text
            #expect(data == #"{"status":"success","data":[]}"#)
        }
    }

    /// Partners' words arrive as they are, whatever they hold.
    @Test func card_keepsThePartnersWords() throws {
        let comment = #"He said "no" \ نعم 📦 </script>"#
        let fact = try CardFact(
            "A-1_b.2", .deliveryException, "2000-01-01T00:00:00Z", feed: "f", reference: #"r"\é"#,
            comment: comment)
        for source in [APIServer.Source.store, .memory] {
            let server = try APIServer([fact], from: source)
            let card = try server.get("/api/cards/A-1_b.2").json()
            #expect(card["comment"] == .string(comment))
            #expect(card["reference"] == .string(#"r"\é"#))
            #expect(card["phone"] == .null)
            #expect(card["updated_at"] == .string("2000-01-01T00:00:00Z"))
        }
    }

    /// What is committed while the server runs is answered, under another tag.
    @Test func card_changes_whenItsEventsDo() throws {
        let server = try APIServer(try Samples.facts())
        let fact = try CardFact(
            "ZYW8827", .returned, "2023-11-15T00:00:00Z", feed: "returned", reference: "A9")
        try server.service.writer.submit([fact]) { _ in }
        let answer: HTTPAnswer? = try wait {
            let answer = try server.get(
                "/api/cards/ZYW8827", #"If-None-Match: "06d5c7346d5c35bf""#)
            return answer.status == 304 ? nil : answer
        }
        #expect(
            answer?.text
                == #"{"card_id":"ZYW8827","phone":"+971585949014","status":"returned","#
                + #""updated_at":"2023-11-15T00:00:00Z","comment":null,"reference":"A9"}"#)
    }
}
