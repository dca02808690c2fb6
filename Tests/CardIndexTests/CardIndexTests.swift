import CardModel
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardIndex

/// A card as a test knows it.
private struct Card: Equatable {
    var id: CardID
    var phone: PhoneNumber?
    var status: CardStatus
    var updatedAt: Timestamp
    var comment: [UInt8]
    var reference: [UInt8]

    init(_ view: borrowing CardView) {
        id = view.id
        phone = view.phone
        status = view.status
        updatedAt = view.updatedAt
        comment = view.comment.indices.map { view.comment[$0] }
        reference = view.reference.indices.map { view.reference[$0] }
    }

    /// Every field depends on the version, so that a mixture of two versions shows.
    init(_ id: CardID, version: Int, phones: Int) throws {
        self.id = id
        phone = PhoneNumber(digits: UInt64(version % phones))
        status = CardStatus(rawValue: UInt8(version % 4)) ?? .pickedUp
        updatedAt = try #require(Timestamp(seconds: Int64(1_700_000_000 + version)))
        comment = Array(String(repeating: "c\(version)", count: version % 5).utf8)
        reference = Array("r\(version)".utf8)
    }

    func insert(into index: CardIndex) throws {
        try index.insert(
            CardView(
                id: id, phone: phone, status: status, updatedAt: updatedAt,
                comment: comment.span, reference: reference.span))
    }
}

private func id(_ number: Int) throws -> CardID {
    let bytes = Array("CARD-\(number)".utf8)
    let id = CardID(canonical: bytes.span)
    return try #require(id)
}

private func page(
    _ index: CardIndex, _ phone: PhoneNumber, after: CardID? = nil, limit: Int = .max
) -> [Card] {
    var cards: [Card] = []
    let isListed = index.withCards(phone: phone, after: after, limit: limit) {
        cards.append(Card($0))
    }
    #expect(isListed)
    return cards
}

/// Runs `body` on threads of its own, and waits for all of them.
private func runThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = DispatchSemaphore(value: 0)
    for worker in 0..<count {
        Thread.detachNewThread {
            body(worker)
            done.signal()
        }
    }
    for _ in 0..<count { done.wait() }
}

struct CardIndexTests {
    /// Inserts, replacements and removals, with every look-up against a Dictionary.
    @Test(arguments: UInt64(1)...4)
    func index_isADictionary(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let index = try CardIndex()
        var model: [CardID: Card] = [:]
        for step in 0..<2_000 {
            let card = try Card(
                id(Int.random(in: 0..<30, using: &random)), version: step, phones: 6)
            if Int.random(in: 0..<3, using: &random) == 0 {
                index.remove(card.id)
                model[card.id] = nil
            } else {
                try card.insert(into: index)
                model[card.id] = card
            }
            #expect(index.withCard(card.id) { Card($0) } == model[card.id], "seed \(seed)")
            guard step % 20 == 0 else { continue }
            #expect(index.count == model.count)
            #expect(index.checkInvariants() == [], "seed \(seed), step \(step)")
            for number in 0..<30 {
                let id = try id(number)
                #expect(index.withCard(id) { Card($0) } == model[id], "seed \(seed)")
            }
            for digits in UInt64(1)...6 {
                let phone = try #require(PhoneNumber(digits: digits))
                let holders = model.values.filter { $0.phone == phone }.sorted { $0.id < $1.id }
                #expect(page(index, phone) == holders, "seed \(seed), step \(step)")
                let after = try id(Int.random(in: 0..<30, using: &random))
                let limit = Int.random(in: 0...3, using: &random)
                #expect(
                    page(index, phone, after: after, limit: limit)
                        == Array(holders.filter { $0.id > after }.prefix(limit)),
                    "seed \(seed), step \(step)")
            }
        }
    }

    /// Nothing is found in an empty index, and removing from it is no error.
    @Test func index_isEmpty_whenNew() throws {
        let index = try CardIndex()
        index.remove(try id(1))
        #expect(index.withCard(try id(1)) { Card($0) } == nil)
        #expect(page(index, try #require(PhoneNumber(digits: 5))) == [])
        #expect(index.count == 0)
        #expect(index.checkInvariants() == [])
    }

    /// What the reader's closure throws comes out as it is.
    @Test func withCard_passesTheClosuresError() throws {
        struct Refusal: Error {}
        let index = try CardIndex()
        try Card(id(1), version: 1, phones: 2).insert(into: index)
        #expect(throws: Refusal.self) { try index.withCard(id(1)) { _ in throw Refusal() } }
        #expect(index.checkInvariants() == [])
    }

    /// A reader sees one version of a card whole, and never an older one after a newer.
    ///
    ///     writer                          readers
    ///     insert version 1 of all cards
    ///                                     read any card: version v, all fields of v
    ///     insert version 2 of all cards
    ///                                     read it again: a version >= v, whole
    ///     ...                             by phone: only cards of that phone, whole
    @Test func readers_neverSeeAMixture_whileTheWriterGoesOn() throws {
        let index = try CardIndex()
        let ids = try (0..<20).map(id)
        for id in ids { try Card(id, version: 1, phones: 7).insert(into: index) }
        let isDone = Atomic(false)
        let problems = Mutex<[String]>([])
        let reads = Atomic(0)
        runThreads(3) { worker in
            do {
                if worker == 0 {
                    defer { isDone.store(true, ordering: .releasing) }
                    // Goes on until the readers have had their turns among the versions.
                    var version = 2
                    while reads.load(ordering: .relaxed) < 2_000,
                        problems.withLock({ $0.isEmpty })
                    {
                        for id in ids {
                            try Card(id, version: version, phones: 7).insert(into: index)
                        }
                        version += 1
                    }
                    return
                }
                var newest: [CardID: UInt32] = [:]
                var random = SeededGenerator(seed: UInt64(worker))
                while !isDone.load(ordering: .acquiring) {
                    let digits = UInt64.random(in: 1...6, using: &random)
                    let phone = try #require(PhoneNumber(digits: digits))
                    let one = try #require(ids.randomElement(using: &random))
                    var seen = index.withCard(one) { Card($0) }.map { [$0] } ?? []
                    if seen.isEmpty { problems.withLock { $0.append("a card is gone") } }
                    let held = page(index, phone)
                    if held.contains(where: { $0.phone != phone }) {
                        problems.withLock { $0.append("a card of another phone") }
                    }
                    seen += held
                    for card in seen {
                        let version = Int(card.updatedAt.seconds) - 1_700_000_000
                        if card != (try Card(card.id, version: version, phones: 7)) {
                            problems.withLock { $0.append("a mixture: \(card)") }
                        }
                        if card.updatedAt.seconds < newest[card.id, default: 0] {
                            problems.withLock { $0.append("an older version after a newer") }
                        }
                        newest[card.id] = card.updatedAt.seconds
                    }
                    reads.add(1, ordering: .relaxed)
                }
            } catch {
                problems.withLock { $0.append("\(error)") }
            }
        }
        #expect(problems.withLock { $0 } == [])
        #expect(reads.load(ordering: .relaxed) >= 2_000)
        #expect(index.checkInvariants() == [])
    }
}
