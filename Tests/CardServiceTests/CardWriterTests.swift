import CardModel
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardService
@testable import CardStore

/// What completions said, gathered from the writer's thread.
final class Answers: Sendable {
    private let results = Mutex<[Int: Result<CardWriter.Receipt, WriteError>]>([:])

    func completion(_ number: Int) -> CardWriter.Completion {
        { result in self.results.withLock { $0[number] = result } }
    }

    subscript(_ number: Int) -> Result<CardWriter.Receipt, WriteError>? {
        results.withLock { $0[number] }
    }

    var count: Int { results.withLock { $0.count } }
}

func card(_ text: String) throws -> CardID {
    let bytes = Array(text.utf8)
    let id = CardID(canonical: bytes.span)
    return try #require(id)
}

func fact(
    _ id: String, _ second: Int, phone digits: UInt64 = 0, comment: String = "",
    isVoid: Bool = false
) throws -> CardFact {
    let identity = EventIdentity(
        occurredAt: try #require(Timestamp(seconds: Int64(1_700_000_000 + second))),
        status: .delivered, feed: try #require(FeedID("feed")), reference: .empty)
    return CardFact(
        card: try card(id),
        event: CardEvent(
            identity: identity, phone: PhoneNumber(digits: digits),
            comment: EventText(unchecked: Array(comment.utf8)), isVoid: isVoid))
}

func counts(accepted: Int = 0, duplicates: Int = 0) -> CommitCounts {
    var counts = CommitCounts()
    counts.accepted = accepted
    counts.duplicates = duplicates
    return counts
}

/// `run` on the test's own thread: what was submitted before is the first group, whole, and a
/// stopped writer returns when all of it is answered.
struct CardWriterTests {
    /// Submissions that queued up become one commit, and each gets its own counts.
    ///
    ///     submitter                   writer
    ///     submit 0, 1, ... 9
    ///     stop
    ///                                 commit all: one transaction
    ///                                 follow
    ///                                 answer 0, 1, ... 9
    @Test func run_commitsAGroup_withCountsForEach() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let writer = CardWriter(store: store)
        let answers = Answers()
        for number in 0..<10 {
            try writer.submit(
                [fact("A", number / 2), fact("B\(number)", 1)],
                completion: answers.completion(number))
        }
        let before = store.lastTransactionID
        writer.stop()
        let follows = Mutex<[Int]>([])
        writer.run { _ in follows.withLock { $0.append(answers.count) } }

        #expect(store.lastTransactionID == before + 1)
        for number in 0..<10 {
            let isFirst = number % 2 == 0
            #expect(
                answers[number]
                    == .success(
                        .init(
                            counts: counts(accepted: isFirst ? 2 : 1, duplicates: isFirst ? 0 : 1),
                            outcomes: [
                                isFirst ? .changed(forgotten: 0) : .duplicate,
                                .changed(forgotten: 0),
                            ], sequence: 11)))
        }
        // Readers in memory follow before anybody is told.
        #expect(follows.withLock { $0 } == [0])
        #expect(try store.check().findings == [])
    }

    /// An answer comes after the commit: whoever has it finds the card in the store.
    @Test func completion_runs_whenTheFactsAreInTheStore() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let writer = CardWriter(store: store)
        let found = Mutex(0)
        for number in 0..<5 {
            try writer.submit([fact("A\(number)", 1)]) { _ in
                let isThere = (try? store.history(of: card("A\(number)"))) != nil
                found.withLock { $0 += isThere ? 1 : 0 }
            }
        }
        writer.stop()
        writer.run { _ in }
        #expect(found.withLock { $0 } == 5)
    }

    /// More than one group's worth is several commits, of whole submissions, in order.
    @Test func run_splitsTheQueue_intoGroups() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 64 << 20)
        let writer = CardWriter(store: store)
        let answers = Answers()
        // 600 + 400 fill the first group of 1,000; 1,200 are a group alone.
        for (number, size) in [600, 400, 1_200, 1].enumerated() {
            let facts = try (0..<size).map { try fact("S\(number)-\($0)", 1) }
            try writer.submit(facts, completion: answers.completion(number))
        }
        writer.stop()
        let groups = Mutex<[Int]>([])
        writer.run { _ in groups.withLock { $0.append(answers.count) } }
        let answered = groups.withLock { $0 }
        #expect(answered.prefix(2) == [0, 2])
        #expect(answers.count == 4)
        let sequences = try (0..<4).map { try answers[$0]?.get().sequence ?? 0 }
        #expect(sequences[0] == 1_000 && sequences[1] == 1_000)
        #expect(sequences[2] >= 2_200 && sequences[3] == 2_201)
        #expect(try store.check().findings == [])
    }

    /// A full queue refuses and says so; a submission larger than the limit passes when alone.
    @Test func submit_refuses_whenTheQueueIsFull() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let writer = CardWriter(store: store, queueFactsMax: 3)
        let answers = Answers()
        let big = try (0..<4).map { try fact("A", $0) }
        try writer.submit(big, completion: answers.completion(0))
        #expect(throws: WriteError.queueFull(facts: 4, limit: 3)) {
            try writer.submit([fact("B", 1)], completion: answers.completion(1))
        }
        writer.stop()
        #expect(throws: WriteError.stopping) {
            try writer.submit([fact("B", 1)], completion: answers.completion(2))
        }
        writer.run { _ in }
        #expect(answers.count == 1)
        #expect(try store.history(of: card("B")) == nil)
        #expect(try store.history(of: card("A"))?.events.count == 4)
    }

    /// A damaged card fails the submissions that need it; those beside them are written.
    @Test func run_writesTheOthers_whenACardIsDamaged() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        _ = try store.commit([[fact("A", 1)]])
        let cards = store.databases.cards
        let key = Array("A".utf8)
        try store.environment.write { try $0.put(key.span.bytes, for: key.span.bytes, in: cards) }
        let writer = CardWriter(store: store)
        let answers = Answers()
        try writer.submit([fact("A", 2)], completion: answers.completion(0))
        try writer.submit([fact("B", 1)], completion: answers.completion(1))
        writer.stop()
        writer.run { _ in }
        let damage = StoreError.damaged(
            database: "cards", what: "the value has 1 bytes, less than a head")
        #expect(writer.failure == nil)
        #expect(answers[0] == .failure(.store(damage)))
        guard case .success = answers[1] else {
            Issue.record("the other submission was not written: \(String(describing: answers[1]))")
            return
        }
        #expect(try store.history(of: card("B"))?.events.count == 1)
    }

    /// After an error that leaves it open what the disk holds, what waits fails, what comes is
    /// refused, and nothing is written.
    @Test func stopWriting_failsWhatWaitsAndWhatComes() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let writer = CardWriter(store: store)
        let answers = Answers()
        try writer.submit([fact("A", 1)], completion: answers.completion(0))
        let error = StoreError.failed("mdb_txn_commit: Input/output error")
        writer.stopWriting(error)
        #expect(writer.failure == error)
        #expect(answers[0] == .failure(.store(error)))
        #expect(throws: WriteError.store(error)) {
            try writer.submit([fact("B", 1)], completion: answers.completion(1))
        }
        writer.stop()
        writer.run { _ in }
        #expect(try store.statistics().cards == 0)
    }

    /// A full map is no failure of the writer, and voids in the same group go on.
    @Test func run_writesVoids_whenNewEventsHaveNoRoom() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 200 * 4_096)
        let comment = String(repeating: "c", count: 1_000)
        #expect(throws: StoreError.self) {
            for number in 0..<10_000 {
                _ = try store.commit([[fact("CARD-\(number)", 1, comment: comment)]])
            }
        }
        let writer = CardWriter(store: store)
        let answers = Answers()
        try writer.submit([fact("NEW", 1)], completion: answers.completion(0))
        try writer.submit(
            [fact("CARD-0", 1, isVoid: true)], completion: answers.completion(1))
        writer.stop()
        writer.run { _ in }
        #expect(writer.failure == nil)
        guard case .failure(.store(.mapFull)) = answers[0] else {
            Issue.record("the new event: \(String(describing: answers[0]))")
            return
        }
        #expect(try answers[1]?.get().counts == counts(accepted: 1))
        #expect(try store.withCard(card("CARD-0")) { $0.id } == nil)
        #expect(try store.check().findings == [])
    }

    /// The bound halves after a slow commit, grows after a full and quick one, and has limits.
    @Test(arguments: [
        (500, 51, 1_000, 500), (500, 51, 500, 500), (10, 51, 20_000, 10_000),
        (600, 24, 1_000, 1_500), (500, 24, 1_000, 1_000), (1_000, 25, 1_000, 1_000),
        (1_000, 50, 1_000, 1_000), (20_000, 1, 20_000, 20_000), (19_000, 1, 19_000, 20_000),
    ])
    func nextGroupFactsMax_followsTheTimeOfCommits(
        _ facts: Int, _ ms: Int, _ current: Int, _ next: Int
    ) {
        #expect(
            WriterPace.besideServer.nextGroupFactsMax(
                facts: facts, ms: Double(ms), current: current) == next)
    }

    /// The batch writer splits, sums up by file, and starts its sums anew after each flush.
    @Test func batchWriter_sumsUpWhatBecameOfTheFacts() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 64 << 20)
        let writer = BatchWriter(store: store)
        let facts = try (0..<1_200).map { try fact("C\($0 % 900)", $0 % 2) }
        try writer.write(facts, of: facts.indices.map { $0 < 900 ? 0 : 7 })
        try writer.write(facts, of: facts.map { _ in 1 })
        #expect(
            try writer.flush() == [
                0: counts(accepted: 900), 7: counts(duplicates: 300), 1: counts(duplicates: 1_200),
            ])
        #expect(try writer.flush() == [:])
        writer.stop()
        #expect(try store.statistics().cards == 900)
        #expect(try store.check().findings == [])
    }

    /// A change that is not about cards runs on the writer's thread and gives back what it made;
    /// one that fails cleanly leaves the writer writing; behind a stop nothing is taken.
    @Test func perform_runsOnTheWritersThread() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(directory: scratch.path, create: true, mapSizeBytes: 1 << 20)
        let writer = CardWriter(store: store)
        let thread = OSThread { writer.run { _ in } }
        let id = try writer.perform { store in
            try store.addRun {
                StoredRun(id: $0, feed: "f", way: .pull, source: "s", requestedAt: 1)
            }.id
        }
        #expect(id == 1)
        let damage = StoreError.damaged(database: "runs", what: "so to say")
        #expect(throws: WriteError.store(damage)) {
            try writer.perform { _ in throw damage }
        }
        #expect(try writer.perform { try $0.run(1)?.feed } == "f")
        #expect(writer.failure == nil)
        #expect(throws: WriteError.store(.failed("no"))) {
            try writer.perform { _ in throw StoreError.failed("no") }
        }
        #expect(throws: WriteError.store(.failed("no"))) { try writer.perform { _ in } }
        writer.stop()
        thread.join()
    }
}
