internal import Yams

/// What a configuration file says. What it leaves out is nil, and the program's default holds.
public struct Configuration: Sendable {
    public var dataDirectory: String?
    public var listen: [String]?
    public var workers: Int?
    public var mapSize: String?
    public var defaultRegion: String?
    public var logLevel: String?
    public var logFormat: String?
    /// Certificates and their keys, as files.
    public var certificates: [CertificateFiles] = []
    /// The numbers among the limits, by their names.
    public var limits: [String: Int] = [:]
    public var keyRate: String?
    public var clientRate: String?
    public var trustedProxies: [String]?
    public var forwardedHeader: String?
    public var corsOrigins: [String]?
    public var hosts: [String]?
    /// What the audit log has.
    public var audit: String?
    public var auditKeepDays: Int?
    public var slowThresholdMicros: Int?
    public var slowLength: Int?
    /// The feeds of the file, or the built-in ones when it names none.
    public var feeds: FeedSet

    /// A certificate and its private key.
    public struct CertificateFiles: Sendable, Equatable {
        public let certificate: String
        public let key: String

        public init(certificate: String, key: String) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// The names of ``limits`` that are numbers.
    private static let numericLimits = [
        "connections", "client_connections", "idle_timeout", "header_timeout", "transfer_timeout",
        "minimum_rate",
    ]

    /// What holds without a configuration file.
    public static func builtIn() throws(ConfigurationError) -> Configuration {
        try Configuration(yaml: builtInYAML, source: "the built-in configuration")
    }

    /// - Throws: ``ConfigurationError``, with line and column where the text is wrong.
    public init(file path: String) throws(ConfigurationError) {
        let bytes: [UInt8]
        do {
            bytes = try FileBytes.read(path, limitBytes: 1 << 20)
        } catch {
            throw ConfigurationError(source: path, message: error.reason)
        }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw ConfigurationError(source: path, message: "the file is not UTF-8 text")
        }
        try self.init(yaml: text, source: path)
    }

    /// - Parameter source: what errors call the text.
    public init(yaml: String, source: String) throws(ConfigurationError) {
        guard !YAMLAliases(in: yaml).canMultiply else {
            throw ConfigurationError(
                source: source,
                message: "its aliases stand for too much; write out what they stand for")
        }
        let root: Node?
        do {
            root = try Yams.compose(yaml: yaml)
        } catch {
            throw ConfigurationError(yamsError: error, source: source)
        }
        guard let root, root.null == nil else {
            self.feeds = try Self.builtIn().feeds
            return
        }
        let settings = try YAMLMapping(
            root, source: source, called: "the configuration",
            keys: [
                "data_dir", "listen", "workers", "map_size", "default_region", "log_level",
                "log_format", "feeds", "certificates", "limits", "trusted_proxies",
                "forwarded_header", "cors_origins", "hosts", "audit", "audit_keep_days",
                "slow_threshold_us", "slow_length",
            ])
        dataDirectory = try settings.text("data_dir")
        listen = try settings.texts("listen")
        workers = try settings.integer("workers", in: 1...256)
        mapSize = try settings.text("map_size")
        defaultRegion = try settings.text("default_region")
        logLevel = try settings.text("log_level")
        logFormat = try settings.text("log_format")
        if let nodes = try settings.sequence("feeds") {
            var profiles: [FeedProfile] = []
            for node in nodes {
                let profile = try FeedProfile(node, source: source)
                if profiles.contains(where: { $0.id == profile.id }) {
                    throw ConfigurationError(
                        source: source, mark: node.mark,
                        message: "there are two feeds with the id '\(profile.id)'")
                }
                if profile.kind == .customers, profiles.contains(where: { $0.kind == .customers }) {
                    throw ConfigurationError(
                        source: source, mark: node.mark,
                        message: "there are two feeds of customers, and each would remove the"
                            + " other's")
                }
                profiles.append(profile)
            }
            feeds = FeedSet(profiles)
        } else {
            feeds = try Self.builtIn().feeds
        }
        try readProtection(settings, source: source)
    }

    private mutating func readProtection(
        _ settings: YAMLMapping, source: String
    ) throws(ConfigurationError) {
        trustedProxies = try settings.texts("trusted_proxies")
        forwardedHeader = try settings.text("forwarded_header")
        corsOrigins = try settings.texts("cors_origins")
        hosts = try settings.texts("hosts")
        audit = try settings.text("audit")
        auditKeepDays = try settings.integer("audit_keep_days", in: 0...36_500)
        slowThresholdMicros = try settings.integer("slow_threshold_us", in: 0...3_600_000_000)
        slowLength = try settings.integer("slow_length", in: 1...10_000)
        try readLimits(settings)
        for node in try settings.sequence("certificates") ?? [] {
            let pair = try YAMLMapping(
                node, source: source, called: "a certificate", keys: ["certificate", "key"])
            certificates.append(
                CertificateFiles(
                    certificate: try pair.requiredText("certificate"),
                    key: try pair.requiredText("key")))
        }
    }

    private mutating func readLimits(_ settings: YAMLMapping) throws(ConfigurationError) {
        let names = Self.numericLimits + ["key_rate", "client_rate"]
        guard let mapping = try settings.mapping("limits", keys: names) else { return }
        for name in Self.numericLimits {
            limits[name] = try mapping.integer(name, in: 0...1_000_000_000)
        }
        keyRate = try mapping.text("key_rate")
        clientRate = try mapping.text("client_rate")
    }

    /// The partners' four feeds.
    public static let builtInYAML = """
        feeds:
          - id: pickup
            title: Pickup
            files: ["*pickup*"]
            status: picked_up
            region: AE
            time_zone: Asia/Dubai
            columns:
              reference: [ID]
              card_id: [Card ID]
              phone: [User Mobile, User contact]
              occurred_at: [Timestamp]
              comment: {titles: [Comment], required: false}
          - id: delivery-exceptions
            title: Delivery exceptions
            files: ["*delivery exception*"]
            status: delivery_exception
            region: AE
            time_zone: Asia/Dubai
            columns:
              reference: [ID]
              card_id: [Card ID]
              phone: [User Mobile, User contact]
              occurred_at: [Timestamp]
              comment: {titles: [Comment], required: false}
          - id: delivered
            title: Delivered
            files: ["*delivered*"]
            status: delivered
            region: AE
            time_zone: Asia/Dubai
            columns:
              reference: [ID]
              card_id: [Card ID]
              phone: [User Mobile, User contact]
              occurred_at: [Timestamp]
              comment: {titles: [Comment], required: false}
          - id: returned
            title: Returned
            files: ["*returned*"]
            status: returned
            region: AE
            time_zone: Asia/Dubai
            columns:
              reference: [ID]
              card_id: [Card ID]
              phone: [User Mobile, User contact]
              occurred_at: [Timestamp]
              comment: {titles: [Comment], required: false}
        """
}

/// What is wrong with a configuration, and where.
public struct ConfigurationError: Error, Equatable, Sendable, CustomStringConvertible {
    public let source: String
    /// From 1.
    public let line: Int?
    /// From 1.
    public let column: Int?
    public let message: String

    init(source: String, mark: Mark? = nil, message: String) {
        self.source = source
        line = mark?.line
        column = mark?.column
        self.message = message
    }

    init(yamsError: any Error, source: String) {
        switch yamsError as? YamlError {
        case .scanner(_, let problem, let mark, _), .parser(_, let problem, let mark, _),
            .composer(_, let problem, let mark, _):
            self.init(source: source, mark: mark, message: "not YAML: \(problem)")
        case .reader(let problem, _, _, _):
            self.init(source: source, message: "not YAML: \(problem)")
        case .duplicatedKeysInMapping(let keys, let context):
            let names = keys.map { "'\($0)'" }.joined(separator: ", ")
            self.init(source: source, mark: context.mark, message: "\(names) stands here twice")
        case let error:
            let words = error.map { "\($0)" } ?? "\(yamsError)"
            self.init(source: source, message: "not YAML: \(words)")
        }
    }

    public var description: String {
        guard let line, let column else { return "\(source): \(message)" }
        return "\(source):\(line):\(column): \(message)"
    }
}
