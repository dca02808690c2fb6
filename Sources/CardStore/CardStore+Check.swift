public import CardModel
internal import Dispatch
internal import Glibc
internal import LMDBKit
internal import Synchronization

/// Something in the store that is not as it should be.
public struct CheckFinding: Equatable, Sendable, CustomStringConvertible {
    /// The database it was found in.
    public let database: String
    /// The card it concerns, when it concerns one.
    public let card: CardID?
    public let what: String

    public var description: String {
        card.map { "\(database): card \(Self.shown($0)): \(what)" } ?? "\(database): \(what)"
    }

    /// What looks like a payment card's number shows its last four digits.
    private static func shown(_ card: CardID) -> String {
        do {
            return try CardID.parse(card.bytes.span).id.text
        } catch {
            return String(repeating: "*", count: card.count - 4) + card.text.suffix(4)
        }
    }
}

/// What a check read and found.
public struct CheckReport: Sendable {
    public internal(set) var cards = 0
    public internal(set) var events = 0
    public internal(set) var phones = 0
    public internal(set) var changes = 0
    public internal(set) var keys = 0
    public internal(set) var runs = 0
    /// Also those of a set that was not finished.
    public internal(set) var customers = 0
    public internal(set) var erasures = 0
    /// Every problem: of cards, phones, times, changes, keys, runs, rejects, sources, customers and
    /// erasures, each in the order of the entries.
    public internal(set) var findings: [CheckFinding] = []
    /// What would have to be done about them.
    var needs = RepairNeeds()
}

extension CardStore {
    /// Parts that each database is checked in: enough that no thread waits long for the last.
    private static let partsPerThread = 16
    private static let threadsMax = 64

    /// The processors that are there for a check.
    public static var checkThreads: Int {
        min(max(sysconf(CInt(_SC_NPROCESSORS_ONLN)), 1), threadsMax)
    }

    /// Verifies everything in one snapshot: checksums and structure of every record, that each
    /// is what its events consolidate to, that `phones` and `times` hold what `cards` calls for and
    /// nothing else, that the change log has no hole, and that counts and digests are right.
    ///
    /// Reads the whole store once, divided between threads; memory does not grow with it, save by
    /// what it finds. Only where `phones` is wrong it is read again, to name the entries.
    ///
    /// - Parameters:
    ///   - threads: how many to read with.
    ///   - onProgress: called with the share that is done, from 0 to 1, on any thread.
    public func check(
        threads: Int = checkThreads, onProgress: @escaping @Sendable (Double) -> Void = { _ in }
    ) throws -> CheckReport {
        do {
            let snapshots = try environment.snapshots(count: min(max(threads, 1), Self.threadsMax))
            let parts = try checkParts(
                snapshots, count: snapshots.count * Self.partsPerThread, onProgress)
            var check = OpenCheck(store: self)
            try check.run(parts, snapshots[0].transaction)
            return check.report
        } catch let error as LMDBError {
            throw StoreError(error, directory: directory)
        }
    }

    /// Checks the parts of all large databases, each thread the next one that is left.
    private func checkParts(
        _ snapshots: [Snapshot], count: Int, _ onProgress: @escaping @Sendable (Double) -> Void
    ) throws -> [CheckedPart] {
        var ranges: [CheckedPart.Range] = []
        for database in [StoredDatabase.cards, .phones, .times, .changes] {
            let keys = try environment.branchKeys(
                of: database.rawValue, count: count, snapshots[0].transaction)
            for index in 0...keys.count {
                ranges.append(
                    CheckedPart.Range(
                        database: database, start: index == 0 ? nil : keys[index - 1],
                        end: index == keys.count ? nil : keys[index]))
            }
        }
        struct Progress {
            var next = 0
            var done: [CheckedPart?]
            var failure: (any Error)?
        }
        let all = ranges
        let progress = Mutex(Progress(done: Array(repeating: nil, count: all.count)))
        DispatchQueue.concurrentPerform(iterations: snapshots.count) { thread in
            while true {
                let next: Int? = progress.withLock { progress in
                    guard progress.failure == nil, progress.next < all.count else { return nil }
                    defer { progress.next += 1 }
                    return progress.next
                }
                guard let next else { return }
                onProgress(Double(next) / Double(all.count))
                do {
                    var part = CheckedPart(all[next])
                    try part.run(snapshots[thread].transaction, databases)
                    progress.withLock { $0.done[next] = part }
                } catch {
                    progress.withLock { $0.failure = $0.failure ?? error }
                }
            }
        }
        return try progress.withLock { progress in
            if let failure = progress.failure { throw failure }
            return progress.done.compactMap { $0 }
        }
    }
}

/// What was found in the entries of one database from one key up to another.
struct CheckedPart: Sendable {
    struct Range: Sendable {
        let database: StoredDatabase
        /// nil from the first entry on.
        let start: [UInt8]?
        /// nil up to the last.
        let end: [UInt8]?
    }

    /// What a finding says of an entry that has no name but its number, which is known once the
    /// parts before are counted.
    struct Finding: Sendable {
        let card: CardID?
        /// Number within the part, from 1.
        let number: Int
        let text: @Sendable (Int) -> String
    }

    let range: Range
    var findings: [Finding] = []
    var count = 0
    var events = 0
    /// Of the entries themselves.
    var totals = DatabaseTotals()
    /// What cards call for.
    var phones = DatabaseTotals()
    var times = DatabaseTotals()
    var needs = RepairNeeds()
    var firstSequence: UInt64?
    var lastSequence: UInt64?
    /// Whether an entry has a value where none should be.
    var hasValue = false

    init(_ range: Range) {
        self.range = range
    }

    mutating func run(
        _ transaction: borrowing ReadTransaction, _ databases: CardStore.Databases
    ) throws {
        switch range.database {
        case .cards: try checkCards(transaction, databases)
        case .changes: try checkChanges(transaction, databases)
        default: try checkKeysAlone(transaction, databases)
        }
    }

    private mutating func note(card: CardID? = nil, _ text: @escaping @Sendable (Int) -> String) {
        findings.append(Finding(card: card, number: count, text: text))
    }

    private func forEach(
        _ transaction: borrowing ReadTransaction, _ databases: CardStore.Databases,
        _ body: (borrowing Cursor) throws -> Void
    ) throws {
        try transaction.withCursor(over: databases[range.database]) { cursor in
            var found =
                if let start = range.start {
                    try cursor.move(toFirstNotBefore: start.span.bytes)
                } else {
                    try cursor.moveToFirst()
                }
            while found {
                if let end = range.end, !cursor.key.precedes(end.span.bytes) { return }
                try body(cursor)
                found = try cursor.moveToNext()
            }
        }
    }

    private mutating func checkCards(
        _ transaction: borrowing ReadTransaction, _ databases: CardStore.Databases
    ) throws {
        let scan = CardRecordScan()
        var part = self
        try forEach(transaction, databases) { cursor in
            part.count += 1
            guard let id = CardID(canonical: Span(_bytes: cursor.key)) else {
                part.needs.damagedCards += 1
                part.note { "key \($0) is no card ID" }
                return
            }
            if let card = scan.scan(cursor.value, key: cursor.key) {
                part.totals.add(card.checksum)
                part.events += card.events
                if let hash = card.phoneHash { part.phones.add(hash) }
                part.times.add(card.times)
            } else {
                part.checkCard(id, cursor)
            }
        }
        self = part
    }

    /// The long way, for what the scan does not vouch for.
    private mutating func checkCard(_ id: CardID, _ cursor: borrowing Cursor) {
        do throws(RecordDamage) {
            needs.damagedCards += 1
            let record = try CardRecord(verifying: cursor.value, key: cursor.key)
            totals.add(record.checksum)
            let history = try record.history()
            needs.damagedCards -= 1
            let again = CardRecord.encode(history, key: cursor.key)
            if !cursor.value.hasSameBytes(as: again.span.bytes) {
                needs.wrongHeads += 1
                throw RecordDamage("the record is not what its events come to")
            }
            events += history.events.count
            if let phone = history.state?.phone {
                let key = PhoneKey.encode(phone, id)
                phones.add(StoredDatabase.phones.entryHash(key: key.span.bytes))
            }
            for event in history.events {
                let key = TimeKey.encode(id, event.identity)
                times.add(StoredDatabase.times.entryHash(key: key.span.bytes))
            }
        } catch {
            note(card: id) { _ in error.description }
        }
    }

    /// `phones` and `times` are all key: what they should hold is known by its digest.
    private mutating func checkKeysAlone(
        _ transaction: borrowing ReadTransaction, _ databases: CardStore.Databases
    ) throws {
        let seed = range.database.nameHash
        var part = self
        try forEach(transaction, databases) { cursor in
            part.count += 1
            part.totals.add(XXH64.hash(RawSpan(), seed: XXH64.hash(cursor.key, seed: seed)))
            if !cursor.value.isEmpty {
                part.hasValue = true
                part.note { "entry \($0) has a value" }
            }
        }
        self = part
    }

    private mutating func checkChanges(
        _ transaction: borrowing ReadTransaction, _ databases: CardStore.Databases
    ) throws {
        var part = self
        // The cards of a commit ascend, so that the next one is often on the same page.
        try transaction.withCursor(over: databases.cards) { cards in
            try forEach(transaction, databases) { cursor in
                part.count += 1
                part.totals.add(
                    StoredDatabase.changes.entryHash(key: cursor.key, value: cursor.value))
                let sequence = SequenceKey.decode(cursor.key)
                if sequence == nil { part.note { "key \($0) is malformed" } }
                if let previous = part.lastSequence, let sequence, sequence != previous + 1 {
                    part.note { _ in "there is a hole between \(previous) and \(sequence)" }
                }
                part.firstSequence = part.firstSequence ?? sequence
                part.lastSequence = sequence ?? part.lastSequence
                if let card = CardID(canonical: Span(_bytes: cursor.value)) {
                    let isThere = try cards.move(toFirstNotBefore: cursor.value)
                    if !isThere || !cards.key.hasSameBytes(as: cursor.value) {
                        part.note(card: card) { _ in "changed, but there is no such card" }
                    }
                } else {
                    part.note { _ in "the entry \(sequence ?? 0) names no card" }
                }
            }
        }
        self = part
    }
}

/// Puts the parts together, and checks what is small.
private struct OpenCheck {
    let store: CardStore
    var report = CheckReport()
    private var expected: [StoredDatabase: DatabaseTotals] = [:]
    private var found: [StoredDatabase: DatabaseTotals] = [:]

    init(store: CardStore) {
        self.store = store
    }

    mutating func run(
        _ parts: [CheckedPart], _ transaction: borrowing ReadTransaction
    ) throws {
        // What the cards call for. `phones` and `times` have no payload to compare, so a digest of
        // the keys that should be there stands for them.
        for part in parts where part.range.database == .cards {
            report.events += part.events
            report.needs.damagedCards += part.needs.damagedCards
            report.needs.wrongHeads += part.needs.wrongHeads
            expected[.cards, default: .init()].add(part.totals)
            expected[.phones, default: .init()].add(part.phones)
            expected[.times, default: .init()].add(part.times)
        }
        report.cards = collect(.cards, parts)
        try checkPhones(parts, transaction)
        let timesFindings = report.findings.count
        _ = collect(.times, parts)
        let wrongTimes = report.findings.count > timesFindings
        let changesFindings = report.findings.count
        try checkChanges(parts, transaction)
        report.needs.changes = report.findings.count > changesFindings
        expected[.changes] = found[.changes]
        try checkKeys(transaction)
        if try metaValue(MetaValue.lastRun, transaction) == nil { report.needs.meta = true }
        for database in StoredDatabase.sealed { try checkSealed(database, transaction) }
        try checkCustomers(transaction)
        try checkErasures(transaction)
        compare(found[.times] ?? .init(), with: expected[.times] ?? .init(), in: .times)
        report.needs.times = wrongTimes || found[.times] ?? .init() != expected[.times] ?? .init()
        for database in StoredDatabase.totalled {
            try checkTotals(of: database, expected[database] ?? .init(), transaction)
        }
    }

    private mutating func note(_ database: StoredDatabase, card: CardID? = nil, _ what: String) {
        report.findings.append(
            CheckFinding(database: database.rawValue, card: card, what: what))
    }

    /// Notes the findings of a database's parts, and gives the number of its entries.
    private mutating func collect(_ database: StoredDatabase, _ parts: [CheckedPart]) -> Int {
        var before = 0
        for part in parts where part.range.database == database {
            for finding in part.findings {
                note(database, card: finding.card, finding.text(before + finding.number))
            }
            before += part.count
            if database != .cards { found[database, default: .init()].add(part.totals) }
        }
        return before
    }

    /// Every entry must be for a card that has that phone. When the digest says so, it is.
    private mutating func checkPhones(
        _ parts: [CheckedPart], _ transaction: borrowing ReadTransaction
    ) throws {
        let findings = report.findings
        report.phones = collect(.phones, parts)
        let hasValue = parts.contains { $0.range.database == .phones && $0.hasValue }
        let wanted = expected[.phones] ?? .init()
        if found[.phones] ?? .init() == wanted, !hasValue { return }
        report.needs.phones = true
        report.findings = findings
        try namePhones(transaction)
        // The number of entries is compared with the totals; this is for those that it hides.
        let count = try transaction.entryCount(of: store.databases.phones)
        if report.findings.count == findings.count, UInt64(count) == wanted.count {
            note(.phones, "its entries are not those that 'cards' calls for")
        }
    }

    private mutating func namePhones(_ transaction: borrowing ReadTransaction) throws {
        var number = 0
        try transaction.withCursor(over: store.databases.phones) { cursor in
            var isEntry = try cursor.moveToFirst()
            while isEntry {
                number += 1
                if !cursor.value.isEmpty { note(.phones, "entry \(number) has a value") }
                if let entry = PhoneKey.decode(cursor.key) {
                    let key = entry.card.bytes
                    let value = try transaction.value(
                        of: key.span.bytes, in: store.databases.cards)
                    if !CardRecord.isPhone(entry.phone, in: value, key: key) {
                        note(.phones, card: entry.card, "has an entry for a phone that is not its")
                    }
                } else {
                    note(.phones, "key \(number) is malformed")
                }
                isEntry = try cursor.moveToNext()
            }
        }
    }

    private mutating func checkChanges(
        _ parts: [CheckedPart], _ transaction: borrowing ReadTransaction
    ) throws {
        let last = try metaValue(MetaValue.sequence, transaction)
        report.needs.meta = report.needs.meta || last == nil
        var previous: UInt64?
        for part in parts where part.range.database == .changes {
            if let before = previous, let first = part.firstSequence, first != before + 1 {
                note(.changes, "there is a hole between \(before) and \(first)")
            }
            for finding in part.findings {
                note(.changes, card: finding.card, finding.text(report.changes + finding.number))
            }
            report.changes += part.count
            found[.changes, default: .init()].add(part.totals)
            previous = part.lastSequence ?? previous
        }
        guard let last else { return }
        if let previous, previous != last {
            note(.changes, "the log ends at \(previous), and the last sequence is \(last)")
        } else if previous == nil, last != 0 {
            note(.changes, "the log is empty, and the last sequence is \(last)")
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

    private mutating func checkKeys(_ transaction: borrowing ReadTransaction) throws {
        if try metaValue(MetaValue.keysVersion, transaction) == nil { report.needs.meta = true }
        try transaction.withCursor(over: store.databases.keys) { cursor in
            var isEntry = try cursor.moveToFirst()
            while isEntry {
                report.keys += 1
                do throws(RecordDamage) {
                    let hash = try CardStore.verifyKey(cursor.value, hash: cursor.key)
                    expected[.keys, default: .init()].add(hash)
                } catch {
                    report.needs.damagedKeys += 1
                    note(.keys, "key \(report.keys): \(error)")
                }
                isEntry = try cursor.moveToNext()
            }
        }
    }

    /// Seals and layouts; what a record says of the world outside the store is not looked at.
    private mutating func checkSealed(
        _ database: StoredDatabase, _ transaction: borrowing ReadTransaction
    ) throws {
        var number = 0
        try transaction.withCursor(over: store.databases[database]) { cursor in
            var isEntry = try cursor.moveToFirst()
            while isEntry {
                number += 1
                do throws(RecordDamage) {
                    let record = try SealedRecord.verify(cursor.value, key: cursor.key, database)
                    try CardStore.verifySealed(record, key: cursor.key, database)
                    expected[database, default: .init()].add(record.checksum)
                } catch {
                    // Marks follow from the customers.
                    if database == .customerMarks {
                        report.needs.customers = true
                    } else {
                        report.needs.damagedSealed[database, default: 0] += 1
                    }
                    note(database, "entry \(number): \(error)")
                }
                isEntry = try cursor.moveToNext()
            }
        }
        if database == .runs { report.runs = number }
    }

    private mutating func checkCustomers(_ transaction: borrowing ReadTransaction) throws {
        do {
            report.customers = try transaction.entryCount(of: store.databases.customers)
            guard let problem = try store.customerMarksProblem(transaction) else { return }
            note(.customerMarks, problem)
        } catch StoreError.damaged(let database, let what) {
            note(StoredDatabase(rawValue: database) ?? .customers, what)
        }
        report.needs.customers = true
    }

    /// Without their key, erasures say nothing.
    private mutating func checkErasures(_ transaction: borrowing ReadTransaction) throws {
        if try metaValue(MetaValue.erasuresApplied, transaction) == nil { report.needs.meta = true }
        report.erasures = try transaction.entryCount(of: store.databases.erasures)
        guard report.erasures > 0 else { return }
        do {
            _ = try StoredErasure.key(transaction, store.databases.meta)
        } catch StoreError.damaged(_, let what) {
            note(.meta, what)
            report.needs.erasureKey = true
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
            if stored == expected { return }
            report.needs.wrongTotals.insert(database)
            if stored.count != expected.count {
                note(
                    database,
                    "\(stored.count) entries were written, and \(expected.count) are accounted for"
                )
            } else {
                note(database, "the digest of all entries is not what was written")
            }
        } catch StoreError.damaged(_, let what) {
            report.needs.unreadableTotals.insert(database)
            note(.meta, what)
        }
    }
}

extension CardRecord {
    /// Whether the record in `value` has this current phone. A damaged one may have had it: its own
    /// damage is what there is to say of it.
    static func isPhone(_ phone: PhoneNumber, in value: RawSpan?, key: [UInt8]) -> Bool {
        guard let value else { return false }
        do throws(RecordDamage) {
            let record = try CardRecord(verifying: value, key: key.span.bytes)
            return record.hasState && record.phone == phone
        } catch {
            return true
        }
    }
}

extension RawSpan {
    func hasSameBytes(as other: RawSpan) -> Bool {
        guard byteCount == other.byteCount else { return false }
        return order(other) == 0
    }

    /// LMDB's order of keys.
    func precedes(_ other: RawSpan) -> Bool {
        let common = order(other)
        return common != 0 ? common < 0 : byteCount < other.byteCount
    }

    /// The order of the bytes that both have.
    private func order(_ other: RawSpan) -> CInt {
        withUnsafeBytes { mine in
            other.withUnsafeBytes { theirs in
                guard let first = mine.baseAddress, let second = theirs.baseAddress else {
                    return 0
                }
                return memcmp(first, second, min(mine.count, theirs.count))
            }
        }
    }
}
