import HTTPFront
import Testing

@testable import CardAPI

struct ProblemTests {
    private static let all = [
        Problem.malformed("what"), .noKey, .unknownCard, .unknownRoute, .methodNotAllowed("GET"),
        .bodyTooLarge, .failed, .notReady("why"),
    ]

    /// Every problem is what the OpenAPI document says of problems, under its own status.
    @Test func response_fitsTheContract() throws {
        let checker = SchemaChecker(document: try Contract.document())
        let schema = try checker.resolve("#/components/schemas/Problem")
        for problem in Self.all {
            let response = problem.response
            let json = try JSON(parsing: response.body)
            #expect(try checker.findings(json, schema) == [])
            #expect(response.status == problem.status)
            #expect(json["status"] == .number(Double(problem.status)))
            #expect("\(try #require(response.contentType))" == "application/problem+json")
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
        let body = Problem.malformed("a \"quoted\" \\ word\n").response.body
        #expect(
            String(decoding: body, as: UTF8.self)
                == #"{"type":"urn:cardstatus:problem:malformed","title":"Malformed request","#
                + #""status":400,"detail":"a \"quoted\" \\ word\u000a"}"#)
    }

    /// Whatever the server refuses before it is read has a problem of the refusal's status.
    @Test(arguments: Refusal.allCases)
    func refusal_isAProblem(refusal: Refusal) throws {
        let response = CardAPI.response(toRefused: refusal)
        let json = try JSON(parsing: response.body)
        #expect(response.status == refusal.status)
        let type = refusal == .bodyTooLarge ? "body-too-large" : "malformed"
        #expect(json["type"] == .string("urn:cardstatus:problem:\(type)"))
        if refusal != .bodyTooLarge { #expect(json["detail"] == .string("\(refusal.detail)")) }
    }
}
