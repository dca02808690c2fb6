import Foundation
import Testing

@testable import CardAPI

/// The OpenAPI document against itself and against the routes.
struct OpenAPITests {
    /// It is JSON with the head of an OpenAPI 3.1 document.
    @Test func document_parses() throws {
        let object = try JSONSerialization.jsonObject(with: Data(Contract.bytes))
        #expect((object as? [String: Any])?["openapi"] as? String == "3.1.0")
    }

    /// No object has a name twice, of which readers would take one or the other.
    @Test func names_areThereOnce() {
        var seen: [Int: Set<String>] = [:]
        for line in String(decoding: Contract.bytes, as: UTF8.self).split(separator: "\n") {
            let indent = line.prefix { $0 == " " }.count
            seen = seen.filter { $0.key <= indent }
            guard let name = line.firstMatch(of: #/^ *"([^"]+)": /#)?.output.1 else { continue }
            #expect(seen[indent, default: []].insert(String(name)).inserted, "\(line)")
        }
    }

    private static func name(_ route: Route) -> String { "\(route.method.name)".lowercased() }

    /// Every route is in the document under its pattern, with its method, and there is nothing
    /// else.
    @Test func paths_areTheRoutes() throws {
        let paths = try #require(try Contract.document()["paths"]).members
        let routes = Route.allCases.filter { $0 != .unmatched }
        let byPattern = Dictionary(grouping: routes, by: \.pattern)
        #expect(paths.keys.sorted() == byPattern.keys.sorted())
        for (pattern, routes) in byPattern {
            let names = routes.map(Self.name).sorted()
            #expect(paths[pattern]?.members.keys.sorted() == names, "\(pattern)")
        }
    }

    /// A route asks for a key exactly where the document does, by the two schemes, and says so
    /// among its answers.
    @Test func security_isThatOfTheRoutes() throws {
        let document = try Contract.document()
        let schemes = document["components"]?["securitySchemes"]?.members.keys.sorted()
        #expect(schemes == ["bearer", "header"])
        for route in Route.allCases where route != .unmatched {
            let operation = try #require(document["paths"]?[route.pattern]?[Self.name(route)])
            let names = (operation["security"]?.elements ?? []).flatMap(\.members.keys).sorted()
            let needsKey = route.role != nil
            #expect(names == (needsKey ? ["bearer", "header"] : []), "\(route)")
            #expect((operation["responses"]?["401"] != nil) == needsKey, "\(route)")
            #expect((operation["responses"]?["421"] != nil) == needsKey, "\(route)")
            let isProbe = [.health, .ready].contains(route)
            #expect((operation["responses"]?["429"] != nil) == !isProbe, "\(route)")
            // Before anybody knows where a request goes.
            for status in ["400", "414", "431"] {
                #expect(operation["responses"]?[status] != nil, "\(route)")
            }
            // Every role includes look-ups.
            let mayLackRole = needsKey && route.role != .lookup
            #expect((operation["responses"]?["403"] != nil) == mayLackRole, "\(route)")
        }
    }

    /// The captures of a pattern are documented as parameters in the path.
    @Test func pathParameters_areThoseOfThePattern() throws {
        let document = try Contract.document()
        let checker = SchemaChecker(document: document)
        for route in Route.allCases where route != .unmatched {
            let parameters =
                document["paths"]?[route.pattern]?[Self.name(route)]?["parameters"]?.elements ?? []
            let names = try parameters.map { parameter in
                try parameter["$ref"]?.text.map(checker.resolve) ?? parameter
            }.filter { $0["in"] == .string("path") }.compactMap { $0["name"]?.text }
            let captures = route.pattern.matches(of: /{([a-z_]+)}/).map { String($0.output.1) }
            #expect(names == captures, "\(route)")
        }
    }

    /// Every reference leads somewhere, and everything that can be referred to is, but for the
    /// answer that no documented call can get.
    @Test func references_lead() throws {
        let document = try Contract.document()
        let checker = SchemaChecker(document: document)
        var used: Set<String> = []
        func walk(_ part: JSON) throws {
            if let reference = part["$ref"]?.text {
                _ = try checker.resolve(reference)
                used.insert(reference)
            }
            for member in part.members.values { try walk(member) }
            for element in part.elements { try walk(element) }
        }
        try walk(document)
        let all = ["parameters", "headers", "responses", "schemas"].flatMap { kind in
            (document["components"]?[kind]?.members.keys.map { $0 } ?? [])
                .map { "#/components/\(kind)/\($0)" }
        }
        #expect(Set(all).subtracting(used) == ["#/components/responses/MethodNotAllowed"])
    }

    /// Every example fits the schema that it stands beside.
    @Test func examples_fitTheirSchemas() throws {
        let document = try Contract.document()
        let checker = SchemaChecker(document: document)
        var count = 0
        func walk(_ part: JSON, at place: String) throws {
            if let schema = part["schema"] {
                let examples = (part["examples"]?.members.values).map { $0.map { $0["value"] } }
                for case let example? in (examples ?? []) + [part["example"]] {
                    #expect(try checker.findings(example, schema) == [], "\(place)")
                    count += 1
                }
            }
            for (name, member) in part.members { try walk(member, at: "\(place)/\(name)") }
            for element in part.elements { try walk(element, at: place) }
        }
        try walk(document, at: "")
        #expect(count >= 20)
    }

    /// Examples of answers are what the server answers when it has the sample files.
    @Test(arguments: [
        ("/api/cards/{card_id}", "/api/cards/ZYW8827"),
        ("/api/cards", "/api/cards?phone=0545576586"),
        ("/api/cards/{card_id}/history", "/api/cards/ZYW8890/history"),
        ("/api/events", "/api/events?from=2023-11-13T07:00:00Z&to=2023-11-14T00:00:00Z&limit=2"),
        ("/api/get-card-status", "/api/get-card-status?card_id=ZYW8827"),
        ("/api/health", "/api/health"), ("/api/ready", "/api/ready"),
    ])
    func examples_areAnswers(pattern: String, target: String) throws {
        let server = try APIServer(try Samples.facts())
        let content = try Contract.document()["paths"]?[pattern]?["get"]?["responses"]?["200"]?[
            "content"]?["application/json"]
        #expect(try server.get(target).json() == content?["example"])
    }

    /// The example of a batch is answered by the example of its results.
    @Test func batchExample_isAnswered() throws {
        let server = try APIServer(try Samples.facts())
        let call = try #require(try Contract.document()["paths"]?["/api/cards/batch"]?["post"])
        let request = call["requestBody"]?["content"]?["application/json"]?["example"]
        let texts = ["card_ids", "phones"].map { name in
            "\"\(name)\":["
                + (request?[name]?.elements.compactMap(\.text).map { "\"\($0)\"" } ?? [])
                .joined(separator: ",") + "]"
        }
        let answer = try server.send(
            "POST", "/api/cards/batch", body: "{" + texts.joined(separator: ",") + "}")
        let expected = call["responses"]?["200"]?["content"]?["application/json"]?["example"]
        #expect(try answer.json() == expected)
    }

    /// The server hands the document out as it is.
    @Test func document_isServed() throws {
        let server = try APIServer([], from: .store, access: .keysOnly)
        let answer = try server.get("/openapi.json")
        #expect(answer.status == 200)
        #expect(answer.body == Contract.bytes)
    }
}
