import CardModel
import Foundation
import LMDBKit
import Testing

@testable import CardAPI

/// What the server says of itself, and what it does with a damaged store.
struct ServerRouteTests {
    /// Health says that the process answers, and asks nothing else.
    @Test func health_isOK() throws {
        let server = try APIServer([], from: .store)
        let answer = try server.get("/api/health?x")
        #expect(answer.status == 200)
        #expect(answer.text == #"{"status":"ok"}"#)
    }

    /// A server is ready before memory is full, and says where its answers come from.
    @Test func ready_saysWhereAnswersComeFrom() throws {
        let ready = try APIServer(try Samples.facts(), from: .store)
        #expect(
            try ready.get("/api/ready").text
                == #"{"status":"ready","answers_from":"store","fill":null}"#)
        let full = try APIServer(try Samples.facts(), from: .memory)
        #expect(
            try full.get("/api/ready").text
                == #"{"status":"ready","answers_from":"memory","fill":null}"#)
    }

    /// A server that stops answers what has begun, and tells probes not to come again.
    @Test func ready_isNot_whenTheServerStops() throws {
        let server = try APIServer([], from: .store)
        let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
        try connection.send("GET /api/ready HTTP/1.1\r\n")
        let hasBegun: Bool? = try wait {
            server.server.counters(ofWorker: 0).requestsInFlight > 0 ? true : nil
        }
        try #require(hasBegun == true)
        let stopping = Thread { server.server.stop() }
        stopping.start()
        let isDraining: Bool? = try wait { server.server.isDraining ? true : nil }
        try #require(isDraining == true)
        try connection.send("Host: localhost\r\n\r\n")
        let answer = try connection.answer()
        #expect(try Contract.findings("GET", "/api/ready", answer) == [])
        #expect(
            answer.text
                == #"{"type":"urn:cardstatus:problem:not-ready","title":"Not ready","status":503,"#
                + #""detail":"The server is stopping."}"#)
    }

    /// Changes one byte of a card's record, which nobody has open.
    private static func damage(_ card: String, in directory: String) throws {
        let environment = try Environment(path: directory, options: .init(mapSizeBytes: 1 << 30))
        try environment.write { transaction in
            let cards = try #require(try transaction.openDatabase("cards"))
            let key = Array(card.utf8)
            var record: [UInt8] = []
            if let value = try transaction.value(of: key.span.bytes, in: cards) {
                record = value.withUnsafeBytes(Array.init)
            }
            try #require(!record.isEmpty)
            record[record.count - 1] ^= 1
            try transaction.put(record.span.bytes, for: key.span.bytes, in: cards)
        }
    }

    /// A damaged record keeps the index from being filled: the server is not ready and says why,
    /// never answers from the record, and goes on answering what is whole.
    @Test func damage_isReported_andNothingElseFails() throws {
        let server = try APIServer(try Samples.facts(), from: .starting) { directory in
            try Self.damage("ZYW8890", in: directory)
        }
        let unready: HTTPAnswer? = try wait {
            let answer = try server.get("/api/ready")
            return answer.status == 503 ? answer : nil
        }
        #expect(
            unready?.text
                == #"{"type":"urn:cardstatus:problem:not-ready","title":"Not ready","status":503,"#
                + #""detail":"the index cannot be filled: the store is damaged: cards: the "#
                + #"checksum does not match; 'cardstatus check' lists all damage"}"#)
        #expect(try server.get("/api/health").status == 200)
        #expect(try server.get("/api/cards/ZYW8827").text == Samples.zyw8827)
        #expect(try server.get("/api/cards/ZYW7631/history").status == 200)
        #expect(try server.get("/api/cards?phone=0585949014").text.contains(Samples.zyw8827))
        #expect(try server.get("/api/cards/UNKNOWN").status == 404)
        #expect(server.problems == [])

        let targets = [
            "/api/cards/ZYW8890", "/api/cards/ZYW8890/history", "/api/cards?phone=0534534534",
            "/api/get-card-status?card_id=ZYW8890", "/api/get-card-status?user_mobile=0534534534",
            "/api/events",
        ]
        for target in targets {
            let answer = try server.get(target)
            #expect(answer.status == 500)
            #expect(
                answer.text
                    == #"{"type":"urn:cardstatus:problem:failed","title":"The server failed","#
                    + #""status":500,"detail":"The answer could not be read from the store; the "#
                    + #"server's log says why."}"#)
        }
        // The log hears of each, by its route, without the card.
        let why = "the store is damaged: cards: the checksum does not match;"
        #expect(server.problems.count == targets.count)
        #expect(server.problems.allSatisfy { $0.contains(why) && !$0.contains("ZYW") })
        #expect(
            server.problems.map { $0.prefix { $0 != ":" } } == [
                "/api/cards/{card_id}", "/api/cards/{card_id}/history", "/api/cards",
                "/api/get-card-status", "/api/get-card-status", "/api/events",
            ])
        let metrics = try PrometheusText(try server.get("/metrics").body)
        #expect(metrics.samples["cardstatus_ready"] == 0)
        #expect(metrics.samples["cardstatus_index_cards"] == nil)
    }

    /// Answers are the same bytes under the same tags from the store and from memory.
    @Test func answers_areTheSame_fromStoreAndMemory() throws {
        let facts = try Samples.facts() + Samples.family(120, phone: "+971501112233")
        let store = try APIServer(facts, from: .store)
        let memory = try APIServer(facts, from: .memory)
        let cards = ["ZYW8827", "ZYW8890", "ZYW7631", "P001", "P120", "UNKNOWN"]
        let phones = ["0585949014", "0534534534", "0545576586", "0501112233", "0501112234"]
        for target in cards.flatMap({ card in
            [
                "/api/cards/\(card)", "/api/cards/\(card)/history",
                "/api/get-card-status?card_id=\(card)",
            ]
        })
            + phones.flatMap({ phone in
                [
                    "/api/cards?phone=\(phone)", "/api/cards?phone=\(phone)&limit=3&cursor=P007",
                    "/api/get-card-status?user_mobile=\(phone)",
                    "/api/get-card-status?user_mobile=\(phone)&card_id=P001",
                ]
            })
        {
            let answers = (try store.get(target), try memory.get(target))
            #expect(answers.0.status == answers.1.status, "\(target)")
            #expect(answers.0.body == answers.1.body, "\(target)")
            #expect(answers.0.headers["etag"] == answers.1.headers["etag"], "\(target)")
        }
    }
}
