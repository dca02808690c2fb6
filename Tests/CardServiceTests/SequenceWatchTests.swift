import CardModel
import CardTesting
import Synchronization
import Testing

@testable import CardService
@testable import CardStore

/// Who follows the change log is told how far it is.
struct SequenceWatchTests {
    private static func commit(_ card: String, to store: CardStore) throws {
        let identity = EventIdentity(
            occurredAt: try #require(Timestamp(seconds: 1_700_000_000)), status: .delivered,
            feed: try #require(FeedID("api")), reference: .empty)
        let card = try CardID.parse(Array(card.utf8).span).id
        _ = try store.commit([[CardFact(card: card, event: CardEvent(identity: identity))]])
    }

    private final class Told: Sendable {
        let sequences = Mutex<[UInt64]>([])
    }

    /// Once for each commit that changed something, and not for what it was told before.
    @Test func look_tellsTheLastSequence_whenItHasRisen() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(directory: scratch.path, create: true)
        let watch = SequenceWatch(store: store)
        let told = Told()
        try watch.look()
        watch.observe { sequence in told.sequences.withLock { $0.append(sequence) } }
        try watch.look()
        try Self.commit("A", to: store)
        try watch.look()
        try watch.look()
        try Self.commit("A", to: store)
        try watch.look()
        try Self.commit("B", to: store)
        try Self.commit("C", to: store)
        try watch.look()
        #expect(told.sequences.withLock { $0 } == [1, 3])
    }

    /// Looks leave nothing behind. Twenty a second for two hours once made a call so deep that the
    /// next commit overran the writer's stack.
    @Test func look_tellsTheLastSequence_afterAMillionLooks() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(directory: scratch.path, create: true)
        let watch = SequenceWatch(store: store)
        let told = Told()
        watch.observe { sequence in told.sequences.withLock { $0.append(sequence) } }
        for _ in 0..<1_000_000 { try watch.look() }
        try Self.commit("A", to: store)
        try watch.look()
        #expect(told.sequences.withLock { $0 } == [1])
    }
}
