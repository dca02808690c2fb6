internal import CardIndex
public import CardModel
public import CardStore
internal import Synchronization

/// The one owner of a served store: the index in memory that answers, the writer that changes, and
/// the thread that fills the index.
///
/// Look-ups are answered from memory when the index is complete, and until then, or if it ever has
/// to be built again, from the store: the same answers, more slowly.
public final class CardService: Sendable {
    public let store: CardStore
    public let writer: CardWriter

    private let follower: IndexFollower
    private let filling: Mutex<Filling>
    private let writerThread: Mutex<OSThread?>
    private let keySet: Mutex<KeySet>
    private let onEvent: @Sendable (Event) -> Void

    /// What an operator may want to know while the service runs.
    public enum Event: Sendable {
        case indexFilled(cards: Int, milliseconds: Int)
        case indexStale
        case problem(StoreError)
    }

    private struct Filling {
        var state = State.idle
        var thread: OSThread?
        var isStopping = false

        enum State {
            case idle
            case running
            /// Done, and waiting for the writer's thread to take it over.
            case filled(CardIndex, upTo: UInt64, milliseconds: Int)
            case adopted
            case failed(StoreError)
        }
    }

    /// - Parameter onEvent: called from the service's own threads.
    public init(store: CardStore, onEvent: @escaping @Sendable (Event) -> Void) throws {
        self.store = store
        follower = IndexFollower(store: store) { onEvent(.problem($0)) }
        self.onEvent = onEvent
        filling = Mutex(Filling())
        writerThread = Mutex(nil)
        keySet = Mutex(try KeySet(reading: store))
        writer = CardWriter(store: store)
    }

    // MARK: Life

    /// Starts the writer's thread and begins to fill the index. Must be called once.
    public func start() {
        writerThread.withLock { thread in
            precondition(thread == nil, "a service starts once")
            // The thread keeps the service alive until `stop`.
            thread = OSThread { [self] in writer.run(follow: followStore) }
        }
        startFilling()
    }

    /// Finishes what is queued to be written and ends the threads.
    public func stop() {
        let fillThread = filling.withLock { filling in
            filling.isStopping = true
            defer { filling.thread = nil }
            return filling.thread
        }
        fillThread?.join()
        writer.stop()
        writerThread.withLock { thread in
            defer { thread = nil }
            return thread
        }?.join()
    }

    private func startFilling() {
        filling.withLock { filling in
            guard !filling.isStopping else { return }
            // A thread that filled before has ended, or is about to.
            filling.thread?.join()
            filling.state = .running
            filling.thread = OSThread { [self] in fill() }
        }
    }

    private func fill() {
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let index = try CardIndex(capacity: store.statistics().cards)
            var sequence: UInt64 = 0
            try index.fill { add in
                sequence = try store.forEachCard { card in
                    try add(card)
                    if index.count % 4_096 == 0, filling.withLock({ $0.isStopping }) {
                        throw Stopped()
                    }
                }
            }
            let elapsed = start.duration(to: clock.now)
            let milliseconds = Int(elapsed / .milliseconds(1))
            filling.withLock {
                $0.state = .filled(index, upTo: sequence, milliseconds: milliseconds)
            }
        } catch is Stopped {
            return
        } catch {
            let error = (error as? StoreError) ?? .failed("\(error)")
            filling.withLock { $0.state = .failed(error) }
            onEvent(.problem(error))
        }
    }

    private struct Stopped: Error {}

    /// On the writer's thread, after every commit and every 50 ms.
    private func followStore() {
        refreshKeys()
        let filled: (index: CardIndex, upTo: UInt64, milliseconds: Int)? = filling.withLock {
            guard case .filled(let index, let sequence, let milliseconds) = $0.state else {
                return nil
            }
            $0.state = .adopted
            return (index, sequence, milliseconds)
        }
        if let filled {
            follower.adopt(filled.index, upTo: filled.upTo)
            onEvent(.indexFilled(cards: filled.index.count, milliseconds: filled.milliseconds))
        } else if !follower.follow(), isAdopted {
            onEvent(.indexStale)
            startFilling()
        }
    }

    private var isAdopted: Bool {
        filling.withLock { filling in
            if case .adopted = filling.state { true } else { false }
        }
    }

    // MARK: Look-ups

    /// Lends the card's current state; nil when the card is unknown or all its events are void.
    public func withCard<R>(
        _ id: CardID, _ body: (borrowing CardView) throws -> R
    ) throws -> R? {
        if let answer = try follower.withCurrent({ try $0.withCard(id, body) }) { return answer }
        return try store.withCard(id, body)
    }

    /// Lends the cards whose current phone is `phone`, in the order of their IDs, from the first
    /// one after `after`, at most `limit`.
    public func withCards(
        phone: PhoneNumber, after: CardID? = nil, limit: Int,
        _ body: (borrowing CardView) throws -> Void
    ) throws {
        let isAnswered = try follower.withCurrent { index in
            try index.withCards(phone: phone, after: after, limit: limit, body)
        }
        // There is no index, or it leaves a phone of so many cards to the store.
        guard isAnswered != true else { return }
        try store.withCards(phone: phone, after: after, limit: limit, body)
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
            let answer: Void? = try store.withCard(ids[index]) { try found(index, $0) }
            if answer == nil { try absent(index) }
        }
    }

    /// Everything kept about the card, from the store; nil when nothing was ever said of it.
    public func history(of id: CardID) throws -> CardHistory? {
        try store.history(of: id)
    }

    /// Cards in memory, or nil while there is no index.
    public var indexedCards: Int? {
        follower.withCurrent { $0.count }
    }

    /// What is wrong with the index; empty when nothing is, or while there is none.
    public func checkInvariants() -> [String] {
        follower.current?.checkInvariants() ?? []
    }

    // MARK: Readiness

    /// Why the service should get no requests, or nil when it should.
    public var unreadiness: String? {
        if let failure = writer.failure {
            return "writing has stopped: \(failure)"
        }
        return filling.withLock { filling in
            if case .failed(let error) = filling.state {
                return "the index cannot be filled: \(error)"
            }
            return nil
        }
    }

    // MARK: API keys

    /// Whether the store has any API key.
    public var hasKeys: Bool {
        keySet.withLock { !$0.hashes.isEmpty }
    }

    /// Whether the SHA-256 is that of a key that is valid now, or was so 50 ms ago.
    public func isKey(hash: [UInt8]) -> Bool {
        keySet.withLock { $0.hashes.contains(hash) }
    }

    private func refreshKeys() {
        do {
            let version = try store.keysVersion()
            guard version != keySet.withLock({ $0.version }) else { return }
            let new = try KeySet(reading: store)
            keySet.withLock { $0 = new }
        } catch {
            onEvent(.problem((error as? StoreError) ?? .failed("\(error)")))
        }
    }

    private struct KeySet: Sendable {
        let version: UInt64
        let hashes: Set<[UInt8]>

        /// The version is read first: keys that change in between are read again the next time.
        init(reading store: CardStore) throws {
            version = try store.keysVersion()
            hashes = Set(try store.keys().map(\.hash))
        }
    }
}
