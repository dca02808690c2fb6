import CardModel
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardIndex
@testable import CardService
@testable import CardStore

struct CardServiceTests {
    /// Look-ups are right before the index is there, while it fills, and after.
    ///
    ///     test                        writer's thread         filling thread
    ///     look up: from the store
    ///     start
    ///     submit, wait for answer     commit, follow          scan a snapshot
    ///     look up: new state
    ///     ...                         adopt, catch up         filled
    ///     look up: from memory
    @Test func lookUps_areRight_beforeDuringAndAfterTheFill() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 64 << 20)
        _ = try store.commit([try (0..<3_000).map { try fact("C\($0)", 1, phone: 5) }])
        let fills = Mutex<[Int]>([])
        let service = try CardService(store: store) { event in
            if case .indexFilled(let cards, _) = event { fills.withLock { $0.append(cards) } }
        }
        #expect(service.indexedCards == nil)
        #expect(try second(of: "C7", service) == 1)
        service.start()
        var number = 2
        // Goes on until the index is there, and a little longer.
        var after = 0
        while after < 20 {
            try submit([fact("C7", number, phone: UInt64(5 + number % 2))], to: service)
            #expect(try second(of: "C7", service) == number)
            #expect(try holders(of: UInt64(5 + number % 2), service).contains("C7"))
            #expect(try !holders(of: UInt64(6 - number % 2), service).contains("C7"))
            number += 1
            if service.indexedCards != nil { after += 1 }
        }
        #expect(fills.withLock { $0 } == [3_000])
        try submit([fact("NEW", 1), fact("C8", 1, isVoid: true)], to: service)
        #expect(try second(of: "NEW", service) == 1)
        #expect(try second(of: "C8", service) == nil)
        #expect(try second(of: "NONE", service) == nil)
        #expect(service.indexedCards == 3_000)
        #expect(service.checkInvariants() == [])
        #expect(service.unreadiness == nil)
        service.stop()
        #expect(try store.check().findings == [])
    }

    /// What is queued when the service stops is written and answered.
    @Test func stop_finishesWhatIsQueued() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let service = try CardService(store: store) { _ in }
        service.start()
        let answers = Answers()
        for number in 0..<200 {
            try service.writer.submit(
                [fact("C\(number)", 1)], completion: answers.completion(number))
        }
        service.stop()
        #expect(answers.count == 200)
        #expect(try store.statistics().cards == 200)
        #expect(throws: WriteError.stopping) {
            try service.writer.submit([fact("X", 1)], completion: answers.completion(200))
        }
        #expect(try store.check().findings == [])
    }

    /// Damage keeps the service from being ready, and look-ups of other cards go on.
    @Test func unreadiness_names_whatKeepsTheIndexFromFilling() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        _ = try store.commit([[fact("A", 1), fact("B", 1)]])
        let cards = store.databases.cards
        let key = Array("A".utf8)
        try store.environment.write { try $0.put(key.span.bytes, for: key.span.bytes, in: cards) }
        let service = try CardService(store: store) { _ in }
        service.start()
        #expect(wait { service.unreadiness != nil })
        #expect(
            service.unreadiness
                == "the index cannot be filled: the store is damaged: cards: the value has 1 bytes,"
                + " less than a head; 'cardstatus check' lists all damage")
        #expect(try second(of: "B", service) == 1)
        #expect(throws: StoreError.self) { _ = try second(of: "A", service) }
        service.stop()
    }

    /// Keys stored by whomever are valid within a moment, and invalid once they are removed.
    @Test func verdict_followsTheStore() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let service = try CardService(store: store) { _ in }
        service.start()
        #expect(!service.hasKeys)
        let hash = [UInt8](repeating: 7, count: 32)
        let key = StoredKey(hash: hash, name: "agents", createdAt: 1)
        try store.addKey(key)
        #expect(wait { service.verdict(onKey: hash) == .valid(key) })
        #expect(service.hasKeys)
        #expect(service.verdict(onKey: [UInt8](repeating: 8, count: 32)) == .unknown)
        #expect(try store.removeKey(hash: hash))
        #expect(wait { service.verdict(onKey: hash) == .unknown })
        service.stop()
    }

    /// A key is no longer valid from its last second on, and is not noted as used then; another's
    /// use is in the store at the stop at the latest, without a new version of the keys.
    @Test func keys_expire_andTheirUseIsNoted() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        let now = UInt64(time(nil))
        let keys = [now - 1, now, now + 1_000].enumerated().map { index, expiresAt in
            StoredKey(
                hash: [UInt8](repeating: UInt8(index), count: 32), name: "\(index)", createdAt: 1,
                expiresAt: expiresAt)
        }
        for key in keys { try store.addKey(key) }
        let version = try store.keysVersion()
        let service = try CardService(store: store) { _ in }
        service.start()
        #expect(service.verdict(onKey: keys[0].hash) == .expired)
        #expect(service.verdict(onKey: keys[1].hash) == .expired)
        #expect(service.verdict(onKey: keys[2].hash) == .valid(keys[2]))
        service.stop()
        let stored = try store.keys()
        #expect(stored.map { $0.lastUsedAt == nil } == [true, true, false])
        #expect((stored[2].lastUsedAt ?? 0) >= now)
        #expect(try store.keysVersion() == version)
        #expect(try store.check().findings.isEmpty)
    }

    /// Where the log was trimmed, the index is dropped and filled again, and look-ups stay right.
    @Test func index_isFilledAgain_whenTheLogIsTrimmed() throws {
        let scratch = try ScratchDirectory()
        let store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
        _ = try store.commit([[fact("A", 1)]])
        let stale = Atomic(0)
        let fills = Atomic(0)
        let service = try CardService(store: store) { event in
            switch event {
            case .indexStale: stale.add(1, ordering: .sequentiallyConsistent)
            case .indexFilled: fills.add(1, ordering: .sequentiallyConsistent)
            case .fillFailed, .problem: break
            }
        }
        service.start()
        #expect(wait { service.indexedCards == 1 })
        // A commit whose entry in the log is gone at once, as if trimmed by its writer.
        let (changes, meta) = (store.databases.changes, store.databases.meta)
        try store.environment.write { transaction in
            for sequence in UInt64(1)...2 {
                let key = SequenceKey.encode(sequence)
                _ = try transaction.remove(key.span.bytes, from: changes)
            }
            try MetaValue.write(MetaValue.sequence, [2], &transaction, meta)
        }
        #expect(wait { fills.load(ordering: .sequentiallyConsistent) == 2 })
        #expect(stale.load(ordering: .sequentiallyConsistent) == 1)
        #expect(wait { service.indexedCards == 1 })
        #expect(try second(of: "A", service) == 1)
        service.stop()
    }
}

// MARK: - Support

/// The second at which the card's state is, or nil when it has none.
func second(of id: String, _ service: CardService) throws -> Int? {
    try service.withCard(try card(id)) { Int($0.updatedAt.seconds) - 1_700_000_000 }
}

func holders(of digits: UInt64, _ service: CardService) throws -> Set<String> {
    var ids: Set<String> = []
    let phone = try #require(PhoneNumber(digits: digits))
    try service.withCards(phone: phone, limit: .max) { ids.insert($0.id.text) }
    return ids
}

/// Submits and waits for the answer.
func submit(_ facts: [CardFact], to service: CardService) throws {
    let done = DispatchSemaphore(value: 0)
    let answers = Answers()
    try service.writer.submit(facts) { result in
        answers.completion(0)(result)
        done.signal()
    }
    done.wait()
    _ = try #require(answers[0]).get()
}

/// Whether something that other threads bring about comes to be; the bound only ends a failed test.
func wait(_ condition: () -> Bool) -> Bool {
    for _ in 0..<2_000 {
        if condition() { return true }
        usleep(10_000)
    }
    return false
}
