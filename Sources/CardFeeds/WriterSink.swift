internal import CardBulk
internal import CardModel
internal import CardService
internal import CardStore

/// Brings facts to a server's writer, in pieces that leave others their turn, and waits while too
/// many of them are on their way: whoever reads is held up by whoever writes, and nobody else is.
final class WriterSink: FactSink {
    /// Facts in one submission: the writer's groups are made of whole ones.
    private static let submissionFactsMax = 500
    /// Facts on their way: enough that the writer never waits for them, and few enough that what
    /// somebody else submits meanwhile is in the next group or the one after it.
    private static let inFlightFactsMax = 4_000
    /// How long to wait while others fill the writer's queue.
    private static let fullQueueMs = 20

    fileprivate struct Progress: Sendable {
        var inFlightFacts = 0
        var counts = CommitCounts()
        var failure: WriteError?
    }

    private let writer: CardWriter
    private let shouldStop: () -> Bool
    private let progress = Monitor(Progress())

    init(_ writer: CardWriter, shouldStop: @escaping () -> Bool) {
        self.writer = writer
        self.shouldStop = shouldStop
    }

    func add(_ buffer: borrowing FactBuffer) throws(BulkError) {
        // Ascending cards are kindest to the store, and those of one card must lie together to
        // be written once.
        let facts = buffer.cardFacts.sorted { $0.card < $1.card }
        var start = 0
        while start < facts.count {
            let end = min(start + Self.submissionFactsMax, facts.count)
            try submit(Array(facts[start..<end]))
            start = end
            FailPoint.midRun.pass()
        }
    }

    private func submit(_ facts: [CardFact]) throws(BulkError) {
        try waitForRoom(for: facts.count)
        while true {
            do throws(WriteError) {
                return try writer.submit(facts) { [progress] result in
                    progress.withLock { $0.settle(result, facts.count) }
                }
            } catch {
                guard case .queueFull = error, !shouldStop() else {
                    progress.withLock { $0.settle(.failure(error), facts.count) }
                    throw Self.error(error)
                }
            }
            let _: Bool? = progress.wait(timeoutMs: Self.fullQueueMs) { _ in nil }
        }
    }

    private func waitForRoom(for facts: Int) throws(BulkError) {
        if shouldStop() { throw .stopped }
        let failure: WriteError?? = progress.wait(timeoutMs: nil) { progress in
            if let failure = progress.failure { return .some(failure) }
            guard progress.inFlightFacts < Self.inFlightFactsMax else { return nil }
            progress.inFlightFacts += facts
            return .some(nil)
        }
        if let failure = failure ?? nil { throw Self.error(failure) }
    }

    /// What has become of the facts so far.
    var counts: CommitCounts { progress.withLock { $0.counts } }

    /// Waits until everything handed over is durable, or cannot be.
    func flush() throws(BulkError) -> CommitCounts {
        let outcome: Result<CommitCounts, WriteError>? = progress.wait(timeoutMs: nil) { progress in
            guard progress.inFlightFacts == 0 else { return nil }
            return progress.failure.map { .failure($0) } ?? .success(progress.counts)
        }
        switch outcome {
        case .success(let counts): return counts
        case .failure(let error): throw Self.error(error)
        case nil: preconditionFailure("a wait without a limit has a result")
        }
    }

    private static func error(_ error: WriteError) -> BulkError {
        switch error {
        case .store(let error): .store(error)
        case .stopping, .queueFull: .stopped
        }
    }
}

extension WriterSink.Progress {
    fileprivate mutating func settle(
        _ result: Result<CardWriter.Receipt, WriteError>, _ facts: Int
    ) {
        inFlightFacts -= facts
        switch result {
        case .success(let receipt): counts.add(receipt.counts)
        case .failure(let error): failure = failure ?? error
        }
    }
}
