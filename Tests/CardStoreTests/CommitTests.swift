import CardModel
import LMDBKit
import Testing

@testable import CardStore

struct CommitTests {
    /// What was committed is what is read, by card, by phone and as a history.
    @Test func commit_isReadBack() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        let result = try store.commit([
            [
                try fact("B", 2, phone: 5, comment: "left at door"), try fact("A", 1, phone: 5),
                try fact("C", 1), try fact("A", 3),
            ]
        ])
        #expect(result.changed == [try card("A"), try card("B"), try card("C")])
        #expect(result.lastSequence == 3)
        #expect(try store.copy("A") == CardCopy("A", 3, phone: 5))
        #expect(try store.copy("B") == CardCopy("B", 2, phone: 5, comment: "left at door"))
        #expect(try store.copy("C") == CardCopy("C", 1))
        #expect(try store.copy("D") == nil)
        #expect(try store.copies(phone: 5).map(\.id) == ["A", "B"])
        #expect(try store.copies(phone: 4) == [])
        #expect(try store.history(of: card("A"))?.events.count == 2)
        try fixture.finish()
    }

    /// Each submission has its own counts, and a fact that another one brought first is a
    /// duplicate.
    @Test func commit_countsEachSubmission() throws {
        let fixture = try StoreFixture()
        let a = try fact("A", 1)
        let result = try fixture.store.commit([
            [a, a, try fact("B", 1)], [], [a, try fact("A", 1, phone: 7)],
        ])
        #expect(
            result.counts.map { [$0.accepted, $0.duplicates, $0.beyondLimit, $0.forgotten] }
                == [[2, 1, 0, 0], [0, 0, 0, 0], [1, 1, 0, 0]])
        #expect(result.changed == [try card("A"), try card("B")])
        #expect(result.lastSequence == 2)
        try fixture.finish()
    }

    /// A card that several submissions name is merged in the order in which they came, and logged
    /// once. What it is from then on goes with it.
    @Test func commit_changesEachCardOnce_whenSubmissionsShareIt() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("B", 1)]])
        let late = try fact("B", 3, phone: 9)
        let result = try fixture.store.commit([
            [try fact("C", 1), late], [late, try fact("A", 1)],
            [try fact("B", 3, isVoid: true), try fact("B", 2, phone: 7), try fact("A", 1)],
        ])
        #expect(
            result.outcomes == [
                [.changed(forgotten: 0), .changed(forgotten: 0)],
                [.duplicate, .changed(forgotten: 0)],
                [.changed(forgotten: 0), .changed(forgotten: 0), .duplicate],
            ])
        #expect(result.counts.map(\.accepted) == [2, 1, 2])
        #expect(result.changed == [try card("A"), try card("B"), try card("C")])
        #expect(result.lastSequence == 4)
        for (card, history) in zip(result.changed, result.histories) {
            #expect(try fixture.store.history(of: card) == history)
        }
        #expect(try fixture.store.copy("B") == CardCopy("B", 2, phone: 7))
        #expect(try fixture.store.copies(phone: 9) == [])
        try fixture.finish()
    }

    /// Nothing new is written for what is known: no sequence number, no change in the file.
    @Test func commit_changesNothing_whenAllFactsAreKnown() throws {
        let fixture = try StoreFixture()
        let facts = [try fact("A", 1, phone: 5), try fact("B", 1, isVoid: true)]
        _ = try fixture.store.commit([facts])
        let before = fixture.store.lastTransactionID
        let content = try fixture.content()
        for again in [facts, []] {
            let result = try fixture.store.commit([again])
            #expect(result.changed.isEmpty)
            #expect(result.lastSequence == 2)
            #expect(result.counts[0].accepted == 0)
            #expect(result.counts[0].duplicates == again.count)
        }
        #expect(try fixture.store.commit([]).counts.isEmpty)
        #expect(fixture.store.lastTransactionID == before)
        #expect(try fixture.content() == content)
        try fixture.finish()
    }

    /// A full history answers what it cannot keep and what it forgets, in the store as in memory.
    @Test func commit_countsWhatTheLimitTakes() throws {
        let fixture = try StoreFixture()
        let window = try (100..<612).map { try fact("A", $0) }
        let result = try fixture.store.commit([
            window, [try fact("A", 1), try fact("A", 612), try fact("A", 613, phone: 5)],
        ])
        #expect(
            result.counts.map { [$0.accepted, $0.duplicates, $0.beyondLimit, $0.forgotten] }
                == [[512, 0, 0, 0], [2, 0, 1, 2]])
        #expect(try fixture.store.statistics().events == 512)
        try fixture.finish()
    }

    /// The `phones` entry follows the card's current phone through changes, voids and back.
    @Test func commit_movesThePhoneEntry_withTheCurrentPhone() throws {
        let fixture = try StoreFixture()
        let store = fixture.store
        func holders() throws -> [[String]] {
            try [5, 6].map { try store.copies(phone: $0).map(\.id) }
        }
        _ = try store.commit([[try fact("A", 1, phone: 5)]])
        #expect(try holders() == [["A"], []])
        _ = try store.commit([[try fact("A", 2, phone: 6)]])
        #expect(try holders() == [[], ["A"]])
        _ = try store.commit([[try fact("A", 2, isVoid: true)]])
        #expect(try holders() == [["A"], []])
        _ = try store.commit([[try fact("A", 1, isVoid: true)]])
        #expect(try holders() == [[], []])
        #expect(try store.copy("A") == nil)
        #expect(try store.history(of: card("A"))?.events.map(\.isVoid) == [true, true])
        _ = try store.commit([[try fact("A", 1, phone: 6), try fact("A", 3, phone: 6)]])
        #expect(try holders() == [[], ["A"]])
        try fixture.finish()
    }

    /// A void before its event is remembered.
    @Test func commit_keepsAVoid_whenTheEventComesLater() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1, isVoid: true)]])
        _ = try fixture.store.commit([[try fact("A", 1, phone: 5)]])
        #expect(try fixture.store.copy("A") == nil)
        #expect(try fixture.store.copies(phone: 5) == [])
        try fixture.finish()
    }

    /// Pages of a phone's cards, by the last card seen.
    @Test func withCards_pagesInTheOrderOfTheIDs() throws {
        let fixture = try StoreFixture()
        let ids = ["A", "A-1", "B", "C", "CC"]
        _ = try fixture.store.commit([try ids.reversed().map { try fact($0, 1, phone: 5) }])
        // Neighbours in the key space that must not be taken for the same phone.
        _ = try fixture.store.commit([[try fact("X", 1, phone: 6), try fact("Y", 1, phone: 4)]])
        func page(_ after: String?, _ limit: Int) throws -> [String] {
            try fixture.store.copies(phone: 5, after: after, limit: limit).map(\.id)
        }
        #expect(try page(nil, 100) == ids)
        #expect(try page(nil, 2) == ["A", "A-1"])
        #expect(try page("A-1", 2) == ["B", "C"])
        #expect(try page("C", 2) == ["CC"])
        #expect(try page("CC", 2) == [])
        // The card behind a cursor may have moved to another phone since.
        #expect(try page("AA", 2) == ["B", "C"])
        #expect(try page(nil, 0) == [])
        try fixture.finish()
    }

    /// The longest ID, the greatest phone and texts at their limits fit in keys and records.
    @Test func commit_keepsTheGreatestValues() throws {
        let fixture = try StoreFixture()
        let id = try card(String(repeating: "Z", count: CardID.maxCount))
        let event = CardEvent(
            identity: EventIdentity(
                occurredAt: .max, status: .returned,
                feed: try #require(FeedID(String(repeating: "z", count: FeedID.maxCount))),
                reference: EventText(
                    unchecked: Array(repeating: 0x72, count: EventText.referenceMaxCount))),
            phone: try phone(9_999_999_999_999_999_999),
            comment: EventText(
                unchecked: Array(repeating: 0x63, count: EventText.commentMaxCount)))
        _ = try fixture.store.commit([[CardFact(card: id, event: event)]])
        #expect(try fixture.store.history(of: id)?.events == [event])
        #expect(try fixture.store.copies(phone: 9_999_999_999_999_999_999).count == 1)
        try fixture.finish()
    }

    /// A full map refuses all of the commit, says how full it is, and the store reads on.
    @Test func commit_failsWhole_whenTheMapIsFull() throws {
        let fixture = try StoreFixture(mapSizeBytes: 40 * 4_096)
        let comment = String(repeating: "c", count: 1_000)
        var written = 0
        var failure: StoreError?
        while failure == nil, written < 1_000 {
            do {
                _ = try fixture.store.commit([[try fact("A", written, comment: comment)]])
                written += 1
            } catch let error as StoreError {
                failure = error
            }
        }
        guard case .mapFull(let used, let size) = failure else {
            Issue.record("\(written) events gave \(String(describing: failure))")
            return
        }
        #expect(size == 40 * 4_096)
        #expect(used > 0 && used <= size)
        #expect(try fixture.store.copy("A")?.second == written - 1)
        #expect(try fixture.store.lastSequence() == UInt64(written))
        try fixture.finish()

        // Two new cards of which the second has no room: neither is there.
        let big = try (0..<200).map { try fact("C", $0, comment: comment) }
        #expect(throws: StoreError.self) {
            _ = try fixture.store.commit([[try fact("B", 1)], big])
        }
        #expect(try fixture.store.copy("B") == nil)
        try fixture.finish()

        // With a larger map it goes on.
        try fixture.reopen()
        _ = try fixture.store.commit([big])
        #expect(try fixture.store.copy("C")?.second == 199)
        try fixture.finish()
    }

    /// New events come back by themselves once pages are free again, though the file's highest page
    /// never falls.
    @Test func commit_takesNewEventsAgain_whenThereIsRoomAgain() throws {
        let fixture = try StoreFixture(mapSizeBytes: 64 * 4_096)
        let environment = fixture.store.environment
        let page = [UInt8](repeating: 1, count: 4_000)
        let ballast = try environment.write { try $0.createDatabase("ballast") }
        for number in UInt8(0)..<60 {
            do {
                try environment.write { transaction in
                    try transaction.put(page.span.bytes, for: [number].span.bytes, in: ballast)
                }
            } catch let error as LMDBError where error == .mapFull {
                break
            }
        }
        #expect(throws: StoreError.self) { _ = try fixture.store.commit([[try fact("A", 1)]]) }
        for number in UInt8(0)..<60 {
            try environment.write { transaction in
                _ = try transaction.remove([number].span.bytes, from: ballast)
            }
        }
        _ = try fixture.store.commit([[try fact("A", 1)]])
        #expect(try fixture.store.copy("A")?.second == 1)
        try fixture.finish()
    }

    /// Voids have the map's last part to themselves.
    @Test func commit_takesVoids_whenNewEventsAreRefused() throws {
        let fixture = try StoreFixture(mapSizeBytes: 200 * 4_096)
        var number = 0
        #expect(throws: StoreError.self) {
            while number < 10_000 {
                _ = try fixture.store.commit([
                    [try fact("CARD-\(number)", 1, comment: String(repeating: "c", count: 1_000))]
                ])
                number += 1
            }
        }
        let result = try fixture.store.commit([[try fact("CARD-0", 1, isVoid: true)]])
        #expect(result.counts[0].accepted == 1)
        #expect(try fixture.store.copy("CARD-0") == nil)
        #expect(throws: StoreError.self) {
            _ = try fixture.store.commit([[try fact("NEW", 1)]])
        }
        try fixture.finish()
    }
}
