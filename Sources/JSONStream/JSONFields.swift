/// What a record says at the places that somebody asks for.
public enum JSONField: Equatable, Sendable {
    /// There is no such place, or null is there.
    case absent
    /// A string without its escapes; a number, true or false as it is written.
    case text([UInt8])
    /// An object or an array, as it is written.
    case structure([UInt8])
}

/// Reads certain fields of one JSON record.
public struct JSONFields: Sendable {
    /// Places that can be asked for: a word has a bit for each.
    public static let pathsMax = 64

    private let paths: [JSONPath]
    private let all: UInt64

    public init(_ paths: [JSONPath]) {
        precondition(paths.count <= Self.pathsMax, "a record is asked for 64 fields at most")
        self.paths = paths
        all = paths.count == 64 ? .max : (1 << UInt64(paths.count)) - 1
    }

    /// The fields of a record, in the order of the paths. Of members with one name the last counts.
    public func read(_ record: Span<UInt8>) throws(JSONProblem) -> [JSONField] {
        var fields = [JSONField](repeating: .absent, count: paths.count)
        var scanner = JSONScanner(record)
        try value(&scanner, depth: 0, wanted: all, &fields)
        guard scanner.next() == nil else { throw scanner.fail("something follows the value") }
        return fields
    }

    /// The names of an object's members; empty when the record is none.
    public static func names(of record: Span<UInt8>) throws(JSONProblem) -> [String] {
        var scanner = JSONScanner(record)
        guard scanner.next() == UInt8(ascii: "{") else { return [] }
        var names: [String] = []
        var fields: [JSONField] = []
        try JSONFields([]).object(&scanner, depth: 0, wanted: 0, &fields) { names.append($0) }
        return names
    }

    /// - Parameters:
    ///   - depth: how many names of a path lead here.
    ///   - wanted: the paths that lead here, or further in.
    private func value(
        _ scanner: inout JSONScanner, depth: Int, wanted: UInt64, _ fields: inout [JSONField]
    ) throws(JSONProblem) {
        guard let first = scanner.next() else { throw scanner.fail("a value is expected") }
        let isStructure = first == UInt8(ascii: "{") || first == UInt8(ascii: "[")
        guard depth < JSONScanner.depthMax || !isStructure else {
            throw scanner.fail("the nesting is deeper than \(JSONScanner.depthMax)")
        }
        let start = scanner.offset
        switch first {
        case UInt8(ascii: "{"):
            try object(&scanner, depth: depth, wanted: wanted, &fields) { _ in }
            set(depth, wanted, &fields) { .structure(scanner.bytes(from: start)) }
        case UInt8(ascii: "["):
            try array(&scanner, depth: depth, wanted: wanted, &fields)
            set(depth, wanted, &fields) { .structure(scanner.bytes(from: start)) }
        case UInt8(ascii: "\""):
            let text = try scanner.string()
            set(depth, wanted, &fields) { .text(text) }
        default:
            let text = try scanner.atom()
            let isNull = first == UInt8(ascii: "n")
            set(depth, wanted, &fields) { isNull ? .absent : .text(text) }
        }
    }

    private func set(
        _ depth: Int, _ wanted: UInt64, _ fields: inout [JSONField],
        _ field: () -> JSONField
    ) {
        var rest = wanted
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest - 1
            if paths[index].keys.count == depth { fields[index] = field() }
        }
    }

    private func object(
        _ scanner: inout JSONScanner, depth: Int, wanted: UInt64, _ fields: inout [JSONField],
        _ onName: (String) -> Void
    ) throws(JSONProblem) {
        scanner.take()
        if scanner.next() == UInt8(ascii: "}") { return scanner.take() }
        while true {
            guard scanner.next() == UInt8(ascii: "\"") else {
                throw scanner.fail("a member's name is expected")
            }
            let name = try scanner.string()
            if depth == 0 { onName(String(decoding: name, as: UTF8.self)) }
            guard scanner.next() == UInt8(ascii: ":") else { throw scanner.fail("':' is expected") }
            scanner.take()
            let inner = narrowed(wanted) { $0.keys.count > depth && $0.keys[depth] == name }
            try value(&scanner, depth: depth + 1, wanted: inner, &fields)
            if try isLast(&scanner, "}") { return }
        }
    }

    private func array(
        _ scanner: inout JSONScanner, depth: Int, wanted: UInt64, _ fields: inout [JSONField]
    ) throws(JSONProblem) {
        scanner.take()
        if scanner.next() == UInt8(ascii: "]") { return scanner.take() }
        var index = 0
        while true {
            let inner = narrowed(wanted) { $0.keys.count > depth && $0.indices[depth] == index }
            try value(&scanner, depth: depth + 1, wanted: inner, &fields)
            if try isLast(&scanner, "]") { return }
            index += 1
        }
    }

    private func narrowed(_ wanted: UInt64, _ leads: (JSONPath) -> Bool) -> UInt64 {
        var rest = wanted
        var inner: UInt64 = 0
        while rest != 0 {
            let index = rest.trailingZeroBitCount
            rest &= rest - 1
            if leads(paths[index]) { inner |= 1 << UInt64(index) }
        }
        return inner
    }

    /// Takes a comma, or the mark that ends the list, and says whether it was that.
    private func isLast(
        _ scanner: inout JSONScanner, _ end: Unicode.Scalar
    ) throws(JSONProblem) -> Bool {
        guard let byte = scanner.next(), byte == UInt8(ascii: ",") || byte == UInt8(ascii: end)
        else { throw scanner.fail("',' or '\(end)' is expected") }
        scanner.take()
        return byte == UInt8(ascii: end)
    }
}
