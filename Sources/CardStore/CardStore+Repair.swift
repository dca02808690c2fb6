internal import CardModel
internal import Glibc
internal import LMDBKit

/// What a check found to be wrong, by what can be done about it.
struct RepairNeeds: Equatable, Sendable {
    /// Records of `cards` that cannot be read.
    var damagedCards = 0
    /// Records whose events are whole and whose head does not follow from them.
    var wrongHeads = 0
    var damagedKeys = 0
    /// Damaged records about feeds, by their database.
    var damagedSealed: [StoredDatabase: Int] = [:]
    var phones = false
    var times = false
    var changes = false
    var meta = false
    /// Marks of customers, or which customers there are.
    var customers = false
    /// The key of the erasures is gone, which nothing else tells.
    var erasureKey = false
    var wrongTotals: Set<StoredDatabase> = []
    var unreadableTotals: Set<StoredDatabase> = []
}

/// What a repair is going to do.
public struct RepairPlan: Sendable {
    /// What it makes anew out of what is whole.
    public internal(set) var steps: [String] = []
    /// What it would give up, because nothing in the store says what it was.
    public internal(set) var losses: [String] = []
    /// What has to be known about the result.
    public internal(set) var notes: [String] = []

    public var isEmpty: Bool { steps.isEmpty && losses.isEmpty }
}

extension CheckReport {
    /// What ``CardStore/repair(givesUpLosses:)`` would do about the findings.
    public var repairPlan: RepairPlan {
        var plan = RepairPlan()
        guard !findings.isEmpty else { return plan }
        if needs.damagedCards > 0 {
            plan.losses.append(
                "\(needs.damagedCards) damaged records of cards; they are kept, as they are, in"
                    + " the file '\(CardStore.damagedFileName)'")
        }
        if needs.damagedKeys > 0 {
            plan.losses.append("\(needs.damagedKeys) damaged records of API keys")
        }
        for (database, count) in needs.damagedSealed.sorted(by: { $0.key < $1.key }) {
            plan.losses.append("\(count) damaged records of '\(database.rawValue)'")
        }
        // A damaged record is missing from the totals as well, so they only tell more without one.
        if needs.damagedCards == 0, needs.wrongHeads == 0, needs.wrongTotals.contains(.cards) {
            plan.losses.append(
                "cards that were written and are not there, or not as they were written")
        }
        if needs.damagedKeys == 0, needs.wrongTotals.contains(.keys) {
            plan.losses.append("API keys that were written and are not there")
        }
        if needs.damagedSealed[.customers] == nil, needs.wrongTotals.contains(.customers) {
            plan.losses.append(
                "customers that were written and are not there, which the next pull brings again")
        }
        if needs.damagedSealed[.erasures] == nil, needs.wrongTotals.contains(.erasures) {
            plan.losses.append("erasures that were written and are not there")
        }
        if needs.erasureKey {
            plan.losses.append(
                "all erasures, of which nobody can tell without their key what they are of")
        }
        if needs.unreadableTotals.contains(.cards) {
            plan.notes.append("whether cards are missing can no longer be told")
        }
        if needs.wrongHeads > 0 {
            plan.steps.append("write \(needs.wrongHeads) cards' states anew from their events")
        }
        let hasLostCards = !plan.losses.isEmpty
        if needs.phones || hasLostCards { plan.steps.append("correct 'phones' by 'cards'") }
        if needs.times || hasLostCards { plan.steps.append("correct 'times' by 'cards'") }
        if rewritesLog {
            plan.steps.append("begin the change log anew, with every card as changed")
        }
        if needs.customers { plan.steps.append("find the places of the customers anew") }
        plan.steps.append("count all entries and write the totals anew")
        return plan
    }

    private var rewritesLog: Bool {
        needs.changes || needs.wrongTotals.contains(.changes)
            || needs.unreadableTotals.contains(.changes)
            || needs.damagedCards > 0 || needs.wrongHeads > 0
            || needs.wrongTotals.contains(.cards)
    }
}

extension CardStore {
    /// The file of the store's directory that keeps damaged records which a repair gave up.
    public static let damagedFileName = "damaged.ndjson"

    /// Makes anew, in one transaction, what follows from whole records of `cards`: states,
    /// `phones`, `times`, and all totals; and the change log, when that is wrong. Entries that are
    /// right are not written. A repair that is killed leaves the store as it was.
    ///
    /// Nothing may serve the store meanwhile: hold its ``ServerLock``. Memory is bounded: entries
    /// are corrected some ten thousand at a time, and LMDB writes out what it cannot hold.
    ///
    /// - Parameter givesUpLosses: removes records that cannot be read, after writing them to
    ///   ``damagedFileName``, and takes what is there for all there was.
    /// - Throws: ``StoreError/damaged(database:what:)`` when there are losses and they may not be
    ///   given up. The store is as it was.
    public func repair(givesUpLosses: Bool) throws {
        let report = try check()
        let plan = report.repairPlan
        guard !plan.isEmpty else { return }
        if !givesUpLosses, let loss = plan.losses.first {
            throw StoreError.damaged(
                database: "cards", what: "a repair would give up \(loss)")
        }
        try write { transaction in
            var repair = OpenRepair(store: self, givesUpLosses: givesUpLosses)
            try repair.run(&transaction, report.needs, rewritesLog: plan.rewritesLog)
        }
    }
}

extension RepairPlan {
    fileprivate var rewritesLog: Bool { steps.contains { $0.hasPrefix("begin the change log") } }
}

/// A repair in its transaction.
private struct OpenRepair {
    /// Entries that are corrected at a time.
    private static let batchCount = 1 << 16

    let store: CardStore
    let givesUpLosses: Bool

    typealias Key = [UInt8]

    /// A correction of one entry: a new value, or nil to remove it.
    typealias Correction = (key: Key, value: [UInt8]?)

    mutating func run(
        _ transaction: inout WriteTransaction, _ needs: RepairNeeds, rewritesLog: Bool
    ) throws {
        try repairCards(&transaction)
        try repairKeys(&transaction)
        for database in StoredDatabase.sealed where database != .customerMarks {
            try repairSealed(database, &transaction)
        }
        try store.repairCustomers(&transaction)
        if needs.erasureKey { try store.dropErasures(&transaction) }
        try removeStrays(from: .phones, &transaction) { key, transaction in
            guard let entry = PhoneKey.decode(key.span.bytes) else { return false }
            let card = entry.card.bytes
            let value = try transaction.value(of: card.span.bytes, in: store.databases.cards)
            return CardRecord.isPhone(entry.phone, in: value, key: card)
        }
        try addMissing(to: .phones, &transaction) { id, history in
            history.state?.phone.map { [PhoneKey.encode($0, id)] } ?? []
        }
        try removeStrays(from: .times, &transaction) { key, transaction in
            try isTime(key, transaction)
        }
        try addMissing(to: .times, &transaction) { id, history in
            history.events.map { TimeKey.encode(id, $0.identity) }
        }
        try repairMeta(&transaction, rewritesLog: rewritesLog)
    }

    private func isTime(_ key: Key, _ transaction: borrowing WriteTransaction) throws -> Bool {
        guard key.count > 17 else { return false }
        let card = Array(key[9..<(key.count - 8)])
        guard let id = CardID(canonical: card.span),
            let value = try transaction.value(of: card.span.bytes, in: store.databases.cards)
        else { return false }
        let history = try store.inDatabase(.cards) {
            try CardRecord(verifying: value, key: card.span.bytes).history()
        }
        return history.events.contains { TimeKey.encode(id, $0.identity) == key }
    }

    // MARK: Passes

    /// Goes over a database in batches: `body` looks at an entry and says what is to be corrected;
    /// corrections are made between batches, when no cursor is open. They must not be of keys
    /// that come later in the same database.
    private func pass(
        over database: StoredDatabase, correcting target: StoredDatabase,
        _ transaction: inout WriteTransaction,
        _ body: (Key, RawSpan, borrowing WriteTransaction, inout [Correction]) throws -> Void,
        before: ([Correction]) throws -> Void = { _ in }
    ) throws {
        var from: Key? = []
        while let start = from {
            var corrections: [Correction] = []
            from = try transaction.withCursor(over: store.databases[database]) { cursor in
                var found =
                    start.isEmpty
                    ? try cursor.moveToFirst()
                    : try cursor.move(toFirstNotBefore: start.span.bytes)
                while found {
                    let key = Span<UInt8>(_bytes: cursor.key).copied
                    if corrections.count >= Self.batchCount { return key }
                    try body(key, cursor.value, transaction, &corrections)
                    found = try cursor.moveToNext()
                }
                return nil
            }
            try before(corrections)
            // Neighbours lie on the same pages.
            corrections.sort { $0.key.lexicographicallyPrecedes($1.key) }
            for correction in corrections {
                let key = correction.key.span.bytes
                if let value = correction.value {
                    try transaction.put(value.span.bytes, for: key, in: store.databases[target])
                } else {
                    _ = try transaction.remove(key, from: store.databases[target])
                }
            }
        }
    }

    private func repairCards(_ transaction: inout WriteTransaction) throws {
        let canGiveUp = givesUpLosses
        let damaged = DamagedRecords(directory: store.directory)
        try pass(over: .cards, correcting: .cards, &transaction) { key, value, _, corrections in
            do throws(RecordDamage) {
                guard CardID(canonical: key.span) != nil else {
                    throw RecordDamage("a key is no card ID")
                }
                let record = try CardRecord(verifying: value, key: key.span.bytes)
                let again = CardRecord.encode(try record.history(), key: key.span.bytes)
                if !value.hasSameBytes(as: again.span.bytes) {
                    corrections.append((key, again))
                }
            } catch {
                guard canGiveUp else {
                    throw StoreError.damaged(database: "cards", what: error.description)
                }
                damaged.add(key, value, error)
                corrections.append((key, nil))
            }
        } before: { _ in
            // What is removed must be durable elsewhere before it can be gone here.
            try damaged.write()
        }
    }

    private func repairKeys(_ transaction: inout WriteTransaction) throws {
        let canGiveUp = givesUpLosses
        try pass(over: .keys, correcting: .keys, &transaction) { key, value, _, corrections in
            do throws(RecordDamage) {
                _ = try CardStore.verifyKey(value, hash: key.span.bytes)
            } catch {
                guard canGiveUp else {
                    throw StoreError.damaged(database: "keys", what: error.description)
                }
                corrections.append((key, nil))
            }
        }
    }

    private func repairSealed(
        _ database: StoredDatabase, _ transaction: inout WriteTransaction
    ) throws {
        let canGiveUp = givesUpLosses
        try pass(over: database, correcting: database, &transaction) {
            key, value, _, corrections in
            do throws(RecordDamage) {
                let record = try SealedRecord.verify(value, key: key.span.bytes, database)
                try CardStore.verifySealed(record, key: key.span.bytes, database)
            } catch {
                guard canGiveUp else {
                    throw StoreError.damaged(
                        database: database.rawValue, what: error.description)
                }
                corrections.append((key, nil))
            }
        }
    }

    private func removeStrays(
        from database: StoredDatabase, _ transaction: inout WriteTransaction,
        isRight: (Key, borrowing WriteTransaction) throws -> Bool
    ) throws {
        try pass(over: database, correcting: database, &transaction) {
            key, value, transaction, corrections in
            if try !isRight(key, transaction) {
                corrections.append((key, nil))
            } else if !value.isEmpty {
                corrections.append((key, []))
            }
        }
    }

    private func addMissing(
        to database: StoredDatabase, _ transaction: inout WriteTransaction,
        keys: (CardID, CardHistory) -> [Key]
    ) throws {
        try pass(over: .cards, correcting: database, &transaction) {
            key, value, transaction, corrections in
            guard let id = CardID(canonical: key.span) else { return }
            let history = try store.inDatabase(.cards) {
                try CardRecord(verifying: value, key: key.span.bytes).history()
            }
            for key in keys(id, history) {
                let entry = try transaction.value(
                    of: key.span.bytes, in: store.databases[database])
                if entry == nil { corrections.append((key, [])) }
            }
        }
    }

    // MARK: Log and totals

    private func repairMeta(
        _ transaction: inout WriteTransaction, rewritesLog: Bool
    ) throws {
        let meta = store.databases.meta
        var sequence = try readable(MetaValue.sequence, transaction)
        if rewritesLog || sequence == nil {
            // Numbers go on behind every one that a follower can have seen.
            let last = max(sequence ?? 0, try greatestSequence(transaction))
            let written = rewritesLog ? try writeLog(after: last, &transaction) : last
            sequence = written
            try MetaValue.write(MetaValue.sequence, [written], &transaction, meta)
        }
        if try readable(MetaValue.keysVersion, transaction) == nil {
            // Only servers remember the number, and none is running.
            try MetaValue.write(MetaValue.keysVersion, [1], &transaction, meta)
        }
        if try readable(MetaValue.lastRun, transaction) == nil {
            let last = try greatestRun(transaction)
            try MetaValue.write(MetaValue.lastRun, [last], &transaction, meta)
        }
        if try readable(MetaValue.erasuresApplied, transaction) == nil {
            // The next erasure goes over all cards again.
            try MetaValue.write(MetaValue.erasuresApplied, [0], &transaction, meta)
        }
        for database in StoredDatabase.totalled {
            var totals = DatabaseTotals()
            try transaction.withCursor(over: store.databases[database]) { cursor in
                var found = try cursor.moveToFirst()
                while found {
                    totals.add(Self.hash(database, cursor))
                    found = try cursor.moveToNext()
                }
            }
            try totals.write(as: database, &transaction, meta)
        }
    }

    /// Records carry the hash of their entry in front, and have been verified.
    private static func hash(_ database: StoredDatabase, _ cursor: borrowing Cursor) -> UInt64 {
        switch database {
        case .cards, .keys, .runs, .rejects, .sources, .customers, .customerMarks, .erasures:
            let value = cursor.value
            return UInt64(
                littleEndian: value.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        default: return database.entryHash(key: cursor.key, value: cursor.value)
        }
    }

    private func readable(
        _ name: String, _ transaction: borrowing WriteTransaction
    ) throws -> UInt64? {
        do {
            return try MetaValue.read(name, transaction, store.databases.meta)[0]
        } catch StoreError.damaged {
            return nil
        }
    }

    private func greatestSequence(_ transaction: borrowing WriteTransaction) throws -> UInt64 {
        try transaction.withCursor(over: store.databases.changes) { cursor in
            var greatest: UInt64 = 0
            var found = try cursor.moveToFirst()
            while found {
                // A damaged key may claim any number, and numbers must have room to go on.
                if let sequence = SequenceKey.decode(cursor.key), sequence < 1 << 62 {
                    greatest = max(greatest, sequence)
                }
                found = try cursor.moveToNext()
            }
            return greatest
        }
    }

    private func greatestRun(_ transaction: borrowing WriteTransaction) throws -> UInt64 {
        try transaction.withCursor(over: store.databases.runs) { cursor in
            try cursor.moveToLast() ? SequenceKey.decode(cursor.key) ?? 0 : 0
        }
    }

    private func writeLog(
        after last: UInt64, _ transaction: inout WriteTransaction
    ) throws -> UInt64 {
        try transaction.removeAll(from: store.databases.changes)
        var sequence = last
        try pass(over: .cards, correcting: .changes, &transaction) { key, _, _, corrections in
            sequence += 1
            corrections.append((SequenceKey.encode(sequence), key))
        }
        // A log without an entry would not say where it ends.
        return sequence == last ? 0 : sequence
    }
}

/// Records that are given up, on their way to a file that keeps them.
private final class DamagedRecords {
    private let path: String
    private var lines: [UInt8] = []

    init(directory: String) {
        path = directory + "/" + CardStore.damagedFileName
    }

    func add(_ key: [UInt8], _ value: RawSpan, _ damage: RecordDamage) {
        lines += Array("{\"damage\":\"\(damage)\",\"key\":\"".utf8)
        lines += Self.hex(key.span.bytes)
        lines += Array("\",\"value\":\"".utf8)
        lines += Self.hex(value)
        lines += Array("\"}\n".utf8)
    }

    func write() throws(StoreError) {
        guard !lines.isEmpty else { return }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw failure() }
        defer { close(descriptor) }
        var done = 0
        while done < lines.count {
            let count = lines.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress?.advanced(by: done), $0.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw failure() }
            done += count
        }
        guard fsync(descriptor) == 0 else { throw failure() }
        try PartialFile.syncFolder(of: path)
        lines = []
    }

    private func failure() -> StoreError {
        .inaccessible(path: path, reason: String(cString: strerror(errno)))
    }

    private static func hex(_ bytes: RawSpan) -> [UInt8] {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(2 * bytes.byteCount)
        bytes.withUnsafeBytes {
            for byte in $0 {
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            }
        }
        return text
    }
}
