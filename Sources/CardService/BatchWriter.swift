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

    fileprivate struct Progress: Sendable {
        var inFlightFacts = 0
        /// By the number of the facts' file.
        var counts: [Int: CommitCounts] = [:]
        var failure: WriteError?
    }

    private let writer: CardWriter
    private let thread: ReservedThread
    private let progress = Monitor(Progress())

    public convenience init(store: CardStore) {
        self.init(store: store, on: ReservedThread(priority: .normal))
    }

    /// - Parameter thread: what commits; the writer ends it.
    package init(store: CardStore, on thread: ReservedThread) {
        let directory = store.directory
        let writer = CardWriter(store: store, queueFactsMax: 2 * Self.inFlightFactsMax) {
            .loading(into: directory)
        }
        self.writer = writer
        self.thread = thread
        thread.run { writer.run { _ in } }
    }

    /// Sends facts on their way and waits while too many are. Facts of one card should lie
    /// together, and cards ascend.
    ///
    /// - Parameter files: the number of each fact's file, to count by.
    /// - Throws: the first error that any submission met; nothing is sent after it.
    public func write(_ facts: [CardFact], of files: [Int]) throws(WriteError) {
        precondition(facts.count == files.count, "every fact has a file")
        var start = 0
        while start < facts.count {
            let end = min(start + Self.submissionFactsMax, facts.count)
            let part = Array(facts[start..<end])
            let partFiles = Array(files[start..<end])
            start = end
            try waitForRoom(for: part.count)
            do {
                try writer.submit(part) { [progress] result in
                    progress.withLock { $0.settle(result, partFiles) }
                }
            } catch {
                progress.withLock { $0.settle(.failure(error), partFiles) }
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
    /// - Returns: what became of the facts since the last call, by their files.
    public func flush() throws(WriteError) -> [Int: CommitCounts] {
        typealias Outcome = Result<[Int: CommitCounts], WriteError>
        let outcome: Outcome? = progress.wait(timeoutMs: nil) { progress in
            if let failure = progress.failure { return .failure(failure) }
            guard progress.inFlightFacts == 0 else { return nil }
            defer { progress.counts = [:] }
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

extension BatchWriter.Progress {
    fileprivate mutating func settle(
        _ result: Result<CardWriter.Receipt, WriteError>, _ files: [Int]
    ) {
        inFlightFacts -= files.count
        switch result {
        case .success(let receipt):
            for (file, outcome) in zip(files, receipt.outcomes) {
                counts[file, default: .init()].count(outcome)
            }
        case .failure(let error): failure = failure ?? error
        }
    }
}
