import CardModel
import HTTPFront
import Testing

@testable import CardAPI

/// `POST /api/cards/batch`.
struct BatchTests {
    private static func found(_ card: String) -> String {
        card.replacing(",\"phone\"", with: ",\"found\":true,\"phone\"", maxReplacements: 1)
    }

    private static func post(
        _ server: APIServer, _ body: String, _ headers: String..., query: String = ""
    ) throws -> HTTPAnswer {
        try server.send("POST", "/api/cards/batch\(query)", headers, body: body)
    }

    private static let absent = #"{"card_id":"X","found":false}"#
    private static let phone =
        #"{"phone":"+971585949014","found":true,"cards":["# + Samples.zyw8827 + #"],"next":null}"#
    private static let noPhone = #"{"phone":"+971585949015","found":false,"cards":[],"next":null}"#

    /// Results stand in the order of the keys, card IDs before phones; repeats repeat, and a key
    /// that is none has an error in its place: from memory and from the store alike.
    @Test(arguments: [APIServer.Source.store, .memory])
    func batch_answersInOrder(source: APIServer.Source) throws {
        let server = try APIServer(try Samples.facts(), from: source)
        let answer = try Self.post(
            server,
            #"{"phones":["0585949014","","+971585949015"],"#
                + #""card_ids":["x","zyw8827","b d","ZYW8890","X","b\u0020d","ZYW8827"]}"#)
        let bad =
            #"{"card_id":"b d","error":"the card ID has ' ' at position 2; letters, digits, "#
            + #"'-', '_' and '.' are allowed"}"#
        let cards = [
            Self.absent, Self.found(Samples.zyw8827), bad, Self.found(Samples.zyw8890),
            Self.absent, bad, Self.found(Samples.zyw8827),
        ]
        let phones = [Self.phone, #"{"phone":"","error":"\#(PhoneError.empty)"}"#, Self.noPhone]
        #expect(answer.status == 200)
        #expect(
            answer.text == "{\"results\":[" + (cards + phones).joined(separator: ",") + "]}")
        #expect(answer.headers["cache-control"] == "private, no-cache")
    }

    /// Keys one a line have their results in the order of the lines.
    @Test(arguments: ["text/plain", "text/plain; charset=utf-8", "Text/Plain ;charset=utf-8"])
    func batch_answersLines_whenItIsText(type: String) throws {
        let server = try APIServer(try Samples.facts())
        let answer = try Self.post(
            server, "phone:0585949014\r\nX\n\n+971585949015\r\n ZYW8827 \nX",
            "Content-Type: \(type)")
        #expect(answer.status == 200)
        #expect(answer.headers["content-type"] == "application/x-ndjson")
        let lines = [
            Self.phone, Self.absent, Self.noPhone, Self.found(Samples.zyw8827), Self.absent,
        ]
        #expect(answer.text == lines.map { $0 + "\n" }.joined())
        #expect(try Self.post(server, "\n", "Content-Type: \(type)").text == "")
    }

    /// White space is allowed where JSON has it, members may stand in any order, and lists may be
    /// empty.
    @Test(arguments: [
        #"{"card_ids":["X"]}"#, " {\t\"card_ids\" :\r\n[ \"X\" ] } \n",
        #"{"phones":[],"card_ids":["X"]}"#, #"{"card_ids":["X"],"phones":[ ]}"#,
        #"{"card_ids":["\u0058"]}"#, #"{"card\u005fids":["\u0058"]}"#,
    ])
    func batch_isRead_howeverItIsWritten(body: String) throws {
        let server = try APIServer([], from: .store)
        let answer = try Self.post(server, body, "Content-Type: application/json")
        #expect(answer.text == "{\"results\":[\(Self.absent)]}")
    }

    /// Phones belong to the region of the request.
    @Test func batch_readsPhones_inItsRegion() throws {
        let server = try APIServer(try Samples.facts(), from: .store, region: "DE")
        let answer = try Self.post(server, #"{"phones":["0585949014"]}"#, query: "?region=AE")
        #expect(answer.text == "{\"results\":[\(Self.phone)]}")
        #expect(try Self.post(server, #"{"phones":[]}"#, query: "?region=XX").status == 400)
    }

    /// Other types of body are refused.
    @Test func batch_isRefused_whenItIsOfAnotherType() throws {
        let server = try APIServer([], from: .store)
        for type in ["application/x-www-form-urlencoded", "text/html", "json", ""] {
            let answer = try Self.post(server, "{}", "Content-Type: \(type)")
            #expect(answer.status == 415, "\(type)")
        }
        // Nor is a body guessed at that does not say what it is.
        let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
        try connection.send(
            "POST /api/cards/batch HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                + "Content-Length: 2\r\n\r\n{}")
        #expect(try connection.answer().status == 415)
    }

    /// Other methods are told which there is, but a GET is of the card BATCH.
    @Test func batch_isAPost() throws {
        let server = try APIServer([], from: .store)
        #expect(try server.get("/api/cards/batch").status == 404)
        let answer = try server.send("PUT", "/api/cards/batch")
        #expect(answer.status == 405)
        #expect(answer.headers["allow"] == "GET, HEAD, POST")
        let closed = try APIServer([], from: .store, access: .keysOnly)
        #expect(try Self.post(closed, #"{"card_ids":[]}"#).status == 401)
    }

    /// Everything that is not exactly the shape is refused, with the byte where it goes wrong.
    @Test(arguments: [
        ("", 0), ("{", 1), ("{}", 1), ("[]", 0), ("null", 0), ("\"x\"", 0), ("\u{FEFF}{}", 0),
        (#"{"card_ids":["X"]"#, 17), (#"{"card_ids":["X"}"#, 16), (#"{"card_ids":["X",]}"#, 17),
        (#"{"card_ids":[,"X"]}"#, 13), (#"{"card_ids":["X" "Y"]}"#, 17),
        (#"{"card_ids":["X"],}"#, 18), (#"{"card_ids":["X"]}x"#, 18),
        (#"{"card_ids":["X"]} {}"#, 19), (#"{"card_ids":[1]}"#, 13),
        (#"{"card_ids":[null]}"#, 13), (#"{"card_ids":[["X"]]}"#, 13),
        (#"{"card_ids":[{}]}"#, 13), (#"{"card_ids":"X"}"#, 12), (#"{"card_ids":null}"#, 12),
        (#"{"card_ids":[],"card_ids":[]}"#, 15), (#"{"phones":[],"phones":[]}"#, 13),
        (#"{"card_ids":[],"x":[]}"#, 15), (#"{"cards":[]}"#, 1), (#"{card_ids:[]}"#, 1),
        (#"{"card_ids" []}"#, 12), (#"{'card_ids':[]}"#, 1), (#"{"card_ids":["X]}"#, 14),
        (#"{"card_ids":["\x"]}"#, 14), (#"{"card_ids":["\u12"]}"#, 14),
        (#"{"card_ids":["\u12G4"]}"#, 14), (#"{"card_ids":["\ud800"]}"#, 14),
        (#"{"card_ids":["\ud800\u0041"]}"#, 14), (#"{"card_ids":["\udc00"]}"#, 14),
        (#"{"card_ids":["\"#, 14), ("{\"card_ids\":[\"a\tb\"]}", 15),
        ("{\"card_ids\":[\"\n\"]}", 14), ("/**/{\"card_ids\":[]}", 0),
        (#"{"phones":["x"],"phones":[1]}"#, 16), (#"{"phones":[1]}"#, 11),
        (#"{"card_ids":[],"phones":[true]}"#, 25),
    ])
    func read_refuses_whatIsNotTheShape(text: String, offset: Int) throws {
        let found = Self.failure(Array(text.utf8))
        guard case .malformed(_, let place) = found else {
            Issue.record("\(text): \(String(describing: found))")
            return
        }
        #expect(place == offset, "\(text): \(String(describing: found))")
        let server = try APIServer([], from: .store)
        let answer = try Self.post(server, text, "Content-Type: application/json")
        #expect(answer.status == 400)
        #expect(answer.text.contains("at byte \(offset), "))
    }

    private static func failure(_ bytes: [UInt8]) -> BatchError? {
        do {
            var keys = BatchKeys(region: PhoneRegion("AE")!)
            try BatchReader.read(bytes.span, into: &keys)
            return nil
        } catch let error as BatchError {
            return error
        } catch {
            Issue.record("\(error)")
            return nil
        }
    }

    /// No prefix of a good batch is one, and bytes that are not UTF-8 are refused anywhere.
    @Test func read_refuses_whatIsCutOffOrNoUTF8() {
        let good = Array(#"{"card_ids":["X","\u00e9\ud83d\ude00é"],"phones":["+1"]}"#.utf8)
        #expect(Self.failure(good) == nil)
        for count in good.indices { #expect(Self.failure(Array(good[..<count])) != nil) }
        for place in good.indices {
            for byte: UInt8 in [0x00, 0x80, 0xC0, 0xFF] {
                var bad = good
                bad.insert(byte, at: place)
                #expect(Self.failure(bad) != nil, "\(place) \(byte)")
            }
        }
    }

    /// Escapes are what they stand for, surrogate pairs too.
    @Test func read_undoesEscapes() throws {
        var keys = BatchKeys(region: try #require(PhoneRegion("AE")))
        let text = #"{"card_ids":["\"\\\/\b\f\n\r\t\u0041\ud83d\uDE00 "]}"#
        try BatchReader.read(Array(text.utf8).span, into: &keys)
        guard case .badCard(let shown, _) = try #require(keys.others.first).key else {
            Issue.record("it is no card ID")
            return
        }
        #expect(Array(shown.utf8) == Array("\"\\/\u{8}\u{C}\n\r\tA😀 ".utf8))
    }

    /// 10,000 keys are a batch; one more is not, wherever it stands.
    @Test func read_refuses_whatHasTooManyKeys() throws {
        func body(_ cards: Int, _ phones: Int) -> [UInt8] {
            let lists = [("card_ids", cards), ("phones", phones)].map { name, count in
                let list = [String](repeating: "\"x\"", count: count).joined(separator: ",")
                return "\"\(name)\":[\(list)]"
            }
            return Array("{\(lists.joined(separator: ","))}".utf8)
        }
        let most = BatchKeys.countMax
        for (cards, phones) in [(most, 0), (0, most), (most - 1, 1)] {
            #expect(Self.failure(body(cards, phones)) == nil)
        }
        for (cards, phones) in [(most + 1, 0), (0, most + 1), (most, 1), (1, most)] {
            #expect(Self.failure(body(cards, phones)) == .tooManyKeys)
        }
        let problem = Problem(BatchError.tooManyKeys)
        #expect(problem.status == 413)
        #expect(Problem(BatchError.answerTooLarge).status == 413)
    }

    /// Thousands of keys, found or not, each have their own answer, at whatever place bad ones
    /// stand between them.
    @Test func batch_answersThousands() throws {
        let facts = try (0..<500).map { number in
            try CardFact(
                "C\(number)", .delivered, "2024-01-01T00:00:00Z", feed: "f",
                reference: "R\(number)")
        }
        let server = try APIServer(facts)
        let ids = (0..<3_000).map { $0 % 7 == 3 ? "!\($0)" : "C\($0 * 31 % 1_000)" }
        let lines = ids.joined(separator: "\n")
        let answers = Request.withTesting(
            .post, Array("/api/cards/batch".utf8),
            headers: [(.contentType, Array("text/plain".utf8))], body: Array(lines.utf8)
        ) { request, reply in
            server.api.respond(to: request, &reply)
            return String(decoding: reply.body.bytes, as: UTF8.self).split(separator: "\n")
        }
        #expect(answers.count == ids.count)
        for (id, answer) in zip(ids, answers) {
            let number = Int(id.dropFirst()) ?? -1
            let result = try JSON(parsing: Array(answer.utf8))
            #expect(result["card_id"] == .string(id))
            let isBad = id.hasPrefix("!")
            #expect((result["error"] != nil) == isBad)
            #expect(result["found"] == (isBad ? nil : .boolean(number < 500)))
            let reference: JSON? = !isBad && number < 500 ? .string("R\(number)") : nil
            #expect(result["reference"] == reference)
        }
    }

    /// The largest answer is bounded: phones of many cards with long comments are refused together.
    @Test func batch_isRefused_whenItsAnswerIsTooLarge() throws {
        let facts = try (0..<100).map { number in
            try CardFact(
                "C\(number)", .delivered, "2024-01-01T00:00:00Z", feed: "f",
                phone: "+971585949014", comment: String(repeating: "\"", count: 1_024))
        }
        let server = try APIServer(facts)
        for (count, status) in [(100, 200), (400, 413)] {
            let body = [String](repeating: "+971585949014", count: count).joined(separator: "\n")
            let found = Request.withTesting(
                .post, Array("/api/cards/batch".utf8),
                headers: [(.contentType, Array("text/plain".utf8))], body: Array(body.utf8)
            ) { request, reply in
                server.api.respond(to: request, &reply)
                return reply.status
            }
            #expect(found == status)
        }
    }
}
