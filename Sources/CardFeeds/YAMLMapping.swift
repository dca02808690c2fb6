internal import Yams

/// A mapping of a configuration file, read key by key, with errors that say where in the file.
///
/// Keys that nobody knows are refused: they are settings that somebody misspelt.
struct YAMLMapping {
    private let node: Node
    private let source: String
    private let name: String
    private var entries: [String: Node] = [:]

    init(
        _ node: Node, source: String, called name: String, keys: [String]
    ) throws(ConfigurationError) {
        self.node = node
        self.source = source
        self.name = name
        guard let mapping = node.mapping else {
            throw ConfigurationError(
                source: source, mark: node.mark, message: "\(name) must be a mapping")
        }
        for (key, value) in mapping {
            let text = key.string ?? ""
            guard keys.contains(text) else {
                throw ConfigurationError(
                    source: source, mark: key.mark,
                    message: "\(name) has no setting '\(text)';"
                        + " it has \(keys.joined(separator: ", "))")
            }
            if value.null == nil { entries[text] = value }
        }
    }

    func error(_ key: String, _ message: String) -> ConfigurationError {
        ConfigurationError(
            source: source, mark: (entries[key] ?? node).mark, message: "\(key) \(message)")
    }

    func text(_ key: String) throws(ConfigurationError) -> String? {
        guard let node = entries[key] else { return nil }
        guard let text = node.scalar?.string, !text.isEmpty else {
            throw error(key, "must be a text")
        }
        return text
    }

    func requiredText(_ key: String) throws(ConfigurationError) -> String {
        guard let text = try text(key) else { throw error(key, "is missing in \(name)") }
        return text
    }

    /// A list of texts, or one text that stands for a list of itself.
    func texts(_ key: String) throws(ConfigurationError) -> [String]? {
        guard let node = entries[key] else { return nil }
        return try Self.texts(node) { self.error(key, $0) }
    }

    static func texts(
        _ node: Node, _ error: (String) -> ConfigurationError
    ) throws(ConfigurationError) -> [String] {
        if let text = node.scalar?.string, !text.isEmpty { return [text] }
        guard let sequence = node.sequence, !sequence.isEmpty else {
            throw error("must be a text or a list of texts")
        }
        var texts: [String] = []
        for element in sequence {
            guard let text = element.scalar?.string, !text.isEmpty else {
                throw error("must be a list of texts")
            }
            texts.append(text)
        }
        return texts
    }

    func integer(
        _ key: String, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int? {
        guard let text = try text(key) else { return nil }
        guard let value = Int(text), range.contains(value) else {
            throw error(
                key, "must be a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return value
    }

    /// A length of time, in milliseconds.
    func lengthMs(
        _ key: String, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int? {
        guard let text = try text(key) else { return nil }
        guard let ms = TimeLength.parseMs(text), range.contains(ms) else {
            throw error(
                key,
                "must be a time such as 200ms, 30s, 5m or 1h, from \(range.lowerBound) ms to"
                    + " \(range.upperBound) ms")
        }
        return ms
    }

    /// A size in bytes.
    func sizeBytes(
        _ key: String, in range: ClosedRange<Int>
    ) throws(ConfigurationError) -> Int? {
        guard let text = try text(key) else { return nil }
        guard let bytes = ByteSize.parse(text), range.contains(bytes) else {
            throw error(
                key,
                "must be a size such as 64MiB, from \(range.lowerBound) to"
                    + " \(range.upperBound) bytes")
        }
        return bytes
    }

    func boolean(_ key: String) throws(ConfigurationError) -> Bool? {
        guard let node = entries[key] else { return nil }
        guard let value = node.bool else { throw error(key, "must be true or false") }
        return value
    }

    /// One of the names that a type has.
    func choice<Choice: RawRepresentable<String> & CaseIterable>(
        _ key: String, _: Choice.Type
    ) throws(ConfigurationError) -> Choice? {
        guard let text = try text(key) else { return nil }
        guard let choice = Choice(rawValue: text) else {
            let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
            throw error(key, "must be one of \(names), not '\(text)'")
        }
        return choice
    }

    func sequence(_ key: String) throws(ConfigurationError) -> [Node]? {
        guard let node = entries[key] else { return nil }
        guard let sequence = node.sequence else { throw error(key, "must be a list") }
        return Array(sequence)
    }

    func mapping(_ key: String, keys: [String]) throws(ConfigurationError) -> YAMLMapping? {
        guard let node = entries[key] else { return nil }
        return try YAMLMapping(node, source: source, called: key, keys: keys)
    }

    /// A value of either of two shapes.
    func node(_ key: String) -> Node? { entries[key] }
}
