internal import CardService
internal import Synchronization

// What is to be written comes two ways. Look-ups by card ID and phone, of which there may be tens
// of thousands a second, are records in a ring of each worker: no lock, no memory to ask for. All
// else is entries in a queue. One thread takes both ten times a second, makes lines of them, and
// writes them durably when the oldest is half a second old. So a request never waits for the log,
// and an entry is on the disk within a second, unless the disk is slower.
//
// Everything is bounded: the rings, the queue, and the lines that a disk does not take. What finds
// no room is counted, and the count is an entry of the log as soon as there is room again.

/// Who looked at whose data, and who changed what, in files that only grow.
///
/// `@unchecked Sendable`: the rings are fixed at `init`; each has one worker that writes and the
/// log's thread, which reads. The rest is constant, atomic or behind a lock.
public final class AuditLog: @unchecked Sendable {
    public enum Event: Sendable {
        /// Nothing can be written; it is tried again every second.
        case failing(AuditError)
        case recovered
        /// Files that were older than they may be.
        case removed(files: Int)
        /// At the end there was no way to write these.
        case lost(entries: Int)
    }

    public struct Statistics: Equatable, Sendable {
        /// Entries on the disk since the start.
        public var written = 0
        /// Entries that found no room.
        public var lost = 0
        public var isFailing = false
    }

    /// What the log is told beside the entries themselves.
    public struct Context: Sendable {
        /// The name of a route by the tag in a ``LookUpRecord``.
        public var routeName: @Sendable (UInt8) -> String
        /// What is known of a key, by its number; nil for one that is gone.
        public var key: @Sendable (UInt64) -> AuditKey?
        /// Called on the log's thread.
        public var onEvent: @Sendable (Event) -> Void

        public init(
            routeName: @escaping @Sendable (UInt8) -> String,
            key: @escaping @Sendable (UInt64) -> AuditKey?,
            onEvent: @escaping @Sendable (Event) -> Void
        ) {
            self.routeName = routeName
            self.key = key
            self.onEvent = onEvent
        }
    }

    /// Entries that wait in the queue, and the cards, phones and customers that they name: ten of
    /// the largest batches.
    static let queuedEntriesMax = 10_000
    static let queuedSubjectsMax = 100_000

    private struct Queue {
        var entries: [AuditEntry] = []
        var subjectCount = 0
    }

    public let scope: AuditScope
    let folder: AuditFolder
    let keepDays: Int
    let context: Context
    private let rings: UnsafeMutablePointer<AuditRing>
    private let workers: Int
    private let queue = Mutex(Queue())
    private let lostInQueue = Atomic<Int>(0)
    let written = Atomic<Int>(0)
    let isFailing = Atomic<Bool>(false)
    private let isStopping = Monitor(false)
    private let thread = Mutex<OSThread?>(nil)

    /// - Parameters:
    ///   - workers: how many leave records; they are numbered from 0.
    ///   - keepDays: for how many days files are kept; 0 is for ever.
    public init(
        _ folder: AuditFolder, scope: AuditScope, keepDays: Int, workers: Int, context: Context
    ) {
        precondition(scope != .off, "a log that has nothing to tell is not made")
        self.folder = folder
        self.scope = scope
        self.keepDays = keepDays
        self.workers = workers
        self.context = context
        rings = .allocate(capacity: workers)
        for worker in 0..<workers { (rings + worker).initialize(to: AuditRing()) }
    }

    deinit {
        rings.deinitialize(count: workers)
        rings.deallocate()
    }

    /// Starts the log's thread. Must be called once.
    public func start() {
        thread.withLock { thread in
            precondition(thread == nil, "a log starts once")
            // The thread keeps the log alive until `stop`.
            thread = OSThread { [self] in run() }
        }
    }

    /// Writes what there is and ends the thread. Nothing is told to the log afterwards.
    public func stop() {
        isStopping.withLock { $0 = true }
        let thread = thread.withLock { thread in
            defer { thread = nil }
            return thread
        }
        thread?.join()
    }

    // MARK: What is told

    /// Notes a look-up. Only the worker's own thread may call this with its number. Takes no lock
    /// and no memory.
    public func note(_ record: LookUpRecord, worker: Int) {
        precondition(worker < workers, "a log is made for the server's workers")
        rings[worker].leave(record)
    }

    /// Notes anything else, on any thread.
    public func note(_ entry: AuditEntry) {
        let isTaken = queue.withLock { queue in
            guard queue.entries.count < Self.queuedEntriesMax,
                queue.subjectCount + entry.subjectCount <= Self.queuedSubjectsMax
            else { return false }
            queue.entries.append(entry)
            queue.subjectCount += entry.subjectCount
            return true
        }
        if !isTaken { lostInQueue.add(1, ordering: .relaxed) }
    }

    public var statistics: Statistics {
        Statistics(
            written: written.load(ordering: .relaxed), lost: lost,
            isFailing: isFailing.load(ordering: .relaxed))
    }

    /// Entries that found no room, ever.
    var lost: Int {
        (0..<workers).reduce(lostInQueue.load(ordering: .relaxed)) { $0 + rings[$1].lost }
    }

    // MARK: The thread

    private func run() {
        var scribe = AuditScribe(self)
        while true {
            let ends: Bool? = isStopping.wait(timeoutMs: AuditScribe.pauseMs) { $0 ? true : nil }
            scribe.turn(isLast: ends ?? false)
            if ends ?? false { return }
        }
    }

    /// Takes the records of all rings.
    func takeRecords(_ body: (LookUpRecord) -> Void) {
        for worker in 0..<workers { rings[worker].takeAll(body) }
    }

    /// Takes the entries of the queue.
    func takeEntries() -> [AuditEntry] {
        queue.withLock { queue in
            let entries = queue.entries
            queue = Queue()
            return entries
        }
    }
}
