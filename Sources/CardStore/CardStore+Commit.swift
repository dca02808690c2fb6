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
    /// What is kept of each of them from then on.
    package var histories: [CardHistory] = []
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
            try commit.apply(submissions, &transaction)
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
    /// The totals of the databases that hold cards and what goes with them.
    private struct Totals {
        static let databases: [StoredDatabase] = [.cards, .phones, .times, .changes]

        private var cards: DatabaseTotals
        private var phones: DatabaseTotals
        private var times: DatabaseTotals
        private var changes: DatabaseTotals

        init(_ transaction: borrowing WriteTransaction, _ meta: Database) throws {
            cards = try DatabaseTotals(reading: .cards, transaction, meta)
            phones = try DatabaseTotals(reading: .phones, transaction, meta)
            times = try DatabaseTotals(reading: .times, transaction, meta)
            changes = try DatabaseTotals(reading: .changes, transaction, meta)
        }

        subscript(_ database: StoredDatabase) -> DatabaseTotals {
            get {
                switch database {
                case .cards: cards
                case .phones: phones
                case .times: times
                case .changes: changes
                default: preconditionFailure("a commit of cards does not touch \(database)")
                }
            }
            set {
                switch database {
                case .cards: cards = newValue
                case .phones: phones = newValue
                case .times: times = newValue
                case .changes: changes = newValue
                default: preconditionFailure("a commit of cards does not touch \(database)")
                }
            }
        }
    }

    /// Where a fact stands among the submissions.
    private struct Place {
        let card: CardID
        let submission: Int32
        let fact: Int32
    }

    private let databases: CardStore.Databases
    /// What must not come in; nil when nothing was ever erased.
    private let erasures: ErasureList?
    private var totals: Totals
    private let oldTotals: Totals
    private var sequence: UInt64
    private var result = CommitResult()
    private var changed: [(card: CardID, history: CardHistory)] = []

    init(_ transaction: borrowing WriteTransaction, _ store: CardStore) throws {
        let meta = store.databases.meta
        databases = store.databases
        totals = try Totals(transaction, meta)
        oldTotals = totals
        erasures = try store.erasureList(
            DatabaseTotals(reading: .erasures, transaction, meta), transaction)
        sequence = try MetaValue.read(MetaValue.sequence, transaction, meta)[0]
    }

    /// Merges facts into their cards, card by card in the order of their keys, whichever submission
    /// they came with: each record is read and written once, and pages that lie together are
    /// touched together. Of one card, facts are merged in the order in which they came.
    mutating func apply(
        _ submissions: [[CardFact]], _ transaction: inout WriteTransaction
    ) throws {
        let places = Self.places(of: submissions)
        result.outcomes = submissions.map { Array(repeating: .duplicate, count: $0.count) }
        var start = 0
        while start < places.count {
            let card = places[start].card
            var end = start + 1
            while end < places.count, places[end].card == card { end += 1 }
            try apply(places[start..<end], of: submissions, to: card, &transaction)
            start = end
        }
        for outcomes in result.outcomes {
            var counts = CommitCounts()
            for outcome in outcomes { counts.count(outcome) }
            result.counts.append(counts)
        }
    }

    private static func places(of submissions: [[CardFact]]) -> [Place] {
        var places: [Place] = []
        places.reserveCapacity(submissions.reduce(0) { $0 + $1.count })
        for (submission, facts) in submissions.enumerated() {
            for (index, fact) in facts.enumerated() {
                places.append(
                    Place(card: fact.card, submission: Int32(submission), fact: Int32(index)))
            }
        }
        places.sort { a, b in
            if a.card != b.card { return a.card < b.card }
            return (a.submission, a.fact) < (b.submission, b.fact)
        }
        return places
    }

    private mutating func apply(
        _ places: ArraySlice<Place>, of submissions: [[CardFact]], to card: CardID,
        _ transaction: inout WriteTransaction
    ) throws {
        let erasures = self.erasures
        var outcomes: [CardHistory.Outcome] = []
        outcomes.reserveCapacity(places.count)
        try change(card, &transaction) { history in
            for place in places {
                let event = submissions[Int(place.submission)][Int(place.fact)].event
                outcomes.append(history.merge(erasures?.applied(to: event) ?? event))
            }
        }
        for (place, outcome) in zip(places, outcomes) {
            result.outcomes[Int(place.submission)][Int(place.fact)] = outcome
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
        let newChecksum = CardRecord.checksum(ofEncoded: record)
        if let oldChecksum {
            totals[.cards].replace(oldChecksum, with: newChecksum)
        } else {
            totals[.cards].add(newChecksum)
        }
        try updatePhone(card, from: old.state?.phone, to: history.state?.phone, &transaction)
        try updateTimes(card, from: old, to: history, &transaction)
        changed.append((card, history))
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
                try removeTime(card, first.identity, &transaction)
                oldEvents.removeFirst()
            }
            if oldEvents.first?.identity == event.identity {
                oldEvents.removeFirst()
            } else {
                let key = TimeKey.encode(card, event.identity)
                try add(key, to: .times, &transaction)
            }
        }
        for event in oldEvents {
            try removeTime(card, event.identity, &transaction)
        }
    }

    private mutating func removeTime(
        _ card: CardID, _ identity: EventIdentity, _ transaction: inout WriteTransaction
    ) throws {
        try remove(TimeKey.encode(card, identity), from: .times, &transaction)
    }

    private mutating func add(
        _ key: [UInt8], to database: StoredDatabase, _ transaction: inout WriteTransaction
    ) throws {
        try transaction.put(RawSpan(), for: key.span.bytes, in: databases[database])
        totals[database].add(database.entryHash(key: key.span.bytes))
    }

    private mutating func remove(
        _ key: [UInt8], from database: StoredDatabase, _ transaction: inout WriteTransaction
    ) throws {
        do {
            guard try transaction.remove(key.span.bytes, from: databases[database]) else {
                throw RecordDamage("an entry that 'cards' calls for is missing")
            }
            try totals[database].remove(database.entryHash(key: key.span.bytes))
        } catch let damage as RecordDamage {
            throw StoreError.damaged(database: database.rawValue, what: damage.description)
        }
    }

    /// Logs the changes and writes the new totals.
    mutating func finish(_ transaction: inout WriteTransaction) throws -> CommitResult {
        sortChanged()
        for card in result.changed {
            sequence += 1
            let key = SequenceKey.encode(sequence)
            let value = card.bytes
            try transaction.put(value.span.bytes, for: key.span.bytes, in: databases.changes)
            totals[.changes].add(
                StoredDatabase.changes.entryHash(key: key.span.bytes, value: value.span.bytes))
        }
        result.lastSequence = sequence
        guard !result.changed.isEmpty else { return result }
        try MetaValue.write(MetaValue.sequence, [sequence], &transaction, databases.meta)
        for database in Totals.databases where totals[database] != oldTotals[database] {
            try totals[database].write(as: database, &transaction, databases.meta)
        }
        return result
    }

    /// Gives the result the changed cards in ascending order, each once and as it is now.
    private mutating func sortChanged() {
        // Facts come in that order already.
        changed.sort { $0.card < $1.card }
        result.changed.reserveCapacity(changed.count)
        result.histories.reserveCapacity(changed.count)
        for (card, history) in changed {
            if card == result.changed.last {
                result.histories[result.histories.count - 1] = history
            } else {
                result.changed.append(card)
                result.histories.append(history)
            }
        }
    }
}
