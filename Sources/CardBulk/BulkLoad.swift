internal import CardModel
internal import CardService
public import CardStore
internal import LMDBKit

/// What became of a bulk load.
public struct BulkReport: Sendable {
    /// How the facts came into the store.
    public enum Way: String, Sendable {
        /// The store was written anew, with what it had.
        case rebuilt
        /// In transactions, beside others or because they are few for the store.
        case committed
    }

    public internal(set) var way = Way.rebuilt
    /// What became of the facts, by the number of their file.
    public internal(set) var counts: [CommitCounts] = []
    public internal(set) var cardsChanged = 0
    /// How long each phase took, in seconds, in their order.
    public internal(set) var phases: [(name: String, seconds: Double)] = []
}

/// How far a bulk load has come in one of its phases.
public struct BulkProgress: Sendable {
    public let phase: String
    /// From 0 to 1.
    public let share: Double
}

/// Brings the facts that were read into the store of a directory, durably.
///
/// Alone with the store, and with facts that are many compared to what it holds, it writes a new
/// data file of what the store has and the facts, in key order, and puts it in the old one's place:
/// see ``StoreRebuild``. Otherwise the facts go through ordinary transactions, card by card, paced
/// so that a server beside it gets its turn.
public struct BulkLoad {
    /// A store with more than this many events for each new fact is not written anew.
    var eventsPerFactMax = 10

    let directory: String
    let mapSizeBytes: Int
    /// How many files the facts came from.
    let files: Int
    let threads: Int
    let priority: WorkPriority

    /// - Parameters:
    ///   - directory: of a store, which this process does not have open.
    ///   - files: one more than the greatest number of a file.
    ///   - threads: how many to work with; mostly the number of cores.
    ///   - priority: that of the calling thread.
    public init(
        directory: String, mapSizeBytes: Int, files: Int, threads: Int,
        priority: WorkPriority = WorkPriority()
    ) {
        self.directory = directory
        self.mapSizeBytes = mapSizeBytes
        self.files = files
        self.threads = threads
        self.priority = priority
    }

    /// - Parameter onProgress: called about ten times a second, on the calling thread.
    /// - Throws: when the store could not take the facts. It then holds none of them, or those of
    ///   some cards when they went in transactions; running the same again completes the work.
    public func write(
        _ facts: consuming BulkFacts, onProgress: (BulkProgress) -> Void = { _ in }
    ) throws(BulkError) -> BulkReport {
        var facts = facts
        do {
            let events = try eventsInStore()
            guard facts.count > 0 else {
                return BulkReport(counts: Array(repeating: CommitCounts(), count: files))
            }
            try facts.settle()
            if facts.count * eventsPerFactMax >= events,
                let lock = try EnvironmentLock(directory: directory)
            {
                return try StoreRebuild(self).run(facts, lock, onProgress)
            }
            return try StoreUpdate(self).run(facts, onProgress)
        } catch {
            throw self.error(error)
        }
    }

    /// Opens the store, which checks that it is one and lets LMDB make its lock file, and closes
    /// it.
    private func eventsInStore() throws -> Int {
        let store = try CardStore(directory: directory, create: true, mapSizeBytes: mapSizeBytes)
        return try store.statistics().events
    }

    func error(_ error: any Error) -> BulkError {
        if let failure = error as? NewDataFile.Failure {
            if failure.call == "map" {
                return .store(
                    .mapFull(usedBytes: mapSizeBytes / 100 * 95, mapSizeBytes: mapSizeBytes))
            }
            return .store(
                StoreError(LMDBError(rawValue: failure.code), directory: directory))
        }
        return BulkError(error, directory: directory)
    }
}

/// How long the phases of a load take.
struct PhaseClock {
    private let clock = ContinuousClock()
    private var start: ContinuousClock.Instant
    private(set) var phases: [(name: String, seconds: Double)] = []

    init() { start = clock.now }

    mutating func end(_ name: String) {
        let now = clock.now
        phases.append((name, start.duration(to: now) / .seconds(1)))
        start = now
    }
}
