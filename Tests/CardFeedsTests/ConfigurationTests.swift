import CardFeeds
import CardModel
import CardTesting
import Foundation
import Testing

@Suite struct ConfigurationTests {
    /// A feed with everything that it must have, `{` and `}` of a flow mapping left out.
    private static let feed =
        "id: f, status: returned, region: AE, time_zone: UTC,"
        + " columns: {card_id: Card, occurred_at: When}"

    private static func configuration(_ yaml: String) throws -> CardFeeds.Configuration {
        try CardFeeds.Configuration(yaml: yaml, source: "c.yaml")
    }

    private static func message(_ yaml: String) -> String {
        do {
            let configuration = try configuration(yaml)
            return "accepted: \(configuration)"
        } catch {
            return "\(error)"
        }
    }

    // MARK: What is accepted

    /// Nothing said is the built-in configuration.
    @Test(arguments: ["", "\n", "# nothing\n", "---\n", "null", "~", "{}", "feeds:\n", "listen: ~"])
    func init_hasTheBuiltInFeeds_whenTheFileNamesNone(_ yaml: String) throws {
        let configuration = try Self.configuration(yaml)
        #expect(
            configuration.feeds.profiles.map(\.id.description)
                == ["pickup", "delivery-exceptions", "delivered", "returned"])
        #expect(configuration.dataDirectory == nil && configuration.listen == nil)
    }

    /// An empty list is meant: no feeds, and errors that say so.
    @Test func init_hasNoFeeds_whenTheListIsEmpty() throws {
        let feeds = try Self.configuration("feeds: []").feeds
        #expect(feeds.profiles.isEmpty)
        let byName = #expect(throws: FeedError.self) { try feeds.profile(named: "x") }
        #expect(byName?.description == "there is no feed 'x'; the configuration has no feeds")
        let byFile = #expect(throws: FeedError.self) { try feeds.profile(forFileNamed: "x.csv") }
        #expect(
            byFile?.description
                == "no feed matches the file name 'x.csv'; the configuration has no feeds")
    }

    /// Every setting, in its shortest form and its longest.
    @Test func init_readsEverySetting() throws {
        let configuration = try Self.configuration(
            """
            data_dir: /var/lib/cards
            listen: ["127.0.0.1:80", "unix:/run/c"]
            workers: 2
            map_size: 1GiB
            default_region: DE
            log_level: debug
            log_format: json
            feeds:
              - id: f-1
                title: Feed one
                files: ["*one*", "1.csv"]
                status: returned
                region: DE
                time_zone: Europe/Berlin
                timestamps: [unix-seconds, "dd-MM-yyyy HH:mm"]
                delimiter: ";"
                columns:
                  card_id: {titles: [Card, "Card ID"]}
                  occurred_at: When
                  phone: {titles: Phone, required: no}
                placeholder_phones: ["030 123456"]
                allow_card_numbers: true
              - {id: f-2, status: delivered, region: AE, time_zone: UTC,
                 columns: {card_id: c, occurred_at: t}}
            """)
        #expect(configuration.dataDirectory == "/var/lib/cards")
        #expect(configuration.listen == ["127.0.0.1:80", "unix:/run/c"])
        #expect(configuration.workers == 2)
        #expect(configuration.mapSize == "1GiB")
        #expect(configuration.defaultRegion == "DE")
        #expect(configuration.logLevel == "debug")
        #expect(configuration.logFormat == "json")
        let first = try configuration.feeds.profile(named: "f-1")
        #expect(first.title == "Feed one")
        #expect(first.fileNames.map(\.description) == ["*one*", "1.csv"])
        #expect(first.status == .returned)
        #expect("\(first.region)" == "DE")
        #expect(first.timestampFormats == [.unixSeconds, .dayMonthYear24])
        #expect(first.delimiter == UInt8(ascii: ";"))
        #expect(first.columns[.cardID]?.titles == ["Card", "Card ID"])
        #expect(first.columns[.cardID]?.isRequired == true)
        #expect(first.columns[.phone]?.isRequired == false)
        #expect(first.columns[.comment]?.titles == nil)
        #expect(first.placeholderPhones.count == 1)
        #expect(first.allowsCardNumbers)
        let second = try configuration.feeds.profile(named: "f-2")
        #expect(second.title == "f-2")
        #expect(second.timestampFormats == TimestampFormat.allCases)
        #expect(second.delimiter == nil && !second.allowsCardNumbers)
    }

    /// Whom the server believes, what it proves itself by, and what clients may take.
    @Test func init_readsWhatGuardsTheServer() throws {
        let configuration = try Self.configuration(
            """
            certificates:
              - {certificate: a.pem, key: a.key}
              - {certificate: b.pem, key: b.key}
            limits: {connections: 100, header_timeout: 5, key_rate: 100/200}
            trusted_proxies: [10.0.0.0/8, unix]
            forwarded_header: forwarded
            cors_origins: https://desk.example
            hosts: [cards.internal]
            audit: all
            audit_keep_days: 30
            slow_threshold_us: 5000
            slow_length: 7
            """)
        #expect(
            configuration.certificates == [
                .init(certificate: "a.pem", key: "a.key"),
                .init(certificate: "b.pem", key: "b.key"),
            ])
        #expect(configuration.limits == ["connections": 100, "header_timeout": 5])
        #expect(configuration.keyRate == "100/200" && configuration.clientRate == nil)
        #expect(configuration.trustedProxies == ["10.0.0.0/8", "unix"])
        #expect(configuration.forwardedHeader == "forwarded")
        #expect(configuration.corsOrigins == ["https://desk.example"])
        #expect(configuration.hosts == ["cards.internal"])
        #expect(configuration.slowThresholdMicros == 5_000 && configuration.slowLength == 7)
        #expect(configuration.audit == "all" && configuration.auditKeepDays == 30)
        for (yaml, message) in [
            ("limits: {speed: 1}", "c.yaml:1:10: limits has no setting 'speed'"),
            ("limits: {connections: many}", "connections must be a whole number"),
            ("certificates: [{key: a.key}]", "certificate is missing in a certificate"),
        ] {
            #expect(Self.message(yaml).contains(message), "\(Self.message(yaml))")
        }
    }

    /// Feeds can share what they have in common by YAML's own means.
    @Test func init_readsAliases() throws {
        let configuration = try Self.configuration(
            """
            feeds:
              - {id: a, status: returned, region: AE, time_zone: UTC,
                 columns: &columns {card_id: c, occurred_at: t}}
              - {id: b, status: delivered, region: AE, time_zone: UTC, columns: *columns}
            """)
        #expect(configuration.feeds.profiles[1].columns[.cardID]?.titles == ["c"])
    }

    /// Names of delimiters, and the characters themselves.
    @Test(arguments: [
        ("comma", ","), ("','", ","), ("semicolon", ";"), ("tab", "\t"), ("'\\t'", ""),
        ("\"\\t\"", "\t"), ("pipe", "|"), ("'|'", "|"),
    ])
    func init_readsDelimiters(_ text: String, _ delimiter: String) throws {
        let yaml = "feeds: [{\(Self.feed), delimiter: \(text)}]"
        if delimiter.isEmpty {
            #expect(Self.message(yaml).hasSuffix("must be comma, semicolon, tab or pipe"))
        } else {
            let profile = try Self.configuration(yaml).feeds.profiles[0]
            #expect(profile.delimiter == delimiter.utf8.first)
        }
    }

    // MARK: What is refused

    struct Refusal: Sendable, CustomTestStringConvertible {
        let yaml: String
        let message: String

        init(_ yaml: String, _ message: String) {
            self.yaml = yaml
            self.message = message
        }

        /// A feed with one entry changed or added, whose value then begins at line 2, column 1.
        static func feed(_ key: String, _ value: String, _ message: String) -> Refusal {
            var entries = [
                "id": "f", "status": "returned", "region": "AE", "time_zone": "UTC",
                "columns": "{card_id: Card, occurred_at: When}",
            ]
            entries[key] = nil
            let others = entries.map { "\($0.key): \($0.value)" }.joined(separator: ", ")
            return Refusal("feeds: [{\(others), \(key):\n\(value)}]", "c.yaml:2:1: \(message)")
        }

        /// A feed whose column `occurred_at` is the value at line 2, column 1.
        static func column(_ value: String, _ message: String) -> Refusal {
            .feed("columns", "{card_id: Card, occurred_at:\n\(value)}", message)
                .at(line: 3, column: 1)
        }

        private func at(line: Int, column: Int) -> Refusal {
            Refusal(yaml, message.replacing("c.yaml:2:1:", with: "c.yaml:\(line):\(column):"))
        }

        var testDescription: String { message }
    }

    private static let refusals = [
        Refusal(
            "workers: 2\nwokers: 3",
            "c.yaml:2:1: the configuration has no setting 'wokers'; it has data_dir, listen,"
                + " workers, map_size, default_region, log_level, log_format, feeds"),
        Refusal("- a", "c.yaml:1:1: the configuration must be a mapping"),
        Refusal("just words", "c.yaml:1:1: the configuration must be a mapping"),
        Refusal("data_dir:\n  - a", "c.yaml:2:3: data_dir must be a text"),
        Refusal("data_dir: ''", "c.yaml:1:11: data_dir must be a text"),
        Refusal("listen: {a: b}", "c.yaml:1:9: listen must be a text or a list of texts"),
        Refusal("listen: []", "c.yaml:1:9: listen must be a text or a list of texts"),
        Refusal("listen: [[a]]", "c.yaml:1:9: listen must be a list of texts"),
        Refusal("workers: two", "c.yaml:1:10: workers must be a whole number from 1 to 256"),
        Refusal("workers: 0", "c.yaml:1:10: workers must be a whole number from 1 to 256"),
        Refusal("workers: 257", "c.yaml:1:10: workers must be a whole number from 1 to 256"),
        Refusal("workers: 2.0", "c.yaml:1:10: workers must be a whole number from 1 to 256"),
        Refusal("feeds: f", "c.yaml:1:8: feeds must be a list"),
        Refusal("feeds:\n  - f", "c.yaml:2:5: a feed must be a mapping"),
        Refusal("feeds: [{id: F}]", "c.yaml:1:14: id must be 1 to 32 of a-z, 0-9 and '-', not 'F'"),
        Refusal("feeds: [{status: returned}]", "c.yaml:1:9: id is missing in a feed"),
        Refusal("feeds: [{id: ~}]", "c.yaml:1:9: id is missing in a feed"),
        Refusal("feeds: [{id: f}]", "c.yaml:1:9: status is missing in a feed"),
        Refusal(
            "feeds:\n  - {\(feed)}\n  - {\(feed)}",
            "c.yaml:3:5: there are two feeds with the id 'f'"),
        .feed(
            "status", "lost",
            "status must be one of picked_up, delivery_exception, delivered, returned, not 'lost'"),
        .feed(
            "region", "XX",
            "region must be the two letters of a country, such as AE, not 'XX'"),
        .feed(
            "region", "AED",
            "region must be the two letters of a country, such as AE, not 'AED'"),
        .feed(
            "time_zone", "Mars/Base",
            "time_zone cannot be used: there is no time zone 'Mars/Base' in /usr/share/zoneinfo:"
                + " No such file or directory (Debian's package tzdata has them)"),
        .feed(
            "time_zone", "../zoneinfo/UTC",
            "time_zone cannot be used: '../zoneinfo/UTC' is not the name of a time zone,"
                + " such as Asia/Dubai"),
        .feed(
            "timestamps", "[iso8601, noon]",
            "timestamps has 'noon'; the formats are 'dd-MM-yyyy HH:mm', 'dd-MM-yyyy h:mm a',"
                + " 'dd/MM/yyyy HH:mm', 'dd/MM/yyyy h:mm a', 'iso8601', 'iso8601-local',"
                + " 'unix-seconds', 'unix-milliseconds'"),
        .feed("timestamps", "[]", "timestamps must be a text or a list of texts"),
        .feed("delimiter", "';;'", "delimiter must be comma, semicolon, tab or pipe"),
        .feed(
            "encoding", "ebcdic",
            "encoding must be one of auto, utf-8, utf-16, latin-1, not 'ebcdic'"),
        .feed("files", "[]", "files must be a text or a list of texts"),
        .feed("allow_card_numbers", "maybe", "allow_card_numbers must be true or false"),
        .feed(
            "placeholder_phones", "[none]",
            "placeholder_phones has 'none': not a phone number"),
        .feed("columns", "{card_id: a}", "occurred_at is missing in columns"),
        .feed("columns", "[card_id]", "columns must be a mapping"),
        .column("[]", "occurred_at must be a text or a list of texts"),
        .column("' '", "occurred_at has a title that is blank"),
        .column("{titles: ['\"\"']}", "occurred_at has a title that is blank"),
        .column("{required: true}", "titles is missing in occurred_at"),
        .column("{titles: a, required: false}", "occurred_at is always required"),
        Refusal(
            "feeds: [{id: f, status: returned, region: AE, time_zone: UTC}]",
            "c.yaml:1:9: columns is missing in a feed"),
        Refusal(
            "feeds: [{\(feed), colour: red}]",
            "c.yaml:1:108: a feed has no setting 'colour'; it has id, title, files, status, region,"
                + " time_zone, timestamps, delimiter, encoding, columns, placeholder_phones,"
                + " allow_card_numbers"),
        Refusal("workers: 1\nlisten: a\nworkers: 2", "c.yaml:1:1: 'workers' stands here twice"),
        Refusal("feeds: [", "c.yaml:2:1: not YAML: did not find expected node content"),
        Refusal("a: *b", "c.yaml:1:4: not YAML: found undefined alias"),
        Refusal("a: 1\n---\nb: 2", "c.yaml:2:1: not YAML: but found another document"),
        Refusal("a: \u{1}", "c.yaml: not YAML: control characters are not allowed"),
        Refusal("<<: {workers: 1}", "c.yaml:1:1: the configuration has no setting '<<'; it has"),
        Refusal("[a]: b", "c.yaml:1:1: the configuration has no setting ''; it has data_dir"),
    ]

    /// What is wrong is named in one line, with the place where it stands.
    @Test(arguments: refusals)
    func init_refuses_withThePlaceAndWords(_ refusal: Refusal) {
        let message = Self.message(refusal.yaml)
        #expect(message.hasPrefix(refusal.message), "\(message)")
        #expect(!message.contains("\n"))
    }

    /// Aliases of aliases that would stand for more than any configuration, as values and as keys.
    @Test(arguments: [false, true])
    func init_refusesAliasesThatMultiply(_ areKeys: Bool) {
        var yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
        for level in 1..<12 {
            let aliases = Array(repeating: "*a\(level - 1)", count: 9).joined(separator: ", ")
            yaml += "a\(level): &a\(level) [\(aliases)]\n"
        }
        if areKeys { yaml += "? *a11\n: x\n? [*a11, x]\n: y\n" }
        #expect(
            Self.message(yaml)
                == "c.yaml: its aliases stand for too much; write out what they stand for")
    }

    /// What only looks like anchors and aliases, in patterns and titles, is not counted as such.
    @Test func init_readsManyPatterns() throws {
        let patterns = (0..<500).map { "\"*a \($0)*\", 'x & y'" }.joined(separator: ", ")
        let yaml = "feeds: [{\(Self.feed), files: [\(patterns)]}]"
        #expect(try Self.configuration(yaml).feeds.profiles[0].fileNames.count == 1_000)
    }

    /// Brackets in brackets end in an error, not in a stack that overflows.
    @Test(arguments: ["[", "{a: ", "- ", "? "])
    func init_refusesDeepNesting(_ opening: String) {
        let message = Self.message(String(repeating: opening, count: 100_000))
        #expect(message.contains("not YAML: "))
        #expect(!message.contains("\n") && message.utf8.count < 300)
    }

    // MARK: Files

    /// Files that are not a configuration are refused by name.
    @Test func init_refusesFiles_thatCannotBeOne() throws {
        let scratch = try ScratchDirectory()
        let latin = try scratch.write([0x23, 0xE9, 0x0A], to: "latin.yaml")
        let large = try scratch.write(
            [UInt8](repeating: UInt8(ascii: "#"), count: (1 << 20) + 1), to: "large.yaml")
        let cases = [
            (latin, "the file is not UTF-8 text"),
            (large, "1048577 bytes, and 1048576 is the limit"),
            (scratch.path, "not a regular file"),
            ("/dev/zero", "not a regular file"),
            (scratch.path + "/none.yaml", "No such file or directory"),
        ]
        for (path, message) in cases {
            let error = #expect(throws: ConfigurationError.self) {
                try CardFeeds.Configuration(file: path)
            }
            #expect(error?.description == "\(path): \(message)")
        }
        let empty = try scratch.write("", to: "empty.yaml")
        #expect(try CardFeeds.Configuration(file: empty).feeds.profiles.count == 4)
    }

    /// A byte order mark, which editors of some systems write, is no text.
    @Test func init_readsAFile_withAByteOrderMark() throws {
        let scratch = try ScratchDirectory()
        let path = try scratch.write("\u{FEFF}workers: 3\n", to: "bom.yaml")
        #expect(try CardFeeds.Configuration(file: path).workers == 3)
    }
}
