import CardFeeds
import Testing

/// Where a configuration says that feeds come from.
struct FeedSourceTests {
    private static func profile(_ lines: String...) throws -> FeedProfile {
        try Configuration(yaml: feed("pickup", lines.joined(separator: "\n    ")), source: "f")
            .feeds.profiles[0]
    }

    @Test func folder_isTheDefault() throws {
        guard case .folder(let rule) = try Self.profile("title: x").source else {
            Issue.record("no folder")
            return
        }
        #expect(rule.path == nil)
        #expect(rule.after == .move)
        #expect([rule.scanMs, rule.settleMs] == [30_000, 1_000])
        guard
            case .folder(let other) = try Self.profile(
                "path: /in", "scan: 2m", "settle: 5s", "after: mark"
            ).source
        else {
            Issue.record("no folder")
            return
        }
        #expect(other.path == "/in")
        #expect(other.after == .mark)
        #expect([other.scanMs, other.settleMs] == [120_000, 5_000])
    }

    @Test func pull_hasItsSettings() throws {
        let profile = try Self.profile(
            "pull:", "  url: https://a.test/x?y=1", "  every: 90s", "  max_bytes: 2MiB",
            "  headers: {A: b, C: {env: D}}", "  basic: {user: u, password: {file: /p}}",
            "  timeout: 1h", "  retries: 0", "  low_speed: 1KiB", "  low_speed_time: 5s")
        guard case .pull(let rule) = profile.source else {
            Issue.record("no pull")
            return
        }
        #expect(rule.address.text == "https://a.test/x?y=1")
        #expect(rule.everyMs == 90_000)
        #expect(rule.limits.bodyBytesMax == 2 << 20)
        #expect(rule.limits.totalTimeoutMs == 3_600_000)
        #expect(rule.limits.lowSpeedBytesPerSecond == 1_024)
        #expect(rule.limits.lowSpeedSeconds == 5)
        #expect(rule.retriesMax == 0)
        #expect(rule.paging == .none)
        #expect(rule.headers.map(\.name) == ["A", "C", "Authorization"])
        #expect(
            rule.headers.map(\.value) == [.text("b"), .environment("D"), .file("/p")])
    }

    @Test(arguments: [
        ("path: /x\n    pull: {url: 'http://a.test'}", "path is for feeds without 'pull'"),
        ("pull: {every: 5m}", "url is missing in pull"),
        ("pull: {url: 'ftp://a.test'}", "url must be an address of http or https"),
        ("pull: {url: 'http://me:word@a.test'}", "url has a user or password in it"),
        ("pull: {url: 'http://a.test', every: 5}", "every must be a time such as"),
        ("pull: {url: 'http://a.test', every: 1ms}", "every must be a time such as"),
        ("pull: {url: 'http://a.test', paging: {by: link}}", "paging is for JSON and XML"),
        ("format: json\n    pull: {url: 'http://a.test', paging: {size: 5}}", "by is missing"),
        ("format: json\n    pull: {url: 'http://a.test', paging: {by: cursor}}", "next is missing"),
        (
            "format: json\n    pull: {url: 'http://a.test', paging: {by: magic}}",
            "by must be one of"
        ),
        ("pull: {url: 'http://a.test', headers: {'A B': x}}", "no header's name"),
        ("pull: {url: 'http://a.test', headers: {A: {env: X, file: Y}}}", "either env or file"),
        ("pull: {url: 'http://a.test', headers: {A: \"x\\ny\"}}", "no header may have"),
        (
            "pull: {url: 'http://a.test', bearer: x, headers: {authorization: y}}",
            "headers give a header twice"
        ),
        ("pull: {url: 'http://a.test', basic: {user: u}}", "password is missing in basic"),
        ("pull: {url: 'http://a.test', retrys: 3}", "pull has no setting 'retrys'"),
        ("after: burn", "after must be one of move, mark"),
        ("format: yaml", "format must be one of csv, json, xml"),
        ("records: data", "records is for JSON and XML"),
        ("format: xml", "records is missing"),
    ])
    func init_refuses(lines: String, message: String) {
        let error = #expect(throws: ConfigurationError.self) { try Self.profile(lines) }
        #expect(
            "\(error.map(String.init(describing:)) ?? "")".contains(message),
            "\(String(describing: error))")
    }
}
