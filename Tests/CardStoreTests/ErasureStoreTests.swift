import CardModel
import CardTesting
import Foundation
import LMDBKit
import Testing

@testable import CardStore

struct ErasureStoreTests {
    private static func customer(_ id: String, phone digits: UInt64? = nil) throws -> Customer {
        var customer = Customer(id: try CustomerID(Array(id.utf8).span))
        customer.phone = try digits.map(phone)
        return customer
    }

    private static func show(
        _ customers: [Customer], in store: CardStore
    ) throws -> CustomerCounts {
        let set = try store.beginCustomers()
        var counts = try store.add(customers, to: set)
        counts.removed = try store.show(set, counts)
        return counts
    }

    private static func ids(_ store: CardStore) throws -> [String] {
        var ids: [String] = []
        _ = try store.forEachCustomer(from: 0, limit: 100_000) { ids.append("\($0.id)") }
        return ids
    }

    // MARK: Events

    /// The card, its place among the phone's and the log follow; status and time stay.
    @Test func run_blanksEventsAndLogsTheirCards() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([
            [
                try fact("A", 1, phone: 7, comment: "one"), try fact("A", 2, comment: "two"),
                try fact("B", 1, phone: 8), try fact("C", 1, phone: 7),
                try fact("C", 2, phone: 8, comment: "three"),
            ]
        ])
        let sequence = try fixture.store.lastSequence()
        let seven = ErasureSubject.phone(try phone(7))
        let looked = try StoreErasure(fixture.store).look(for: [seven])
        #expect(try fixture.store.lastSequence() == sequence)
        #expect(try fixture.store.erasures() == nil)
        let outcome = try StoreErasure(fixture.store).run([seven])
        #expect((outcome.new, outcome.cards, outcome.events) == (1, 2, 2))
        #expect(looked == outcome)
        #expect(try fixture.store.copy("A") == CardCopy("A", 2, comment: "two"))
        #expect(try fixture.store.copy("C") == CardCopy("C", 2, phone: 8, comment: "three"))
        #expect(try fixture.store.copies(phone: 7).isEmpty)
        #expect(try fixture.store.copies(phone: 8).map(\.id) == ["B", "C"])
        let history = try #require(try fixture.store.history(of: try card("A")))
        #expect(history.events[0].isErased && history.events[0].comment == .empty)
        #expect(
            try fixture.store.changes(after: sequence, limit: 10)
                == .cards([try card("A"), try card("C")], last: sequence + 2))
        // Again, and what was said again: nothing happens.
        #expect(try StoreErasure(fixture.store).run([seven]).events == 0)
        let again = try fixture.store.commit([
            [try fact("A", 1, phone: 7, comment: "one"), try fact("D", 1, phone: 7, comment: "x")]
        ])
        #expect(again.counts[0].duplicates == 1)
        #expect(again.counts[0].accepted == 1)
        #expect(try fixture.store.copy("D") == CardCopy("D", 1))
        try fixture.finish()
    }

    /// An erasure that was cut off keeps out what it is of, is known, and is completed by the next
    /// one, of whatever.
    @Test func run_completesWhatWasCutOff() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1, phone: 7), try fact("B", 1, phone: 8)]])
        _ = try fixture.store.suppress([.phone(try phone(7))])
        #expect(try fixture.store.hasUnfinishedErasure())
        #expect(try fixture.store.copy("A")?.phone == 7)
        _ = try fixture.store.commit([[try fact("C", 1, phone: 7)]])
        #expect(try fixture.store.copy("C")?.phone == nil)
        try fixture.reopen()
        let outcome = try StoreErasure(fixture.store).run([])
        #expect((outcome.cards, outcome.events) == (1, 1))
        #expect(try !fixture.store.hasUnfinishedErasure())
        #expect(try fixture.store.copy("A")?.phone == nil)
        #expect(try fixture.store.copy("B")?.phone == 8)
        try fixture.finish()
    }

    /// Many cards with one phone take several transactions and snapshots.
    @Test func run_reachesAllCards_whenThereAreMany() throws {
        let fixture = try StoreFixture()
        let facts = try (0..<25_000).map { number in
            try fact("C\(number)", 1, phone: number % 40 == 0 ? 7 : 8, comment: "c")
        }
        _ = try fixture.store.commit([facts])
        var looked = 0
        let erasure = StoreErasure(fixture.store) { looked = $0 }
        let outcome = try erasure.run([.phone(try phone(7))])
        #expect((outcome.cards, outcome.events) == (625, 625))
        #expect(looked == 25_000)
        #expect(try fixture.store.copies(phone: 7).isEmpty)
        try fixture.finish()
    }

    /// Where there is time for one card or customer a transaction, all have their turn.
    @Test func run_reachesAll_whenTimeIsShort() throws {
        let fixture = try StoreFixture()
        let facts = try (0..<9).map { try fact("C\($0)", 1, phone: 7, comment: "c") }
        _ = try fixture.store.commit([facts])
        let customers = try (0..<5).map { try Self.customer("P\($0)", phone: 7) }
        _ = try Self.show(customers, in: fixture.store)
        let before = fixture.store.lastTransactionID
        var erasure = StoreErasure(fixture.store)
        erasure.workMax = .zero
        let outcome = try erasure.run([.phone(try phone(7))])
        #expect((outcome.cards, outcome.customers) == (9, 5))
        #expect(fixture.store.lastTransactionID >= before + 9 + 5)
        #expect(try fixture.store.copies(phone: 7).isEmpty)
        try fixture.finish()
    }

    /// Where new events have no room any more, an erasure has.
    @Test func run_goesOn_whenTheMapHasNoRoomForEvents() throws {
        let fixture = try StoreFixture(mapSizeBytes: 4 << 20)
        let comment = String(repeating: "c", count: 1_000)
        var written = 0
        let failure = #expect(throws: StoreError.self) {
            while written < 4_000 {
                let id = "C\(written)"
                _ = try fixture.store.commit([[try fact(id, 1, phone: 7, comment: comment)]])
                written += 1
            }
        }
        guard case .mapFull = failure else {
            Issue.record("\(String(describing: failure))")
            return
        }
        let outcome = try StoreErasure(fixture.store).run([.phone(try phone(7))])
        #expect(outcome.cards == written)
        try fixture.finish()
    }

    /// A record that cannot be read may have anything: the erasure does the rest and stays open.
    @Test func run_saysSo_whenARecordIsDamaged() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1, phone: 7), try fact("B", 1, phone: 7)]])
        let key = Array("A".utf8)
        var value = try #require(try fixture.value(key, in: .cards))
        value[40] ^= 1
        try fixture.put(value, for: key, in: .cards)
        let outcome = try StoreErasure(fixture.store).run([.phone(try phone(7))])
        #expect((outcome.damaged, outcome.cards) == (1, 1))
        #expect(try fixture.store.hasUnfinishedErasure())
    }

    /// File names and messages of runs that have ended lose the phone.
    @Test func run_takesPhonesOutOfRuns() throws {
        let fixture = try StoreFixture()
        let number = try phone(971_585_949_014)
        let added = try fixture.store.addRun { id in
            StoredRun(
                id: id, feed: "pickup", way: .upload, source: "0585949014.csv", requestedAt: 5)
        }
        #expect(try StoreErasure(fixture.store).run([.phone(number)]).runs == 0)
        var run = added
        run.state = .done
        run.files = [StoredRun.File(name: "0585949014.csv", sizeBytes: 3, modifiedAt: 0)]
        run.files[0].failure = "its columns are 'A1', '+971 58 594 9014'"
        run.message = run.files[0].failure
        try fixture.store.store(RunChange(run))
        #expect(try StoreErasure(fixture.store).run([.phone(number)]).runs == 1)
        let clean = try #require(try fixture.store.run(added.id))
        #expect(clean.source == "(erased)")
        #expect(clean.message == "(erased)")
        #expect(clean.files.map(\.name) == ["(erased)"])
        #expect(clean.files.map(\.failure) == ["(erased)"])
        #expect(try StoreErasure(fixture.store).run([.phone(number)]).runs == 0)
        try fixture.finish()
    }

    // MARK: Customers

    /// By their phone or their ID they go, the phone too, and no pull brings them back.
    @Test func run_removesCustomers_andKeepsThemOut() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let fixture = try StoreFixture()
        let customers = try (0..<1_000).map { number in
            try Self.customer("C\(10_000 + number)", phone: UInt64(1_000 + number / 3))
        }
        _ = try Self.show(customers, in: fixture.store)
        _ = try fixture.store.commit([[try fact("A", 1, phone: 1_000)]])
        var kept = customers
        let named = try CustomerID(Array("C10000".utf8).span)
        let first = try StoreErasure(fixture.store).run([.customer(named)])
        #expect(first.customers == 3)
        #expect(first.phones == [try phone(1_000)])
        #expect(try fixture.store.copy("A")?.phone == nil)
        kept.removeFirst(3)
        for _ in 0..<12 {
            guard let digits = kept.randomElement(using: &random)?.phone?.digits else { continue }
            let gone = kept.filter { $0.phone?.digits == digits }
            kept.removeAll { $0.phone?.digits == digits }
            let outcome = try StoreErasure(fixture.store).run([.phone(try phone(digits))])
            #expect(outcome.customers == gone.count, "seed \(seed)")
            #expect(try Self.ids(fixture.store) == kept.map { "\($0.id)" }, "seed \(seed)")
            for place in [0, 255, 256, 511, 512, kept.count - 1] {
                var found: [CustomerID] = []
                _ = try fixture.store.forEachCustomer(from: place, limit: 1) { found.append($0.id) }
                #expect(found == [kept[place].id], "seed \(seed), place \(place)")
            }
            #expect(try fixture.store.check().findings == [], "seed \(seed)")
        }
        // Also with another phone, or with none.
        let moved = try Self.customer("C10001", phone: 5)
        let counts = try Self.show(customers + [moved], in: fixture.store)
        #expect(counts.erased == customers.count - kept.count + 1)
        #expect(try Self.ids(fixture.store) == kept.map { "\($0.id)" })
        try fixture.finish()
    }

    /// All of them, so that no mark is left; and one whom nobody has yet.
    @Test func run_removesTheLastCustomer() throws {
        let fixture = try StoreFixture()
        _ = try Self.show([try Self.customer("A", phone: 7)], in: fixture.store)
        let absent = try CustomerID(Array("B".utf8).span)
        #expect(try StoreErasure(fixture.store).run([.customer(absent)]).customers == 0)
        #expect(try StoreErasure(fixture.store).run([.phone(try phone(7))]).customers == 1)
        #expect(try fixture.store.customerCount() == 0)
        let both = [try Self.customer("B"), try Self.customer("C")]
        let counts = try Self.show(both, in: fixture.store)
        #expect((counts.new, counts.erased) == (1, 1))
        #expect(try Self.ids(fixture.store) == ["C"])
        try fixture.finish()
    }

    /// One that a pull has brought and not shown yet is not shown by it.
    @Test func run_reachesTheSetThatIsBeingBuilt() throws {
        let fixture = try StoreFixture()
        let customers = try (0..<600).map { number in
            try Self.customer("C\(1_000 + number)", phone: UInt64(number + 1))
        }
        let set = try fixture.store.beginCustomers()
        let counts = try fixture.store.add(customers, to: set)
        let outcome = try StoreErasure(fixture.store).run([.phone(try phone(1))])
        #expect(outcome.customers == 0)
        _ = try fixture.store.show(set, counts)
        #expect(try Self.ids(fixture.store) == customers.dropFirst().map { "\($0.id)" })
        try fixture.finish()
    }

    // MARK: The list

    /// A list that has lost an entry would let in what was erased: nothing with a phone comes in,
    /// and a check says why.
    @Test func commit_throws_whenAnErasureIsMissing() throws {
        let fixture = try StoreFixture()
        _ = try StoreErasure(fixture.store).run([.phone(try phone(7)), .phone(try phone(8))])
        let key = try fixture.dump(.erasures)[0][0]
        try fixture.remove(key, from: .erasures)
        try fixture.reopen()
        #expect(throws: StoreError.self) {
            _ = try fixture.store.commit([[try fact("A", 1, phone: 9)]])
        }
        #expect(
            try fixture.store.check().findings.map(\.description)
                == ["erasures: 2 entries were written, and 1 are accounted for"])
        #expect(throws: StoreError.self) { try fixture.store.repair(givesUpLosses: false) }
        try fixture.store.repair(givesUpLosses: true)
        try fixture.reopen()
        _ = try fixture.store.commit([[try fact("A", 1, phone: 9)]])
        try fixture.finish()
    }

    @Test func check_finds_whenTheKeyIsDamaged() throws {
        let fixture = try StoreFixture()
        _ = try StoreErasure(fixture.store).run([.phone(try phone(7))])
        try fixture.put([1], for: Array(MetaValue.erasureKey.utf8), in: .meta)
        #expect(
            try fixture.store.check().findings.map(\.description)
                == ["meta: the entry 'erasure_key' is not what was written"])
        #expect(throws: StoreError.self) { try fixture.store.repair(givesUpLosses: false) }
        try fixture.store.repair(givesUpLosses: true)
        #expect(try fixture.store.erasures() == nil)
        try fixture.finish()
    }

    /// The tag, and not the phone, is what the store has; and every entry is sealed.
    @Test func suppress_keepsTagsOnly() throws {
        let fixture = try StoreFixture()
        let digits: UInt64 = 971_585_949_014
        _ = try fixture.store.suppress([.phone(try phone(digits))])
        let entries = try fixture.dump(.erasures)
        #expect(entries.count == 1)
        #expect(entries[0][0].count == ErasureTag.byteCount)
        let bytes = entries[0][0] + entries[0][1]
        let number = withUnsafeBytes(of: digits.littleEndian) { Array($0) }
        #expect(!bytes.indices.contains { bytes[$0...].starts(with: number) })
        #expect(try fixture.store.suppress([.phone(try phone(digits))]) == 0)
        #expect(try fixture.totals(.erasures).count == 1)
        _ = try StoreErasure(fixture.store).run([])
        try fixture.finish()
    }

    /// A store of the schema before there were erasures gets what it lacks.
    @Test func init_migrates_whenTheStoreKnowsNoErasures() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1, phone: 7)]])
        let databases = fixture.store.databases
        try fixture.store.environment.write { transaction in
            try MetaValue.write(MetaValue.schema, [3], &transaction, databases.meta)
            for name in [MetaValue.totals(.erasures), MetaValue.erasuresApplied] {
                let key = Array(name.utf8)
                _ = try transaction.remove(key.span.bytes, from: databases.meta)
            }
        }
        try fixture.reopen()
        #expect(try StoreErasure(fixture.store).run([.phone(try phone(7))]).events == 1)
        try fixture.finish()
    }

    /// Not under a server of an older version, which would go on without erasures; the process that
    /// has the lock itself, as a repair does, may.
    @Test func init_refusesToMigrate_besideAnOlderServer() throws {
        let fixture = try StoreFixture()
        try fixture.writeMeta(MetaValue.schema, [3])
        let lock = try ServerLock(directory: fixture.scratch.path)
        // Another process's number, as its file would have it.
        let descriptor = open(fixture.scratch.file("serve.lock"), O_WRONLY | O_TRUNC)
        #expect(pwrite(descriptor, "process 1\n", 10, 0) == 10)
        close(descriptor)
        #expect(
            throws: StoreError.alreadyServed(
                directory: fixture.scratch.path, by: "a server of an older version")
        ) { try fixture.reopen() }
        withExtendedLifetime(lock) {}
    }

    // MARK: Exports

    /// What was erased goes with an export: the store that is made of it keeps it out, and exports
    /// the same.
    @Test func restore_keepsErasures() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([
            [
                try fact("A", 1, phone: 7, comment: "x"), try fact("A", 1, phone: 9),
                try fact("B", 1),
            ]
        ])
        _ = try StoreErasure(fixture.store).run([.phone(try phone(8))])
        let scratch = try ScratchDirectory()
        let restore = try StoreRestore(directory: scratch.path, mapSizeBytes: 1 << 24)
        try fixture.store.forEachHistoryOfAll {
            try restore.setErasures($0)
        } _: { card, history in
            let isAdded = try restore.add(card, history.events)
            #expect(isAdded)
        }
        try restore.finish()
        let restored = try CardStore(directory: scratch.path, create: false)
        _ = try restored.commit([[try fact("C", 1, phone: 8)]])
        #expect(try restored.copy("C")?.phone == nil)
        #expect(try !restored.hasUnfinishedErasure())
        // Its lesser phone is remembered there too.
        #expect(try restored.copy("A")?.phone == 9)
        _ = try StoreErasure(restored).run([.phone(try phone(7))])
        #expect(try restored.copy("A") == CardCopy("A", 1))
        #expect(try restored.check().findings == [])
        try fixture.finish()
    }
}
