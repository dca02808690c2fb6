import CardModel
import CardTesting
import Testing

@testable import CardIndex

struct IndexFillTests {
    /// Fills an index as a store's readers do: each thread takes the next run of IDs, in order.
    private func fill(
        _ ids: [CardID], capacity: Int, threads: Int, _ shape: CardShape
    ) throws -> CardIndex {
        let index = try CardIndex(capacity: capacity)
        // Partitions of 64 groups, so that there are many borders.
        let fill = IndexFill(index, partitionShift: 6)
        let findings = Findings()
        runThreads(threads) { thread in
            var part = fill.makePart()
            do {
                for run in stride(from: thread * 100, to: ids.count, by: threads * 100) {
                    for id in ids[run..<min(run + 100, ids.count)] {
                        try DrawnCard(id, version: 1, shape).lend { try part.add($0) }
                    }
                }
            } catch {
                findings.add("\(error)")
            }
            part.end()
        }
        runThreads(threads) { _ in fill.link() }
        try fill.finish()
        #expect(findings.all == [])
        return index
    }

    /// Whatever the number of threads, and whether the index has capacity for all cards, for some
    /// or for none: it is what inserting them makes, crowds included, and takes changes afterwards.
    @Test(
        arguments: [(1, 10_000), (2, 10_000), (3, 6_000), (4, 0)], [0, 1, 3_000, 10_000])
    func fill_isWhatInsertingMakes(_ setting: (threads: Int, capacity: Int), _ count: Int) throws {
        let ids = makeIDs(0..<count).sorted()
        let shape = CardShape(phones: 1_000)
        let filled = try fill(
            ids, capacity: setting.capacity, threads: setting.threads, shape)
        let inserted = try CardIndex(capacity: setting.capacity)
        for id in ids { try DrawnCard(id, version: 1, shape).insert(into: inserted) }
        #expect(filled.checkInvariants() == [])
        let (found, wanted) = (filled.statistics, inserted.statistics)
        #expect(found.cards == wanted.cards && found.crowds == wanted.crowds)
        #expect(count < 10_000 || found.crowds > 0)
        #expect(found.tableBytes == wanted.tableBytes)
        for id in ids {
            let isWhole = filled.withCard(id) { DrawnCard(id, version: 1, shape).isEqual($0) }
            #expect(isWhole == true)
        }
        for digits in 1...UInt64(shape.phones) {
            let phone = try #require(PhoneNumber(digits: shape.phoneBase + digits))
            #expect(page(filled, phone) == page(inserted, phone))
        }
        for id in ids.prefix(1_000) {
            try DrawnCard(id, version: 2, shape).insert(into: filled)
        }
        for id in ids.suffix(1_000) { filled.remove(id) }
        #expect(filled.checkInvariants() == [])
    }

    /// A phone of very many cards is a crowd also when threads share its cards.
    @Test func fill_countsACrowd_thatAllPartsHave() throws {
        let ids = makeIDs(0..<5_000).sorted()
        let shape = CardShape(phones: 1, percentWithoutPhone: 0)
        let index = try fill(ids, capacity: ids.count, threads: 2, shape)
        #expect(index.statistics.crowds == 1)
        #expect(page(index, try #require(PhoneNumber(digits: shape.phoneBase + 1))) == nil)
        #expect(index.checkInvariants() == [])
        for id in ids { index.remove(id) }
        #expect(index.checkInvariants() == [])
    }

    /// Bounded placing finds room up to its border, counts those that it passes, and changes
    /// nothing when there is none.
    @Test func place_keepsToItsBorder() throws {
        let table = try GroupTable(capacity: 100)
        defer { table.release() }
        let places = GroupTable.placesPerGroup
        for record in 1...UInt32(2 * places) {
            #expect(table.place(record, tag: 7, home: 1, before: 3))
        }
        #expect(!table.place(99, tag: 7, home: 1, before: 3))
        var found: [Int: [UInt32]] = [:]
        for group in 0..<table.groupCount {
            table.forEach(inGroup: group) { found[group, default: []].append($1) }
        }
        #expect(
            found == [
                1: Array(1...UInt32(places)), 2: Array(UInt32(places) + 1...UInt32(2 * places)),
            ])
    }
}
