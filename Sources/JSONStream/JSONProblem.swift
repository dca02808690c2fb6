/// What is wrong with a JSON text, and at which of its bytes.
public struct JSONProblem: Error, Equatable, Sendable, CustomStringConvertible {
    public let what: String
    /// From 0.
    public let offset: Int

    init(_ what: String, at offset: Int) {
        self.what = what
        self.offset = offset
    }

    public var description: String { "at byte \(offset), \(what)" }
}

/// A place in a JSON value: names of members, and numbers of elements, from the outside inwards.
public struct JSONPath: Hashable, Sendable, CustomStringConvertible {
    public let names: [String]
    /// The names' bytes.
    let keys: [[UInt8]]
    /// The numbers of those names that can be an element's; -1 for others.
    let indices: [Int]

    /// - Parameter text: names with dots between; empty for the value itself.
    public init(_ text: String) {
        self.init(
            names: text.split(separator: ".", omittingEmptySubsequences: true).map(String.init))
    }

    init(names: [String]) {
        self.names = names
        keys = names.map { Array($0.utf8) }
        indices = names.map { name in
            let isNumber = name.utf8.allSatisfy { (0x30...0x39).contains($0) }
            return isNumber ? Int(name) ?? -1 : -1
        }
    }

    public var description: String { names.joined(separator: ".") }

    public static func == (a: Self, b: Self) -> Bool { a.names == b.names }

    public func hash(into hasher: inout Hasher) { hasher.combine(names) }
}
