import CardModel
import Testing

@testable import CardStore

struct ChangesTests {
    /// Five changes, and what is asked of them.
    private static func fixture() throws -> StoreFixture {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("B", 1), try fact("A", 1)]])
        _ = try fixture.store.commit([[try fact("C", 1)]])
        _ = try fixture.store.commit([[try fact("A", 2), try fact("C", 2)]])
        return fixture
    }

    /// The log in pages, each going on where the last one ended.
    @Test(
        arguments: [
            (0, 100, "ABCAC", 5), (0, 2, "AB", 2), (2, 2, "CA", 4), (4, 2, "C", 5), (5, 2, "", 5),
            (0, 5, "ABCAC", 5), (4, 1, "C", 5),
        ] as [(UInt64, Int, String, UInt64)])
    func changes_giveTheLogInPages(
        _ after: UInt64, _ limit: Int, _ cards: String, _ last: UInt64
    ) throws {
        let fixture = try Self.fixture()
        let ids = try cards.map { try card(String($0)) }
        #expect(
            try fixture.store.changes(after: after, limit: limit) == .cards(ids, last: last))
        try fixture.finish()
    }

    /// A number that the store has not come to, as after a restore of an older backup, is no error.
    @Test(arguments: [UInt64(6), .max])
    func changes_areNone_afterANumberOfTheFuture(_ after: UInt64) throws {
        let fixture = try Self.fixture()
        #expect(
            try fixture.store.changes(after: after, limit: 10) == .cards([], last: after))
        try fixture.finish()
    }

    /// Asking for none gives none.
    @Test func changes_areNone_whenTheLimitIsZero() throws {
        let fixture = try Self.fixture()
        #expect(try fixture.store.changes(after: 2, limit: 0) == .cards([], last: 2))
        try fixture.finish()
    }

    /// Where the log was trimmed, whoever is behind it learns where it begins.
    @Test func changes_tellTheOldest_whenTheLogIsTrimmed() throws {
        let fixture = try Self.fixture()
        for sequence in UInt64(1)...3 {
            try fixture.remove(SequenceKey.encode(sequence), from: .changes)
        }
        for after in UInt64(0)...2 {
            #expect(
                try fixture.store.changes(after: after, limit: 10) == .logTrimmed(oldest: 4))
        }
        #expect(
            try fixture.store.changes(after: 3, limit: 10)
                == .cards([try card("A"), try card("C")], last: 5))
        try fixture.remove(SequenceKey.encode(4), from: .changes)
        try fixture.remove(SequenceKey.encode(5), from: .changes)
        #expect(try fixture.store.changes(after: 3, limit: 10) == .logTrimmed(oldest: 6))
        #expect(try fixture.store.changes(after: 5, limit: 10) == .cards([], last: 5))
    }

    /// A hole is never passed over in silence: not as the first entry, not in a page's middle.
    @Test func changes_stop_atAHole() throws {
        let fixture = try Self.fixture()
        try fixture.remove(SequenceKey.encode(3), from: .changes)
        #expect(try fixture.store.changes(after: 0, limit: 10) == .logTrimmed(oldest: 4))
        #expect(try fixture.store.changes(after: 2, limit: 10) == .logTrimmed(oldest: 4))
        #expect(
            try fixture.store.changes(after: 0, limit: 2)
                == .cards([try card("A"), try card("B")], last: 2))
    }

    /// The states of the cards that changed, in the order asked for, and those without one.
    @Test func withCards_tellsPresentAndAbsentApart() throws {
        let fixture = try Self.fixture()
        _ = try fixture.store.commit([[try fact("B", 1, isVoid: true)]])
        var seen: [String] = []
        try fixture.store.withCards(["C", "B", "A", "Z"].map { try card($0) }) {
            seen.append($0.id.text)
        } absent: {
            seen.append("no " + $0.text)
        }
        #expect(seen == ["C", "no B", "A", "no Z"])
        try fixture.finish()
    }
}
