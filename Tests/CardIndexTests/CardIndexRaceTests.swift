import CardModel
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardIndex

/// Readers beside a writer. `Scripts/race-index` runs these under ThreadSanitizer too, which sees
/// accesses that nothing orders even where this processor happens to order them.
struct CardIndexRaceTests {
    /// Cards of a phone of their own, which never lose it and never go: whoever asks for the phone
    /// finds all of them, at any moment.
    private static let anchorShape = CardShape(
        phones: 1, phoneBase: 5_000_000_000, percentWithoutPhone: 0)
    /// Cards of many phones, crowds among them, that come, change and go.
    private static let shape = CardShape(phones: 40)

    /// What readers and the writer tell one another.
    private final class Trial: Sendable {
        let index: CardIndex
        let anchors = makeIDs(0..<20).sorted()
        let others = makeIDs(20..<3_020)
        let reads = Atomic(0)
        let isDone = Atomic(false)
        let problems = Findings()

        init() throws { index = try CardIndex() }

        func complain(_ what: String) { problems.add(what) }
    }

    /// A reader sees one version of a card whole, never an older one after a newer whichever way it
    /// comes, and never misses a card that is there, while tables grow and memory is used again.
    ///
    ///     writer                             readers
    ///     insert version 1 of the anchors
    ///     insert cards, tables grow          read any card: absent, or version v, all fields of v
    ///     replace and remove any card        read it again: absent, or a version >= v
    ///     replace the anchors                by the anchors' phone: each of them, whole
    ///     ...                                by any phone: cards of that phone, whole, or a crowd
    @Test(arguments: 0..<3)
    func readers_seeWholeCardsAndAllOfThem_whileTheWriterGoesOn(_ round: Int) throws {
        let seed = SeededGenerator.newSeed()
        let trial = try Trial()
        for id in trial.anchors {
            try DrawnCard(id, version: 1, Self.anchorShape).insert(into: trial.index)
        }
        runThreads(4) { worker in
            var random = SeededGenerator(seed: seed &+ UInt64(worker))
            if worker == 0 {
                Self.write(trial, &random)
                trial.isDone.store(true, ordering: .releasing)
                return
            }
            var newest: [CardID: UInt32] = [:]
            while !trial.isDone.load(ordering: .acquiring) {
                Self.read(trial, &random, &newest)
                trial.reads.add(1, ordering: .relaxed)
            }
        }
        #expect(trial.problems.all == [], "seed \(seed)")
        #expect(trial.index.checkInvariants() == [], "seed \(seed)")
    }

    private static func write(_ trial: Trial, _ random: inout SeededGenerator) {
        var version: UInt32 = 1
        // First all come once, in order, so that the tables grow; then it goes on until the readers
        // have had their turns.
        while trial.reads.load(ordering: .relaxed) < 3_000 || version < 15_000 {
            version += 1
            let draw = random.next()
            let others = trial.others
            do {
                if draw % 8 == 0 {
                    let id = trial.anchors[Int(draw >> 32) % trial.anchors.count]
                    try DrawnCard(id, version: version, anchorShape).insert(into: trial.index)
                    continue
                }
                let place = Int(version) < others.count ? Int(version) : Int(draw >> 32)
                let id = others[place % others.count]
                if draw % 8 == 1 {
                    trial.index.remove(id)
                } else {
                    try DrawnCard(id, version: version, shape).insert(into: trial.index)
                }
            } catch {
                trial.complain("\(error)")
            }
            guard trial.problems.all.isEmpty else { return }
        }
    }

    private static func read(
        _ trial: Trial, _ random: inout SeededGenerator, _ newest: inout [CardID: UInt32]
    ) {
        let anchor = trial.anchors[Int.random(in: 0..<trial.anchors.count, using: &random)]
        if trial.index.withCard(anchor, { check($0, anchorShape, trial, &newest) }) == nil {
            trial.complain("an anchor is not found by its ID")
        }
        var ids = (0..<40).map { _ in
            trial.others[Int.random(in: 0..<trial.others.count, using: &random)]
        }
        ids += trial.anchors
        trial.index.withCards(ids.span) { place, card in
            check(card, place < 40 ? shape : anchorShape, trial, &newest)
            if card.id != ids[place] { trial.complain("another card than was asked for") }
        } absent: { place in
            if place >= 40 { trial.complain("an anchor is not found in a batch") }
        }
        _ = trial.index.withCard(ids[0]) { check($0, shape, trial, &newest) }
        guard let phone = PhoneNumber(digits: anchorShape.phoneBase + 1),
            let any = PhoneNumber(digits: shape.phoneBase + 1 + random.next() % 40)
        else { return }
        var held: [CardID] = []
        let isListed = trial.index.withCards(phone: phone, limit: 100) { card in
            check(card, anchorShape, trial, &newest)
            held.append(card.id)
        }
        if held != trial.anchors || !isListed { trial.complain("a phone misses an anchor") }
        var last: CardID?
        _ = trial.index.withCards(phone: any, limit: 100) { card in
            check(card, shape, trial, &newest)
            if card.phone != any { trial.complain("a card of another phone") }
            if let last, last >= card.id { trial.complain("a phone's cards are out of order") }
            last = card.id
        }
    }

    private static func check(
        _ view: borrowing CardView, _ shape: CardShape, _ trial: Trial,
        _ newest: inout [CardID: UInt32]
    ) {
        let card = DrawnCard(like: view, shape)
        if !card.isEqual(view) { trial.complain("a mixture of versions") }
        if card.version < newest[card.id, default: 0] {
            trial.complain("an older version after a newer")
        }
        newest[card.id] = card.version
    }

    /// Versions of cards that some reader has seen, for all readers.
    private final class Seen: Sendable {
        private final class Cell: Sendable {
            let version = Atomic<UInt32>(0)
        }

        private let cells: [CardID: Cell]

        init(_ ids: [CardID]) {
            cells = Dictionary(uniqueKeysWithValues: ids.map { ($0, Cell()) })
        }

        var versions: [CardID: UInt32] {
            cells.mapValues { $0.version.load(ordering: .acquiring) }
        }

        func tell(_ id: CardID, _ version: UInt32) {
            cells[id]?.version.max(version, ordering: .releasing)
        }
    }

    /// What one reader has seen of a card binds all who hear of it: they see that version or a
    /// later one, by ID and by every phone that the card moves between.
    ///
    ///     writer              reader A                reader B
    ///     version 8, phone 2  by phone 2: version 8
    ///                         tell of 8 (release)     hear of 8 (acquire)
    ///                                                 by phone 1: not version 7
    ///                                                 by ID: version >= 8
    @Test func readers_seeNothingOlder_thanWhatTheyHeardOf() throws {
        let seed = SeededGenerator.newSeed()
        let shape = CardShape(phones: 3, percentWithoutPhone: 0)
        let ids = makeIDs(0..<6)
        let index = try CardIndex()
        for id in ids { try DrawnCard(id, version: 1, shape).insert(into: index) }
        let seen = Seen(ids)
        let problems = Findings()
        let reads = Atomic(0)
        let isDone = Atomic(false)
        runThreads(4) { worker in
            var random = SeededGenerator(seed: seed &+ UInt64(worker))
            if worker == 0 {
                var version: UInt32 = 1
                while version < 20_000 || reads.load(ordering: .relaxed) < 9_000 {
                    guard problems.all.isEmpty else { break }
                    version += 1
                    let id = ids[Int(version) % ids.count]
                    do {
                        try DrawnCard(id, version: version, shape).insert(into: index)
                    } catch {
                        problems.add("\(error)")
                    }
                }
                isDone.store(true, ordering: .releasing)
                return
            }
            while !isDone.load(ordering: .acquiring) {
                let heard = seen.versions
                func look(_ view: borrowing CardView) {
                    let card = DrawnCard(like: view, shape)
                    if !card.isEqual(view) { problems.add("a mixture of versions") }
                    if card.version < heard[view.id, default: 0] {
                        problems.add("an older version than another reader has seen")
                    }
                    seen.tell(view.id, card.version)
                }
                let draw = random.next()
                if draw % 3 == 0 {
                    let isThere = index.lend(ids[Int(draw >> 8) % ids.count]) { look($0) }
                    if !isThere { problems.add("a card is missing") }
                } else if let phone = PhoneNumber(digits: shape.phoneBase + 1 + draw >> 8 % 3) {
                    _ = index.withCards(phone: phone, limit: 100) { look($0) }
                }
                reads.add(1, ordering: .relaxed)
            }
        }
        #expect(problems.all == [], "seed \(seed)")
        #expect(index.checkInvariants() == [], "seed \(seed)")
    }

    /// Indexes that are made, published, read and let go of, as by a reload, are read whole; a
    /// reader never comes upon one that is gone.
    @Test func readers_findWhatIsPublished_whileIndexesAreReplaced() throws {
        let ids = makeIDs(0..<30)
        let shape = CardShape(phones: 5)
        @Sendable func make(_ version: UInt32) throws -> Unmanaged<CardIndex> {
            let index = try CardIndex()
            for id in ids { try DrawnCard(id, version: version, shape).insert(into: index) }
            return Unmanaged.passRetained(index)
        }
        let published = Atomic(UInt(bitPattern: try make(1).toOpaque()))
        let isDone = Atomic(false)
        let reads = Atomic(0)
        let problems = Findings()
        runThreads(3) { worker in
            var random = SeededGenerator(seed: UInt64(worker))
            var version: UInt32 = 1
            while !isDone.load(ordering: .acquiring) {
                do {
                    if worker == 0 {
                        version += 1
                        let new = UInt(bitPattern: try make(version).toOpaque())
                        let old = published.exchange(new, ordering: .acquiringAndReleasing)
                        CardIndex.waitForReaders()
                        Self.index(at: old)?.release()
                        if version > 40, reads.load(ordering: .relaxed) > 2_000 {
                            isDone.store(true, ordering: .releasing)
                        }
                        continue
                    }
                    let id = ids[Int.random(in: 0..<ids.count, using: &random)]
                    CardIndex.read {
                        let index = Self.index(at: published.load(ordering: .acquiring))
                        let isWhole = index?._withUnsafeGuaranteedRef { index in
                            index.withCard(id) { DrawnCard(like: $0, shape).isEqual($0) }
                        }
                        if isWhole != true { problems.add("not whole") }
                    }
                    reads.add(1, ordering: .relaxed)
                } catch {
                    problems.add("\(error)")
                    isDone.store(true, ordering: .releasing)
                }
            }
        }
        #expect(problems.all == [])
        Self.index(at: published.load(ordering: .acquiring))?.release()
    }

    private static func index(at address: UInt) -> Unmanaged<CardIndex>? {
        UnsafeRawPointer(bitPattern: address).map { Unmanaged.fromOpaque($0) }
    }

    /// Many threads may write: they take turns.
    @Test func writers_takeTurns() throws {
        let index = try CardIndex()
        let ids = makeIDs(0..<400)
        let shape = CardShape(phones: 6)
        let problems = Findings()
        runThreads(4) { worker in
            for version in UInt32(1)...20 {
                for place in stride(from: worker, to: ids.count, by: 4) {
                    do {
                        let card = DrawnCard(ids[place], version: version, shape)
                        try card.insert(into: index)
                    } catch {
                        problems.add("\(error)")
                    }
                }
            }
        }
        #expect(problems.all == [])
        #expect(index.count == ids.count)
        #expect(index.checkInvariants() == [])
        for id in ids {
            #expect(
                index.withCard(id) { DrawnCard(id, version: 20, shape).isEqual($0) } == true)
        }
    }
}
