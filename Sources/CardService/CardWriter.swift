public import CardModel
public import CardStore
internal import Glibc

/// The process's one writer: a thread that owns all write transactions, commits what has queued up
/// as one group, and answers each submission once it is durable.
///
/// Group commit: a commit costs two flushes of the disk however much it holds, so what arrives
/// during one commit goes into the next together.
public final class CardWriter: Sendable {
    /// How often the thread wakes to look for other processes' commits.
    static let pollIntervalMs = 50

    public typealias Completion = @Sendable (Result<Receipt, WriteError>) -> Void

    /// What became of one submission.
    public struct Receipt: Equatable, Sendable {
        public let counts: CommitCounts
        /// What became of each fact.
        package let outcomes: [CardHistory.Outcome]
        /// The last sequence number after the commit that holds the submission.
        public let sequence: UInt64
    }

    private struct Submission: Sendable {
        let facts: [CardFact]
        let completion: Completion
    }

    /// A change that is not about cards. It fails with the error that it is given.
    private typealias Job = @Sendable (WriteError?) -> Void

    private struct Queue: Sendable {
        var jobs: [Job] = []
        var submissions: [Submission] = []
        var facts = 0
        var isStopping = false
        /// Set by an error after which nothing more may be written.
        var failure: StoreError?
    }

    private let store: CardStore
    /// Facts that may wait; a submission over it is refused.
    public let queueFactsMax: Int
    private let pace: @Sendable () -> WriterPace
    private let queue: Monitor<Queue>

    /// - Parameters:
    ///   - queueFactsMax: facts that may wait; a submission over it is refused.
    ///   - pace: asked before each transaction.
    public init(
        store: CardStore, queueFactsMax: Int = 100_000,
        pace: @escaping @Sendable () -> WriterPace = { .server }
    ) {
        self.store = store
        self.queueFactsMax = queueFactsMax
        self.pace = pace
        self.queue = Monitor(Queue())
    }

    /// Queues facts for the next commit. `completion` runs on the writer's thread when they are
    /// durable, or when they cannot be.
    public func submit(
        _ facts: [CardFact], completion: @escaping Completion
    ) throws(WriteError) {
        let refusal: WriteError? = queue.withLock { queue in
            if let failure = queue.failure { return .store(failure) }
            if queue.isStopping { return .stopping }
            if queue.facts > 0, queue.facts + facts.count > queueFactsMax {
                return .queueFull(facts: queue.facts, limit: queueFactsMax)
            }
            queue.submissions.append(Submission(facts: facts, completion: completion))
            queue.facts += facts.count
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Queues a change that is not about cards, such as a run's. `body` runs on the writer's
    /// thread, where it may open one write transaction after the other; all of them must be short.
    /// `completion` runs there too, behind it.
    public func perform<R: Sendable>(
        _ body: @escaping @Sendable (CardStore) throws -> R,
        completion: @escaping @Sendable (Result<R, WriteError>) -> Void
    ) throws(WriteError) {
        let job: Job = { [self] refusal in
            if let refusal { return completion(.failure(refusal)) }
            do {
                completion(.success(try body(store)))
            } catch {
                let error = (error as? StoreError) ?? .failed("\(error)")
                if !error.isContained { stopWriting(error) }
                completion(.failure(.store(error)))
            }
        }
        let refusal: WriteError? = queue.withLock { queue in
            if let failure = queue.failure { return .store(failure) }
            if queue.isStopping { return .stopping }
            queue.jobs.append(job)
            return nil
        }
        if let refusal { throw refusal }
    }

    /// As ``perform(_:completion:)``, and waits for the end. Not to be called by the writer's own
    /// thread.
    public func perform<R: Sendable>(
        _ body: @escaping @Sendable (CardStore) throws -> R
    ) throws(WriteError) -> R {
        let outcome = Monitor<Result<R, WriteError>?>(nil)
        try perform(body) { result in outcome.withLock { $0 = result } }
        guard let result = outcome.wait(timeoutMs: nil, for: { $0 }) else {
            preconditionFailure("a wait without a limit has a result")
        }
        return try result.get()
    }

    /// Facts that wait for their commit.
    public var queuedFacts: Int { queue.withLock { $0.facts } }

    /// The error that stopped all writing, if one did.
    public var failure: StoreError? {
        queue.withLock { $0.failure }
    }

    /// Lets `run` finish what is queued and return.
    public func stop() {
        queue.withLock { $0.isStopping = true }
    }

    /// The thread's work: returns after ``stop()`` when the queue is empty.
    ///
    /// - Parameter follow: called after every commit with what it did, before its submissions are
    ///   answered, and every 50 ms without.
    func run(follow: (CommitResult?) -> Void) {
        let clock = ContinuousClock()
        var groupFactsMax = 0
        while true {
            let pace = self.pace()
            var jobs: [Job] = []
            groupFactsMax = pace.clamped(groupFactsMax)
            let next: [Submission]? = queue.wait(timeoutMs: Self.pollIntervalMs) { queue in
                if !queue.jobs.isEmpty {
                    swap(&jobs, &queue.jobs)
                    return []
                }
                if !queue.submissions.isEmpty {
                    return Self.takeGroup(from: &queue, factsMax: groupFactsMax)
                }
                return queue.isStopping ? [] : nil
            }
            guard let group = next else {
                follow(nil)
                continue
            }
            if group.isEmpty {
                if jobs.isEmpty { return }
                for job in jobs { job(failure.map(WriteError.store)) }
                continue
            }
            let start = clock.now
            commit(group, follow: follow)
            let facts = group.reduce(0) { $0 + $1.facts.count }
            groupFactsMax = pace.nextGroupFactsMax(
                facts: facts, ms: start.duration(to: clock.now) / .milliseconds(1),
                current: groupFactsMax)
            // A sleep cut short by a signal only shortens the pause.
            if pace.pauseMs > 0 { usleep(UInt32(pace.pauseMs) * 1_000) }
        }
    }

    /// As many submissions as fit in one group, and one at least.
    private static func takeGroup(from queue: inout Queue, factsMax: Int) -> [Submission] {
        var facts = 0
        var count = 0
        for submission in queue.submissions {
            if count > 0, facts + submission.facts.count > factsMax { break }
            facts += submission.facts.count
            count += 1
        }
        let group = Array(queue.submissions.prefix(count))
        queue.submissions.removeFirst(count)
        queue.facts -= facts
        return group
    }

    private func commit(_ group: [Submission], follow: (CommitResult?) -> Void) {
        do {
            let result = try store.commit(group.map(\.facts))
            FailPoint.beforePublish.pass()
            follow(result)
            FailPoint.beforeAnswer.pass()
            for (index, submission) in group.enumerated() {
                submission.completion(
                    .success(
                        Receipt(
                            counts: result.counts[index], outcomes: result.outcomes[index],
                            sequence: result.lastSequence)))
            }
        } catch {
            let error = (error as? StoreError) ?? .failed("\(error)")
            if !error.isContained {
                stopWriting(error)
            } else if group.count > 1 {
                // What one submission met need not stop the others: voids have room where new
                // events have none, and most touch no damaged record.
                for submission in group {
                    if let failure {
                        submission.completion(.failure(.store(failure)))
                    } else {
                        commit([submission], follow: follow)
                    }
                }
                return
            }
            for submission in group {
                submission.completion(.failure(.store(error)))
            }
        }
    }

    /// After an I/O error nobody knows what the disk holds (a retried fsync may report success for
    /// pages that were lost), so nothing more is written until the process starts anew.
    func stopWriting(_ error: StoreError) {
        let (waiting, jobs) = queue.withLock { queue in
            queue.failure = error
            defer {
                queue.submissions = []
                queue.jobs = []
                queue.facts = 0
            }
            return (queue.submissions, queue.jobs)
        }
        for submission in waiting {
            submission.completion(.failure(.store(error)))
        }
        for job in jobs { job(.store(error)) }
    }
}

/// Why facts were not written.
public enum WriteError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Too much is waiting already; nothing was queued.
    case queueFull(facts: Int, limit: Int)
    /// The process is stopping; nothing was queued.
    case stopping
    /// The store refused or failed.
    case store(StoreError)

    public var description: String {
        switch self {
        case .queueFull(let facts, let limit):
            "\(facts) facts are waiting to be written, and \(limit) is the limit"
        case .stopping: "the writer is stopping"
        case .store(let error): error.description
        }
    }
}

extension StoreError {
    /// Whether the commit failed cleanly, so that others can succeed: there is no room now, or a
    /// record that it needed is damaged. Everything else leaves it open what the disk holds.
    var isContained: Bool {
        switch self {
        case .mapFull, .diskFull, .damaged: true
        default: false
        }
    }
}
