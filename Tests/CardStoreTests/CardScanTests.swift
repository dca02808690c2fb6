import CardModel
import Foundation
import Synchronization
import Testing

@testable import CardStore

struct CardScanTests {
    /// Any number of readers read every card once, each in ascending order, from one snapshot.
    @Test(arguments: [1, 2, 5], [false, true])
    func read_dividesTheCards(_ readers: Int, _ readsAtRandom: Bool) throws {
        let fixture = try StoreFixture(readsAtRandom: readsAtRandom)
        let facts = try (0..<5_000).map { try fact("C\($0 * 7_919 % 5_000)", 1) }
        _ = try fixture.store.commit([facts])
        let scan = try CardScan(fixture.store, readers: readers)
        #expect(scan.readers == readers && scan.cardCount == 5_000)
        let found = Mutex<[[CardID]]>([])
        DispatchQueue.concurrentPerform(iterations: readers) { reader in
            var ids: [CardID] = []
            do {
                try scan.read(as: reader) { ids.append($0.id) }
            } catch {
                Issue.record(error)
            }
            let read = ids
            found.withLock { $0.append(read) }
        }
        try scan.finish()
        let all = found.withLock { $0 }
        for ids in all { #expect(ids == ids.sorted()) }
        #expect(all.flatMap(\.self).sorted() == Set(facts.map(\.card)).sorted())
        #expect(scan.lastSequence == 5_000)
    }

    /// A reader that did not come to its end shows as missing cards.
    @Test func finish_throws_whenCardsWereNotRead() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1)]])
        let scan = try CardScan(fixture.store, readers: 1)
        #expect(throws: StoreError.self) { try scan.finish() }
    }
}
