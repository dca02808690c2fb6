import CardModel
import CardTesting
import Testing

@testable import CardService
@testable import CardStore

/// How long the change log is kept.
struct ChangeTrimmerTests {
    private static let day: UInt64 = 86_400

    private func mark(_ seconds: UInt64, _ sequence: UInt64) -> ChangeMark {
        ChangeMark(seconds: seconds, sequence: sequence)
    }

    /// Only what is a day old and ten entries behind may go; the later of the two decides.
    @Test(
        arguments: [
            (0, nil), (86_399, nil), (86_400, 5), (86_400 + 50, 5), (86_400 + 100, 20),
            (86_400 + 200, 90), (1_000_000, 90),
        ] as [(UInt64, UInt64?)])
    func lastToRemove_isOldAndFarBehind(after: UInt64, expected: UInt64?) {
        let trimmer = ChangeTrimmer(keep: .init(entries: 10, seconds: Self.day))
        let marks = [mark(1_000, 5), mark(1_100, 20), mark(1_200, 95)]
        #expect(
            trimmer.lastToRemove(marks, newest: 100, nowSeconds: 1_000 + after) == expected)
        #expect(trimmer.lastToRemove(marks, newest: 10, nowSeconds: 1_000 + after) == nil)
    }

    /// Over days of changes the log stays a day long, in small pieces, and check finds nothing.
    @Test func run_keepsTheLogADayLong() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(directory: scratch.path, create: true)
        var trimmer = ChangeTrimmer(keep: .init(entries: 3, seconds: Self.day))
        let feed = try #require(FeedID("api"))
        var now: UInt64 = 1_700_000_000
        for hour in 0..<72 {
            let identity = EventIdentity(
                occurredAt: try #require(Timestamp(seconds: Int64(now))), status: .delivered,
                feed: feed, reference: .empty)
            let card = try CardID.parse(Array("C\(hour % 7)".utf8).span).id
            _ = try store.commit([[CardFact(card: card, event: CardEvent(identity: identity))]])
            for _ in 0..<60 {
                now += 60
                try trimmer.run(store, nowSeconds: now)
            }
            let kept = try store.lastSequence() + 1 - store.oldestSequence()
            // One was written at the beginning of each hour, and noted a minute later.
            #expect(kept == min(UInt64(hour) + 1, 24))
        }
        #expect(try store.check().findings.isEmpty)
        #expect(try store.changeMarks().count <= CardStore.changeMarksMax)
    }

    /// A clock that is set back makes the log longer for a while, never shorter.
    @Test func run_keepsMore_whenTheClockIsSetBack() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(directory: scratch.path, create: true)
        var trimmer = ChangeTrimmer(keep: .init(entries: 1, seconds: Self.day))
        let feed = try #require(FeedID("api"))
        func write(_ second: Int64) throws {
            let identity = EventIdentity(
                occurredAt: try #require(Timestamp(seconds: second)), status: .delivered,
                feed: feed, reference: .empty)
            let card = try CardID.parse(Array("C".utf8).span).id
            _ = try store.commit([[CardFact(card: card, event: CardEvent(identity: identity))]])
        }
        try write(1_700_000_000)
        try trimmer.run(store, nowSeconds: 2_000_000_000)
        try write(1_700_000_001)
        try trimmer.run(store, nowSeconds: 1_700_000_000)
        #expect(try store.changeMarks() == [mark(1_700_000_000, 2)])
        try trimmer.run(store, nowSeconds: 1_700_000_000 + Self.day - 1)
        #expect(try store.oldestSequence() == 1)
        try trimmer.run(store, nowSeconds: 1_700_000_000 + 2 * Self.day)
        #expect(try store.oldestSequence() == 2)
        #expect(try store.check().findings.isEmpty)
    }
}
