internal import CardModel
internal import CardService
internal import CardStore
internal import LMDBKit
internal import Synchronization

/// Writes a store anew: what it holds, merged with new facts.
///
/// Two passes, each over ranges of keys that the threads take in turn. The first sorts a range's
/// facts, merges them with the range's cards, fills pages of `cards` and of `changes`, and deals
/// out the entries that `phones` and `times` gain and lose. The second sorts and merges those. Both
/// read the old data file in key order under an ``EnvironmentLock``, so nobody changes it
/// meanwhile. The new file is made durable, and only then takes the old one's place.
///
/// What it leaves must be what `CardStore.commit` of the same facts leaves: the same records and
/// entries, totals brought on in the same way, and one entry in `changes` for each changed card,
/// in ascending order. A test compares the two.
struct StoreRebuild {
    private let load: BulkLoad

    init(_ load: BulkLoad) {
        self.load = load
    }

    func run(
        _ facts: consuming BulkFacts, _ lock: consuming EnvironmentLock,
        _ onProgress: (BulkProgress) -> Void
    ) throws -> BulkReport {
        var clock = PhaseClock()
        let old = try OldStore(directory: load.directory, mapSizeBytes: load.mapSizeBytes)
        let limit = Double(load.mapSizeBytes) * CardStore.newEventsMapShare
        let file = try NewDataFile(directory: load.directory, limitBytes: Int(limit))
        let work = RebuildWork(old: old, file: file, facts: facts, files: load.files)
        // One more than there are cores: while one waits for the disk to take its pages, another
        // goes on.
        let threads = load.threads > 1 ? load.threads + 1 : 1
        try work.run("merging", threads: threads, onProgress) { try work.mergeCards($0) }
        clock.end("merge and write cards")
        var report = BulkReport()
        let results = work.results
        report.counts = results.counts
        report.cardsChanged = results.changed
        guard results.changed > 0 else {
            report.phases = clock.phases
            return report
        }
        try work.run("indexing", threads: threads, onProgress) { try work.mergeIndexes($0) }
        clock.end("sort and write indexes")
        onProgress(BulkProgress(phase: "syncing", share: 0))
        let id = try finish(work)
        clock.end("sync")
        try lock.announce(transactionID: id)
        try file.publish()
        clock.end("publish")
        report.phases = clock.phases
        return report
    }

    /// Writes what the store holds anew, without new facts. What it once held is in no page of the
    /// new file.
    func compact(
        _ lock: consuming EnvironmentLock, _ onProgress: (BulkProgress) -> Void
    ) throws {
        let old = try OldStore(directory: load.directory, mapSizeBytes: load.mapSizeBytes)
        // The new file is no larger than the old one, also where that has no room for new events.
        let file = try NewDataFile(directory: load.directory, limitBytes: load.mapSizeBytes)
        let facts = BulkFacts(
            sample: BulkFacts.Sample(), inputBytes: 0, memoryBytes: BulkFacts.memoryBytesMin,
            directory: load.directory)
        let work = RebuildWork(old: old, file: file, facts: facts, files: 0)
        try work.run("merging", threads: 1, onProgress) { try work.mergeCards($0) }
        try work.run("indexing", threads: load.threads, onProgress) { try work.mergeIndexes($0) }
        onProgress(BulkProgress(phase: "syncing", share: 0))
        let id = try finish(work)
        FailPoint.beforeReplace.pass()
        try lock.announce(transactionID: id)
        try file.publish()
        FailPoint.afterReplace.pass()
    }

    private func finish(_ work: RebuildWork) throws -> Int {
        try work.file.finish(
            try work.trees(), after: work.old.transactionID, mapSizeBytes: load.mapSizeBytes)
    }
}

/// The store as it is, under the lock.
final class OldStore: Sendable {
    let environment: Environment
    let transactionID: Int
    let names: [String: Database]
    let totals: [StoredDatabase: DatabaseTotals]
    let sequence: UInt64
    let erasures: ErasureList?

    init(directory: String, mapSizeBytes: Int) throws {
        environment = try Environment(
            path: directory, options: .init(mapSizeBytes: mapSizeBytes, isLockedByCaller: true))
        var names: [String: Database] = [:]
        var totals: [StoredDatabase: DatabaseTotals] = [:]
        (transactionID, sequence, erasures) = try environment.read { transaction in
            for database in StoredDatabase.allCases {
                guard let found = try transaction.openDatabase(database.rawValue) else {
                    throw StoreError.damaged(
                        database: database.rawValue, what: "the database is missing")
                }
                names[database.rawValue] = found
            }
            guard let meta = names[StoredDatabase.meta.rawValue],
                let erasures = names[StoredDatabase.erasures.rawValue]
            else { preconditionFailure("all databases were found") }
            for database in StoredDatabase.totalled {
                totals[database] = try DatabaseTotals(reading: database, transaction, meta)
            }
            let sequence = try MetaValue.read(MetaValue.sequence, transaction, meta)[0]
            let list = try StoredErasure.list(
                totals[.erasures] ?? .init(), transaction, erasures: erasures, meta: meta)
            return (transaction.id, sequence, list)
        }
        self.names = names
        self.totals = totals
    }

    func database(_ database: StoredDatabase) -> Database {
        guard let found = names[database.rawValue] else {
            preconditionFailure("all databases were found")
        }
        return found
    }
}

/// What the threads share.
///
/// `@unchecked Sendable`: the records are taken out under the lock of `state`; the rest is
/// `Sendable` by itself.
final class RebuildWork: @unchecked Sendable {
    struct Results {
        var counts: [CommitCounts]
        var changed = 0
    }

    /// The cards of one range whose set changed: a byte for the count of each ID, then the ID.
    struct ChangedCards {
        var count = 0
        var bytes: [UInt8] = []
    }

    struct State {
        var parts: [StoredDatabase: [Int: TreePart]] = [:]
        var totals: [StoredDatabase: DatabaseTotals]
        var counts: [CommitCounts]
        var nextRange = 0
        var doneRanges = 0
        var failure: (any Error)?
        var threadsAtWork = 0
        // Sequence numbers are dealt out in the order of the ranges.
        var sequence: UInt64
        var nextToNumber = 0
        var waiting: [Int: ChangedCards] = [:]
    }

    final class Index {
        let database: StoredDatabase
        var records: RecordSet

        init(_ database: StoredDatabase, _ records: consuming RecordSet) {
            self.database = database
            self.records = records
        }
    }

    let old: OldStore
    let file: NewDataFile
    private let pool: BlockPool
    private let cardRanges: Partitioning
    private let phoneRanges: Partitioning
    private let timeRanges: Partitioning
    private let files: Int
    private var facts: RecordSet
    private var indexes: [Index] = []
    private let state: Monitor<State>
    private let startSequence: UInt64

    init(old: OldStore, file: NewDataFile, facts: consuming BulkFacts, files: Int) {
        self.old = old
        self.file = file
        self.files = files
        pool = facts.pool
        cardRanges = facts.cards
        phoneRanges = facts.phones
        timeRanges = facts.times
        self.facts = facts.records
        startSequence = old.sequence
        state = Monitor(
            State(
                totals: old.totals, counts: Array(repeating: CommitCounts(), count: files),
                sequence: old.sequence))
    }

    var results: Results {
        state.withLock { Results(counts: $0.counts, changed: Int($0.sequence - startSequence)) }
    }

    // MARK: Threads

    /// Lets each thread work until nothing is left, or one fails.
    func run(
        _ phase: String, threads: Int, _ onProgress: (BulkProgress) -> Void,
        _ body: @escaping @Sendable (Int) throws -> Void
    ) throws {
        state.withLock { state in
            state.nextRange = 0
            state.doneRanges = 0
            state.threadsAtWork = threads
        }
        let total = phase == "merging" ? cardRanges.count : phoneRanges.count + timeRanges.count
        let running = (0..<threads).map { index in
            OSThread { [state] in
                var failure: (any Error)?
                do { try body(index) } catch { failure = error }
                state.withLock { state in
                    state.failure = state.failure ?? failure
                    state.threadsAtWork -= 1
                }
            }
        }
        var isDone = false
        while !isDone {
            isDone = state.wait(timeoutMs: 100) { $0.threadsAtWork == 0 ? true : nil } ?? false
            let done = state.withLock { $0.doneRanges }
            onProgress(BulkProgress(phase: phase, share: Double(done) / Double(max(total, 1))))
        }
        for thread in running { thread.join() }
        if let failure = state.withLock({ $0.failure }) { throw failure }
    }

    /// The next range of `count`; nil when there is none left or some thread has failed.
    private func nextRange(of count: Int) -> Int? {
        state.withLock { state in
            guard state.failure == nil, state.nextRange < count else { return nil }
            defer { state.nextRange += 1 }
            return state.nextRange
        }
    }

    private func finish(
        _ database: StoredDatabase, _ range: Int, _ part: TreePart
    ) {
        state.withLock { state in
            state.parts[database, default: [:]][range] = part
            state.doneRanges += 1
        }
    }

    // MARK: Cards

    func mergeCards(_ thread: Int) throws {
        var pages = PageWriter(file)
        var sorter = RecordSorter()
        var merge = CardMerge(files: files, erasures: old.erasures)
        var phones = RecordSet(pool, ranges: phoneRanges.count)
        var times = RecordSet(pool, ranges: timeRanges.count)
        var totals = DatabaseTotals()
        var changeTotals = DatabaseTotals()
        try old.environment.read { transaction in
            while let range = nextRange(of: cardRanges.count) {
                let batch = try state.withLock { _ in try facts.takeOut(range) }
                sorter.sort(batch)
                var changed = ChangedCards()
                let part = try mergeCards(
                    range, transaction, sorter.sorted, &merge, &pages, &phones, &times, &totals,
                    &changed)
                finish(.cards, range, part)
                try writeChanges(range, changed, &pages, &changeTotals)
            }
            if thread == 0 { try copyChanges(transaction, &pages) }
        }
        try pages.finish()
        let phoneSet = Index(.phones, phones)
        let timeSet = Index(.times, times)
        state.withLock { state in
            indexes.append(phoneSet)
            indexes.append(timeSet)
            for (file, counts) in merge.counts.enumerated() { state.counts[file].add(counts) }
            state.totals[.cards, default: .init()].count &+= totals.count
            state.totals[.cards, default: .init()].digest &+= totals.digest
            state.totals[.changes, default: .init()].count &+= changeTotals.count
            state.totals[.changes, default: .init()].digest &+= changeTotals.digest
        }
    }

    private func mergeCards(
        _ range: Int, _ transaction: borrowing ReadTransaction,
        _ items: UnsafeBufferPointer<RecordSorter.Item>, _ merge: inout CardMerge,
        _ pages: inout PageWriter, _ phones: inout RecordSet, _ times: inout RecordSet,
        _ totals: inout DatabaseTotals, _ changed: inout ChangedCards
    ) throws -> TreePart {
        var writer = TreeWriter()
        try withOldEntries(.cards, range, cardRanges, transaction) { entries in
            var start = 0
            while start < items.count {
                let key = items[start].record.key
                RecordSorter.prefetch(items, behind: start)
                var end = start + 1
                while end < items.count, KeyBytes.isEqual(items[end].record.key, key) {
                    RecordSorter.prefetch(items, behind: end)
                    end += 1
                }
                let group = UnsafeBufferPointer(rebasing: items[start..<end])
                start = end
                try entries.copy(before: key, to: &writer, &pages)
                let found = try entries.take(key) { try Self.history(key, $0) }
                guard merge.merge(group, into: found?.history) else {
                    if let bytes = found?.bytes { try writer.append(key, bytes, &pages) }
                    continue
                }
                let record = UnsafeRawBufferPointer(
                    rebasing: merge.record[..<merge.recordBytes])
                try writer.append(key, record, &pages)
                let checksum = UInt64(
                    littleEndian: record.loadUnaligned(as: UInt64.self))
                if let found {
                    totals.replace(found.checksum, with: checksum)
                } else {
                    totals.add(checksum)
                }
                changed.count += 1
                changed.bytes.append(UInt8(key.count))
                changed.bytes.append(contentsOf: key)
                try dealOut(merge, key, &phones, &times)
            }
            try entries.copyRest(to: &writer, &pages)
        }
        return try writer.finish(&pages)
    }

    private struct OldCard {
        let history: CardHistory
        let checksum: UInt64
        let bytes: UnsafeRawBufferPointer
    }

    private static func history(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer
    ) throws -> OldCard {
        do throws(RecordDamage) {
            let record = try CardRecord(
                verifying: RawSpan(_unsafeBytes: value), key: RawSpan(_unsafeBytes: key))
            return OldCard(
                history: try record.history(), checksum: record.checksum, bytes: value)
        } catch {
            throw StoreError.damaged(database: "cards", what: error.description)
        }
    }

    @inline(__always)
    private func dealOut(
        _ merge: borrowing CardMerge, _ card: UnsafeRawBufferPointer, _ phones: inout RecordSet,
        _ times: inout RecordSet
    ) throws {
        let change = merge.change
        if change.oldPhone != 0 {
            try PhoneRecord.add(change.oldPhone, card, isRemoval: true, to: &phones, phoneRanges)
        }
        if change.newPhone != 0 {
            try PhoneRecord.add(change.newPhone, card, isRemoval: false, to: &phones, phoneRanges)
        }
        for index in 0..<merge.addedTimes.count {
            try TimeRecord.add(
                merge.addedTimes[index], card, isRemoval: false, to: &times, timeRanges)
        }
        for index in 0..<merge.removedTimes.count {
            try TimeRecord.add(
                merge.removedTimes[index], card, isRemoval: true, to: &times, timeRanges)
        }
    }

    // MARK: Changes

    /// Numbers and writes the changes of all ranges whose turn has come.
    private func writeChanges(
        _ range: Int, _ changed: ChangedCards, _ pages: inout PageWriter,
        _ totals: inout DatabaseTotals
    ) throws {
        let ready = state.withLock { state in
            state.waiting[range] = changed
            var ready: [(range: Int, after: UInt64, cards: ChangedCards)] = []
            while let next = state.waiting.removeValue(forKey: state.nextToNumber) {
                ready.append((state.nextToNumber, state.sequence, next))
                state.sequence += UInt64(next.count)
                state.nextToNumber += 1
            }
            return ready
        }
        let seed = StoredDatabase.changes.nameHash
        for (range, after, cards) in ready {
            var writer = TreeWriter()
            var sequence = after
            try cards.bytes.withUnsafeBytes { bytes in
                var offset = 0
                while offset < bytes.count {
                    let end = offset + 1 + Int(bytes[offset])
                    let card = UnsafeRawBufferPointer(rebasing: bytes[(offset + 1)..<end])
                    offset = end
                    sequence += 1
                    try withUnsafeBytes(of: sequence.bigEndian) { key in
                        try writer.append(key, card, &pages)
                        let hash = XXH64.hash(RawSpan(_unsafeBytes: key), seed: seed)
                        totals.add(XXH64.hash(RawSpan(_unsafeBytes: card), seed: hash))
                    }
                }
            }
            let part = try writer.finish(&pages)
            state.withLock { $0.parts[.changes, default: [:]][range] = part }
        }
    }

    private func copyChanges(
        _ transaction: borrowing ReadTransaction, _ pages: inout PageWriter
    ) throws {
        let part = try copy(.changes, transaction, &pages)
        state.withLock { $0.parts[.changes, default: [:]][-1] = part }
    }

    private func copy(
        _ database: StoredDatabase, _ transaction: borrowing ReadTransaction,
        _ pages: inout PageWriter
    ) throws -> TreePart {
        var writer = TreeWriter()
        try transaction.withCursor(over: old.database(database)) { cursor in
            try withUnsafeMutablePointer(to: &cursor) { cursor in
                var entries = try OldEntries(cursor, from: [], to: nil)
                try entries.copyRest(to: &writer, &pages)
            }
        }
        return try writer.finish(&pages)
    }

    // MARK: Indexes

    func mergeIndexes(_ thread: Int) throws {
        var pages = PageWriter(file)
        var sorter = RecordSorter()
        var totals: [DatabaseTotals] = [.init(), .init()]
        try old.environment.read { transaction in
            while let number = nextRange(of: timeRanges.count + phoneRanges.count) {
                let isTimes = number < timeRanges.count
                let database: StoredDatabase = isTimes ? .times : .phones
                let range = isTimes ? number : number - timeRanges.count
                let batch = try state.withLock { _ in
                    var all = RecordBatch(pool)
                    for index in indexes where index.database == database {
                        all.add(try index.records.takeOut(range))
                    }
                    return all
                }
                sorter.sort(batch)
                let part = try mergeIndex(
                    database, range, isTimes ? timeRanges : phoneRanges, transaction,
                    sorter.sorted, &pages, &totals[isTimes ? 0 : 1])
                finish(database, range, part)
            }
        }
        try pages.finish()
        state.withLock { state in
            for (database, sum) in [(StoredDatabase.times, totals[0]), (.phones, totals[1])] {
                state.totals[database, default: .init()].count &+= sum.count
                state.totals[database, default: .init()].digest &+= sum.digest
            }
        }
    }

    private func mergeIndex(
        _ database: StoredDatabase, _ range: Int, _ ranges: Partitioning,
        _ transaction: borrowing ReadTransaction,
        _ items: UnsafeBufferPointer<RecordSorter.Item>, _ pages: inout PageWriter,
        _ totals: inout DatabaseTotals
    ) throws -> TreePart {
        var writer = TreeWriter()
        let seed = database.nameHash
        let nothing = UnsafeRawBufferPointer(start: nil, count: 0)
        try withOldEntries(database, range, ranges, transaction) { entries in
            for (index, item) in items.enumerated() {
                RecordSorter.prefetch(items, behind: index)
                let key = item.record.key
                try entries.copy(before: key, to: &writer, &pages)
                let isThere = try entries.take(key) { _ in true } ?? false
                guard isThere == item.record.isRemoval else {
                    throw StoreError.damaged(
                        database: database.rawValue,
                        what: isThere
                            ? "there is an entry that 'cards' does not call for"
                            : "an entry that 'cards' calls for is missing")
                }
                let hash = XXH64.hash(
                    RawSpan(), seed: XXH64.hash(RawSpan(_unsafeBytes: key), seed: seed))
                if isThere {
                    totals.count &-= 1
                    totals.digest &-= hash
                } else {
                    // A thread's own sum: it wraps below zero where more goes than comes.
                    totals.count &+= 1
                    totals.digest &+= hash
                    try writer.append(key, nothing, &pages)
                }
            }
            try entries.copyRest(to: &writer, &pages)
        }
        return try writer.finish(&pages)
    }

    private func withOldEntries(
        _ database: StoredDatabase, _ range: Int, _ ranges: Partitioning,
        _ transaction: borrowing ReadTransaction, _ body: (inout OldEntries) throws -> Void
    ) throws {
        let end = range + 1 < ranges.count ? ranges.lowerBound(range + 1) : nil
        try transaction.withCursor(over: old.database(database)) { cursor in
            try withUnsafeMutablePointer(to: &cursor) { cursor in
                var entries = try OldEntries(cursor, from: ranges.lowerBound(range), to: end)
                try body(&entries)
            }
        }
    }

    // MARK: The end

    /// All databases of the new store.
    func trees() throws -> [(name: String, parts: [TreePart])] {
        var pages = PageWriter(file)
        let (parts, totals, sequence) = state.withLock { ($0.parts, $0.totals, $0.sequence) }
        var trees: [(name: String, parts: [TreePart])] = []
        for database in [StoredDatabase.cards, .phones, .times, .changes] {
            let parts = (parts[database] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
            trees.append((database.rawValue, parts))
        }
        try old.environment.read { transaction in
            for database in [.keys] + StoredDatabase.sealed {
                trees.append((database.rawValue, [try copy(database, transaction, &pages)]))
            }
            var values: [String: [UInt64]] = [MetaValue.sequence: [sequence]]
            for (database, sum) in totals {
                values[MetaValue.totals(database)] = [sum.count, sum.digest]
            }
            var writer = TreeWriter()
            try transaction.withCursor(over: old.database(.meta)) { cursor in
                var found = try cursor.moveToFirst()
                while found {
                    let name = cursor.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
                    let value =
                        values[name].map { MetaValue.encode($0, name: name) }
                        ?? cursor.value.withUnsafeBytes { Array($0) }
                    try cursor.key.withUnsafeBytes { key in
                        try value.withUnsafeBytes { try writer.append(key, $0, &pages) }
                    }
                    found = try cursor.moveToNext()
                }
            }
            trees.append((StoredDatabase.meta.rawValue, [try writer.finish(&pages)]))
        }
        try pages.finish()
        return trees
    }
}

/// The entries that a database has in a range of keys, taken in their order.
struct OldEntries: ~Copyable {
    /// The caller's cursor, which outlives this.
    private let cursor: UnsafeMutablePointer<Cursor>
    private let end: [UInt8]?
    private var isAtEntry: Bool
    /// The entry that the cursor is at. LMDB's snapshot outlives this, so the bytes stay.
    private var key = UnsafeRawBufferPointer(start: nil, count: 0)
    private var value = UnsafeRawBufferPointer(start: nil, count: 0)

    init(_ cursor: UnsafeMutablePointer<Cursor>, from start: [UInt8], to end: [UInt8]?) throws {
        self.cursor = cursor
        self.end = end
        isAtEntry =
            start.isEmpty
            ? try cursor.pointee.moveToFirst()
            : try cursor.pointee.move(toFirstNotBefore: start.span.bytes)
        look()
    }

    private mutating func look() {
        guard isAtEntry else { return }
        key = cursor.pointee.unsafeKey
        value = cursor.pointee.unsafeValue
        if let end {
            isAtEntry = end.withUnsafeBytes { KeyBytes.isLess(key, $0) }
        }
    }

    private mutating func moveOn() throws {
        isAtEntry = try cursor.pointee.moveToNext()
        look()
    }

    /// Copies what comes before a key.
    @inline(__always)
    mutating func copy(
        before key: UnsafeRawBufferPointer, to writer: inout TreeWriter,
        _ pages: inout PageWriter
    ) throws {
        while isAtEntry, KeyBytes.isLess(self.key, key) {
            try writer.append(self.key, value, &pages)
            try moveOn()
        }
    }

    /// Takes the entry of a key, if there is one.
    @inline(__always)
    mutating func take<R>(
        _ key: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws -> R
    ) throws -> R? {
        guard isAtEntry, KeyBytes.order(self.key, key) == 0 else { return nil }
        let result = try body(value)
        try moveOn()
        return result
    }

    mutating func copyRest(to writer: inout TreeWriter, _ pages: inout PageWriter) throws {
        while isAtEntry {
            try writer.append(key, value, &pages)
            try moveOn()
        }
    }
}
