import CardFeeds
import CardService
import CardStore
import HTTPFront
import Testing

@testable import CardAPI

struct ProblemTests {
    private static let all = [
        Problem.malformed("what"), .noKey, .forbidden, .foreignHost, .unknownCard, .unknownRoute,
        .methodNotAllowed("GET"),
        .bodyTooLarge, .unsupportedMediaType, .tooManyRequests, .failed, .notReady("why"), .busy,
        Problem(ReloadError.alreadyReloading),
        Problem(ReloadError.invalid(setting: "a", reason: "b")),
        .changesGone(oldest: 7), Problem(WriteError.store(.diskFull(directory: "d"))),
        Problem(WriteError.store(.failed("disk"))), .unknownCustomer, .invalidParameter("limit"),
        Problem(RunRefusal.unknownFeed("x")), .unknownRun, .upstreamFailed("pickup"),
    ]

    private struct Said {
        var status: Int
        var contentType: String
        var body: [UInt8]
    }

    private static func said(_ write: (inout Reply) -> Void) -> Said {
        var reply = Reply()
        reply.body.append("said before")
        write(&reply)
        return Said(
            status: reply.status, contentType: reply.contentType.map { "\($0)" } ?? "",
            body: Array(reply.body.bytes))
    }

    /// Every problem is what the OpenAPI document says of problems, under its own status.
    @Test func response_fitsTheContract() throws {
        let checker = SchemaChecker(document: try Contract.document())
        let schema = try checker.resolve("#/components/schemas/Problem")
        for problem in Self.all {
            let response = Self.said { problem.write(to: &$0) }
            let json = try JSON(parsing: response.body)
            #expect(try checker.findings(json, schema) == [])
            #expect(response.status == problem.status)
            #expect(json["status"] == .number(Double(problem.status)))
            #expect(response.contentType == "application/problem+json")
        }
    }

    /// The document lists the types that there are, and each problem has a type of its own.
    @Test func types_areThoseOfTheContract() throws {
        let checker = SchemaChecker(document: try Contract.document())
        let properties = try checker.resolve("#/components/schemas/Problem")["properties"]
        let types = properties?["type"]?["enum"]?.elements.compactMap(\.text) ?? []
        #expect(types.sorted() == Self.all.map { "\($0.type)" }.sorted())
        let statuses = properties?["status"]?["enum"]?.elements.compactMap(\.number) ?? []
        #expect(Set(statuses.map { Int($0) }) == Set(Self.all.map(\.status)))
    }

    /// Members stand in one order, and what comes from a client is escaped.
    @Test func response_escapesItsDetail() {
        let problem = Problem.malformed("a \"quoted\" \\ word\n")
        let body = Self.said { problem.write(to: &$0) }.body
        #expect(
            String(decoding: body, as: UTF8.self)
                == #"{"type":"urn:cardstatus:problem:malformed","title":"Malformed request","#
                + #""status":400,"detail":"a \"quoted\" \\ word\u000a"}"#)
    }

    /// Whatever the server answers itself has a problem of the refusal's status.
    @Test(arguments: Refusal.allCases)
    func refusal_isAProblem(refusal: Refusal) throws {
        let response = Self.said { CardAPI.refuse(refusal, &$0) }
        let json = try JSON(parsing: response.body)
        #expect(response.status == refusal.status)
        let type =
            switch refusal {
            case .bodyTooLarge: "body-too-large"
            case .busy: "busy"
            case .overdue, .stopping: "not-ready"
            case .unanswered: "failed"
            default: "malformed"
            }
        #expect(json["type"] == .string("urn:cardstatus:problem:\(type)"))
        if type == "malformed" || type == "not-ready" {
            #expect(json["detail"] == .string("\(refusal.detail)"))
        }
    }

    /// What is made beforehand has its headers.
    @Test func preparedProblems_sayWhenToAskAgain() throws {
        var policy = RequestPolicy()
        policy.perKey = RateLimit(perSecond: 5, burst: 7)
        policy.perClient = RateLimit(perSecond: 5, burst: 8)
        let prepared = PreparedProblems(workers: 1, policy: policy)
        #expect(prepared.unknownCard.status == 404 && prepared.noKey.status == 401)
        for (reply, status, limit) in [
            (prepared.keyRate, 429, "7"), (prepared.clientRate, 429, "8"),
            (prepared.busy, 503, nil),
        ] as [(PreparedReply, Int, String?)] {
            var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
            configuration.shutdownGraceMs = 0
            let server = try HTTPServer(
                configuration: configuration, errorLog: { _ in },
                handler: { $1.use(reply, worker: $0.worker) })
            defer { server.stop() }
            let connection = try HTTPConnection(port: server.boundAddresses[0].port)
            try connection.send("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            let answer = try connection.answer(isHead: false)
            #expect(answer.status == status && answer.headers["retry-after"] == "1")
            #expect(answer.headers["ratelimit-limit"] == limit)
            #expect(answer.headers["ratelimit-remaining"] == limit.map { _ in "0" })
            #expect(answer.headers["content-type"] == "application/problem+json")
            #expect(try JSON(parsing: answer.body)["status"] == .number(Double(status)))
        }
    }
}
