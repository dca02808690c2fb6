import CardFeeds
import CardModel
import CardService
import CardStore
import CardTesting
import Foundation
import Synchronization
import Testing

/// A server without its front: a store, its service, and an engine that runs feeds.
final class RunningEngine: Sendable {
    let directory: ScratchDirectory
    let store: CardStore
    let service: CardService
    let engine: RunEngine
    let events: EventList

    /// - Parameters:
    ///   - yaml: the feeds.
    ///   - directory: of an earlier engine, which has ended and let go of its store.
    init(
        _ yaml: String, in directory: ScratchDirectory? = nil, mapSizeBytes: Int = 1 << 30
    ) throws {
        let directory = try directory ?? ScratchDirectory()
        self.directory = directory
        store = try CardStore(
            directory: directory.file("data"), create: true, mapSizeBytes: mapSizeBytes)
        service = try CardService(store: store) { _ in }
        let events = EventList()
        engine = RunEngine(
            store: store, writer: service.writer, dataDirectory: directory.file("data"),
            feeds: try Configuration(yaml: yaml, source: "test").feeds,
            threadPriority: .normal, onEvent: { events.append("\($0)") })
        self.events = events
        service.start()
        try engine.start()
    }

    final class EventList: Sendable {
        private let list = Mutex<[String]>([])

        func append(_ event: String) { list.withLock { $0.append(event) } }

        var all: [String] { list.withLock { $0 } }
    }

    /// Stops, and holds the store against its check.
    func stop(sourceLocation: SourceLocation = #_sourceLocation) throws {
        engine.stop()
        service.stop()
        #expect(try store.check().findings == [], sourceLocation: sourceLocation)
    }

    func inbox(_ name: String) -> String { directory.file("data/inbox/\(name)") }

    /// Asks for a run and waits until it has ended.
    func refresh(_ feed: String) throws -> StoredRun {
        let asked = try ask(feed).get()
        return try ended(asked.id)
    }

    func ask(_ feed: String) throws -> Result<StoredRun, RunRefusal> {
        let answer = Answer<Result<StoredRun, RunRefusal>>()
        engine.ask(feed) { answer.set($0) }
        return try answer.wait()
    }

    func ended(_ id: UInt64) throws -> StoredRun {
        let run = try waitFor {
            try engine.run(id).flatMap { $0.state.isFinal && !$0.hasFilesToClear ? $0 : nil }
        }
        let last = try engine.run(id)
        return try #require(run, "run \(id): \(String(describing: last))")
    }

    /// The newest run of a feed that has ended, and comes behind a number.
    func nextRun(of feed: String, after id: UInt64 = 0) throws -> StoredRun {
        let found = try waitFor {
            try engine.runs(of: feed, limit: 100).runs.last { $0.id > id }
        }
        return try ended(try #require(found, "\(events.all)").id)
    }

    /// The current state of every card, a line each.
    func states() throws -> [String] {
        var lines: [String] = []
        _ = try store.forEachCard { card in
            lines.append(
                "\(card.id.text)|\(card.status)|\(card.updatedAt.iso8601)|\(card.phone?.e164 ?? "")"
            )
        }
        return lines
    }

    func rejects(_ id: UInt64) throws -> String {
        guard let path = try engine.problemFile(.rejects, ofRun: id) else { return "" }
        return String(
            decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// A value that some thread gives and a test waits for.
final class Answer<Value: Sendable>: Sendable {
    private let value = Mutex<Value?>(nil)

    func set(_ value: Value) { self.value.withLock { $0 = value } }

    var current: Value? { value.withLock { $0 } }

    func wait() throws -> Value {
        try #require(try waitFor { current })
    }
}

/// Asks again and again until there is an answer, for 30 seconds at most.
func waitFor<R>(_ answer: () throws -> R?) throws -> R? {
    let deadline = ContinuousClock.now + .seconds(30)
    while true {
        if let result = try answer() { return result }
        if ContinuousClock.now > deadline { return nil }
        usleep(2_000)
    }
}

/// A feed in YAML, with what a test wants of its source.
func feed(
    _ id: String = "pickup", status: String = "picked_up", format: String = "csv",
    _ lines: String...
) -> String {
    let columns =
        format == "csv"
        ? "{card_id: Card ID, occurred_at: Timestamp,"
            + " phone: {titles: User Mobile, required: false}}"
        : "{card_id: [id, card/@id, '@id'], occurred_at: [at],"
            + " phone: [phone, who.phone, who/phone], reference: [ref], comment: [note]}"
    return """
        feeds:
          - id: \(id)
            status: \(status)
            region: AE
            time_zone: Asia/Dubai
            \(lines.contains { $0.hasPrefix("format:") } ? "title: x" : "format: \(format)")
            columns: \(columns)
            \(lines.joined(separator: "\n    "))
        """
}

/// A pull in YAML, which gives up soon.
func pull(_ url: String, _ more: String...) -> String {
    """
    pull: {url: "\(url)", retry_delay: 1ms, retries: 2, connect_timeout: 2s, timeout: 5s\
    \(more.map { ", " + $0 }.joined())}
    """
}
