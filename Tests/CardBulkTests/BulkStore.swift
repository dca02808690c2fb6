import CardModel
import CardStore
import CardTesting
import LMDBKit
import Testing

@testable import CardBulk

/// A store that facts come to in bulk, or by an ordinary commit.
final class BulkStore {
    let scratch: ScratchDirectory
    let mapSizeBytes: Int
    var directory: String { scratch.path + "/store" }

    init(mapSizeBytes: Int = 256 << 20) throws {
        scratch = try ScratchDirectory()
        self.mapSizeBytes = mapSizeBytes
        try withStore { _ in }
    }

    func withStore<R>(_ body: (CardStore) throws -> R) throws -> R {
        let store = try CardStore(
            directory: directory, create: true, mapSizeBytes: mapSizeBytes)
        return try body(store)
    }

    /// Facts with the number of the file that each is of.
    struct Fact {
        let fact: CardFact
        let file: Int
    }

    /// As the readers of files bring them: in pieces, some of which are a sample.
    func collect(
        _ facts: [Fact], memoryBytes: Int = BulkFacts.memoryBytesMin, inputBytes: Int = 64 << 20
    ) throws -> BulkFacts {
        let collector = FactCollector(
            inputBytes: inputBytes, memoryBytes: memoryBytes, directory: scratch.path)
        var buffer = FactBuffer()
        for fact in facts where fact.fact.card.count % 2 == 1 {
            buffer.append(fact.fact, file: fact.file)
        }
        collector.addSample(buffer)
        buffer.removeAll()
        for (index, fact) in facts.enumerated() {
            buffer.append(fact.fact, file: fact.file)
            if index % 37 == 36 {
                try collector.add(buffer)
                buffer.removeAll()
            }
        }
        try collector.add(buffer)
        return collector.finish()
    }

    @discardableResult
    func bulk(
        _ facts: [Fact], files: Int = 3, eventsPerFactMax: Int = .max / 1_000_000
    ) throws -> BulkReport {
        var load = BulkLoad(
            directory: directory, mapSizeBytes: mapSizeBytes, files: files, threads: 2)
        load.eventsPerFactMax = eventsPerFactMax
        return try load.write(try collect(facts))
    }

    /// What an ordinary commit of the same facts does: one commit, sorted by card, each card's
    /// facts in the order of their arrival.
    @discardableResult
    func commit(_ facts: [Fact], files: Int = 3) throws -> [CommitCounts] {
        let sorted = facts.enumerated()
            .sorted { ($0.element.fact.card, $0.offset) < ($1.element.fact.card, $1.offset) }
            .map(\.element)
        return try withStore { store in
            let result = try store.commit([sorted.map(\.fact)])
            var counts = Array(repeating: CommitCounts(), count: files)
            for (fact, outcome) in zip(sorted, result.outcomes[0]) {
                counts[fact.file].count(outcome)
            }
            return counts
        }
    }

    /// Every entry of every database, by way of LMDB alone.
    func dump() throws -> [String: [[UInt8]]] {
        let environment = try Environment(
            path: directory, options: .init(mapSizeBytes: mapSizeBytes))
        return try environment.read { transaction in
            var all: [String: [[UInt8]]] = [:]
            for database in StoredDatabase.allCases {
                guard let found = try transaction.openDatabase(database.rawValue) else { continue }
                var entries: [[UInt8]] = []
                try transaction.withCursor(over: found) { cursor in
                    var isThere = try cursor.moveToFirst()
                    while isThere {
                        entries.append(cursor.key.withUnsafeBytes { Array($0) })
                        entries.append(cursor.value.withUnsafeBytes { Array($0) })
                        isThere = try cursor.moveToNext()
                    }
                }
                let count = try transaction.entryCount(of: found)
                #expect(count == entries.count / 2)
                all[database.rawValue] = entries
            }
            return all
        }
    }

    /// The histories, after a check of the whole store.
    func histories() throws -> [CardID: CardHistory] {
        try withStore { store in
            let findings = try store.check().findings
            #expect(findings == [])
            var all: [CardID: CardHistory] = [:]
            try store.forEachHistory { all[$0] = $1 }
            return all
        }
    }
}

func fact(
    _ card: String, _ seconds: Int, status: CardStatus = .delivered, feed: String = "f",
    reference: String = "", phone: UInt64 = 0, comment: String = "", isVoid: Bool = false
) throws -> CardFact {
    let identity = EventIdentity(
        occurredAt: try #require(Timestamp(seconds: 1_700_000_000 + Int64(seconds))),
        status: status, feed: try #require(FeedID(feed)),
        reference: EventText(unchecked: Array(reference.utf8)))
    let event =
        isVoid
        ? CardEvent.void(identity)
        : CardEvent(
            identity: identity, phone: PhoneNumber(digits: phone),
            comment: EventText(unchecked: Array(comment.utf8)))
    let id = CardID(canonical: Array(card.utf8).span)
    return CardFact(card: try #require(id), event: event)
}
