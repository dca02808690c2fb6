public import CardModel
internal import LMDBKit

/// Something in the store that is not as it should be.
public struct CheckFinding: Equatable, Sendable, CustomStringConvertible {
    /// The database it was found in.
    public let database: String
    /// The card it concerns, when it concerns one.
    public let card: CardID?
    public let what: String

    public var description: String {
        card.map { "\(database): card \($0.text): \(what)" } ?? "\(database): \(what)"
    }
}

/// What a check read and found.
public struct CheckReport: Sendable {
    public internal(set) var cards = 0
    public internal(set) var events = 0
    public internal(set) var phones = 0
    public internal(set) var changes = 0
    public internal(set) var keys = 0
    /// Every problem, in the order it was met.
    public internal(set) var findings: [CheckFinding] = []
}

extension CardStore {
    /// Verifies everything in one snapshot: checksums and structure of every record, that each
    /// is what its events consolidate to, that `phones` and `times` hold what `cards` calls for and
    /// nothing else, that the change log has no hole, and that counts and digests are right.
    ///
    /// Reads the whole store once; memory does not grow with it, save by what it finds.
    public func check() throws -> CheckReport {
        try read { transaction in
            var check = OpenCheck(store: self)
            try check.run(transaction)
            return check.report
        }
    }
}

private struct OpenCheck {
    let store: CardStore
    var report = CheckReport()

    private typealias Totals = [StoredDatabase: DatabaseTotals]

    init(store: CardStore) {
        self.store = store
    }

    mutating func run(_ transaction: borrowing ReadTransaction) throws {
        // What the cards call for. `times` has no payload to compare, so a digest of the keys that
        // should be there stands for them.
        var expected: Totals = [:]
        try checkCards(transaction, &expected)
        try checkPhones(transaction)
        let times = try checkTimes(transaction)
        try checkChanges(transaction, &expected)
        try checkKeys(transaction, &expected)

        compare(times, with: expected[.times] ?? .init(), in: .times)
        for database in StoredDatabase.totalled {
            try checkTotals(of: database, expected[database] ?? .init(), transaction)
        }
    }

    private mutating func note(_ database: StoredDatabase, card: CardID? = nil, _ what: String) {
        report.findings.append(
            CheckFinding(database: database.rawValue, card: card, what: what))
    }

    private mutating func checkCards(
        _ transaction: borrowing ReadTransaction, _ expected: inout Totals
    ) throws {
        try transaction.withCursor(over: store.databases.cards) { cursor in
            var found = try cursor.moveToFirst()
            while found {
                report.cards += 1
                if let id = CardID(canonical: Span(_bytes: cursor.key)) {
                    do throws(RecordDamage) {
                        let record = try CardRecord(verifying: cursor.value, key: cursor.key)
                        expected[.cards, default: .init()].add(record.checksum)
                        let history = try record.history()
                        let again = CardRecord.encode(history, key: cursor.key)
                        if !cursor.value.hasSameBytes(as: again.span.bytes) {
                            throw RecordDamage("the record is not what its events come to")
                        }
                        expect(history, of: id, &expected)
                    } catch {
                        note(.cards, card: id, error.description)
                    }
                } else {
                    note(.cards, "key \(report.cards) is no card ID")
                }
                found = try cursor.moveToNext()
            }
        }
    }

    private mutating func expect(
        _ history: CardHistory, of id: CardID, _ expected: inout Totals
    ) {
        report.events += history.events.count
        if let phone = history.state?.phone {
            let key = PhoneKey.encode(phone, id)
            expected[.phones, default: .init()].add(
                StoredDatabase.phones.entryHash(key: key.span.bytes))
        }
        for event in history.events {
            let key = TimeKey.encode(id, event.identity)
            expected[.times, default: .init()].add(
                StoredDatabase.times.entryHash(key: key.span.bytes))
        }
    }

    /// Every entry must name a card that has that phone; that none is missing shows in the totals.
    private mutating func checkPhones(_ transaction: borrowing ReadTransaction) throws {
        try transaction.withCursor(over: store.databases.phones) { cursor in
            var found = try cursor.moveToFirst()
            while found {
                report.phones += 1
                if !cursor.value.isEmpty { note(.phones, "entry \(report.phones) has a value") }
                if let entry = PhoneKey.decode(cursor.key) {
                    let key = entry.card.bytes
                    let value = try transaction.value(
                        of: key.span.bytes, in: store.databases.cards)
                    if !Self.isPhone(entry.phone, in: value, key: key) {
                        note(.phones, card: entry.card, "has an entry for a phone that is not its")
                    }
                } else {
                    note(.phones, "key \(report.phones) is malformed")
                }
                found = try cursor.moveToNext()
            }
        }
    }

    private static func isPhone(
        _ phone: PhoneNumber, in value: RawSpan?, key: [UInt8]
    ) -> Bool {
        guard let value else { return false }
        do throws(RecordDamage) {
            let record = try CardRecord(verifying: value, key: key.span.bytes)
            return record.hasState && record.phone == phone
        } catch {
            // The record's own damage is noted where the cards are checked.
            return true
        }
    }

    private mutating func checkTimes(
        _ transaction: borrowing ReadTransaction
    ) throws -> DatabaseTotals {
        var totals = DatabaseTotals()
        try transaction.withCursor(over: store.databases.times) { cursor in
            var found = try cursor.moveToFirst()
            while found {
                if !cursor.value.isEmpty { note(.times, "entry \(totals.count + 1) has a value") }
                totals.add(StoredDatabase.times.entryHash(key: cursor.key))
                found = try cursor.moveToNext()
            }
        }
        return totals
    }

    private mutating func checkChanges(
        _ transaction: borrowing ReadTransaction, _ expected: inout Totals
    ) throws {
        let last = try metaValue(MetaValue.sequence, transaction)
        try transaction.withCursor(over: store.databases.changes) { cursor in
            var previous: UInt64?
            var found = try cursor.moveToFirst()
            while found {
                report.changes += 1
                expected[.changes, default: .init()].add(
                    StoredDatabase.changes.entryHash(key: cursor.key, value: cursor.value))
                let sequence = SequenceKey.decode(cursor.key)
                if sequence == nil { note(.changes, "key \(report.changes) is malformed") }
                if let previous, let sequence, sequence != previous + 1 {
                    note(.changes, "there is a hole between \(previous) and \(sequence)")
                }
                previous = sequence ?? previous
                if let card = CardID(canonical: Span(_bytes: cursor.value)) {
                    let key = card.bytes
                    let value = try transaction.value(
                        of: key.span.bytes, in: store.databases.cards)
                    if value == nil {
                        note(.changes, card: card, "changed, but there is no such card")
                    }
                } else {
                    note(.changes, "the entry \(sequence ?? 0) names no card")
                }
                found = try cursor.moveToNext()
            }
            guard let last else { return }
            if let previous, previous != last {
                note(.changes, "the log ends at \(previous), and the last sequence is \(last)")
            } else if previous == nil, last != 0 {
                note(.changes, "the log is empty, and the last sequence is \(last)")
            }
        }
    }

    /// A number in `meta`; nil, and noted, when it is not what was written.
    private mutating func metaValue(
        _ name: String, _ transaction: borrowing ReadTransaction
    ) throws -> UInt64? {
        do {
            return try MetaValue.read(name, transaction, store.databases.meta)[0]
        } catch StoreError.damaged(_, let what) {
            note(.meta, what)
            return nil
        }
    }

    private mutating func checkKeys(
        _ transaction: borrowing ReadTransaction, _ expected: inout Totals
    ) throws {
        _ = try metaValue(MetaValue.keysVersion, transaction)
        try transaction.withCursor(over: store.databases.keys) { cursor in
            var found = try cursor.moveToFirst()
            while found {
                report.keys += 1
                do throws(RecordDamage) {
                    let hash = try CardStore.verifyKey(cursor.value, hash: cursor.key)
                    expected[.keys, default: .init()].add(hash)
                } catch {
                    note(.keys, "key \(report.keys): \(error)")
                }
                found = try cursor.moveToNext()
            }
        }
    }

    private mutating func compare(
        _ found: DatabaseTotals, with expected: DatabaseTotals, in database: StoredDatabase
    ) {
        if found.count != expected.count {
            note(database, "has \(found.count) entries, and 'cards' calls for \(expected.count)")
        } else if found != expected {
            note(database, "its entries are not those that 'cards' calls for")
        }
    }

    private mutating func checkTotals(
        of database: StoredDatabase, _ expected: DatabaseTotals,
        _ transaction: borrowing ReadTransaction
    ) throws {
        let count = try transaction.entryCount(of: store.databases[database])
        if database == .phones, UInt64(count) != expected.count {
            note(.phones, "has \(count) entries, and 'cards' calls for \(expected.count)")
        }
        do {
            let stored = try DatabaseTotals(
                reading: database, transaction, store.databases.meta)
            if stored.count != expected.count {
                note(
                    database,
                    "\(stored.count) entries were written, and \(expected.count) are accounted for"
                )
            } else if stored.digest != expected.digest {
                note(database, "the digest of all entries is not what was written")
            }
        } catch StoreError.damaged(_, let what) {
            note(.meta, what)
        }
    }
}

extension RawSpan {
    func hasSameBytes(as other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        return withUnsafeBytes { mine in other.withUnsafeBytes { mine.elementsEqual($0) } }
    }
}
