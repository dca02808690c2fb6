internal import CurlKit
internal import Yams

extension FeedSource {
    /// Reads what a feed says of its source.
    init(
        _ settings: YAMLMapping, _ format: FeedProfile.Format, source: String
    ) throws(ConfigurationError) {
        if let node = settings.node("pull") {
            for key in ["path", "scan", "settle", "after"] where settings.node(key) != nil {
                throw settings.error(key, "is for feeds without 'pull'")
            }
            self = .pull(try PullRule(node, format, source: source))
            return
        }
        var rule = FolderRule()
        rule.path = try settings.text("path")
        rule.scanMs = try settings.lengthMs("scan", in: 100...86_400_000) ?? rule.scanMs
        rule.settleMs = try settings.lengthMs("settle", in: 1...3_600_000) ?? rule.settleMs
        rule.after = try settings.choice("after", FolderRule.After.self) ?? rule.after
        self = .folder(rule)
    }
}

extension PullRule {
    init(
        _ node: Node, _ format: FeedProfile.Format, source: String
    ) throws(ConfigurationError) {
        let settings = try YAMLMapping(
            node, source: source, called: "pull",
            keys: [
                "url", "every", "paging", "headers", "bearer", "basic", "connect_timeout",
                "timeout", "low_speed", "low_speed_time", "redirects", "max_bytes",
                "max_total_bytes", "max_pages", "retries", "retry_delay", "ca_file",
            ])
        let text = try settings.requiredText("url")
        guard let address = HTTPAddress(text) else {
            throw settings.error("url", "must be an address of http or https")
        }
        guard !address.hasCredentials else {
            throw settings.error(
                "url", "has a user or password in it; use basic, bearer or headers")
        }
        self.address = address
        everyMs = try settings.lengthMs("every", in: 100...2_592_000_000)
        if let node = settings.node("paging") {
            paging = try Paging(node, source: source)
            guard format != .csv else {
                throw settings.error("paging", "is for JSON and XML")
            }
        }
        headers = try Self.headers(settings, source: source)
        let hour = 3_600_000
        limits.connectTimeoutMs =
            try settings.lengthMs("connect_timeout", in: 1...hour) ?? limits.connectTimeoutMs
        limits.totalTimeoutMs =
            try settings.lengthMs("timeout", in: 1...(24 * hour)) ?? limits.totalTimeoutMs
        limits.lowSpeedBytesPerSecond =
            try settings.sizeBytes("low_speed", in: 0...(1 << 30))
            ?? limits.lowSpeedBytesPerSecond
        if let ms = try settings.lengthMs("low_speed_time", in: 1_000...hour) {
            limits.lowSpeedSeconds = ms / 1_000
        }
        limits.redirectsMax =
            try settings.integer("redirects", in: 0...20) ?? limits.redirectsMax
        limits.bodyBytesMax =
            try settings.sizeBytes("max_bytes", in: 1...(1 << 40)) ?? limits.bodyBytesMax
        bytesMax = try settings.sizeBytes("max_total_bytes", in: 1...(1 << 44)) ?? bytesMax
        pagesMax = try settings.integer("max_pages", in: 1...1_000_000) ?? pagesMax
        retriesMax = try settings.integer("retries", in: 0...20) ?? retriesMax
        retryDelayMs = try settings.lengthMs("retry_delay", in: 1...60_000) ?? retryDelayMs
        trustedCertificates = try settings.text("ca_file")
    }

    private static func headers(
        _ settings: YAMLMapping, source: String
    ) throws(ConfigurationError) -> [Header] {
        var headers: [Header] = []
        if let node = settings.node("headers") {
            guard let mapping = node.mapping else {
                throw settings.error("headers", "must be a mapping of names to values")
            }
            for (key, value) in mapping {
                let name = key.string ?? ""
                guard HTTPRequest.Header(name, "").isSendable else {
                    throw settings.error("headers", "has '\(name)', which is no header's name")
                }
                headers.append(
                    Header(name: name, value: try secret(value, called: name, source: source)))
            }
        }
        if let node = settings.node("bearer") {
            let value = try secret(node, called: "bearer", source: source)
            headers.append(Header(name: "Authorization", prefix: "Bearer ", value: value))
        }
        if let node = settings.node("basic") {
            let basic = try YAMLMapping(
                node, source: source, called: "basic", keys: ["user", "password"])
            guard let password = basic.node("password") else {
                throw basic.error("password", "is missing in basic")
            }
            headers.append(
                Header(
                    name: "Authorization", prefix: "Basic ",
                    value: try secret(password, called: "password", source: source),
                    user: try basic.requiredText("user")))
        }
        let names = headers.map { $0.name.lowercased() }
        guard Set(names).count == names.count else {
            throw settings.error("headers", "give a header twice, counting bearer and basic")
        }
        return headers
    }

    private static func secret(
        _ node: Node, called name: String, source: String
    ) throws(ConfigurationError) -> Header.Value {
        if let text = node.scalar?.string {
            guard HTTPRequest.Header("x", text).isSendable else {
                throw ConfigurationError(
                    source: source, mark: node.mark,
                    message: "\(name) has a character that no header may have")
            }
            return .text(text)
        }
        let mapping = try YAMLMapping(node, source: source, called: name, keys: ["env", "file"])
        switch (try mapping.text("env"), try mapping.text("file")) {
        case (let variable?, nil): return .environment(variable)
        case (nil, let path?): return .file(path)
        default:
            throw ConfigurationError(
                source: source, mark: node.mark, message: "\(name) must have either env or file")
        }
    }
}

extension PullRule.Paging {
    private enum Way: String, CaseIterable {
        case pages, cursor, link
    }

    fileprivate init(_ node: Node, source: String) throws(ConfigurationError) {
        let settings = try YAMLMapping(
            node, source: source, called: "paging",
            keys: ["by", "page", "limit", "size", "first", "total", "parameter", "next"])
        guard let way = try settings.choice("by", Way.self) else {
            throw settings.error("by", "is missing in paging: pages, cursor or link")
        }
        switch way {
        case .pages:
            self = .pages(
                page: try settings.text("page") ?? "page",
                limit: try settings.text("limit") ?? "limit",
                size: try settings.integer("size", in: 1...100_000) ?? 100,
                first: try settings.integer("first", in: 0...1) ?? 1,
                total: try settings.text("total"))
        case .cursor:
            self = .cursor(
                parameter: try settings.text("parameter") ?? "cursor",
                next: try settings.requiredText("next"))
        case .link: self = .link
        }
    }
}
