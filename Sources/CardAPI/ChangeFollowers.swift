internal import CardModel
internal import CardService
internal import CardStore
internal import Dispatch
internal import HTTPFront
internal import Synchronization

// Clients that wait for changes. None holds a thread: each is a DeferredReply in a list. The writer
// says how far the log is, after the index has followed it. Every 20 ms, while anybody waits, those
// for whom there is something are answered, the longest waiting first, and not more at a time than
// look-ups on the same workers can bear: a thousand followers of a busy log hear every quarter of a
// second what a single one hears within 20 ms. The log is read once for all of them.

/// The clients that wait for changes.
final class ChangeFollowers: Sendable {
    /// Clients that may wait, fewer than connections may be suspended: writes wait for answers too.
    static let countMax = 2_048
    static let intervalMs = 20
    /// Answers in an interval: 4,000 a second, in bursts of less than a millisecond.
    static let answersMax = 80

    struct Waiting: Sendable {
        let since: UInt64
        let limit: Int
        let deadlineNanos: UInt64
        let later: DeferredReply
    }

    private struct State {
        var waiting: [Waiting] = []
        /// How far the log is, as far as is known.
        var newest: UInt64 = 0
        var isTicking = false
        var isStopping = false
    }

    private let service: CardService
    private let onProblem: @Sendable (any Error) -> Void
    private let queue = DispatchQueue(label: "cardstatus.changes")
    private let state = Mutex(State())
    private let recent = Mutex(RecentChanges())

    init(service: CardService, onProblem: @escaping @Sendable (any Error) -> Void) {
        self.service = service
        self.onProblem = onProblem
        service.observeSequence { [weak self] newest in
            self?.state.withLock { $0.newest = max($0.newest, newest) }
        }
    }

    /// Clients that wait.
    var count: Int { state.withLock { $0.waiting.count } }

    /// What became of a client that wants to wait.
    enum Added {
        case waits
        /// There is something by now, or the server stops: it is to be answered.
        case mayNot
        case tooMany
    }

    func add(_ waiting: Waiting) -> Added {
        let (added, startsTicking) = state.withLock { state -> (Added, Bool) in
            if state.isStopping || state.newest > waiting.since { return (.mayNot, false) }
            guard state.waiting.count < Self.countMax else { return (.tooMany, false) }
            state.waiting.append(waiting)
            defer { state.isTicking = true }
            return (.waits, !state.isTicking)
        }
        if startsTicking { scheduleTick() }
        return added
    }

    /// Answers all that wait, and those that come from now on, at once.
    func stop() {
        let all = state.withLock { state in
            state.isStopping = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiting in all {
            waiting.later.answer { ChangePage(changes: [], since: waiting.since).write(to: &$0) }
        }
    }

    private func scheduleTick() {
        queue.asyncAfter(deadline: .now() + .milliseconds(Self.intervalMs)) { [self] in tick() }
    }

    private func tick() {
        let now = DispatchTime.now().uptimeNanoseconds
        let (ready, goesOn) = state.withLock { state -> ([Waiting], Bool) in
            var ready: [Waiting] = []
            let newest = state.newest
            state.waiting.removeAll { waiting in
                guard ready.count < Self.answersMax else { return false }
                guard waiting.since < newest || waiting.deadlineNanos <= now else { return false }
                ready.append(waiting)
                return true
            }
            state.isTicking = !state.waiting.isEmpty
            return (ready, state.isTicking)
        }
        for waiting in ready { answer(waiting) }
        if goesOn { scheduleTick() }
    }

    private func answer(_ waiting: Waiting) {
        do {
            let page = try page(since: waiting.since, limit: waiting.limit)
            waiting.later.answer { page.write(to: &$0) }
        } catch {
            onProblem(error)
            waiting.later.answer { Problem.failed.write(to: &$0) }
        }
    }

    /// What the log has behind `since`: from memory when it has come lately.
    func page(since: UInt64, limit: Int) throws -> ChangePage {
        let found = try recent.withLock { recent in
            try recent.changes(after: since, limit: limit, from: service.store)
        }
        switch found {
        case .cards(let cards, _): return ChangePage(changes: cards, since: since)
        case .logTrimmed(let oldest): return ChangePage(oldest: oldest, since: since)
        }
    }
}

/// The newest part of the change log, which many followers want at the same time.
struct RecentChanges {
    /// Entries that are kept; more are read from the store.
    static let countMax = 10_000

    private var cards: [CardID] = []
    /// The sequence number of the last of them.
    private var last: UInt64 = 0

    private var first: UInt64 { last + 1 - UInt64(cards.count) }

    mutating func changes(
        after since: UInt64, limit: Int, from store: CardStore
    ) throws -> CardStore.Changes {
        let newest = try store.lastSequence()
        // The log is not that far: the store has been restored from a backup, say.
        if since > newest { return .logTrimmed(oldest: try store.oldestSequence()) }
        if newest < last { self = RecentChanges() }
        try catchUp(with: newest, store)
        guard !cards.isEmpty, since + 1 >= first else {
            return try store.changes(after: since, limit: limit)
        }
        let start = Int(since + 1 - first)
        let found = cards[min(start, cards.count)...].prefix(limit)
        return .cards(Array(found), last: since + UInt64(found.count))
    }

    private mutating func catchUp(with newest: UInt64, _ store: CardStore) throws {
        guard newest > last else { return }
        if newest - last > UInt64(Self.countMax) || cards.isEmpty {
            cards = []
            last = newest - min(newest, UInt64(Self.countMax))
        }
        while last < newest {
            switch try store.changes(after: last, limit: Int(newest - last)) {
            case .logTrimmed(let oldest):
                cards = []
                last = oldest - 1
            case .cards(let more, let end):
                if more.isEmpty { return }
                cards += more
                last = end
            }
        }
        if cards.count > 2 * Self.countMax { cards.removeFirst(cards.count - Self.countMax) }
    }
}
