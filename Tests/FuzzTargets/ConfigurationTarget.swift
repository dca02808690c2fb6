internal import CardFeeds

/// Any text is a configuration, or an error that says what is wrong.
enum ConfigurationTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        guard let text = String(validating: bytes, as: UTF8.self) else { return }
        do throws(ConfigurationError) {
            let configuration = try Configuration(yaml: text, source: "fuzz")
            _ = configuration.feeds
        } catch {
            precondition(!"\(error)".isEmpty, "an error says something")
        }
    }
}
