public import CardModel
internal import LMDBKit

/// What one submission did to the store.
public struct CommitCounts: Equatable, Sendable {
    /// Facts that added something.
    public var accepted = 0
    /// Facts that were known already.
    public var duplicates = 0
    /// Facts older than what a full history keeps.
    public var beyondLimit = 0
    /// Identities that fell out of full histories to make room.
    public var forgotten = 0

    public init() {}

    public mutating func add(_ other: CommitCounts) {
        accepted += other.accepted
        duplicates += other.duplicates
        beyondLimit += other.beyondLimit
        forgotten += other.forgotten
    }

    package mutating func count(_ outcome: CardHistory.Outcome) {
        switch outcome {
        case .changed(let dropped):
            accepted += 1
            forgotten += dropped
        case .duplicate: duplicates += 1
        case .beyondLimit: beyondLimit += 1
        }
    }
}

/// What a commit did: a count for each submission, in their order, and what readers in memory need
/// to follow.
public struct CommitResult: Sendable {
    public var counts: [CommitCounts] = []
    /// What became of each fact, submission by submission.
    package var outcomes: [[CardHistory.Outcome]] = []
    /// The cards whose set changed, in ascending order.
    public var changed: [CardID] = []
    /// The last sequence number after the commit.
    public var lastSequence: UInt64 = 0
}

extension CardStore {
    /// Commits several submissions as one transaction: durable when this returns, all or nothing.
    ///
    /// - Throws: ``StoreError/mapFull(usedBytes:mapSizeBytes:)`` and
    ///   ``StoreError/diskFull(directory:)`` when there is no room for new events; the store is
    ///   as it was.
    public func commit(_ submissions: [[CardFact]]) throws -> CommitResult {
        let hasNewEvents = submissions.contains { $0.contains { !$0.event.isVoid } }
        if hasNewEvents { try checkRoomForNewEvents() }
        let result = try write { transaction in
            var commit = try OpenCommit(transaction, self)
            for facts in submissions {
                try commit.apply(facts, &transaction)
            }
            let result = try commit.finish(&transaction)
            FailPoint.beforeCommit.pass()
            return result
        }
        FailPoint.afterCommit.pass()
        return result
    }

    /// Runs `body` while nobody, of any process, can commit: what it reads is all that there is.
    /// Waits for a commit under way, and writes nothing. `body` must be short: writers wait.
    public func withoutCommits<R>(_ body: () throws -> R) throws -> R {
        // A transaction that changes nothing commits nothing.
        try write { _ in try body() }
    }

    /// The file's highest page only ever rises, so once it has come near the map's end, the free
    /// pages below it are counted: writing comes back when there are enough of them. That takes
    /// more than it took to stop, since every commit leaves a few pages free that the next one
    /// cannot use yet.
    func checkRoomForNewEvents() throws {
        let mapSize = Double(environment.mapSizeBytes)
        guard Double(environment.usedBytes) > mapSize * Self.newEventsMapShare else { return }
        let freePages = try read { try $0.freePageCount() }
        let usedBytes = environment.usedBytes - freePages * environment.pageSizeBytes
        guard Double(usedBytes) <= mapSize * Self.newEventsAgainMapShare else {
            throw StoreError.mapFull(
                usedBytes: usedBytes, mapSizeBytes: environment.mapSizeBytes)
        }
    }
}

/// A commit in the making: the totals as they will be, and the cards that changed.
struct OpenCommit {
    private let databases: CardStore.Databases
    /// What must not come in; nil when nothing was ever erased.
    private let erasures: ErasureList?
    private var totals: [StoredDatabase: DatabaseTotals] = [:]
    private let oldTotals: [StoredDatabase: DatabaseTotals]
    private var sequence: UInt64
    private var result = CommitResult()

    init(_ transaction: borrowing WriteTransaction, _ store: CardStore) throws {
        databases = store.databases
        for database in StoredDatabase.totalled {
            totals[database] = try DatabaseTotals(reading: database, transaction, databases.meta)
        }
        oldTotals = totals
        erasures = try store.erasureList(totals[.erasures] ?? .init(), transaction)
        sequence = try MetaValue.read(MetaValue.sequence, transaction, databases.meta)[0]
    }

    /// Merges facts into their cards. Facts of one card need not lie together, but each group that
    /// does costs one rewrite of the card only, and ascending cards are kindest to the B+tree.
    mutating func apply(_ facts: [CardFact], _ transaction: inout WriteTransaction) throws {
        var outcomes: [CardHistory.Outcome] = []
        outcomes.reserveCapacity(facts.count)
        var start = 0
        while start < facts.count {
            var end = start + 1
            while end < facts.count, facts[end].card == facts[start].card { end += 1 }
            try apply(facts[start..<end], to: facts[start].card, &outcomes, &transaction)
            start = end
        }
        var counts = CommitCounts()
        for outcome in outcomes { counts.count(outcome) }
        result.counts.append(counts)
        result.outcomes.append(outcomes)
    }

    private mutating func apply(
        _ facts: ArraySlice<CardFact>, to card: CardID,
        _ outcomes: inout [CardHistory.Outcome],
        _ transaction: inout WriteTransaction
    ) throws {
        let erasures = self.erasures
        try change(card, &transaction) { history in
            for fact in facts {
                let event = erasures?.applied(to: fact.event) ?? fact.event
                outcomes.append(history.merge(event))
            }
        }
    }

    /// Erases a card's events as the list says, and gives their number.
    mutating func erase(_ card: CardID, _ transaction: inout WriteTransaction) throws -> Int {
        guard let erasures else { return 0 }
        var count = 0
        try change(card, &transaction) { count = $0.erase(erasures) }
        return count
    }

    /// Writes a card's record and what goes with it anew, if `body` changes its history.
    private mutating func change(
        _ card: CardID, _ transaction: inout WriteTransaction, _ body: (inout CardHistory) -> Void
    ) throws {
        let key = card.bytes
        var history = CardHistory()
        var oldChecksum: UInt64?
        if let value = try transaction.value(of: key.span.bytes, in: databases.cards) {
            do throws(RecordDamage) {
                let record = try CardRecord(verifying: value, key: key.span.bytes)
                history = try record.history()
                oldChecksum = record.checksum
            } catch let damage {
                throw StoreError.damaged(database: "cards", what: damage.description)
            }
        }
        let old = history
        body(&history)
        guard history != old else { return }

        let record = CardRecord.encode(history, key: key.span.bytes)
        try transaction.put(record.span.bytes, for: key.span.bytes, in: databases.cards)
        let newChecksum = try CardRecord(verifying: record.span.bytes, key: key.span.bytes).checksum
        if let oldChecksum {
            totals[.cards, default: .init()].replace(oldChecksum, with: newChecksum)
        } else {
            totals[.cards, default: .init()].add(newChecksum)
        }
        try updatePhone(card, from: old.state?.phone, to: history.state?.phone, &transaction)
        try updateTimes(card, from: old, to: history, &transaction)
        result.changed.append(card)
    }

    private mutating func updatePhone(
        _ card: CardID, from old: PhoneNumber?, to new: PhoneNumber?,
        _ transaction: inout WriteTransaction
    ) throws {
        guard old != new else { return }
        if let old {
            try remove(PhoneKey.encode(old, card), from: .phones, &transaction)
        }
        if let new {
            try add(PhoneKey.encode(new, card), to: .phones, &transaction)
        }
    }

    /// Both histories ascend by identity, so one pass over the two finds what came and what went.
    private mutating func updateTimes(
        _ card: CardID, from old: CardHistory, to new: CardHistory,
        _ transaction: inout WriteTransaction
    ) throws {
        var oldEvents = old.events[...]
        for event in new.events {
            while let first = oldEvents.first, first.identity < event.identity {
                try remove(TimeKey.encode(card, first.identity), from: .times, &transaction)
                oldEvents.removeFirst()
            }
            if oldEvents.first?.identity == event.identity {
                oldEvents.removeFirst()
            } else {
                try add(TimeKey.encode(card, event.identity), to: .times, &transaction)
            }
        }
        for event in oldEvents {
            try remove(TimeKey.encode(card, event.identity), from: .times, &transaction)
        }
    }

    private mutating func add(
        _ key: [UInt8], to database: StoredDatabase, _ transaction: inout WriteTransaction
    ) throws {
        try transaction.put(RawSpan(), for: key.span.bytes, in: databases[database])
        totals[database, default: .init()].add(database.entryHash(key: key.span.bytes))
    }

    private mutating func remove(
        _ key: [UInt8], from database: StoredDatabase, _ transaction: inout WriteTransaction
    ) throws {
        do {
            guard try transaction.remove(key.span.bytes, from: databases[database]) else {
                throw RecordDamage("an entry that 'cards' calls for is missing")
            }
            let hash = database.entryHash(key: key.span.bytes)
            try totals[database, default: .init()].remove(hash)
        } catch let damage as RecordDamage {
            throw StoreError.damaged(database: database.rawValue, what: damage.description)
        }
    }

    /// Logs the changes and writes the new totals.
    mutating func finish(_ transaction: inout WriteTransaction) throws -> CommitResult {
        result.changed = Self.sortedUnique(result.changed)
        for card in result.changed {
            sequence += 1
            let key = SequenceKey.encode(sequence)
            let value = card.bytes
            try transaction.put(value.span.bytes, for: key.span.bytes, in: databases.changes)
            totals[.changes, default: .init()].add(
                StoredDatabase.changes.entryHash(key: key.span.bytes, value: value.span.bytes))
        }
        result.lastSequence = sequence
        guard !result.changed.isEmpty else { return result }
        try MetaValue.write(MetaValue.sequence, [sequence], &transaction, databases.meta)
        for (database, new) in totals where new != oldTotals[database] {
            try new.write(as: database, &transaction, databases.meta)
        }
        return result
    }

    private static func sortedUnique(_ cards: [CardID]) -> [CardID] {
        var unique: [CardID] = []
        for card in cards.sorted() where card != unique.last {
            unique.append(card)
        }
        return unique
    }
}
