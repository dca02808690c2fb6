public import CardModel
internal import LMDBKit

extension CardStore {
    /// Lends the card's current state; nil when the card is unknown or all its events are void.
    ///
    /// - Throws: ``StoreError/damaged(database:what:)`` when the record is not what was written:
    ///   a wrong answer is never given.
    public func withCard<R>(
        _ id: CardID, _ body: (borrowing CardView) throws -> R
    ) throws -> R? {
        try read { try withCard(id, $0, body) }
    }

    private func withCard<R>(
        _ id: CardID, _ transaction: borrowing ReadTransaction,
        _ body: (borrowing CardView) throws -> R
    ) throws -> R? {
        let key = id.bytes
        guard let value = try transaction.value(of: key.span.bytes, in: databases.cards) else {
            return nil
        }
        return try inDatabase(.cards) {
            try CardRecord(verifying: value, key: key.span.bytes).withView(id: id, body)
        }
    }

    /// Lends the cards whose current phone is `phone`, in the order of their IDs, from the first
    /// one after `after`, at most `limit`.
    public func withCards(
        phone: PhoneNumber, after: CardID? = nil, limit: Int,
        _ body: (borrowing CardView) throws -> Void
    ) throws {
        try read { transaction in
            try transaction.withCursor(over: databases.phones) { cursor in
                let prefix = PhoneKey.prefix(phone)
                let start = after.map { PhoneKey.encode(phone, $0) } ?? prefix
                var count = 0
                var found = try cursor.move(toFirstNotBefore: start.span.bytes)
                while found, count < limit {
                    guard let entry = PhoneKey.decode(cursor.key) else {
                        throw StoreError.damaged(database: "phones", what: "a key is malformed")
                    }
                    guard entry.phone == phone else { return }
                    if entry.card != after {
                        let lent: Void? = try withCard(entry.card, transaction) { card in
                            guard card.phone == phone else {
                                throw StoreError.damaged(
                                    database: "phones", what: "an entry has another card's phone")
                            }
                            try body(card)
                        }
                        // An entry without its card, or for another phone, is damage; leaving a
                        // card out of an answer in silence would hide it.
                        guard lent != nil else {
                            throw StoreError.damaged(
                                database: "phones", what: "an entry names a card without a state")
                        }
                        count += 1
                    }
                    found = try cursor.moveToNext()
                }
            }
        }
    }

    /// Everything kept about the card, voided events too; nil when nothing was ever said of it.
    public func history(of id: CardID) throws -> CardHistory? {
        try read { transaction in
            let key = id.bytes
            guard let value = try transaction.value(of: key.span.bytes, in: databases.cards)
            else { return nil }
            return try inDatabase(.cards) {
                try CardRecord(verifying: value, key: key.span.bytes).history()
            }
        }
    }

    /// Calls `body` with every card and its history, in the order of the IDs, from one snapshot.
    public func forEachHistory(_ body: (CardID, CardHistory) throws -> Void) throws {
        try read { transaction in
            try scan(transaction) { id, record in
                let history = try inDatabase(.cards) { try record.history() }
                try body(id, history)
            }
        }
    }

    /// As ``forEachHistory(_:)``, for an export that must be whole.
    ///
    /// - Parameter onErasures: called first, when anything was erased.
    /// - Throws: ``StoreError/damaged(database:what:)`` also when cards are missing that were
    ///   written, which only shows at the end.
    public func forEachHistoryOfAll(
        onErasures: (ExportedErasures) throws -> Void = { _ in },
        _ body: (CardID, CardHistory) throws -> Void
    ) throws {
        try read { transaction in
            if let erasures = try exportedErasures(transaction) { try onErasures(erasures) }
            var found = DatabaseTotals()
            try scan(transaction) { id, record in
                found.add(record.checksum)
                let history = try inDatabase(.cards) { try record.history() }
                try body(id, history)
            }
            guard try found == DatabaseTotals(reading: .cards, transaction, databases.meta) else {
                throw StoreError.damaged(
                    database: "cards", what: "the records are not all that were written")
            }
        }
    }

    /// Lends the current state of every card that has one, from one snapshot, in the order of the
    /// IDs. ``CardScan`` does it with several threads.
    ///
    /// - Returns: the snapshot's last sequence, from which ``changes(after:limit:)`` goes on.
    /// - Throws: ``StoreError/damaged(database:what:)`` also when cards are missing that were
    ///   written, which only shows at the end.
    public func forEachCard(_ body: (borrowing CardView) throws -> Void) throws -> UInt64 {
        let scan = try CardScan(self, readers: 1)
        try scan.read(as: 0, body)
        try scan.finish()
        return scan.lastSequence
    }

    /// Verifies the records whose keys are in a range, in their order.
    ///
    /// - Parameters:
    ///   - start: nil from the first key on.
    ///   - end: the first key that is not in it; nil up to the last.
    func scan(
        _ transaction: borrowing ReadTransaction, from start: CardID? = nil,
        before end: CardID? = nil, _ body: (CardID, borrowing CardRecord) throws -> Void
    ) throws {
        // Without it the system reads ahead by itself.
        var ahead: SequentialReadAhead? =
            environment.isReadAtRandom
            ? try SequentialReadAhead(
                of: StoredDatabase.cards.rawValue, in: environment, transaction) : nil
        ahead?.start(at: start?.bytes)
        try transaction.withCursor(over: databases.cards) { cursor in
            var found =
                if let start {
                    try cursor.move(toFirstNotBefore: start.bytes.span.bytes)
                } else {
                    try cursor.moveToFirst()
                }
            var last: CardID?
            while found {
                ahead?.follow(cursor)
                var isDone = false
                found = try cursor.moveThroughPage { key, value in
                    let key = RawSpan(_unsafeBytes: key)
                    guard let id = CardID(canonical: Span(_bytes: key)) else {
                        throw StoreError.damaged(database: "cards", what: "a key is no card ID")
                    }
                    // A page's own order has no checksum, and whoever walks relies on it.
                    if let last, id <= last {
                        throw StoreError.damaged(
                            database: "cards", what: "the keys are out of order")
                    }
                    if let end, id >= end {
                        isDone = true
                        return false
                    }
                    last = id
                    do {
                        let record = try CardRecord(
                            verifying: RawSpan(_unsafeBytes: value), key: key)
                        try body(id, record)
                    } catch let damage as RecordDamage {
                        throw StoreError.damaged(database: "cards", what: damage.description)
                    }
                    return true
                }
                if isDone { return }
            }
        }
    }

    // MARK: Changes

    /// The sequence number of the last change, 0 before the first.
    public func lastSequence() throws -> UInt64 {
        try read { try lastSequence($0) }
    }

    func lastSequence(_ transaction: borrowing ReadTransaction) throws -> UInt64 {
        try MetaValue.read(MetaValue.sequence, transaction, databases.meta)[0]
    }

    /// What changed since a sequence number.
    public enum Changes: Equatable, Sendable {
        /// These cards, in the order of the log; `last` is the number to ask for next.
        case cards([CardID], last: UInt64)
        /// The log no longer reaches back that far; `oldest` is its first number.
        case logTrimmed(oldest: UInt64)
    }

    /// The cards that changed after sequence `after`, at most `limit` entries of the log.
    public func changes(after: UInt64, limit: Int) throws -> Changes {
        try read { transaction in
            let newest = try lastSequence(transaction)
            guard after < newest, limit > 0 else { return .cards([], last: after) }
            return try transaction.withCursor(over: databases.changes) { cursor in
                var cards: [CardID] = []
                var last = after
                let start = SequenceKey.encode(after + 1)
                var found = try cursor.move(toFirstNotBefore: start.span.bytes)
                while found, cards.count < limit {
                    guard let sequence = SequenceKey.decode(cursor.key),
                        let card = CardID(canonical: Span(_bytes: cursor.value))
                    else {
                        throw StoreError.damaged(
                            database: "changes", what: "an entry is malformed")
                    }
                    guard sequence == last + 1 else {
                        return .logTrimmed(oldest: sequence)
                    }
                    cards.append(card)
                    last = sequence
                    found = try cursor.moveToNext()
                }
                if cards.isEmpty { return .logTrimmed(oldest: newest + 1) }
                return .cards(cards, last: last)
            }
        }
    }

    /// Lends the current state of each of `ids` in turn from one snapshot; `absent` is called for
    /// those that have none.
    public func withCards(
        _ ids: [CardID], _ body: (borrowing CardView) throws -> Void,
        absent: (CardID) throws -> Void
    ) throws {
        try read { transaction in
            for id in ids where try withCard(id, transaction, body) == nil {
                try absent(id)
            }
        }
    }

    /// Runs `body`, naming the database where it finds damage. The card is not named: the error
    /// may be logged, and logs carry no card IDs. `check` names it.
    func inDatabase<R>(_ database: StoredDatabase, _ body: () throws -> R) throws -> R {
        do {
            return try body()
        } catch let damage as RecordDamage {
            throw StoreError.damaged(database: database.rawValue, what: damage.description)
        }
    }
}

extension CardID {
    /// The canonical bytes: the card's key.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        append(to: &bytes)
        return bytes
    }
}
