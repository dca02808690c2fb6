internal import CardModel
package import LMDBKit

/// The store's named databases. The raw value is the name in LMDB and part of every checksum.
package enum StoredDatabase: String, CaseIterable {
    /// Card ID to ``CardRecord``.
    case cards
    /// ``PhoneKey`` to nothing.
    case phones
    /// ``TimeKey`` to nothing.
    case times
    /// Sequence (8 bytes, big-endian) to card ID: one entry a card a commit that changed its set.
    case changes
    /// SHA-256 of an API key to ``APIKeyRecord``.
    case keys
    /// Number (8 bytes, big-endian) to ``StoredRun``.
    case runs
    /// Number of the run (8 bytes, big-endian), then of the file (4, big-endian), to
    /// ``RejectsFile``.
    case rejects
    /// Feed and place to ``SourceMark``: what was taken from there already.
    case sources
    /// ``CustomerKey`` to a ``Customer``.
    case customers
    /// Set and place (8 bytes each, big-endian) to the ID of the customer there.
    case customerMarks = "customer_marks"
    /// An `ErasureTag` to the kind of what it stands for.
    case erasures
    /// Names to small checksummed values: schema, sequence, versions, ``DatabaseTotals``.
    case meta

    /// The databases whose entries are counted and digested in `meta`.
    package static let totalled: [StoredDatabase] = [
        .cards, .phones, .times, .changes, .keys, .runs, .rejects, .sources, .customers,
        .customerMarks, .erasures,
    ]

    /// The databases of ``SealedRecord``s, which are not about cards. Those about feeds came with
    /// schema version 2, those of customers with version 3, erasures with version 4.
    package static let sealed: [StoredDatabase] = [
        .runs, .rejects, .sources, .customers, .customerMarks, .erasures,
    ]

    /// The hash of one entry: what a record's checksum and a database's digest are made of.
    package func entryHash(key: RawSpan, value: RawSpan) -> UInt64 {
        XXH64.hash(value, seed: XXH64.hash(key, seed: nameHash))
    }

    /// The hash of an entry whose value is empty.
    package func entryHash(key: RawSpan) -> UInt64 {
        XXH64.hash(RawSpan(), seed: XXH64.hash(key, seed: nameHash))
    }

    /// The seed of every hash.
    package var nameHash: UInt64 {
        let name: StaticString =
            switch self {
            case .cards: "cards"
            case .phones: "phones"
            case .times: "times"
            case .changes: "changes"
            case .keys: "keys"
            case .runs: "runs"
            case .rejects: "rejects"
            case .sources: "sources"
            case .customers: "customers"
            case .customerMarks: "customer_marks"
            case .erasures: "erasures"
            case .meta: "meta"
            }
        return name.withUTF8Buffer { XXH64.hash(RawSpan(_unsafeElements: $0)) }
    }
}

extension StoredDatabase: Comparable {
    package static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}

/// How many entries a database has, and a digest of them that does not depend on their order: the
/// sum, modulo 2^64, of their hashes. Every commit keeps both up, so that a lost, added or altered
/// entry shows.
package struct DatabaseTotals: Equatable, Sendable {
    package var count: UInt64 = 0
    package var digest: UInt64 = 0

    package init() {}

    package init(count: UInt64, digest: UInt64) {
        self.count = count
        self.digest = digest
    }

    package mutating func add(_ hash: UInt64) {
        count += 1
        digest &+= hash
    }

    /// Fails when there is nothing to remove, as in a damaged store: the caller reports it.
    mutating func remove(_ hash: UInt64) throws(RecordDamage) {
        guard count > 0 else { throw RecordDamage("the count would become negative") }
        count -= 1
        digest &-= hash
    }

    mutating func add(_ other: DatabaseTotals) {
        count += other.count
        digest &+= other.digest
    }

    /// An entry has a new value.
    package mutating func replace(_ old: UInt64, with new: UInt64) {
        digest = digest &- old &+ new
    }
}

extension DatabaseTotals {
    /// The totals of `database` as the last commit left them.
    package init(
        reading database: StoredDatabase, _ transaction: borrowing some Transaction & ~Copyable,
        _ meta: Database
    ) throws {
        let name = MetaValue.totals(database)
        let integers = try MetaValue.read(name, count: 2, transaction, meta)
        self.init(count: integers[0], digest: integers[1])
    }

    func write(
        as database: StoredDatabase, _ transaction: inout WriteTransaction, _ meta: Database
    ) throws {
        let name = MetaValue.totals(database)
        try MetaValue.write(name, [count, digest], &transaction, meta)
    }
}
