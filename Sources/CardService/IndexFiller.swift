internal import CardIndex
internal import CardStore
internal import Synchronization

// A fill passes through these phases, from left to right, and back to idle or to failed:
//
//   idle, failed --start--> filling --------> filled ---take---> adopting --end--> idle, failed
//                 caller,    filler's thread   waits for the      writer's thread
//                 under the lock               writer's thread
//
// Whoever ends a fill calls its completion, once, without the lock.

/// Builds indexes from the store, one at a time, on a thread of its own, and says how it went.
final class IndexFiller: Sendable {
    typealias Completion = @Sendable (Result<Filled, Failure>) -> Void

    /// Why there is no index.
    enum Failure: Error, CustomStringConvertible {
        case stopping
        /// Another fill is under way.
        case busy
        /// A ``StoreError``, ``CardIndexError`` or ``LogTrimmed``.
        case failed(any Error)

        var description: String {
            switch self {
            case .stopping: "the server is stopping"
            case .busy: "the index is being filled already"
            case .failed(let error): "\(error)"
            }
        }

        var isDamage: Bool {
            if case .failed(StoreError.damaged) = self { true } else { false }
        }
    }

    /// A complete index, and how it came about.
    struct Filled: Sendable {
        let index: CardIndex
        /// The last change that it has.
        let sequence: UInt64
        /// Cards read from the snapshot.
        let cards: Int
        let fillTime: Duration
        /// Entries of the change log applied after the snapshot.
        let changes: Int
        let catchUpTime: Duration
        /// The index that this one took the place of, which readers may still be in.
        var replaced: CardIndex?
    }

    private enum Phase {
        case idle
        case filling(Completion?)
        case filled(Filled, Completion?)
        case adopting(Completion?)
        case failed(retryAt: ContinuousClock.Instant)
    }

    private struct State {
        var phase = Phase.idle
        var thread: OSThread?
        var lastFailure: Failure?
        var failures = 0
    }

    private let store: CardStore
    /// After the first failure, and at most; each failure in a row doubles it.
    private let retryDelayMs: ClosedRange<Int>
    private let onFailure: @Sendable (Failure, _ retryMs: Int) -> Void
    private let state = Mutex(State())
    private let isStopping = Atomic<Bool>(false)
    private let counter = FillCounter()
    private let clock = ContinuousClock()

    init(
        store: CardStore, retryDelayMs: ClosedRange<Int>,
        onFailure: @escaping @Sendable (Failure, _ retryMs: Int) -> Void
    ) {
        self.store = store
        self.retryDelayMs = retryDelayMs
        self.onFailure = onFailure
    }

    /// How far the fill under way is; nil when there is none.
    var progress: FillProgress? { counter.progress }

    /// What the last fill failed with, until one succeeds.
    var lastFailure: Failure? { state.withLock { $0.lastFailure } }

    var isBusy: Bool {
        state.withLock { state in
            switch state.phase {
            case .idle, .failed: false
            case .filling, .filled, .adopting: true
            }
        }
    }

    // MARK: Filling

    /// Starts a fill, unless one is under way.
    ///
    /// - Parameter completion: called once, on the filling or the writer's thread.
    func start(
        priority: OSThread.Priority, completion: Completion? = nil
    ) throws(Failure) {
        try state.withLock { state throws(Failure) in
            switch state.phase {
            case .idle, .failed: break
            case .filling, .filled, .adopting: throw .busy
            }
            try begin(&state, priority, completion)
        }
    }

    /// Starts a fill when there is none and no earlier failure asks for patience.
    func startIfDue(priority: OSThread.Priority) {
        state.withLock { state in
            switch state.phase {
            case .idle: break
            case .failed(let retryAt) where clock.now >= retryAt: break
            case .failed, .filling, .filled, .adopting: return
            }
            do throws(Failure) {
                try begin(&state, priority, nil)
            } catch {
                // Stopping: nobody needs an index any more.
            }
        }
    }

    private func begin(
        _ state: inout State, _ priority: OSThread.Priority, _ completion: Completion?
    ) throws(Failure) {
        guard !isStopping.load(ordering: .acquiring) else { throw .stopping }
        // A thread that filled before has ended, or is about to, and takes no lock any more.
        state.thread?.join()
        state.phase = .filling(completion)
        // Next to look-ups one thread is enough to ask of the machine.
        let threads = priority == .normal ? FillCrew.threadsMax : 1
        state.thread = OSThread(priority: priority) { [self] in run(threads) }
    }

    private func run(_ threads: Int) {
        do throws(Failure) {
            let filled = try fill(threads)
            state.withLock { state in
                guard case .filling(let completion) = state.phase else {
                    preconditionFailure("only the filling thread leaves this phase")
                }
                state.phase = .filled(filled, completion)
            }
        } catch {
            counter.end()
            fail(error)
        }
    }

    private func fill(_ threads: Int) throws(Failure) -> Filled {
        do {
            let start = clock.now
            var (index, sequence) = try read(threads)
            let cards = index.count
            let end = clock.now
            let changes = try catchUp(index, after: &sequence)
            return Filled(
                index: index, sequence: sequence, cards: cards,
                fillTime: start.duration(to: end), changes: changes,
                catchUpTime: end.duration(to: clock.now), replaced: nil)
        } catch {
            throw (error as? Failure) ?? .failed(error)
        }
    }

    /// - Returns: an index of one snapshot's cards, and the last change that they hold.
    private func read(_ threads: Int) throws -> (CardIndex, UInt64) {
        let scan = try CardScan(store, readers: threads)
        counter.begin(cardsTotal: scan.cardCount)
        let index = try CardIndex(capacity: scan.cardCount)
        let fill = IndexFill(index)
        let crew = FillCrew(threads: scan.readers)
        try crew.run { [self] reader in
            var part = fill.makePart()
            var cards = 0
            try scan.read(as: reader) { card in
                try part.add(card)
                cards &+= 1
                guard cards & 0xFFF == 0 else { return }
                counter.add(cards: 0x1000)
                if isStopping.load(ordering: .relaxed) { throw Failure.stopping }
                try crew.check()
            }
            part.end()
        }
        try scan.finish()
        try crew.run { _ in fill.link() }
        try fill.finish()
        return (index, scan.lastSequence)
    }

    /// Applies what was committed since the snapshot, here rather than on the writer's thread,
    /// which then has a short rest to do: while it works on it nobody can write.
    private func catchUp(_ index: CardIndex, after sequence: inout UInt64) throws -> Int {
        var changes = 0
        // A store that changes faster than this thread can follow would keep it here forever.
        for _ in 0..<Self.catchUpRoundsMax {
            let entries = try store.applyChanges(to: index, after: &sequence)
            changes += entries
            if isStopping.load(ordering: .relaxed) { throw Failure.stopping }
            if entries < Self.shortRestEntries { break }
        }
        return changes
    }

    private static let catchUpRoundsMax = 20
    private static let shortRestEntries = 1_000

    // MARK: Handing over

    /// A filled index, for the writer's thread to publish and then to call ``end(_:)``.
    func take() -> Filled? {
        state.withLock { state in
            guard case .filled(let filled, let completion) = state.phase else { return nil }
            state.phase = .adopting(completion)
            return filled
        }
    }

    /// Ends what ``take()`` began.
    func end(_ result: Result<Filled, Failure>) {
        counter.end()
        switch result {
        case .failure(let failure): fail(failure)
        case .success(let filled):
            let completion = state.withLock { state in
                let completion = Self.completion(of: state.phase)
                state.phase = .idle
                state.lastFailure = nil
                state.failures = 0
                return completion
            }
            guard let completion else {
                if filled.replaced != nil { CardIndex.waitForReaders() }
                return
            }
            completion(result)
        }
    }

    private func fail(_ failure: Failure) {
        let (completion, delayMs) = state.withLock { state -> (Completion?, Int?) in
            let completion = Self.completion(of: state.phase)
            guard case .failed = failure else {
                state.phase = .idle
                return (completion, nil)
            }
            let doublings = min(state.failures, 16)
            let delayMs = min(retryDelayMs.lowerBound << doublings, retryDelayMs.upperBound)
            state.phase = .failed(retryAt: clock.now + .milliseconds(delayMs))
            state.lastFailure = failure
            state.failures += 1
            return (completion, delayMs)
        }
        if let delayMs { onFailure(failure, delayMs) }
        completion?(.failure(failure))
    }

    private static func completion(of phase: Phase) -> Completion? {
        switch phase {
        case .filling(let completion), .filled(_, let completion), .adopting(let completion):
            completion
        case .idle, .failed: preconditionFailure("a fill ends once")
        }
    }

    // MARK: Stopping

    /// Cuts off the fill under way, and lets none begin.
    func stop() {
        isStopping.store(true, ordering: .releasing)
        state.withLock { state in
            defer { state.thread = nil }
            return state.thread
        }?.join()
    }

    /// Ends a fill that the writer's thread, which has ended, did not take over.
    func abandon() {
        if take() != nil { end(.failure(.stopping)) }
    }
}
