import CardModel
import Testing

@testable import CardAPI

/// Packed answers, whatever the route.
struct CompressionTests {
    private static let gzip = "Accept-Encoding: gzip"

    /// A server whose phone +971501112233 has a hundred cards, and whose card LONG has a long
    /// comment.
    private static func server(_ source: APIServer.Source = .memory) throws -> APIServer {
        let long = try CardFact(
            "LONG", .delivered, "2024-01-01T00:00:00Z", feed: "delivered",
            phone: "+971501112244", comment: String(repeating: "word ", count: 200) + "end")
        let facts = try Samples.family(100, phone: "+971501112233") + [long] + Samples.facts()
        return try APIServer(facts, from: source)
    }

    private static let longTargets = [
        "/api/cards?phone=0501112233", "/api/cards?phone=0501112233&limit=20",
        "/api/get-card-status?user_mobile=0501112233", "/api/events?limit=10", "/openapi.json",
        "/api/cards/LONG/history",
    ]

    /// What unpacks is what comes without; a client that says nothing gets it plain. Both say that
    /// it depends.
    @Test func longAnswers_arePacked_whenTheClientAcceptsIt() throws {
        let server = try Self.server()
        for target in Self.longTargets {
            let plain = try server.get(target)
            #expect(plain.status == 200)
            #expect(plain.body.count > 1_024)
            #expect(plain.headers["content-encoding"] == nil)
            #expect(plain.headers["vary"] == "Accept-Encoding", "\(target)")
            let refused = try server.get(target, "Accept-Encoding: gzip;q=0, *")
            #expect(refused.body == plain.body)
            let packed = try server.get(target, Self.gzip)
            #expect(packed.status == 200)
            #expect(packed.headers["content-encoding"] == "gzip", "\(target)")
            #expect(packed.headers["vary"] == "Accept-Encoding")
            #expect(packed.headers["content-type"] == plain.headers["content-type"])
            #expect(packed.headers["cache-control"] == plain.headers["cache-control"])
            #expect(packed.body.count < plain.body.count)
            #expect(packed.unpackedBody == plain.body, "\(target)")
        }
        let metrics = try server.get("/metrics", Self.gzip)
        #expect(metrics.headers["content-encoding"] == "gzip")
        #expect(try PrometheusText(metrics.unpackedBody).samples["cardstatus_cards"] == 104)
    }

    /// Several `Accept-Encoding` headers are one list.
    @Test func acceptEncoding_mayComeInParts() throws {
        let server = try Self.server(.store)
        let packed = try server.get("/api/events", "Accept-Encoding: br", Self.gzip)
        #expect(packed.headers["content-encoding"] == "gzip")
        let plain = try server.get("/api/events", Self.gzip, "Accept-Encoding: gzip;q=0")
        #expect(plain.headers["content-encoding"] == "gzip")
    }

    /// Short answers and single look-ups are as they were, the latter also when they are long.
    @Test func shortAnswersAndLookUps_areNeverPacked() throws {
        let server = try Self.server()
        let long = try server.get("/api/cards/LONG", Self.gzip)
        #expect(long.body.count > 1_024)
        for target in [
            "/api/cards/LONG", "/api/cards/ZYW8827", "/api/cards?phone=0585949014", "/api/health",
            "/api/ready", "/api/cards/UNKNOWN", "/nowhere", "/api/cards?phone=x",
        ] {
            let packed = try server.get(target, Self.gzip)
            #expect(packed.headers["content-encoding"] == nil, "\(target)")
            #expect(packed.headers["vary"] == nil, "\(target)")
            #expect(packed.body == (try server.get(target).body))
        }
    }

    /// The border lies behind 1,024 bytes.
    @Test func answers_arePacked_fromTheBorderOn() throws {
        let counts = 800...900
        let server = try APIServer(
            try counts.map { count in
                try CardFact(
                    "C\(count)", .delivered, "2024-01-01T00:00:00Z", feed: "a",
                    phone: "+971501112\(count)", comment: String(repeating: "x", count: count))
            })
        var isPackedByCount: [Int: Bool] = [:]
        for count in counts {
            let answer = try server.get("/api/cards?phone=0501112\(count)", Self.gzip)
            isPackedByCount[answer.unpackedBody.count] =
                answer.headers["content-encoding"] == "gzip"
        }
        #expect(isPackedByCount[1_024] == false)
        #expect(isPackedByCount[1_025] == true)
        #expect(isPackedByCount.allSatisfy { $0.value == ($0.key > 1_024) })
    }

    /// Packed and plain have tags of their own, the same from store and memory, and a client hears
    /// that it has what it would get.
    @Test func pages_haveATagForEachVariant() throws {
        let target = "/api/cards?phone=0501112233"
        var tags: Set<[String?]> = []
        for source in [APIServer.Source.store, .memory] {
            let server = try Self.server(source)
            let packed = try #require(try server.get(target, Self.gzip).headers["etag"])
            let plain = try #require(try server.get(target).headers["etag"])
            #expect(packed == plain.dropLast() + "-gz\"")
            tags.insert([packed, plain])
            for (tag, headers, status) in [
                (packed, [Self.gzip], 304), (plain, [], 304), (packed, [], 200),
                (plain, [Self.gzip], 200), ("*", [Self.gzip], 304), ("*", [], 304),
                ("\(plain), W/\(packed)", [Self.gzip], 304),
            ] {
                let answer = try server.send("GET", target, headers + ["If-None-Match: \(tag)"])
                #expect(answer.status == status, "\(tag) \(headers)")
                #expect(answer.headers["etag"] == (headers.isEmpty ? plain : packed))
                #expect(answer.headers["vary"] == "Accept-Encoding")
                #expect(answer.headers["cache-control"] == "private, no-cache")
                if status == 304 { #expect(answer.headers["content-encoding"] == nil) }
            }
        }
        #expect(tags.count == 1)
    }

    /// HEAD has the headers of GET, packed or not, also where nothing changed.
    @Test func head_isGetWithoutABody_packedToo() throws {
        let server = try Self.server(.store)
        for target in Self.longTargets {
            for more in [[], ["If-None-Match: *"]] {
                let get = try server.send("GET", target, [Self.gzip] + more)
                let head = try server.send("HEAD", target, [Self.gzip] + more)
                #expect(head.status == get.status)
                #expect(
                    head.headers.filter { $0.key != "date" }
                        == get.headers.filter { $0.key != "date" })
                #expect(head.body.isEmpty)
            }
        }
    }

    /// A batch's results, as JSON and as lines.
    @Test func batches_arePacked() throws {
        let server = try Self.server()
        let lines = (1...60).map { "P0\($0 < 10 ? "0" : "")\($0)" }.joined(separator: "\n")
        for type in ["text/plain", "application/json"] {
            let body = type == "text/plain" ? lines : #"{"phones":["0501112233"]}"#
            let headers = ["Content-Type: \(type)"]
            let plain = try server.send("POST", "/api/cards/batch", headers, body: body)
            #expect(plain.body.count > 1_024)
            let packed = try server.send(
                "POST", "/api/cards/batch", headers + [Self.gzip], body: body)
            #expect(packed.headers["content-encoding"] == "gzip")
            #expect(packed.unpackedBody == plain.body)
        }
    }

    /// A large answer is packed apart from the worker, with the headers that it has anyway, also
    /// while the threads for that are busy.
    @Test func largeBatches_arePacked_whoeverPacksThem() throws {
        let server = try Self.server()
        let lines = String(repeating: "+971501112233\n", count: 60)
        let headers = ["Content-Type: text/plain"]
        let plain = try server.send("POST", "/api/cards/batch", headers, body: lines)
        #expect(plain.body.count > BodyPacker.workerByteCountMax)
        for isBusy in [false, true] {
            let gate = isBusy ? try BusyTasks(server.api.tasks) : nil
            let packed = try server.send(
                "POST", "/api/cards/batch", headers + [Self.gzip], body: lines)
            #expect(packed.status == 200)
            #expect(packed.headers["content-encoding"] == "gzip")
            #expect(packed.headers["content-type"] == "application/x-ndjson")
            #expect(packed.headers["cache-control"] == "private, no-cache")
            #expect(packed.unpackedBody == plain.body)
            gate?.open()
        }
    }
}
