public import CardModel
public import CardStore
internal import Synchronization

/// A writer with a thread of its own, for a program that only writes, such as `load`: it takes one
/// batch after the other, keeps a bounded number on their way, and sums up what became of them.
public final class BatchWriter: Sendable {
    /// Facts in one submission: the writer's groups are made of whole ones.
    private static let submissionFactsMax = 500

    /// Facts on their way: enough to keep the writer busy, and a bound for memory.
    private static let inFlightFactsMax = 200_000

    private struct Progress: Sendable {
        var inFlightFacts = 0
        var counts = CommitCounts()
        var failure: WriteError?
    }

    private let writer: CardWriter
    private let thread: OSThread
    private let progress = Monitor(Progress())

    public init(store: CardStore) {
        let directory = store.directory
        let writer = CardWriter(store: store, queueFactsMax: 2 * Self.inFlightFactsMax) {
            .loading(into: directory)
        }
        self.writer = writer
        thread = OSThread { writer.run(follow: {}) }
    }

    /// Sends facts on their way, in the order of their cards, and waits while too many are.
    ///
    /// - Throws: the first error that any submission met; nothing is sent after it.
    public func write(_ facts: [CardFact]) throws(WriteError) {
        let sorted = facts.sorted { $0.card < $1.card }
        var rest = sorted[...]
        while !rest.isEmpty {
            let part = Array(rest.prefix(Self.submissionFactsMax))
            rest = rest.dropFirst(part.count)
            try waitForRoom(for: part.count)
            do {
                try writer.submit(part) { [progress] result in
                    progress.withLock { progress in
                        progress.inFlightFacts -= part.count
                        switch result {
                        case .success(let receipt): progress.counts.add(receipt.counts)
                        case .failure(let error): progress.failure = progress.failure ?? error
                        }
                    }
                }
            } catch {
                progress.withLock { progress in
                    progress.inFlightFacts -= part.count
                    progress.failure = progress.failure ?? error
                }
                throw error
            }
        }
    }

    private func waitForRoom(for facts: Int) throws(WriteError) {
        let failure: WriteError?? = progress.wait(timeoutMs: nil) { progress in
            if let failure = progress.failure { return .some(failure) }
            guard progress.inFlightFacts < Self.inFlightFactsMax else { return nil }
            progress.inFlightFacts += facts
            return .some(nil)
        }
        if let failure = failure ?? nil { throw failure }
    }

    /// Waits until everything written so far is durable.
    ///
    /// - Returns: what became of the facts since the last call.
    public func flush() throws(WriteError) -> CommitCounts {
        let outcome: Result<CommitCounts, WriteError>? = progress.wait(timeoutMs: nil) { progress in
            if let failure = progress.failure { return .failure(failure) }
            guard progress.inFlightFacts == 0 else { return nil }
            defer { progress.counts = CommitCounts() }
            return .success(progress.counts)
        }
        guard let outcome else { preconditionFailure("a wait without a limit has a result") }
        return try outcome.get()
    }

    /// Finishes what is queued and ends the thread. Must be called once.
    public func stop() {
        writer.stop()
        thread.join()
    }
}
