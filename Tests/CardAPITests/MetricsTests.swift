import CardService
import CardStore
import CardTesting
import Foundation
import Testing

@testable import CardAPI

struct MetricsTests {
    static let process = Metrics.ProcessStatistics(
        residentBytes: 3, anonymousBytes: 2, cpuSeconds: 0.25, startSeconds: 1_700_000_000.5,
        openFiles: 7)

    private static func metrics(workers: Int) -> Metrics {
        Metrics(
            workers: workers, version: "1.2.3", processStatistics: { process },
            connections: { Metrics.Connections(open: 4, accepted: 5, suspended: 6) })
    }

    /// The metrics over a store of the sample files.
    private static func text(_ metrics: Metrics) throws -> PrometheusText {
        let directory = try ScratchDirectory()
        let store = try CardStore(directory: directory.path, create: true)
        _ = try store.commit([try Samples.facts()])
        let service = try CardService(store: store) { _ in }
        let bytes = metrics.text(
            service: service, statistics: try store.statistics(), feeds: [])
        withExtendedLifetime(directory) {}
        return try PrometheusText(bytes)
    }

    /// The text is well-formed with nothing counted, and gauges have what they were given. The
    /// index is empty, so its gauge has no sample.
    @Test func text_isWellFormed_whenNothingIsCounted() throws {
        let text = try Self.text(Self.metrics(workers: 2))
        for (name, value) in [
            ("cardstatus_http_connections_open", 4.0),
            ("cardstatus_http_connections_accepted_total", 5), ("cardstatus_cards", 3),
            ("cardstatus_events", 8), ("cardstatus_phones", 3), ("cardstatus_ready", 1),
            ("cardstatus_changes_total", 3), ("process_resident_memory_bytes", 3),
            ("cardstatus_process_anonymous_memory_bytes", 2), ("process_cpu_seconds_total", 0.25),
            ("process_start_time_seconds", 1_700_000_000.5), ("process_open_fds", 7),
            ("cardstatus_build_info{version=\"1.2.3\"}", 1),
            ("cardstatus_store_map_bytes", Double(CardStore.defaultMapSizeBytes)),
        ] {
            #expect(text.samples[name] == value, "\(name)")
        }
        #expect(text.samples["cardstatus_index_cards"] == nil)
        #expect(text.types["cardstatus_index_cards"] == "gauge")
        #expect(!text.samples.keys.contains { $0.contains("route=") })
    }

    /// What workers count is added up, each route and status by itself.
    @Test func text_sumsOverWorkers() throws {
        let metrics = Self.metrics(workers: 3)
        var expected: [String: Double] = [:]
        for route in Route.allCases {
            let method = route == .unmatched ? "any" : "\(route.method.name)"
            for (place, status) in (Metrics.statuses + [418, 599]).enumerated() {
                for worker in 0..<3 {
                    let times = route.rawValue + place + worker * 10 + 1
                    for _ in 0..<times {
                        metrics.count(
                            worker: worker, routeTag: route.rawValue, status: status, nanos: 1)
                    }
                    let label = Metrics.statuses.contains(status) ? "\(status)" : "other"
                    let sample =
                        "cardstatus_http_requests_total{method=\"\(method)\","
                        + "route=\"\(route.pattern)\",status=\"\(label)\"}"
                    expected[sample, default: 0] += Double(times)
                }
            }
        }
        let samples = try Self.text(metrics).samples
            .filter { $0.key.hasPrefix("cardstatus_http_requests_total") }
        #expect(samples == expected)
    }

    /// A time belongs to the first bucket whose bound it does not exceed, and every bucket holds
    /// those below it.
    @Test func histogram_isCumulative() throws {
        let metrics = Self.metrics(workers: 2)
        var times: [UInt64] = [0, 1, 2_000_000_000]
        for bound in Metrics.bucketBoundsMicros {
            times += [bound * 1_000 - 1, bound * 1_000, bound * 1_000 + 1]
        }
        for (index, nanos) in times.enumerated() {
            metrics.count(
                worker: index % 2, routeTag: Route.card.rawValue, status: 200, nanos: nanos)
        }
        let text = try Self.text(metrics)
        let name = "cardstatus_http_request_duration_seconds"
        let route = "method=\"GET\",route=\"/api/cards/{card_id}\""
        var last = 0.0
        for bound in Metrics.bucketBoundsMicros {
            let seconds = Double(bound) / 1e6
            let value = text.samples["\(name)_bucket{\(route),le=\"\(seconds)\"}"]
            #expect(value == Double(times.count { $0 <= bound * 1_000 }), "\(bound)")
            #expect((value ?? 0) >= last)
            last = value ?? 0
        }
        let count = Double(times.count)
        #expect(text.samples["\(name)_bucket{\(route),le=\"+Inf\"}"] == count)
        #expect(text.samples["\(name)_count{\(route)}"] == count)
        let sum = text.samples["\(name)_sum{\(route)}"] ?? 0
        #expect(abs(sum - Double(times.reduce(0, +)) / 1e9) < 1e-6)
        #expect(text.samples.keys.count { $0.hasPrefix(name) } == 16)
    }

    /// Whatever is asked and answered, the metrics have no card and no phone, only routes; and a
    /// scrape finds what was counted before it.
    @Test func metrics_countRequests_withoutPersonalData() throws {
        let server = try APIServer(try Samples.facts())
        for target in [
            "/api/cards/ZYW8827", "/api/cards/ZYW0000", "/api/cards/bad%20id",
            "/api/cards/ZYW8827/", "/api/cards/ZYW8827/history", "/api/cards?phone=0585949014",
            "/api/cards?phone=", "/api/get-card-status?user_mobile=%2B971585949014",
            "/api/get-card-status?card_id=ZYW8827", "/ZYW8827/0585949014", "/api/cards/x/ZYW8827",
        ] {
            _ = try server.get(target)
        }
        _ = try server.get("/api/cards/ZYW8827", "If-None-Match: *")
        // A request is counted when its last byte is sent, which the client may see first.
        let text: PrometheusText? = try wait {
            let text = try PrometheusText(try server.get("/metrics").body)
            let total = text.samples.filter {
                $0.key.hasPrefix("cardstatus_http_requests_total")
                    && !$0.key.contains("\"/metrics\"")
            }.values.reduce(0, +)
            return total == 12 ? text : nil
        }
        let found = try #require(text)
        for (labels, count) in [
            (#"route="/api/cards/{card_id}",status="200""#, 2.0),
            (#"route="/api/cards/{card_id}",status="304""#, 1),
            (#"route="/api/cards/{card_id}",status="400""#, 1),
            (#"route="/api/cards/{card_id}",status="404""#, 1),
            (#"route="/api/cards/{card_id}/history",status="200""#, 1),
            (#"route="/api/cards",status="200""#, 1), (#"route="/api/cards",status="400""#, 1),
            (#"route="/api/get-card-status",status="200""#, 2),
            (#"route="unmatched",status="404""#, 2),
        ] {
            let method = labels.contains("unmatched") ? "any" : "GET"
            let sample = "cardstatus_http_requests_total{method=\"\(method)\",\(labels)}"
            #expect(found.samples[sample] == count, "\(labels)")
        }
        #expect(found.samples["cardstatus_index_cards"] == 3)
        for secret in ["ZYW", "zyw", "85949014", "bad"] {
            #expect(!found.text.contains(secret))
        }
    }
}

/// Prometheus's text format, version 0.0.4, read strictly: what is not well-formed is an error.
struct PrometheusText {
    let text: String
    private(set) var samples: [String: Double] = [:]
    private(set) var types: [String: String] = [:]

    struct Malformed: Error {
        let line: String
    }

    init(_ bytes: [UInt8]) throws {
        text = String(decoding: bytes, as: UTF8.self)
        guard text.hasSuffix("\n") else { throw Malformed(line: "the last") }
        var family = ""
        for line in text.dropLast().components(separatedBy: "\n") {
            if let match = line.wholeMatch(of: /# HELP ([a-z_]+) [^\\]+/) {
                family = String(match.output.1)
                guard types[family] == nil else { throw Malformed(line: line) }
            } else if let match = line.wholeMatch(of: /# TYPE ([a-z_]+) (counter|gauge|histogram)/)
            {
                guard match.output.1 == family, types[family] == nil else {
                    throw Malformed(line: line)
                }
                types[family] = String(match.output.2)
            } else {
                try read(sample: line, of: family)
            }
        }
    }

    private mutating func read(sample line: String, of family: String) throws {
        let labels = /\{[a-z_]+="[^"\\\n]*"(?:,[a-z_]+="[^"\\\n]*")*\}/
        guard let match = line.wholeMatch(of: /([a-z_]+)(\{.*\})? ([-+.0-9einf]+)/),
            let value = Double(match.output.3), let type = types[family]
        else { throw Malformed(line: line) }
        if let text = match.output.2, text.wholeMatch(of: labels) == nil {
            throw Malformed(line: line)
        }
        let endings = type == "histogram" ? ["_bucket", "_sum", "_count"] : [""]
        let sample = "\(match.output.1)\(match.output.2 ?? "")"
        guard endings.contains(where: { family + $0 == match.output.1 }), samples[sample] == nil,
            type != "counter" || family.hasSuffix("_total")
        else { throw Malformed(line: line) }
        samples[sample] = value
    }
}
