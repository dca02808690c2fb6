internal import CardIndex
public import CardModel
public import CardStore
internal import Glibc
internal import Synchronization

/// The one owner of a served store: the index in memory that answers, the writer that changes,
/// the thread that fills the index and the one that reloads.
///
/// Look-ups are answered from memory when the index is complete, and until then, or if it ever has
/// to be built again, from the store: the same answers, more slowly.
public final class CardService: Sendable {
    public let store: CardStore
    public let writer: CardWriter

    let filler: IndexFiller
    let hooks: ReloadHooks
    let reloads = Monitor(ReloadQueue())
    let backupDirectory: String?
    let backups = Mutex(BackupState())

    private let follower: IndexFollower
    private let readyWhen: ReadyWhen
    private let wasFilled = Atomic<Bool>(false)
    private let lastFillNanos = Atomic<Int>(0)
    private let threads = Mutex<[OSThread]>([])
    private let keySet: KeySet
    private let onEvent: @Sendable (Event) -> Void
    private let trimmer = Mutex(ChangeTrimmer())
    private let sequence: SequenceWatch

    /// What an operator may want to know while the service runs.
    public enum Event: Sendable {
        case indexFilled(cards: Int, milliseconds: Int)
        /// The index could not follow and was dropped; it is filled again.
        case indexStale
        /// An index could not be filled; it is tried again unless there is one in memory.
        case fillFailed(any Error, retryMs: Int)
        case problem(any Error)
    }

    /// From when on a service that has just started should get requests.
    public enum ReadyWhen: String, CaseIterable, Sendable {
        /// From the start: until the index is filled, answers come from the store.
        case store
        /// From when the index was filled for the first time. If it ever has to be filled again the
        /// service stays ready: slower answers are better than none.
        case memory
    }

    /// - Parameters:
    ///   - hooks: how ``reload(_:completion:)`` reads what the service does not know of.
    ///   - backupDirectory: where ``backUp(as:verifies:completion:)`` writes; nil for nowhere.
    ///   - onEvent: called from the service's own threads.
    public convenience init(
        store: CardStore, readyWhen: ReadyWhen = .store, hooks: ReloadHooks = ReloadHooks(),
        backupDirectory: String? = nil,
        onEvent: @escaping @Sendable (Event) -> Void
    ) throws {
        try self.init(
            store: store, readyWhen: readyWhen, hooks: hooks, backupDirectory: backupDirectory,
            fillRetryDelayMs: 1_000...60_000, onEvent: onEvent)
    }

    /// - Parameter fillRetryDelayMs: after the first fill that failed, and at most.
    init(
        store: CardStore, readyWhen: ReadyWhen, hooks: ReloadHooks,
        backupDirectory: String? = nil, fillRetryDelayMs: ClosedRange<Int>,
        onEvent: @escaping @Sendable (Event) -> Void
    ) throws {
        self.store = store
        self.readyWhen = readyWhen
        self.hooks = hooks
        self.backupDirectory = backupDirectory
        sequence = SequenceWatch(store: store)
        self.onEvent = onEvent
        follower = IndexFollower(store: store) { onEvent(.problem($0)) }
        filler = IndexFiller(store: store, retryDelayMs: fillRetryDelayMs) { failure, delayMs in
            onEvent(.fillFailed(failure, retryMs: delayMs))
        }
        keySet = try KeySet(reading: store)
        writer = CardWriter(store: store)
    }

    // MARK: Life

    /// Starts the service's threads and begins to fill the index. Must be called once.
    public func start() {
        threads.withLock { threads in
            precondition(threads.isEmpty, "a service starts once")
            // The threads keep the service alive until `stop`.
            threads = [
                OSThread { [self] in
                    writer.run(follow: followStore)
                    noteKeyUse(isLast: true)
                },
                OSThread { [self] in runReloads() },
            ]
        }
        filler.startIfDue(priority: fillPriority)
    }

    /// Finishes what is queued to be written and ends the threads. A reload under way ends with
    /// ``ReloadError/stopping``.
    public func stop() {
        reloads.withLock { $0.isStopping = true }
        filler.stop()
        writer.stop()
        stopBackups()
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        threads.first?.join()
        // Nobody else could take it over now, and a reload may wait for it.
        filler.abandon()
        for thread in threads.dropFirst() { thread.join() }
    }

    /// A fill next to look-ups takes only the time that they leave. Before anybody asks, time is
    /// what the fill is about.
    private var fillPriority: OSThread.Priority {
        readyWhen == .memory && !wasFilled.load(ordering: .relaxed) ? .normal : .idle
    }

    /// On the writer's thread, after every commit, with what it did, and every 50 ms.
    private func followStore(_ commit: CommitResult?) {
        refreshKeys()
        noteKeyUse()
        let hadIndex = follower.isPublished
        if !follower.follow(commit), hadIndex { onEvent(.indexStale) }
        if let filled = filler.take() { adopt(filled) }
        if !follower.isPublished { filler.startIfDue(priority: fillPriority) }
        do {
            try sequence.look()
            try trimmer.withLock { trimmer throws in
                try trimmer.run(store, nowSeconds: UInt64(max(Glibc.time(nil), 0)))
            }
        } catch {
            if let error = error as? StoreError, !error.isContained { writer.stopWriting(error) }
            onEvent(.problem(error))
        }
    }

    // MARK: Following

    /// Has `observer` called with the last sequence number, on the writer's thread, whenever it has
    /// risen and the index has followed it, whoever wrote. There is one observer.
    public func observeSequence(_ observer: @escaping @Sendable (UInt64) -> Void) {
        sequence.observe(observer)
    }

    private func adopt(_ filled: IndexFiller.Filled) {
        var filled = filled
        do {
            filled.replaced = try follower.adopt(filled.index, upTo: filled.sequence)
        } catch {
            filler.end(.failure(.failed(error)))
            return
        }
        wasFilled.store(true, ordering: .releasing)
        let time = filled.fillTime + filled.catchUpTime
        lastFillNanos.store(Int(time / .nanoseconds(1)), ordering: .relaxed)
        onEvent(
            .indexFilled(cards: filled.index.count, milliseconds: Int(time / .milliseconds(1))))
        filler.end(.success(filled))
    }

    // MARK: Look-ups

    /// Lends the card's current state; nil when the card is unknown or all its events are void.
    public func withCard<R>(
        _ id: CardID, _ body: (borrowing CardView) throws -> R
    ) throws -> R? {
        while true {
            if let answer = try follower.withCurrent({ try $0.withCard(id, body) }) {
                return answer
            }
            let answer: R?? = try fromStore { check in
                let answer = try store.withCard(id) { view throws in
                    try check()
                    return try body(view)
                }
                if case .none = answer { try check() }
                return answer
            }
            if let answer { return answer }
        }
    }

    /// ``withCard(_:_:)`` for who needs no result: says whether the card has a state. Answered from
    /// memory it allocates nothing and takes no lock.
    public func lendCard(
        _ id: CardID, to body: (borrowing CardView) throws -> Void
    ) throws -> Bool {
        var answer = Answer.unknown
        try follower.withIndex { index in
            answer = try index.lend(id, to: body) ? .found : .absent
        }
        if answer != .unknown { return answer == .found }
        return try withCard(id, body) != nil
    }

    // MARK: Look-ups to come

    /// Asks memory for where the look-up of a card begins.
    ///
    /// - Returns: what ``prefetchCard(_:)`` needs to know, some time later.
    public func prefetch(_ id: CardID) -> UInt64 {
        var hash: UInt64 = 0
        follower.withIndex { hash = $0.prefetch(id) }
        return hash
    }

    /// Asks memory for the card itself.
    public func prefetchCard(_ hash: UInt64) {
        follower.withIndex { $0.prefetchCard(hash) }
    }

    /// Asks memory for where the look-up of a phone begins.
    ///
    /// - Returns: what ``prefetchCard(ofPhone:)`` needs to know, some time later.
    public func prefetch(_ phone: PhoneNumber) -> UInt64 {
        var hash: UInt64 = 0
        follower.withIndex { hash = $0.prefetch(phone) }
        return hash
    }

    /// Asks memory for a card of the phone.
    public func prefetchCard(ofPhone hash: UInt64) {
        follower.withIndex { $0.prefetchCard(ofPhone: hash) }
    }

    private enum Answer {
        case unknown, absent, found
    }

    /// Lends the cards whose current phone is `phone`, in the order of their IDs, from the first
    /// one after `after`, at most `limit`.
    public func withCards(
        phone: PhoneNumber, after: CardID? = nil, limit: Int,
        _ body: (borrowing CardView) throws -> Void
    ) throws {
        while true {
            let isAnswered = try follower.withCurrent { index in
                try index.withCards(phone: phone, after: after, limit: limit, body)
            }
            if isAnswered == true { return }
            if isAnswered == false {
                // The index leaves a phone of so many cards to the store.
                return try store.withCards(phone: phone, after: after, limit: limit, body)
            }
            let answer: Void? = try fromStore { check in
                var isFirst = true
                try store.withCards(phone: phone, after: after, limit: limit) { view in
                    // All come from one snapshot.
                    if isFirst { try check() }
                    isFirst = false
                    try body(view)
                }
                if isFirst { try check() }
            }
            if answer != nil { return }
        }
    }

    /// Lends the states of many cards, in order: `found` or `absent` is called once for each, with
    /// its place among `ids`.
    public func withCards(
        _ ids: Span<CardID>, found: (Int, borrowing CardView) throws -> Void,
        absent: (Int) throws -> Void
    ) throws {
        let isAnswered: Void? = try follower.withCurrent { index in
            try index.withCards(ids, found: found, absent: absent)
        }
        guard isAnswered == nil else { return }
        for index in ids.indices {
            let answer: Void? = try withCard(ids[index]) { try found(index, $0) }
            if answer == nil { try absent(index) }
        }
    }

    /// Answers from the store while there is no index.
    ///
    /// A snapshot that was taken while the index was being published may be newer than the index,
    /// which would take back at the next look-up what this one said. So the answer counts only if
    /// no index is there after the snapshot was taken, which `body` has to check before it lends
    /// anything.
    ///
    /// - Returns: nil when there is an index now, and nothing was lent.
    func fromStore<R>(_ body: (_ check: () throws -> Void) throws -> R) throws -> R? {
        func check() throws {
            if follower.isPublished { throw IndexAppeared() }
        }
        do {
            return try body(check)
        } catch is IndexAppeared {
            return nil
        }
    }

    private struct IndexAppeared: Error {}

    /// Everything kept about the card, from the store; nil when nothing was ever said of it.
    public func history(of id: CardID) throws -> CardHistory? {
        try store.history(of: id)
    }

    /// Calls `body` with events in the order of time, from the store: see
    /// ``CardStore/scanEvents(_:after:limit:limits:_:)``.
    public func scanEvents(
        _ query: EventQuery, after: EventPosition?, limit: Int, limits: EventScanLimits = .page,
        _ body: (CardID, CardEvent) throws -> Void
    ) throws -> EventPosition? {
        try store.scanEvents(query, after: after, limit: limit, limits: limits, body)
    }

    // MARK: Customers

    /// A customer, from the store; nil when the last complete pull had none of that ID.
    public func customer(_ id: CustomerID) throws -> Customer? {
        try store.customer(id)
    }

    /// Calls `body` with customers in the order of their IDs' bytes, from the store: see
    /// ``CardStore/forEachCustomer(from:limit:_:)``.
    public func forEachCustomer(
        from position: Int, limit: Int, _ body: (Customer) throws -> Void
    ) throws -> Int {
        try store.forEachCustomer(from: position, limit: limit, body)
    }

    /// Cards in memory, or nil while there is no index.
    public var indexedCards: Int? {
        follower.withCurrent { $0.count }
    }

    /// What is wrong with the index; empty when nothing is, or while there is none.
    public func checkInvariants() -> [String] {
        follower.current?.checkInvariants() ?? []
    }

    /// Memory that the index takes, or nil while there is none.
    public var indexBytes: Int? { follower.current?.byteCount }

    /// Whether an index is being filled, or was and is not published yet.
    var isFilling: Bool { filler.isBusy }

    /// How long the last fill took, from its start until the index was up to date.
    public var lastFillSeconds: Double? {
        let nanos = lastFillNanos.load(ordering: .relaxed)
        return nanos == 0 ? nil : Double(nanos) / 1e9
    }

    /// How the index uses its memory.
    public struct IndexStatistics: Sendable {
        public let cards: Int
        public let tableBytes: Int
        /// Memory that records have taken so far, including what is free or retired.
        public let recordBytes: Int
        public let freeBytes: Int
        public let retiredBytes: Int
    }

    /// Nil while there is no index.
    public var indexStatistics: IndexStatistics? {
        guard let found = follower.current?.statistics else { return nil }
        return IndexStatistics(
            cards: found.cards, tableBytes: found.tableBytes, recordBytes: found.recordBytes,
            freeBytes: found.freeBytes, retiredBytes: found.retiredBytes)
    }

    /// How far the filling of an index is, at the start or later; nil when none is filled.
    public var fillProgress: FillProgress? { filler.progress }

    // MARK: Readiness

    /// Why the service should get no requests, or nil when it should.
    public var unreadiness: String? {
        if let failure = writer.failure {
            return "writing has stopped: \(failure)"
        }
        // Without memory for a second index the first one goes on; damage concerns everybody.
        if let failure = filler.lastFailure, failure.isDamage || !follower.isPublished {
            return "the index cannot be filled: \(failure)"
        }
        if readyWhen == .memory, !wasFilled.load(ordering: .acquiring) {
            guard let progress = fillProgress else { return "the index is not filled yet" }
            return "the index is being filled: \(progress.cards) of \(progress.cardsTotal) cards"
        }
        return nil
    }

    // MARK: API keys

    /// Whether the store has any API key. Takes no lock.
    public var hasKeys: Bool { !keySet.isEmpty }

    /// Counts up whenever the set of keys changes, at most 50 ms after the store's. Takes no lock.
    ///
    /// An answer of ``verdict(onKey:)`` holds while this is what it was before the question, and
    /// the key has not expired.
    public var keysVersion: UInt64 { keySet.version }

    /// Whether the SHA-256 is that of a key that is valid now, or was so 50 ms ago. Asking counts
    /// as a use of the key.
    public func verdict(onKey hash: [UInt8]) -> KeyVerdict { keySet.verdict(on: hash) }

    /// A key by its ``StoredKey/number``, for who has to name it.
    public func key(numbered number: UInt64) -> StoredKey? { keySet.key(numbered: number) }

    private func refreshKeys() {
        do {
            try keySet.refresh(from: store)
        } catch {
            onEvent(.problem(error))
        }
    }

    /// On the writer's thread. What the store cannot be told of now it is told of later.
    private func noteKeyUse(isLast: Bool = false) {
        guard writer.failure == nil else { return }
        do {
            try keySet.noteUse(in: store, isLast: isLast)
        } catch {
            onEvent(.problem(error))
        }
    }

    /// Reads the keys again, whatever their version says.
    func prepareKeys() throws -> PreparedSetting {
        let new = try KeySet.read(store)
        return PreparedSetting { [self] in
            keySet.replace(with: new)
            return "read \(new.byHash.count) API keys"
        }
    }
}
