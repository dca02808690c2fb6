import CardModel
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardService
@testable import CardStore

struct ReloadTests {
    /// Every part of the scope that the server has is done once, in order, and reported.
    @Test func reload_saysWhatItDid() throws {
        let fixture = try ReloadFixture(
            hooks: ReloadHooks(config: { PreparedSetting { "read 3 feeds" } }))
        try fixture.store.addKey(
            StoredKey(hash: [UInt8](repeating: 7, count: 32), name: "agents", createdAt: 1))
        _ = try fixture.store.commit([try (0..<500).map { try fact("C\($0)", 1, phone: 5) }])
        fixture.service.start()
        #expect(wait { fixture.service.indexedCards == 500 })
        let steps = try fixture.reload(.all).get().steps
        #expect(
            steps.map(\.name) == [
                .config, .keys, .indexFill, .indexCatchUp, .indexSwap, .indexRelease,
            ])
        #expect(steps[0].detail == "read 3 feeds")
        #expect(steps[1].detail == "read 1 API keys")
        #expect(steps[2].cards == 500)
        #expect(steps[3].cards == 0)
        #expect(steps[4].cards == 500)
        #expect((steps[2].bytes ?? 0) > 500 * 16)
        #expect((steps[5].bytes ?? 0) > 500 * 16)
        #expect(steps.allSatisfy { $0.milliseconds >= 0 })
        #expect(try fixture.reload(.keys).get().steps.map(\.name) == [.keys])
        try fixture.finish()
    }

    /// What is read is validated whole before anything changes.
    @Test func reload_changesNothing_whenASettingIsInvalid() throws {
        struct Invalid: Error, CustomStringConvertible { let description = "line 3: no" }
        let applied = Atomic(0)
        let isValid = Atomic(false)
        let fixture = try ReloadFixture(
            hooks: ReloadHooks(
                config: {
                    PreparedSetting {
                        applied.add(1, ordering: .sequentiallyConsistent)
                        return ""
                    }
                },
                certs: {
                    if !isValid.load(ordering: .sequentiallyConsistent) { throw Invalid() }
                    return PreparedSetting { "" }
                }))
        fixture.service.start()
        #expect(wait { fixture.service.indexedCards == 0 })
        let fills = fixture.fills
        #expect(
            try fixture.reload(.all)
                == .failure(.invalid(setting: "certs", reason: "line 3: no")))
        #expect(applied.load(ordering: .sequentiallyConsistent) == 0)
        #expect(fixture.fills == fills)
        isValid.store(true, ordering: .sequentiallyConsistent)
        #expect(try fixture.reload(.all).get().steps.prefix(2).map(\.name) == [.config, .certs])
        #expect(applied.load(ordering: .sequentiallyConsistent) == 1)
        try fixture.finish()
    }

    /// One reload at a time; the end of one may ask for the next; and a server without settings
    /// says so.
    @Test func reload_isRefused_whileAnotherRuns() throws {
        let gate = DispatchSemaphore(value: 0)
        let fixture = try ReloadFixture(
            hooks: ReloadHooks(config: {
                gate.wait()
                return PreparedSetting { "" }
            }))
        let service = fixture.service
        service.start()
        let ended = DispatchSemaphore(value: 0)
        let second = Mutex<ReloadError?>(nil)
        try service.reload(.config) { _ in
            do throws(ReloadError) {
                try service.reload(.keys) { _ in ended.signal() }
            } catch {
                second.withLock { $0 = error }
                ended.signal()
            }
        }
        for scope: ReloadScope in [.keys, .config, .index, .all] {
            #expect(throws: ReloadError.alreadyReloading) { try service.reload(scope) { _ in } }
        }
        #expect(service.isReloading)
        gate.signal()
        ended.wait()
        #expect(second.withLock { $0 } == nil)
        #expect(
            throws: ReloadError.nothingToReload(reason: "the server has no certificates")
        ) { try service.reload(.certs) { _ in } }
        try fixture.finish()
        #expect(throws: ReloadError.stopping) { try service.reload(.keys) { _ in } }
    }

    /// A stop ends a reload, and waits for it.
    ///
    ///     test              reloading thread         stopping thread
    ///     reload            config: waits
    ///                                                stop: no more fills
    ///     open the gate
    ///                       index: refused
    ///                       completion               stopped
    @Test func stop_endsAReload() throws {
        let gate = DispatchSemaphore(value: 0)
        let fixture = try ReloadFixture(
            hooks: ReloadHooks(config: {
                gate.wait()
                return PreparedSetting { "" }
            }))
        let service = fixture.service
        service.start()
        #expect(wait { service.indexedCards == 0 })
        let result = Mutex<Result<ReloadReport, ReloadError>?>(nil)
        try service.reload([.config, .index]) { end in result.withLock { $0 = end } }
        let stopped = DispatchSemaphore(value: 0)
        Thread.detachNewThread {
            service.stop()
            stopped.signal()
        }
        #expect(
            wait {
                do {
                    try service.writer.submit([]) { _ in }
                    return false
                } catch { return true }
            })
        gate.signal()
        stopped.wait()
        #expect(result.withLock { $0 } == .failure(.stopping))
    }

    /// An index that cannot be built anew leaves the old one in place. Damage is everybody's
    /// concern, and forgotten when it is gone.
    @Test func reload_keepsTheIndex_whenTheStoreIsDamaged() throws {
        let fixture = try ReloadFixture()
        let service = fixture.service
        _ = try fixture.store.commit([[fact("A", 1), fact("B", 1)]])
        service.start()
        #expect(wait { service.indexedCards == 2 })
        let intact = try fixture.replaceRecord(of: "A", with: [1])
        guard case .failure(.failed(let step, let reason, _)) = try fixture.reload(.index) else {
            Issue.record("a damaged record was read")
            return
        }
        #expect(step == .indexFill)
        #expect(reason.contains("damaged"))
        #expect(service.unreadiness?.contains("the index cannot be filled") == true)
        #expect(service.indexedCards == 2)
        #expect(try second(of: "A", service) == 1)
        try fixture.replaceRecord(of: "A", with: intact)
        #expect(try fixture.reload(.index).get().steps.count == 4)
        #expect(service.unreadiness == nil)
        try fixture.finish()
    }
}

struct FillTests {
    /// A fill that failed is tried again, and the service is not ready until one succeeds.
    @Test func fill_isTriedAgain_whenItFailed() throws {
        let fixture = try ReloadFixture()
        let service = fixture.service
        _ = try fixture.store.commit([[fact("A", 1), fact("B", 1)]])
        let intact = try fixture.replaceRecord(of: "A", with: [1])
        service.start()
        #expect(wait { fixture.failures >= 3 })
        #expect(service.unreadiness?.contains("the store is damaged") == true)
        #expect(try second(of: "B", service) == 1)
        try fixture.replaceRecord(of: "A", with: intact)
        #expect(wait { service.indexedCards == 2 && service.unreadiness == nil })
        #expect(service.fillProgress == nil)
        try fixture.finish()
    }

    /// Where readiness waits for memory it waits once; where it does not, the server is ready at
    /// once.
    @Test func unreadiness_endsWithTheFill_whenReadinessWaitsForMemory() throws {
        #expect(try ReloadFixture(readyWhen: .store).service.unreadiness == nil)
        let fixture = try ReloadFixture(readyWhen: .memory)
        _ = try fixture.store.commit([[fact("A", 1)]])
        #expect(fixture.service.unreadiness == "the index is not filled yet")
        fixture.service.start()
        #expect(wait { fixture.service.unreadiness == nil })
        #expect(fixture.service.indexedCards == 1)
        try fixture.trimLog()
        #expect(wait { fixture.fills == 2 })
        #expect(fixture.service.unreadiness == nil)
        try fixture.finish()
    }

    /// The estimate goes by the pace so far.
    @Test func progress_estimatesWhatIsLeft() {
        func left(_ cards: Int, of total: Int) -> Double? {
            FillProgress(cards: cards, cardsTotal: total, seconds: 2).secondsLeft
        }
        #expect(left(0, of: 100) == nil)
        #expect(left(25, of: 100) == 6)
        #expect(left(100, of: 100) == 0)
        #expect(left(120, of: 100) == 0)
        let counter = FillCounter()
        #expect(counter.progress == nil)
        counter.begin(cardsTotal: 10)
        counter.add(cards: 4)
        #expect(counter.progress?.cards == 4)
        #expect(counter.progress?.cardsTotal == 10)
        counter.end()
        #expect(counter.progress == nil)
    }

    /// A thread asked to be idle is, and others are not.
    @Test func thread_runsAtItsPriority() {
        for priority: OSThread.Priority in [.normal, .idle] {
            let isIdle = Atomic(false)
            OSThread(priority: priority) {
                isIdle.store(OSThread.isIdle, ordering: .sequentiallyConsistent)
            }.join()
            #expect(isIdle.load(ordering: .sequentiallyConsistent) == (priority == .idle))
        }
    }
}

/// Readers who watch while indexes come and go.
struct MovingIndexTests {
    private static let cardCount = 48
    private static let phoneCount = 6

    /// What disturbs the index in one test.
    enum Disturbance: CaseIterable {
        case reload
        case trimmedLog
        case both
    }

    /// What a snapshot says that was taken before the index appeared is not told after it, when
    /// the index may be older.
    @Test func fromStore_asksTheIndex_whenOneAppearsMeanwhile() throws {
        let fixture = try ReloadFixture()
        let service = fixture.service
        _ = try fixture.store.commit([[fact("A", 1)]])
        let before = try service.fromStore { check in
            try check()
            return 1
        }
        #expect(before == 1)
        let meanwhile = try service.fromStore { check in
            service.start()
            #expect(wait { service.indexedCards == 1 })
            try check()
            return 2
        }
        #expect(meanwhile == nil)
        try fixture.finish()
    }

    /// Through reloads, and through falls back to the store and returns to memory, nobody ever
    /// misses a card, sees less than what a writer was told is there, or sees a card older than
    /// anybody saw it before, by card ID, by phone or in a batch. Half of the cards are written as
    /// by another process.
    @Test(arguments: Disturbance.allCases)
    func lookUps_neverGoBack(_ disturbance: Disturbance) throws {
        let seed = SeededGenerator.newSeed()
        let fixture = try ReloadFixture()
        let watch = try Watch(count: Self.cardCount, phones: Self.phoneCount)
        _ = try fixture.store.commit([try watch.firstFacts()])
        fixture.service.start()
        var threads: [OSThread] = []
        let isOver = Atomic(false)
        func run(
            _ number: UInt64, _ body: @escaping @Sendable (inout SeededGenerator) throws -> Void
        ) {
            threads.append(
                OSThread {
                    var generator = SeededGenerator(seed: seed &+ number)
                    do {
                        while !isOver.load(ordering: .relaxed) { try body(&generator) }
                    } catch {
                        watch.report("\(error)")
                    }
                })
        }
        run(1) { try watch.write(through: fixture.service, &$0) }
        run(2) { try watch.write(beside: fixture.store, &$0) }
        for number in 3...4 { run(UInt64(number)) { try watch.look(fixture.service, &$0) } }
        var reloads = 0
        for _ in 0..<20 {
            #expect(wait { fixture.service.indexedCards != nil && !fixture.service.isFilling })
            let fills = fixture.fills
            switch disturbance {
            case .reload:
                _ = try fixture.reload(.index).get()
                reloads += 1
            case .trimmedLog:
                try fixture.trimLog()
            case .both:
                // Whether the fill begins before or after is left to chance.
                let outcome = fixture.startReload(.index)
                try fixture.trimLog()
                if case .success = try outcome() { reloads += 1 }
            }
            #expect(wait { fixture.fills > fills }, "seed \(seed)")
            #expect(fixture.service.checkInvariants() == [], "seed \(seed)")
        }
        #expect(reloads > 0 || disturbance == .trimmedLog)
        isOver.store(true, ordering: .relaxed)
        for thread in threads { thread.join() }
        #expect(watch.problems == [], "seed \(seed)")
        #expect(wait { fixture.service.indexedCards == Self.cardCount })
        #expect(wait { watch.isShown(by: fixture.service) }, "seed \(seed)")
        #expect(fixture.failures == 0 || disturbance == .both, "seed \(seed)")
        try fixture.finish()
    }
}

/// `fact`, for those who have one of their own.
private func oneFact(_ id: String, _ second: Int, phone digits: UInt64) throws -> CardFact {
    try fact(id, second, phone: digits)
}

/// What is known of each card by whom: an answer must not be older than that.
private final class Watch: Sendable {
    /// One second a version: what was acknowledged to a writer of the service or seen by a reader.
    private final class Floor: Sendable {
        let second = Atomic(1)
    }

    private let cards: [CardID]
    private let phones: [PhoneNumber]
    private let floors: [Floor]
    private let written: [Floor]
    private let found = Mutex<[String]>([])

    init(count: Int, phones phoneCount: Int) throws {
        cards = try (0..<count).map { try card("C\(100 + $0)") }
        phones = try (0..<phoneCount).map { try #require(PhoneNumber(digits: UInt64(70 + $0))) }
        floors = (0..<count).map { _ in Floor() }
        written = (0..<count).map { _ in Floor() }
    }

    var problems: [String] { found.withLock { Array($0.prefix(5)) } }

    func report(_ problem: String) {
        found.withLock { $0.append(problem) }
    }

    func firstFacts() throws -> [CardFact] {
        try cards.indices.map { try fact(of: $0, 1) }
    }

    private func fact(of index: Int, _ second: Int) throws -> CardFact {
        let digits = phones[index % phones.count].digits
        return try oneFact(cards[index].text, second, phone: digits)
    }

    /// Even cards are written by the service, and shown once that is acknowledged.
    func write(through service: CardService, _ generator: inout SeededGenerator) throws {
        let index = Int.random(in: 0..<cards.count / 2, using: &generator) * 2
        let second = written[index].second.add(1, ordering: .relaxed).newValue
        try submit([fact(of: index, second)], to: service)
        floors[index].second.max(second, ordering: .sequentiallyConsistent)
    }

    /// Odd cards are written as by another process.
    func write(beside store: CardStore, _ generator: inout SeededGenerator) throws {
        let index = Int.random(in: 0..<cards.count / 2, using: &generator) * 2 + 1
        let second = written[index].second.add(1, ordering: .relaxed).newValue
        _ = try store.commit([[fact(of: index, second)]])
        usleep(UInt32.random(in: 0..<500, using: &generator))
    }

    func look(_ service: CardService, _ generator: inout SeededGenerator) throws {
        let index = Int.random(in: 0..<cards.count, using: &generator)
        let floors = floors.map { $0.second.load(ordering: .sequentiallyConsistent) }
        switch Int.random(in: 0..<4, using: &generator) {
        case 0:
            var left = Set(cards.indices.filter { $0 % phones.count == index % phones.count })
            try service.withCards(phone: phones[index % phones.count], limit: .max) { view in
                let place = cards.firstIndex(of: view.id) ?? -1
                if left.remove(place) == nil { report("a phone lists a card too much") }
                see(view, place, floors)
            }
            if !left.isEmpty { report("a phone misses \(left.count) cards") }
        case 1:
            let ids = cards
            try service.withCards(ids.span) {
                see($1, $0, floors)
            } absent: { _ in
                report("a batch misses a card")
            }
        default:
            let seen: Void? = try service.withCard(cards[index]) { see($0, index, floors) }
            if seen == nil { report("a card is absent") }
        }
    }

    private func see(_ view: borrowing CardView, _ index: Int, _ floors: [Int]) {
        let second = Int(view.updatedAt.seconds) - 1_700_000_000
        if second < floors[index] {
            report("card \(index) is at \(second) after \(floors[index])")
        }
        self.floors[index].second.max(second, ordering: .sequentiallyConsistent)
    }

    /// Whether the service shows everything that was written.
    func isShown(by service: CardService) -> Bool {
        cards.indices.allSatisfy { index in
            let newest = written[index].second.load(ordering: .sequentiallyConsistent)
            do {
                return try second(of: cards[index].text, service) == newest
            } catch { return false }
        }
    }
}

/// A service that counts what it reports, and tries failed fills again soon.
private final class ReloadFixture: Sendable {
    private final class Counts: Sendable {
        let fills = Atomic(0)
        let failures = Atomic(0)
    }

    let store: CardStore
    let service: CardService
    private let scratch: ScratchDirectory
    private let counts: Counts

    init(
        readyWhen: CardService.ReadyWhen = .store, hooks: ReloadHooks = ReloadHooks()
    ) throws {
        scratch = try ScratchDirectory()
        store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 256 << 20)
        let counts = Counts()
        self.counts = counts
        service = try CardService(
            store: store, readyWhen: readyWhen, hooks: hooks, fillRetryDelayMs: 1...20
        ) { event in
            switch event {
            case .indexFilled: counts.fills.add(1, ordering: .sequentiallyConsistent)
            case .fillFailed: counts.failures.add(1, ordering: .sequentiallyConsistent)
            case .indexStale, .problem: break
            }
        }
    }

    var fills: Int { counts.fills.load(ordering: .sequentiallyConsistent) }
    var failures: Int { counts.failures.load(ordering: .sequentiallyConsistent) }

    /// Reloads and waits for the end.
    func reload(_ scope: ReloadScope) throws -> Result<ReloadReport, ReloadError> {
        try startReload(scope)()
    }

    /// Begins to reload.
    ///
    /// - Returns: what waits for the end.
    func startReload(
        _ scope: ReloadScope
    ) -> () throws -> Result<ReloadReport, ReloadError> {
        let done = DispatchSemaphore(value: 0)
        let outcome = Outcome()
        do throws(ReloadError) {
            try service.reload(scope) { result in
                outcome.value.withLock { $0 = result }
                done.signal()
            }
        } catch {
            return { .failure(error) }
        }
        return {
            done.wait()
            return try #require(outcome.value.withLock { $0 })
        }
    }

    private final class Outcome: Sendable {
        let value = Mutex<Result<ReloadReport, ReloadError>?>(nil)
    }

    /// A change without an entry in the log, as if another process had written much and trimmed it.
    func trimLog() throws {
        let meta = store.databases.meta
        try store.environment.write { transaction in
            let sequence = try MetaValue.read(MetaValue.sequence, transaction, meta)[0]
            try MetaValue.write(MetaValue.sequence, [sequence + 1], &transaction, meta)
        }
    }

    /// - Returns: the record as it was.
    @discardableResult
    func replaceRecord(of card: String, with value: [UInt8]) throws -> [UInt8] {
        let key = Array(card.utf8)
        let cards = store.databases.cards
        return try store.environment.write { transaction in
            var old: [UInt8] = []
            if let span = try transaction.value(of: key.span.bytes, in: cards) {
                old = span.withUnsafeBytes { Array($0) }
            }
            try transaction.put(value.span.bytes, for: key.span.bytes, in: cards)
            return old
        }
    }

    func finish() throws {
        #expect(service.checkInvariants() == [])
        service.stop()
    }
}
