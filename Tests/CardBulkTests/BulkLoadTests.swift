import CardModel
import CardStore
import CardTesting
import Foundation
import Testing

@testable import CardBulk

/// A bulk load leaves what ordinary commits of the same facts leave.
@Suite struct BulkLoadTests {
    /// Whatever the facts and whatever was in the store, every entry of every database is the same
    /// byte for byte, totals and changes included, and so are the counts.
    @Test(arguments: UInt64(1)...12)
    func write_leavesTheBytesOfACommit_forRandomFacts(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bulk = try BulkStore()
        let ordinary = try BulkStore()
        for round in 0..<4 {
            let count = Int.random(in: 1...3_000, using: &random)
            let facts = try Self.drawFacts(&random, count: count)
            let report = try bulk.bulk(facts)
            #expect(report.way == .rebuilt)
            let counts = try ordinary.commit(facts)
            #expect(report.counts == counts, "seed \(seed), round \(round)")
            let isSame = try bulk.dump() == ordinary.dump()
            #expect(isSame, "seed \(seed), round \(round)")
            _ = try bulk.histories()
            // Ordinary transactions go on in what the bulk load left.
            let more = try Self.drawFacts(&random, count: 200)
            try bulk.commit(more)
            try ordinary.commit(more)
            let isSameAfter = try bulk.dump() == ordinary.dump()
            #expect(isSameAfter, "seed \(seed), round \(round)")
        }
    }

    /// With erasures in the store, also of phones that many facts have.
    @Test(arguments: UInt64(41)...44)
    func write_leavesTheBytesOfACommit_whenPhonesAreErased(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bulk = try BulkStore()
        let ordinary = try BulkStore()
        let key = ErasureKey()
        var erasures = CardStore.ExportedErasures(key: key)
        for number in 1...UInt64.random(in: 1...2, using: &random) {
            let phone = try #require(PhoneNumber(digits: number * 971_500_000_000))
            erasures.tags.append((key.tag(of: .phone(phone)), .phone))
        }
        for store in [bulk, ordinary] { try store.withStore { try $0.adopt(erasures) } }
        for round in 0..<3 {
            let facts = try Self.drawFacts(&random, count: 2_000)
            let report = try bulk.bulk(facts)
            #expect(report.way == .rebuilt)
            #expect(try report.counts == ordinary.commit(facts), "seed \(seed), round \(round)")
            let isSame = try bulk.dump() == ordinary.dump()
            #expect(isSame, "seed \(seed), round \(round)")
        }
        let histories = try bulk.histories()
        #expect(histories.values.contains { $0.events.contains(where: \.isErased) })
        for history in histories.values {
            #expect(!history.events.contains(where: erasures.list.covers))
        }
    }

    /// Every leaf page of a store that was written anew has room for another entry or two, so that
    /// the first events that come later split none.
    @Test func write_leavesRoomInLeafPages() throws {
        let store = try BulkStore()
        let facts = try (0..<20_000).map { number in
            BulkStore.Fact(
                fact: try fact(
                    "CARD-\(number)", number, phone: UInt64(971_500_000_000 + number),
                    comment: String(repeating: "x", count: number % 400 == 0 ? 900 : number % 90)),
                file: 0)
        }
        #expect(try store.bulk(facts).way == .rebuilt)
        let bytes = try Data(contentsOf: URL(fileURLWithPath: store.directory + "/data.mdb"))
        var leaves = 0
        for page in 2..<(bytes.count / 4_096) {
            let words = bytes[(page * 4_096)..<(page * 4_096 + 16)].withUnsafeBytes {
                Array($0.bindMemory(to: UInt16.self))
            }
            let (flags, lower, upper) = (words[5], Int(words[6]), Int(words[7]))
            guard flags == 0x02 else { continue }
            leaves += 1
            #expect(upper - lower >= 256 || lower == 18, "page \(page)")
        }
        #expect(leaves > 500)
    }

    /// In transactions, too, the same histories come of it, and the same counts.
    @Test(arguments: UInt64(21)...23)
    func write_leavesTheSameHistories_inTransactions(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bulk = try BulkStore()
        let ordinary = try BulkStore()
        try bulk.commit([.init(fact: try fact("OLD", 1), file: 0)])
        try ordinary.commit([.init(fact: try fact("OLD", 1), file: 0)])
        let facts = try Self.drawFacts(&random, count: 2_000)
        let report = try bulk.bulk(facts, eventsPerFactMax: 0)
        #expect(report.way == .committed)
        #expect(try report.counts == ordinary.commit(facts), "seed \(seed)")
        #expect(try bulk.histories() == ordinary.histories(), "seed \(seed)")
    }

    /// More events and voids of one card than it keeps, and records longer than a page.
    @Test(arguments: UInt64(31)...33)
    func write_leavesTheBytesOfACommit_whenHistoriesOverflow(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bulk = try BulkStore()
        let ordinary = try BulkStore()
        for round in 0..<3 {
            var facts = try (0..<400).map { number in
                try fact(
                    "FULL", Int.random(in: 0..<2_000, using: &random),
                    phone: number % 90 == 0 ? 7 : 0,
                    comment: String(repeating: "long", count: number % 256),
                    isVoid: number % 5 == 0)
            }
            facts += try (0..<60).map { try fact("OTHER\($0 % 3)", $0, comment: "c") }
            facts.shuffle(using: &random)
            let numbered = facts.map { BulkStore.Fact(fact: $0, file: 0) }
            let report = try bulk.bulk(numbered)
            let counts = try ordinary.commit(numbered)
            #expect(report.counts == counts, "seed \(seed), round \(round)")
            let isSame = try bulk.dump() == ordinary.dump()
            #expect(isSame, "seed \(seed), round \(round)")
            _ = try bulk.histories()
        }
    }

    /// What is known already changes nothing, not even the file.
    @Test func write_leavesTheFile_whenAllIsKnown() throws {
        let bulk = try BulkStore()
        let facts = try (0..<100).map { BulkStore.Fact(fact: try fact("C\($0)", $0), file: 1) }
        try bulk.bulk(facts)
        let before = try bulk.withStore { $0.lastTransactionID }
        let report = try bulk.bulk(facts)
        #expect(report.counts[1].duplicates == 100)
        #expect(report.counts[1].accepted == 0)
        #expect(try bulk.withStore { $0.lastTransactionID } == before)
    }

    /// Keys and whatever else `meta` holds outlive the new file; the transaction's ID only rises.
    @Test func write_keepsKeysAndRaisesTheTransaction() throws {
        let bulk = try BulkStore()
        let key = StoredKey(
            hash: Array(repeating: 7, count: StoredKey.hashCount), name: "ops", createdAt: 5)
        let before = try bulk.withStore { store in
            try store.addKey(key)
            return store.lastTransactionID
        }
        try bulk.bulk([.init(fact: try fact("A", 1), file: 0)])
        try bulk.withStore { store in
            let keys = try store.keys()
            let version = try store.keysVersion()
            #expect(keys == [key])
            #expect(version == 1)
            #expect(store.lastTransactionID > before)
        }
    }

    /// With more facts than memory, what is written to the spill file and read back is the same.
    @Test func write_leavesTheBytesOfACommit_whenFactsSpill() throws {
        let bulk = try BulkStore()
        let ordinary = try BulkStore()
        let comment = String(repeating: "spill", count: 200)
        let facts = try (0..<40_000).map { number in
            BulkStore.Fact(
                fact: try fact("C\(number * 7_919 % 30_011)", number % 5, comment: comment), file: 0
            )
        }
        let collected = try bulk.collect(facts, memoryBytes: 1)
        #expect(collected.spilledBytes > 0)
        let load = BulkLoad(
            directory: bulk.directory, mapSizeBytes: bulk.mapSizeBytes, files: 3, threads: 2)
        _ = try load.write(collected)
        try ordinary.commit(facts)
        let isSame = try bulk.dump() == ordinary.dump()
        #expect(isSame)
    }

    /// A full map is told of, and the store is as it was.
    @Test func write_throwsAndKeepsTheStore_whenTheMapIsFull() throws {
        let bulk = try BulkStore(mapSizeBytes: 1 << 20)
        try bulk.bulk([.init(fact: try fact("A", 1), file: 0)])
        let before = try bulk.dump()
        let facts = try (0..<40_000).map { BulkStore.Fact(fact: try fact("C\($0)", $0), file: 0) }
        let error = #expect(throws: BulkError.self) { try bulk.bulk(facts) }
        guard case .store(.mapFull) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(try bulk.dump() == before)
    }

    /// Beside somebody who has the store open, nothing is replaced under them.
    @Test func write_usesTransactions_besideAnOpener() throws {
        let bulk = try BulkStore()
        let lock = try #require(try Opener(bulk.directory))
        defer { lock.close() }
        let report = try bulk.bulk([.init(fact: try fact("A", 1), file: 0)])
        #expect(report.way == .committed)
        #expect(try bulk.histories().count == 1)
    }

    /// Who opens the store while it is written anew is told so.
    @Test func store_tellsWhoOpensIt_whileItIsRebuilt() throws {
        let bulk = try BulkStore()
        let lock = try EnvironmentLockHolder(bulk.directory)
        #expect(throws: StoreError.beingRebuilt(directory: bulk.directory)) {
            _ = try CardStore(directory: bulk.directory, create: false)
        }
        lock.release()
        _ = try CardStore(directory: bulk.directory, create: false)
    }

    /// Cards, moments, statuses and phones few enough to meet, IDs of all lengths, some with a long
    /// prefix in common.
    private static func drawFacts(
        _ random: inout SeededGenerator, count: Int
    ) throws -> [BulkStore.Fact] {
        try (0..<count).map { _ in
            let number = Int.random(in: 0..<600, using: &random)
            let card =
                switch number % 4 {
                case 0: "C\(number)"
                case 1: "A-LONG-PREFIX-OF-SIXTEEN-\(number)"
                case 2: String(repeating: "Z", count: 1 + number % 32)
                default: "\(number * 7_919 % 1_000_003)"
                }
            let length = Int.random(in: 0..<40, using: &random) == 0 ? 1_024 : number % 7
            return BulkStore.Fact(
                fact: try fact(
                    card, Int.random(in: 0..<4, using: &random),
                    status: CardStatus.allCases.randomElement(using: &random) ?? .returned,
                    feed: ["a", "b-feed"].randomElement(using: &random) ?? "",
                    reference: ["", "1"].randomElement(using: &random) ?? "",
                    phone: UInt64.random(in: 0...3, using: &random) * 971_500_000_000,
                    comment: String(repeating: "x", count: length),
                    isVoid: Int.random(in: 0..<6, using: &random) == 0),
                file: Int.random(in: 0..<3, using: &random))
        }
    }
}
