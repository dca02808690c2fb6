import Foundation

@testable import CardAPI

/// The OpenAPI document as tests need it, and what an answer must keep to.
enum Contract {
    static let bytes = Array(
        UnsafeBufferPointer(
            start: OpenAPI.document.utf8Start, count: OpenAPI.document.utf8CodeUnitCount))

    private static let parsed = Result { try JSON(parsing: bytes) }

    static func document() throws -> JSON {
        try parsed.get()
    }

    /// How an answer departs from the document; empty when it does not.
    static func findings(
        _ method: String, _ target: String, _ answer: HTTPAnswer
    ) throws -> [String] {
        let document = try document()
        let checker = SchemaChecker(document: document)
        let path = target.prefix { $0 != "?" }
        // A literal path comes before one with captures.
        let items = (document["paths"]?.members ?? [:]).filter { isPath(path, of: $0.key) }
            .sorted { !$0.key.contains("{") && $1.key.contains("{") }
        let name = method == "HEAD" ? "get" : method == method.uppercased() ? method : ""
        let operation = items.compactMap { $0.value[name.lowercased()] }.first
        // The only refusal that no GET has as its own.
        if answer.status == 413 { return try problemFindings(answer, checker) }
        var expected: JSON?
        switch (operation, items.isEmpty) {
        case (let operation?, _): expected = operation["responses"]?["\(answer.status)"]
        case (nil, false): expected = document["components"]?["responses"]?["MethodNotAllowed"]
        case (nil, true): return try problemFindings(answer, checker)
        }
        guard var expected else { return ["status \(answer.status) is not documented"] }
        if let reference = expected["$ref"]?.text { expected = try checker.resolve(reference) }
        return try headerFindings(answer, expected, checker)
            + bodyFindings(answer, expected, checker, isHead: method == "HEAD")
    }

    private static func isPath(_ path: Substring, of pattern: String) -> Bool {
        var segments = path.split(separator: "/", omittingEmptySubsequences: false)
        if segments.last == "" { segments.removeLast() }
        let parts = pattern.split(separator: "/", omittingEmptySubsequences: false)
        return segments.count == parts.count
            && zip(segments, parts).allSatisfy { segment, part in
                part.hasPrefix("{") ? !segment.isEmpty : segment == part
            }
    }

    private static func headerFindings(
        _ answer: HTTPAnswer, _ expected: JSON, _ checker: SchemaChecker
    ) throws -> [String] {
        var found: [String] = []
        let documented = expected["headers"]?.members ?? [:]
        for (name, header) in documented {
            let header = try checker.resolve(header["$ref"]?.text ?? "")
            guard let value = answer.headers[name.lowercased()] else {
                if header["required"] == .boolean(true) {
                    found.append("the header \(name) is missing")
                }
                continue
            }
            found += try checker.findings(.string(value), header["schema"] ?? .null, at: name)
        }
        let plain = [
            "date", "connection", "content-length", "content-type", "x-content-type-options",
        ]
        let known = Set(documented.keys.map { $0.lowercased() } + plain)
        for name in answer.headers.keys where !known.contains(name) {
            found.append("the header \(name) is not documented")
        }
        return found
    }

    private static func bodyFindings(
        _ answer: HTTPAnswer, _ expected: JSON, _ checker: SchemaChecker, isHead: Bool
    ) throws -> [String] {
        guard let content = expected["content"]?.members else {
            return answer.body.isEmpty ? [] : ["there is a body"]
        }
        let type = answer.headers["content-type"] ?? "none"
        guard let media = content.first(where: { type.hasPrefix($0.key) })?.value,
            let schema = media["schema"]
        else { return ["the content type \(type) is not documented"] }
        if isHead { return [] }
        let isJSON = type.hasSuffix("json") && !type.hasSuffix("ndjson")
        let value = isJSON ? try answer.json() : JSON.string(answer.text)
        return try checker.findings(value, schema)
            + (value["type"] == nil ? [] : problemFindings(answer, checker))
    }

    /// A problem's own status is the answer's.
    private static func problemFindings(
        _ answer: HTTPAnswer, _ checker: SchemaChecker
    ) throws -> [String] {
        guard answer.headers["content-type"] == "application/problem+json" else {
            return ["it is no problem: \(answer.headers["content-type"] ?? "no content type")"]
        }
        if answer.body.isEmpty { return [] }
        let problem = try answer.json()
        let schema = try checker.resolve("#/components/schemas/Problem")
        return try checker.findings(problem, schema)
            + (problem["status"] == .number(Double(answer.status)) ? [] : ["another status"])
    }
}
