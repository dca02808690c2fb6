internal import CardAudit
internal import CardFeeds
internal import CardService
internal import CardStore
public import HTTPFront
internal import Synchronization

/// Counts and times of requests by route and status, and the text that Prometheus reads.
///
/// Every worker has a bank of counters of its own, written by its thread alone and read, relaxed,
/// by whichever worker answers a scrape; so counting needs no lock and shares no cache line.
///
/// `@unchecked Sendable`: the banks are fixed at `init` and hold atomics.
public final class Metrics: @unchecked Sendable {
    /// Statuses counted by themselves; others are `other`.
    static let statuses = [
        200, 201, 202, 304, 400, 401, 403, 404, 405, 409, 410, 413, 415, 422, 429, 500, 502, 503,
        507,
    ]
    /// Upper bounds of the histogram's buckets.
    static let bucketBoundsMicros: [UInt64] = [
        50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000,
        1_000_000,
    ]

    /// A bank's layout: for each route its counts by status, then by bucket, then the sum of nanos.
    private static let perRoute = statuses.count + 1 + bucketBoundsMicros.count + 1 + 1
    private static let bucketsStart = statuses.count + 1
    private static let sumIndex = bucketsStart + bucketBoundsMicros.count + 1
    /// Banks begin a cache line apart.
    private static let bankSize = (perRoute * Route.allCases.count + 15) / 8 * 8

    private let counters: UnsafeMutablePointer<Atomic<UInt64>>
    /// How many workers may count.
    let workers: Int
    private let version: String
    private let processStatistics: @Sendable () -> ProcessStatistics
    private let connections: @Sendable () -> Connections
    private let protection: @Sendable () -> Protection

    /// What the operating system says about the process.
    public struct ProcessStatistics: Sendable {
        public var residentBytes: Int
        public var anonymousBytes: Int
        public var cpuSeconds: Double
        public var startSeconds: Double
        public var openFiles: Int

        public init(
            residentBytes: Int, anonymousBytes: Int, cpuSeconds: Double, startSeconds: Double,
            openFiles: Int
        ) {
            self.residentBytes = residentBytes
            self.anonymousBytes = anonymousBytes
            self.cpuSeconds = cpuSeconds
            self.startSeconds = startSeconds
            self.openFiles = openFiles
        }
    }

    /// The server's connections.
    public struct Connections: Sendable {
        public var open: Int
        public var accepted: Int
        /// Those whose answer is waited for.
        public var suspended: Int

        public init(open: Int, accepted: Int, suspended: Int) {
            self.open = open
            self.accepted = accepted
            self.suspended = suspended
        }
    }

    /// How often clients met the server's limits, and what it proves itself by.
    public struct Protection: Sendable {
        /// Connections that were closed because their client had as many as it may.
        public var connectionsRefused = 0
        /// Clients that were cut off, by what they were waited for.
        public var cutOff: [(delay: ClientDelay, count: Int)] = []
        /// Complaints of libmicrohttpd's that did not get to the log.
        public var complaintsLeftOut = 0
        /// Certificates by their first name, and when they expire, in seconds since 1970.
        public var certificates: [(name: String, expiresAt: Int)] = []

        public init() {}
    }

    /// - Parameter workers: how many threads count; they are numbered from 0.
    public init(
        workers: Int, version: String,
        processStatistics: @escaping @Sendable () -> ProcessStatistics,
        connections: @escaping @Sendable () -> Connections,
        protection: @escaping @Sendable () -> Protection = { Protection() }
    ) {
        self.workers = workers
        self.version = version
        self.processStatistics = processStatistics
        self.connections = connections
        self.protection = protection
        let count = workers * Self.bankSize
        counters = .allocate(capacity: count)
        for index in 0..<count {
            (counters + index).initialize(to: Atomic(0))
        }
    }

    deinit {
        counters.deinitialize(count: workers * Self.bankSize)
        counters.deallocate()
    }

    /// Counts one answered request. Only the worker's own thread may call this with its number.
    public func count(worker: Int, routeTag: Int, status: Int, nanos: UInt64) {
        precondition(worker < workers, "metrics are made for the server's workers")
        let bank = counters + worker * Self.bankSize + routeTag * Self.perRoute
        add(1, to: bank + Self.index(ofStatus: status))
        add(1, to: bank + Self.bucketsStart + Self.bucket(ofNanos: nanos))
        add(nanos, to: bank + Self.sumIndex)
    }

    /// Where a status stands in `statuses`; behind them when it does not.
    @inline(__always)
    static func index(ofStatus status: Int) -> Int {
        switch status {
        case 200: 0
        case 201: 1
        case 202: 2
        case 304: 3
        case 400: 4
        case 401: 5
        case 403: 6
        case 404: 7
        case 405: 8
        case 409: 9
        case 410: 10
        case 413: 11
        case 415: 12
        case 422: 13
        case 429: 14
        case 500: 15
        case 502: 16
        case 503: 17
        case 507: 18
        default: 19
        }
    }

    /// Which bucket counts a time. Nearly all end at the first comparisons.
    @inline(__always)
    static func bucket(ofNanos nanos: UInt64) -> Int {
        if nanos <= 50_000 { return 0 }
        if nanos <= 100_000 { return 1 }
        return 2 + bucketBoundsMicros[2...].prefix { nanos > $0 * 1_000 }.count
    }

    /// One writer a counter: a load and a store do, without a locked instruction.
    private func add(_ amount: UInt64, to counter: UnsafeMutablePointer<Atomic<UInt64>>) {
        let value = counter.pointee.load(ordering: .relaxed)
        counter.pointee.store(value &+ amount, ordering: .relaxed)
    }

    private func total(_ route: Route, _ index: Int) -> UInt64 {
        (0..<workers).reduce(0) { sum, worker in
            let counter = counters + worker * Self.bankSize + route.rawValue * Self.perRoute + index
            return sum + counter.pointee.load(ordering: .relaxed)
        }
    }

    /// Everything in Prometheus's text format, version 0.0.4.
    func text(
        service: CardService, statistics: CardStore.Statistics, feeds: [FeedStatus],
        rateRefusals: (perKey: Int, perClient: Int) = (0, 0),
        audit: AuditLog.Statistics? = nil
    ) -> [UInt8] {
        var text = MetricsText()
        text.family("cardstatus_build_info", "gauge", "The program's version.")
        text.sample("cardstatus_build_info", ["version": version], 1)
        appendRequests(to: &text)
        let connections = connections()
        text.gauge("cardstatus_http_connections_open", "Open connections.", connections.open)
        text.counter(
            "cardstatus_http_connections_accepted_total", "Connections accepted.",
            connections.accepted)
        text.gauge(
            "cardstatus_http_connections_suspended", "Connections whose answer is waited for.",
            connections.suspended)
        appendProtection(to: &text, rateRefusals)
        if let audit { Self.append(audit, to: &text) }
        text.gauge("cardstatus_cards", "Cards in the store.", statistics.cards)
        text.gauge("cardstatus_events", "Events in the store, void ones too.", statistics.events)
        text.gauge(
            "cardstatus_phones", "Cards in the store that have a phone.", statistics.phones)
        text.gauge(
            "cardstatus_index_cards", "Cards in memory; absent while answers come from the store.",
            service.indexedCards)
        appendFills(service, to: &text)
        text.gauge(
            "cardstatus_ready", "1 when the server should get requests.",
            service.unreadiness == nil ? 1 : 0)
        text.counter(
            "cardstatus_changes_total", "The last sequence number of the change log.",
            Int(clamping: statistics.lastSequence))
        text.gauge(
            "cardstatus_store_used_bytes", "Bytes of the store's file in use.",
            statistics.usedBytes)
        text.gauge(
            "cardstatus_store_map_bytes", "Bytes that the store's file can grow to.",
            statistics.mapSizeBytes)
        appendFeeds(feeds, to: &text)
        appendProcess(to: &text)
        return text.bytes
    }

    private func appendRequests(to text: inout MetricsText) {
        let requests = "cardstatus_http_requests_total"
        text.family(requests, "counter", "Requests answered, by method, matched route and status.")
        for route in Route.allCases {
            for index in 0...Self.statuses.count {
                let count = total(route, index)
                guard count > 0 else { continue }
                let status = index < Self.statuses.count ? "\(Self.statuses[index])" : "other"
                let labels: KeyValuePairs = [
                    "method": Self.method(route), "route": route.pattern, "status": status,
                ]
                text.sample(requests, labels, Double(count))
            }
        }
        let duration = "cardstatus_http_request_duration_seconds"
        text.family(
            duration, "histogram", "From the complete request line to the answer's last byte sent.")
        for route in Route.allCases {
            var cumulative: UInt64 = 0
            let counts = (0...Self.bucketBoundsMicros.count)
                .map { total(route, Self.bucketsStart + $0) }
            guard counts.contains(where: { $0 > 0 }) else { continue }
            for (index, count) in counts.enumerated() {
                cumulative += count
                let bound =
                    index < Self.bucketBoundsMicros.count
                    ? "\(Double(Self.bucketBoundsMicros[index]) / 1e6)" : "+Inf"
                let labels: KeyValuePairs = [
                    "method": Self.method(route), "route": route.pattern, "le": bound,
                ]
                text.sample(duration + "_bucket", labels, Double(cumulative))
            }
            let labels: KeyValuePairs = [
                "method": Self.method(route), "route": route.pattern,
            ]
            text.sample(
                duration + "_sum", labels, Double(total(route, Self.sumIndex)) / 1e9)
            text.sample(duration + "_count", labels, Double(cumulative))
        }
    }

    /// The label of a route's method: HEAD counts as GET.
    private static func method(_ route: Route) -> String {
        route == .unmatched ? "any" : "\(route.method.name)"
    }

    private func appendFills(_ service: CardService, to text: inout MetricsText) {
        let fill = service.fillProgress
        text.gauge(
            "cardstatus_fill_running", "1 while an index is being filled.", fill == nil ? 0 : 1)
        text.gauge(
            "cardstatus_fill_cards", "Cards read by the fill that runs.", fill?.cards)
        text.gauge(
            "cardstatus_fill_cards_total", "Cards that the fill that runs has to read.",
            fill?.cardsTotal)
        let seconds = "cardstatus_last_fill_seconds"
        text.family(seconds, "gauge", "How long the last fill took.")
        if let last = service.lastFillSeconds { text.sample(seconds, [:], last) }
        let reloads = "cardstatus_reloads_total"
        text.family(reloads, "counter", "Reloads that were asked for, by what became of them.")
        for (outcome, count) in service.reloadCounts {
            text.sample(reloads, ["outcome": outcome], Double(count))
        }
        text.gauge(
            "cardstatus_writes_queued", "Events and voids that wait to be written.",
            service.writer.queuedFacts)
    }

    /// What the process holds, for who asks for it in JSON.
    func appendMemory(to json: inout ByteBuffer) {
        let process = processStatistics()
        json.object("memory") { json in
            json.member("resident_bytes", process.residentBytes)
            json.member("anonymous_bytes", process.anonymousBytes)
        }
    }

    func appendConnections(to json: inout ByteBuffer) {
        let connections = connections()
        json.object("connections") { json in
            json.member("open", connections.open)
            json.member("accepted", connections.accepted)
            json.member("suspended", connections.suspended)
        }
    }

    /// Labels are IDs of feeds, and words of ours.
    private func appendFeeds(_ feeds: [FeedStatus], to text: inout MetricsText) {
        func counter(
            _ name: String, _ help: String, _ count: (RunCounts) -> Int
        ) {
            text.family(name, "counter", help)
            for feed in feeds { text.sample(name, ["feed": feed.id], Double(count(feed.counts))) }
        }
        let runs = "cardstatus_feed_runs_total"
        text.family(runs, "counter", "Runs of feeds that ended, by how.")
        for feed in feeds {
            for state in [StoredRun.State.done, .failed, .interrupted] {
                text.sample(
                    runs, ["feed": feed.id, "outcome": "\(state)"],
                    Double(feed.counts.runs[state] ?? 0))
            }
        }
        counter("cardstatus_feed_rows_total", "Rows and records that runs have read.") { $0.rows }
        counter("cardstatus_feed_accepted_total", "Of these, those that added something.") {
            $0.accepted
        }
        counter("cardstatus_feed_rejects_total", "Rows and records that were rejected.") {
            $0.rejects
        }
        counter("cardstatus_feed_warnings_total", "Warnings about rows and records.") {
            $0.warnings
        }
        let errors = "cardstatus_feed_errors_total"
        text.family(errors, "counter", "Runs that were not read to the end, by why.")
        for feed in feeds {
            for (kind, count) in feed.counts.failures.sorted(by: { $0.key < $1.key }) {
                text.sample(errors, ["feed": feed.id, "kind": kind], Double(count))
            }
        }
        let success = "cardstatus_feed_last_success_timestamp_seconds"
        text.family(success, "gauge", "When a run was last read to the end, Unix time.")
        for feed in feeds {
            guard let seconds = feed.counts.lastSuccessSeconds else { continue }
            text.sample(success, ["feed": feed.id], Double(seconds))
        }
        let running = "cardstatus_feed_running"
        text.family(running, "gauge", "1 while a run is read.")
        for feed in feeds {
            text.sample(running, ["feed": feed.id], feed.running == nil ? 0 : 1)
        }
    }

    private static func append(_ audit: AuditLog.Statistics, to text: inout MetricsText) {
        text.counter(
            "cardstatus_audit_entries_total", "Entries of the audit log on the disk.",
            audit.written)
        text.counter(
            "cardstatus_audit_entries_lost_total",
            "Entries that the audit log had no room for; it says so itself, too.", audit.lost)
        text.gauge(
            "cardstatus_audit_failing", "1 while the audit log cannot be written.",
            audit.isFailing ? 1 : 0)
    }

    private func appendProtection(
        to text: inout MetricsText, _ rateRefusals: (perKey: Int, perClient: Int)
    ) {
        let protection = protection()
        text.counter(
            "cardstatus_http_connections_refused_total",
            "Connections closed at once, their client having as many as it may.",
            protection.connectionsRefused)
        let cutOff = "cardstatus_http_clients_cut_off_total"
        text.family(cutOff, "counter", "Clients that were too slow, by what was waited for.")
        for (delay, count) in protection.cutOff {
            text.sample(cutOff, ["waited_for": "\(delay)"], Double(count))
        }
        let limited = "cardstatus_http_rate_limited_total"
        text.family(limited, "counter", "Requests refused with 429, by whose limit it was.")
        text.sample(limited, ["limit": "key"], Double(rateRefusals.perKey))
        text.sample(limited, ["limit": "client"], Double(rateRefusals.perClient))
        text.counter(
            "cardstatus_http_complaints_left_out_total",
            "Lines about clients that were kept from the log, there being too many.",
            protection.complaintsLeftOut)
        let expiry = "cardstatus_tls_certificate_expiry_seconds"
        text.family(expiry, "gauge", "When the certificate expires, Unix time.")
        for (name, expiresAt) in protection.certificates {
            text.sample(expiry, ["name": MetricsText.escaped(name)], Double(expiresAt))
        }
    }

    private func appendProcess(to text: inout MetricsText) {
        let process = processStatistics()
        text.gauge(
            "process_resident_memory_bytes", "Resident memory, the store's map included.",
            process.residentBytes)
        text.gauge(
            "cardstatus_process_anonymous_memory_bytes", "Resident memory without mapped files.",
            process.anonymousBytes)
        text.family("process_cpu_seconds_total", "counter", "Processor time, user and system.")
        text.sample("process_cpu_seconds_total", [:], process.cpuSeconds)
        text.family("process_start_time_seconds", "gauge", "When the process started, Unix time.")
        text.sample("process_start_time_seconds", [:], process.startSeconds)
        text.gauge("process_open_fds", "Open file descriptors.", process.openFiles)
    }
}

/// Prometheus's text format in the making.
private struct MetricsText {
    private(set) var bytes: [UInt8] = []

    mutating func family(_ name: String, _ type: String, _ help: String) {
        bytes.append(contentsOf: "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n".utf8)
    }

    mutating func sample(_ name: String, _ labels: KeyValuePairs<String, String>, _ value: Double) {
        let list = labels.map { "\($0.key)=\"\($0.value)\"" }.joined(separator: ",")
        let number =
            value == value.rounded() && abs(value) < 1e15 ? "\(Int(value))" : "\(value)"
        bytes.append(
            contentsOf: "\(name)\(list.isEmpty ? "" : "{\(list)}") \(number)\n".utf8)
    }

    /// A label's value, whose quotes and line breaks would end it.
    static func escaped(_ value: String) -> String {
        value.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            .replacing("\n", with: "\\n")
    }

    mutating func gauge(_ name: String, _ help: String, _ value: Int?) {
        family(name, "gauge", help)
        if let value { sample(name, [:], Double(value)) }
    }

    mutating func counter(_ name: String, _ help: String, _ value: Int) {
        family(name, "counter", help)
        sample(name, [:], Double(value))
    }
}
