import CardModel
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardIndex

/// Memory is used again when no reader can hold it: not before, and then it is.
///
/// Serialised, since a read that lasts holds up the memory of every index of the process.
@Suite(.serialized)
struct ReclamationTests {
    private let shape = CardShape(phones: 3, percentLong: 0)

    /// Replaces and removes cards more often than the writer waits before it looks for readers.
    /// Without growth, which would wait for a reader that is in the way.
    private func churn(_ index: CardIndex, _ ids: [CardID], version: inout UInt32) throws {
        for _ in 0..<(2_000 / ids.count + 1) {
            for id in ids {
                version += 1
                if version % 5 == 0 { index.remove(id) }
                try DrawnCard(id, version: version, shape).insert(into: index)
            }
        }
    }

    /// A lent card stays as it is until the read ends, however often it is replaced meanwhile, and
    /// though a read within the read has ended; also for readers who come when all cells are taken.
    ///
    ///     others      readers                            writer
    ///     read once, keep their cells
    ///                 lend version 1
    ///                 another read, ends
    ///                                                    replace every card, thousands of times
    ///                 compare with version 1
    ///                 end the read
    ///     end
    ///                                                    replace on: memory is used again
    @Test(arguments: [0, ReaderEpochs.cellMax + 8])
    func lentCards_stayAsTheyAre_untilTheReadEnds(_ others: Int) throws {
        let ids = makeIDs(0..<50)
        let index = try CardIndex(capacity: 2_000)
        for id in ids { try DrawnCard(id, version: 1, shape).insert(into: index) }
        let (hasRead, mayEnd, ended) = (Signal(), Signal(), Signal())
        for _ in 0..<others {
            Thread.detachNewThread {
                CardIndex.read {}
                hasRead.send()
                mayEnd.wait()
                ended.send()
            }
        }
        hasRead.wait(for: others)
        let readers = 3
        let (hasLent, mayCompare) = (Signal(), Signal())
        let changed = Atomic(0)
        for reader in 0..<readers {
            Thread.detachNewThread {
                let id = ids[reader]
                let card = DrawnCard(id, version: 1, shape)
                let isWhole = index.withCard(id) { view in
                    let wasWhole = index.withCard(id) { card.isEqual($0) }
                    hasLent.send()
                    mayCompare.wait()
                    return wasWhole == true && card.isEqual(view)
                }
                if isWhole != true { changed.add(1, ordering: .relaxed) }
                ended.send()
            }
        }
        hasLent.wait(for: readers)
        var version: UInt32 = 1
        try churn(index, ids, version: &version)
        let held = index.statistics
        mayCompare.send(readers)
        mayEnd.send(others)
        ended.wait(for: readers + others)
        #expect(changed.load(ordering: .relaxed) == 0)
        #expect(held.freeBytes == 0, "what a reader may hold is not free")
        #expect(held.retiredBytes > 0)
        #expect(index.checkInvariants() == [])
        try expectReuse(index, ids, &version)
    }

    /// The memory of replaced cards is used again, so that updates without end need no more.
    @Test func memory_isUsedAgain_whenReadersHaveGoneOn() throws {
        let ids = makeIDs(0..<50)
        let index = try CardIndex(capacity: 2_000)
        var version: UInt32 = 0
        try churn(index, ids, version: &version)
        try expectReuse(index, ids, &version)
    }

    /// Waits for readers of tests that run beside this one, and then until no more memory
    /// is taken.
    private func expectReuse(
        _ index: CardIndex, _ ids: [CardID], _ version: inout UInt32
    ) throws {
        for _ in 0..<40 {
            let before = index.statistics.recordBytes
            try churn(index, ids, version: &version)
            CardIndex.waitForReaders()
            let after = index.statistics
            #expect(index.checkInvariants() == [])
            if after.recordBytes == before, after.freeBytes > 0 { return }
        }
        Issue.record("the same cards take ever more memory")
    }

    /// A thread's cell goes to another when the thread ends: thousands of threads, a few at a time,
    /// never run out of them.
    @Test func cells_areFree_whenTheirThreadsHaveEnded() {
        let withoutCell = Atomic(0)
        for _ in 0..<200 {
            runThreads(10) { _ in
                let cell = ReaderEpochs.enter()
                if cell == nil { withoutCell.add(1, ordering: .relaxed) }
                ReaderEpochs.leave(cell)
            }
        }
        #expect(withoutCell.load(ordering: .relaxed) == 0)
    }

    /// Whoever waits for readers does not go on before a read that had begun has ended.
    @Test func waitForReaders_returns_whenTheReadHasEnded() {
        let isReading = Signal()
        let mayEnd = Signal()
        let hasEnded = Atomic(false)
        let goneOnEarly = Atomic(false)
        let isWaiting = Atomic(false)
        runThreads(3) { worker in
            switch worker {
            case 0:
                CardIndex.read {
                    isReading.send()
                    mayEnd.wait()
                    hasEnded.store(true, ordering: .releasing)
                }
            case 1:
                isReading.wait()
                isWaiting.store(true, ordering: .releasing)
                CardIndex.waitForReaders()
                if !hasEnded.load(ordering: .acquiring) {
                    goneOnEarly.store(true, ordering: .relaxed)
                }
                mayEnd.send()
            default:
                while !isWaiting.load(ordering: .acquiring) { sched_yield() }
                // Gives the one that waits every opportunity to go on too early.
                for _ in 0..<1_000 { sched_yield() }
                mayEnd.send()
            }
        }
        let isEarly = goneOnEarly.load(ordering: .relaxed)
        #expect(!isEarly)
    }
}
