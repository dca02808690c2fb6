import CardAudit
import CardFeeds
import CardModel
import CardService
import CardStore
import CardTesting
import Foundation
import HTTPFront
import Synchronization
import Testing

@testable import CardAPI

/// The API over a temporary store, behind a real server on a free port of 127.0.0.1.
///
/// Every answer that `get` and `send` return has been held against the OpenAPI document.
final class APIServer: Sendable {
    /// Where look-ups are answered from.
    enum Source: CaseIterable {
        /// The service is not started, so its index is never filled.
        case store
        /// The service runs, and its index is full.
        case memory
        /// The service runs, and nobody has waited for its index.
        case starting
    }

    let store: CardStore
    let service: CardService
    let server: HTTPServer
    let metrics: Metrics
    let api: CardAPI
    let engine: RunEngine
    let records: ServerRecords
    private let source: Source
    private let directory: ScratchDirectory
    private let problemList: ProblemList
    private let findings = Mutex<Set<String>>([])

    /// - Parameter prepare: called with the store's directory when the facts are in it and nobody
    ///   has it open.
    init(
        _ facts: [CardFact], from source: Source = .memory, access: CardAPI.Access = .keysIfAny,
        policy: RequestPolicy = RequestPolicy(), region: String = "AE", feeds: FeedSet? = nil,
        mapSizeBytes: Int = 1 << 30, hooks: ReloadHooks = ReloadHooks(), hasBackups: Bool = false,
        auditScope: AuditScope = .off, slowMicros: Int = 0, slowLength: Int = 4,
        prepare: (String) throws -> Void = { _ in }
    ) throws {
        let directory = try ScratchDirectory()
        do {
            _ = try CardStore(
                directory: directory.path, create: true, mapSizeBytes: mapSizeBytes
            ).commit([facts])
        }
        try prepare(directory.path)
        let store = try CardStore(
            directory: directory.path, create: false, mapSizeBytes: mapSizeBytes)
        let backups = hasBackups ? directory.path + "/backups" : nil
        if let backups {
            try FileManager.default.createDirectory(
                atPath: backups, withIntermediateDirectories: false)
        }
        let service = try CardService(
            store: store, hooks: hooks, backupDirectory: backups
        ) { _ in }
        let metrics = Metrics(
            workers: 1, version: "0", processStatistics: { MetricsTests.process },
            connections: { Metrics.Connections(open: 1, accepted: 2, suspended: 0) })
        let problems = ProblemList()
        let audit =
            auditScope == .off
            ? nil
            : AuditLog(
                try AuditFolder(ofStore: directory.path), scope: auditScope, keepDays: 0,
                workers: 1,
                context: AuditLog.Context(
                    routeName: { Route(rawValue: Int($0))?.name ?? "" },
                    key: { number in
                        service.key(numbered: number).map {
                            AuditKey(name: $0.name, role: $0.role.rawValue)
                        }
                    },
                    onEvent: { problems.append("audit: \($0)") }))
        audit?.start()
        let slow =
            slowMicros == 0 ? nil : SlowLog(thresholdMicros: slowMicros, length: slowLength)
        let records = ServerRecords(audit: audit, slow: slow, logLevel: LogLevel("info"))
        let engine = RunEngine(
            store: store, writer: service.writer, dataDirectory: directory.path,
            feeds: try feeds ?? Configuration.builtIn().feeds, threadPriority: .normal
        ) { _ in }
        let api = CardAPI(
            service: service, engine: engine, defaultRegion: try #require(PhoneRegion(region)),
            access: access, policy: policy,
            metrics: metrics, records: records
        ) { route, error in
            problems.append("\(route.pattern): \(error)")
        }
        var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
        configuration.slowMicros = slowMicros
        let server = try HTTPServer(
            configuration: configuration, errorLog: { _ in },
            refuse: CardAPI.refuse, plan: { api.plan(for: $0, &$1) },
            onCompleted: metrics.count, onSlow: records.onSlow,
            onOrigin: api.onOrigin,
            foresee: { api.foresee($0, $1, &$2) },
            handler: { api.respond(to: $0, &$1) })
        (self.directory, self.store, self.service) = (directory, store, service)
        (self.metrics, self.api, self.server) = (metrics, api, server)
        (self.engine, self.records) = (engine, records)
        (self.source, problemList) = (source, problems)
        if source != .store {
            service.start()
            try engine.start()
        }
        if source == .memory {
            let isFilled: Bool? = try wait {
                service.indexedCards != nil && service.fillProgress == nil ? true : nil
            }
            try #require(isFilled == true)
        }
    }

    deinit {
        engine.interrupt()
        api.stop()
        server.stop()
        if source != .store {
            engine.stop()
            service.stop()
        }
        records.audit?.stop()
    }

    /// What the API has told the log.
    var problems: [String] { problemList.all }

    /// The entries of the audit log so far, when there are so many of them.
    func audited(_ count: Int) throws -> [JSON] {
        let folder = directory.path + "/audit"
        let lines: [JSON]? = try wait {
            let text = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
                .filter { $0.hasSuffix(".ndjson") }
                .map { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) }.joined()
            let lines = text.split(separator: "\n")
            return lines.count >= count ? try lines.map { try JSON(parsing: $0.utf8) } : nil
        }
        return try #require(lines, "the audit log has \(count) entries")
    }

    // MARK: Requests

    func get(_ target: String, _ headers: String...) throws -> HTTPAnswer {
        try send("GET", target, headers)
    }

    /// A body is JSON unless a header says otherwise.
    func send(
        _ method: String, _ target: String, _ headers: [String] = [], body: String = "",
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws -> HTTPAnswer {
        var lines = ["\(method) \(target) HTTP/1.1", "Connection: close"]
        lines += headers
        func has(_ name: String) -> Bool {
            headers.contains { $0.lowercased().hasPrefix(name + ":") }
        }
        if !has("host") { lines.append("Host: localhost") }
        if !body.isEmpty {
            lines.append("Content-Length: \(body.utf8.count)")
            if !has("content-type") { lines.append("Content-Type: application/json") }
        }
        let connection = try HTTPConnection(port: server.boundAddresses[0].port)
        try connection.send((lines + ["", body]).joined(separator: "\r\n"))
        let answer = try connection.answer(isHead: method == "HEAD")
        for finding in try Contract.findings(method, target, answer) {
            let text = "\(method) \(target): \(finding)"
            // A test that waits asks the same thing many times.
            guard findings.withLock({ $0.insert(text).inserted }) else { continue }
            Issue.record("\(text)", sourceLocation: sourceLocation)
        }
        return answer
    }
}

/// Errors that the API reports, from whichever worker.
private final class ProblemList: Sendable {
    private let list = Mutex<[String]>([])

    func append(_ problem: String) {
        list.withLock { $0.append(problem) }
    }

    var all: [String] { list.withLock { $0 } }
}

/// Asks again and again until there is an answer, for 20 seconds at most.
func wait<R>(for answer: () throws -> R?) throws -> R? {
    let deadline = ContinuousClock.now + .seconds(20)
    while true {
        if let result = try answer() { return result }
        if ContinuousClock.now > deadline { return nil }
        usleep(2_000)
    }
}
