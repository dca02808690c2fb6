import CardModel
import CardTesting
import Foundation
import LMDBKit
import Testing

@testable import CardStore

/// A store in a directory of its own. ``close()`` checks it, so that every test ends in a store
/// of which `check` has nothing to say, or says which findings it expects.
final class StoreFixture {
    let scratch: ScratchDirectory
    private(set) var store: CardStore

    init(mapSizeBytes: Int = 64 << 20, readsAtRandom: Bool = false) throws {
        scratch = try ScratchDirectory()
        store = try CardStore(
            directory: scratch.path, create: true, mapSizeBytes: mapSizeBytes,
            readsAtRandom: readsAtRandom)
    }

    /// Closes the store and opens it again, as the next process would.
    func reopen(mapSizeBytes: Int = 64 << 20) throws {
        // A process must not open an environment twice, so the old one has to be gone before; a
        // store elsewhere takes its place meanwhile.
        let interim = try ScratchDirectory()
        store = try CardStore(directory: interim.path, create: true, mapSizeBytes: 1 << 20)
        store = try CardStore(
            directory: scratch.path, create: false, mapSizeBytes: mapSizeBytes)
    }

    func finish(
        expecting findings: [String] = [], sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let report = try store.check()
        #expect(
            report.findings.map(\.description) == findings, sourceLocation: sourceLocation)
    }

    /// The entries of a database as they lie.
    func dump(_ database: StoredDatabase) throws -> [[[UInt8]]] {
        let handle = store.databases[database]
        return try store.environment.read { transaction in
            try transaction.withCursor(over: handle) { cursor in
                var entries: [[[UInt8]]] = []
                var found = try cursor.moveToFirst()
                while found {
                    entries.append([copy(cursor.key), copy(cursor.value)])
                    found = try cursor.moveToNext()
                }
                return entries
            }
        }
    }

    func totals(_ database: StoredDatabase) throws -> DatabaseTotals {
        try store.environment.read { transaction in
            try DatabaseTotals(reading: database, transaction, store.databases.meta)
        }
    }

    /// Everything that must not depend on order, repetition or split.
    struct Content: Equatable {
        let cards: [[[UInt8]]]
        let phones: [[[UInt8]]]
        let times: [[[UInt8]]]
        let totals: [DatabaseTotals]
    }

    func content() throws -> Content {
        Content(
            cards: try dump(.cards), phones: try dump(.phones), times: try dump(.times),
            totals: try [.cards, .phones, .times].map { try totals($0) })
    }

    func histories() throws -> [CardID: CardHistory] {
        var histories: [CardID: CardHistory] = [:]
        try store.forEachHistory { histories[$0] = $1 }
        return histories
    }

    // MARK: Damage

    func put(_ value: [UInt8], for key: [UInt8], in database: StoredDatabase) throws {
        let handle = store.databases[database]
        try store.environment.write { transaction in
            try transaction.put(value.span.bytes, for: key.span.bytes, in: handle)
        }
    }

    func remove(_ key: [UInt8], from database: StoredDatabase) throws {
        let handle = store.databases[database]
        let wasThere = try store.environment.write { transaction in
            try transaction.remove(key.span.bytes, from: handle)
        }
        #expect(wasThere)
    }

    func value(_ key: [UInt8], in database: StoredDatabase) throws -> [UInt8]? {
        try dump(database).first { $0[0] == key }?[1]
    }

    func writeMeta(_ name: String, _ integers: [UInt64]) throws {
        let meta = store.databases.meta
        try store.environment.write { transaction in
            try MetaValue.write(name, integers, &transaction, meta)
        }
    }
}

func copy(_ span: RawSpan) -> [UInt8] {
    span.withUnsafeBytes { Array($0) }
}

// MARK: - Facts

func card(_ text: String) throws -> CardID {
    let bytes = Array(text.utf8)
    let id = CardID(canonical: bytes.span)
    return try #require(id)
}

func phone(_ digits: UInt64) throws -> PhoneNumber {
    try #require(PhoneNumber(digits: digits))
}

func identity(
    _ second: Int, status: CardStatus = .delivered, feed: String = "feed", reference: String = ""
) throws -> EventIdentity {
    EventIdentity(
        occurredAt: try #require(Timestamp(seconds: Int64(1_700_000_000 + second))),
        status: status, feed: try #require(FeedID(feed)),
        reference: EventText(unchecked: Array(reference.utf8)))
}

func fact(
    _ id: String, _ second: Int, phone digits: UInt64? = nil, comment: String = "",
    isVoid: Bool = false
) throws -> CardFact {
    CardFact(
        card: try card(id),
        event: CardEvent(
            identity: try identity(second), phone: try digits.map(phone),
            comment: EventText(unchecked: Array(comment.utf8)), isVoid: isVoid))
}

/// A card's state, copied out of the view.
struct CardCopy: Equatable {
    let id: String
    let phone: UInt64?
    let status: CardStatus
    let second: Int
    let comment: String
    let reference: String

    init(_ view: borrowing CardView) {
        id = view.id.text
        phone = view.phone?.digits
        status = view.status
        second = Int(view.updatedAt.seconds) - 1_700_000_000
        comment = Self.text(view.comment)
        reference = Self.text(view.reference)
    }

    init(
        _ id: String, _ second: Int, phone: UInt64? = nil, status: CardStatus = .delivered,
        comment: String = "", reference: String = ""
    ) {
        self.id = id
        self.phone = phone
        self.status = status
        self.second = second
        self.comment = comment
        self.reference = reference
    }

    private static func text(_ span: Span<UInt8>) -> String {
        String(decoding: span.indices.map { span[$0] }, as: UTF8.self)
    }
}

extension CardStore {
    func copy(_ id: String) throws -> CardCopy? {
        try withCard(try card(id)) { CardCopy($0) }
    }

    func copies(
        phone digits: UInt64, after: String? = nil, limit: Int = 100
    ) throws -> [CardCopy] {
        var copies: [CardCopy] = []
        try withCards(phone: try phone(digits), after: try after.map(card), limit: limit) {
            copies.append(CardCopy($0))
        }
        return copies
    }
}
