/// Holds values against the schemas of an OpenAPI document: as much of JSON Schema as ours uses. A
/// keyword that it does not know is a finding, so that nothing is passed over.
struct SchemaChecker {
    let document: JSON

    private static let annotations: Set<String> = [
        "description", "format", "default",
        // Members that a schema does not name are findings anyway.
        "additionalProperties",
    ]

    /// What is wrong with `value`; empty when nothing is. Members that the schema does not name are
    /// findings: everything in an answer is documented.
    func findings(_ value: JSON, _ schema: JSON, at place: String = "$") throws -> [String] {
        if let reference = schema["$ref"]?.text {
            return try findings(value, try resolve(reference), at: place)
        }
        var found: [String] = []
        for (keyword, argument) in schema.members {
            switch keyword {
            case "required":
                guard case .object = value else { continue }
                for name in argument.elements.compactMap(\.text) where value[name] == nil {
                    found.append("\(place): '\(name)' is missing")
                }
            case "properties":
                for (name, member) in value.members {
                    guard let schema = argument[name] else {
                        found.append("\(place): '\(name)' is not documented")
                        continue
                    }
                    found += try findings(member, schema, at: "\(place).\(name)")
                }
            case "items":
                for (index, element) in value.elements.enumerated() {
                    found += try findings(element, argument, at: "\(place)[\(index)]")
                }
            case "additionalProperties":
                for (name, member) in value.members {
                    found += try findings(member, argument, at: "\(place).\(name)")
                }
            case "oneOf":
                let fitting = try argument.elements.filter {
                    try findings(value, $0, at: place).isEmpty
                }
                if fitting.count != 1 { found.append("\(place): fits \(fitting.count) of oneOf") }
            default:
                if try !Self.fits(value, keyword, argument) {
                    found.append("\(place): \(value) does not fit \(keyword): \(argument)")
                }
            }
        }
        return found
    }

    /// A part of the document by its reference, `#/components/…`.
    func resolve(_ reference: String) throws -> JSON {
        var part = document
        for name in reference.split(separator: "/").dropFirst() {
            guard let next = part[String(name)] else { throw Missing(reference: reference) }
            part = next
        }
        return part
    }

    struct Missing: Error {
        let reference: String
    }

    private static func fits(_ value: JSON, _ keyword: String, _ argument: JSON) throws -> Bool {
        switch (keyword, value, argument.number ?? .nan) {
        case ("type", _, _):
            let names = argument.text.map { [$0] } ?? argument.elements.compactMap(\.text)
            return names.contains { isOfType(value, $0) }
        case ("enum", _, _): return argument.elements.contains(value)
        case ("pattern", .string(let text), _):
            return try text.firstMatch(of: Regex(argument.text ?? "")) != nil
        case ("minLength", .string(let text), let bound):
            return Double(text.unicodeScalars.count) >= bound
        case ("maxLength", .string(let text), let bound):
            return Double(text.unicodeScalars.count) <= bound
        case ("minProperties", _, let bound): return Double(value.members.count) >= bound
        case ("minimum", .number(let number), let bound): return number >= bound
        case ("maximum", .number(let number), let bound): return number <= bound
        case ("maxItems", .array(let elements), let bound): return Double(elements.count) <= bound
        case ("minItems", .array(let elements), let bound): return Double(elements.count) >= bound
        case ("pattern", _, _), ("minLength", _, _), ("maxLength", _, _), ("minimum", _, _),
            ("maximum", _, _), ("maxItems", _, _), ("minItems", _, _):
            return true
        default: return annotations.contains(keyword)
        }
    }

    private static func isOfType(_ value: JSON, _ name: String) -> Bool {
        switch (name, value) {
        case ("null", .null), ("boolean", .boolean), ("number", .number), ("string", .string),
            ("array", .array), ("object", .object):
            true
        case ("integer", .number(let number)): number == number.rounded()
        default: false
        }
    }
}
