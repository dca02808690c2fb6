public import CardModel
internal import LMDBKit

extension CardStore {
    /// The erasures as a transaction sees them; nil when there is none, which costs nothing.
    ///
    /// - Parameter totals: those of the database `erasures` in that transaction.
    func erasureList(
        _ totals: DatabaseTotals, _ transaction: borrowing some Transaction & ~Copyable
    ) throws -> ErasureList? {
        guard totals.count > 0 else { return nil }
        return try erasureCache.list(totals) {
            try StoredErasure.list(
                totals, transaction, erasures: databases.erasures, meta: databases.meta)
        }
    }

    /// All erasures; nil when there is none.
    public func erasures() throws -> ErasureList? {
        try read { transaction in
            try erasureList(
                DatabaseTotals(reading: .erasures, transaction, databases.meta), transaction)
        }
    }

    /// Whether an erasure was cut off: what it is of cannot come in any more, but may still be
    /// there. Any ``StoreErasure`` that comes to its end completes it.
    public func hasUnfinishedErasure() throws -> Bool {
        try read { transaction in
            let applied = try MetaValue.read(
                MetaValue.erasuresApplied, transaction, databases.meta)[0]
            let totals = try DatabaseTotals(reading: .erasures, transaction, databases.meta)
            return applied < totals.count
        }
    }

    /// Lets nothing in any more that is of these; durable when this returns.
    ///
    /// - Returns: how many of them are new.
    func suppress(_ subjects: [ErasureSubject]) throws -> Int {
        try write { try suppress(subjects, &$0) }
    }

    func suppress(
        _ subjects: [ErasureSubject], _ transaction: inout WriteTransaction
    ) throws -> Int {
        let totals = try DatabaseTotals(reading: .erasures, transaction, databases.meta)
        let key: ErasureKey
        if totals.count > 0 {
            key = try StoredErasure.key(transaction, databases.meta)
        } else {
            key = ErasureKey()
            try MetaValue.write(MetaValue.erasureKey, key.words, &transaction, databases.meta)
        }
        let entries = subjects.map { (key.tag(of: $0), $0.kind) }
        return try addErasures(entries, &transaction)
    }

    private func addErasures(
        _ entries: [(tag: ErasureTag, kind: ErasureSubject.Kind)],
        _ transaction: inout WriteTransaction
    ) throws -> Int {
        var new = 0
        var changes = try SealedChanges(.erasures, databases, transaction)
        for (tag, kind) in entries {
            let key = tag.bytes
            if try transaction.value(of: key.span.bytes, in: databases.erasures) == nil { new += 1 }
            try changes.put(StoredErasure.payload(kind), for: key, &transaction)
        }
        try changes.finish(&transaction)
        return new
    }

    /// Notes that the first `count` erasures have reached all that was there.
    func noteErasuresApplied(_ count: Int) throws {
        try write { transaction in
            let name = MetaValue.erasuresApplied
            let applied = try MetaValue.read(name, transaction, databases.meta)[0]
            let now = max(applied, UInt64(count))
            try MetaValue.write(name, [now], &transaction, databases.meta)
        }
    }

    /// For a repair of a store whose key is gone.
    func dropErasures(_ transaction: inout WriteTransaction) throws {
        try transaction.removeAll(from: databases.erasures)
        let name = Array(MetaValue.erasureKey.utf8)
        _ = try transaction.remove(name.span.bytes, from: databases.meta)
        try MetaValue.write(MetaValue.erasuresApplied, [0], &transaction, databases.meta)
    }

    // MARK: Exports

    /// What an export has of erasures: all that another store needs to keep them.
    public struct ExportedErasures: Sendable {
        public let key: ErasureKey
        /// In the order of their bytes.
        public var tags: [(tag: ErasureTag, kind: ErasureSubject.Kind)]

        public init(key: ErasureKey) {
            self.key = key
            tags = []
        }

        public var list: ErasureList { ErasureList(key: key, tags: Set(tags.map(\.tag))) }
    }

    /// nil when nothing was erased.
    func exportedErasures(
        _ transaction: borrowing ReadTransaction
    ) throws -> ExportedErasures? {
        let totals = try DatabaseTotals(reading: .erasures, transaction, databases.meta)
        guard totals.count > 0 else { return nil }
        var exported = ExportedErasures(key: try StoredErasure.key(transaction, databases.meta))
        try StoredErasure.forEach(transaction, databases.erasures) { tag, kind in
            exported.tags.append((tag, kind))
        }
        guard exported.tags.count == Int(clamping: totals.count) else {
            throw StoreError.damaged(
                database: StoredDatabase.erasures.rawValue,
                what: "the records are not all that were written")
        }
        return exported
    }

    /// Takes over another store's erasures, before anything else comes to this one.
    package func adopt(_ erasures: ExportedErasures) throws {
        try write { transaction in
            let known = try transaction.entryCount(of: databases.erasures)
            precondition(known == 0, "erasures are taken over by a new store")
            try MetaValue.write(
                MetaValue.erasureKey, erasures.key.words, &transaction, databases.meta)
            let count = try addErasures(erasures.tags, &transaction)
            try MetaValue.write(
                MetaValue.erasuresApplied, [UInt64(count)], &transaction, databases.meta)
        }
    }

    // MARK: Cards

    /// What a stretch of `cards` has of what is erased.
    struct CoveredCards {
        var cards: [CardID] = []
        var looked = 0
        var damaged = 0
        /// The last card that was looked at; nil at the end.
        var last: CardID?
    }

    /// Looks at cards' events from behind a card on, at most so many cards, and no further than
    /// `limit` of them that have what is erased.
    func coveredCards(
        by list: ErasureList, after: CardID?, looking cardsMax: Int, limit: Int
    ) throws -> CoveredCards {
        try read { transaction in
            try transaction.withCursor(over: databases.cards) { cursor in
                var covered = CoveredCards()
                var found =
                    if let after {
                        try cursor.move(toFirstNotBefore: after.bytes.span.bytes)
                    } else {
                        try cursor.moveToFirst()
                    }
                while found {
                    guard let id = CardID(canonical: Span(_bytes: cursor.key)) else {
                        throw StoreError.damaged(database: "cards", what: "a key is no card ID")
                    }
                    // A page's own order has no checksum, and this must come to an end.
                    if let after, id < after {
                        throw StoreError.damaged(
                            database: "cards", what: "the keys are out of order")
                    }
                    if id != after {
                        covered.looked += 1
                        do throws(RecordDamage) {
                            let record = try CardRecord(verifying: cursor.value, key: cursor.key)
                            if try record.isCovered(by: list) { covered.cards.append(id) }
                        } catch {
                            covered.damaged += 1
                        }
                    }
                    if covered.looked == cardsMax || covered.cards.count == limit {
                        covered.last = id
                        return covered
                    }
                    found = try cursor.moveToNext()
                }
                return covered
            }
        }
    }

    /// Erases what is to be erased of some cards, in one transaction, which takes no more of them
    /// on after `workMax`; durable when this returns.
    ///
    /// It needs no room for new events: records get shorter, and a store that has reached the
    /// limit for those has some left for this.
    ///
    /// - Returns: how many of the first of `cards` are done, one at least, and what changed.
    func eraseEvents(
        of cards: ArraySlice<CardID>, workMax: Duration
    ) throws -> (done: Int, cards: Int, events: Int) {
        let result = try write { transaction in
            let start = ContinuousClock.now
            var commit = try OpenCommit(transaction, self)
            var done = 0
            var events = 0
            for card in cards {
                events += try commit.erase(card, &transaction)
                done += 1
                if start.duration(to: .now) > workMax { break }
            }
            let result = try commit.finish(&transaction)
            FailPoint.beforeCommit.pass()
            return (done: done, cards: result.changed.count, events: events)
        }
        FailPoint.afterCommit.pass()
        return result
    }

    // MARK: Runs

    /// Takes phones out of what is remembered of runs that have ended: names that clients gave
    /// files, and messages, which may show what stood in a file where its titles should have been.
    ///
    /// - Returns: how many runs had one.
    func eraseRunTexts(_ traces: [PhoneTrace]) throws -> Int {
        guard !traces.isEmpty else { return 0 }
        var changed: [StoredRun] = []
        try forEachRun { run in
            guard run.state.isFinal, !run.hasFilesToClear else { return true }
            var clean = run
            clean.source = Self.without(traces, run.source)
            clean.message = Self.without(traces, run.message)
            for index in clean.files.indices {
                clean.files[index].name = Self.without(traces, run.files[index].name)
                clean.files[index].failure = Self.without(traces, run.files[index].failure)
            }
            if clean != run { changed.append(clean) }
            return true
        }
        guard !changed.isEmpty else { return 0 }
        try write { transaction in
            var runs = try SealedChanges(.runs, databases, transaction)
            for run in changed {
                try runs.put(run.payload, for: SequenceKey.encode(run.id), &transaction)
            }
            try runs.finish(&transaction)
        }
        return changed.count
    }

    private static func without(_ traces: [PhoneTrace], _ text: String) -> String {
        let bytes = Array(text.utf8)
        return traces.contains { $0.isIn(bytes.span) } ? "(erased)" : text
    }

    // MARK: Customers

    /// The keys of customers who are erased, in whatever set.
    func coveredCustomers(by list: ErasureList) throws -> (keys: [[UInt8]], damaged: Int) {
        try read { transaction in
            try transaction.withCursor(over: databases.customers) { cursor in
                var keys: [[UInt8]] = []
                var damaged = 0
                var found = try cursor.moveToFirst()
                while found {
                    do throws(StoreError) {
                        if list.covers(try Self.customer(cursor.value, key: cursor.key)) {
                            keys.append(Span<UInt8>(_bytes: cursor.key).copied)
                        }
                    } catch {
                        damaged += 1
                    }
                    found = try cursor.moveToNext()
                }
                return (keys, damaged)
            }
        }
    }

    /// Which of these customers are of the set that is shown.
    func shownCustomerKeys(of keys: [[UInt8]]) throws -> [[UInt8]] {
        let shown = try read { try shownCustomers($0).number }
        return keys.filter { CustomerKey.set(of: $0.span.bytes) == shown }
    }

    /// Removes customers, and lets them in no more, in one transaction, which takes no more of them
    /// on after `workMax`; durable when this returns.
    ///
    /// - Returns: how many of the first are done, one at least, and how many of those were shown.
    func eraseCustomers(
        _ keys: ArraySlice<[UInt8]>, workMax: Duration
    ) throws -> (done: Int, shown: Int) {
        try write { transaction in
            let start = ContinuousClock.now
            var done = 0
            var shown = try shownCustomers(transaction)
            let before = shown.count
            var ids: [CustomerID] = []
            for key in keys {
                if done > 0, start.duration(to: .now) > workMax { break }
                done += 1
                guard let set = CustomerKey.set(of: key.span.bytes),
                    let id = CustomerKey.id(of: key.span.bytes)
                else { continue }
                ids.append(id)
                let isThere =
                    try transaction.value(of: key.span.bytes, in: databases.customers) != nil
                guard isThere else { continue }
                if set == shown.number {
                    try moveMarks(from: id, of: set, count: shown.count, &transaction)
                    shown.count -= 1
                }
                var changes = try SealedChanges(.customers, databases, transaction)
                try changes.remove(key, &transaction)
                try changes.finish(&transaction)
            }
            _ = try suppress(ids.map(ErasureSubject.customer), &transaction)
            try MetaValue.write(
                MetaValue.customers, [shown.number, UInt64(shown.count)], &transaction,
                databases.meta)
            FailPoint.beforeCommit.pass()
            return (done, before - shown.count)
        }
    }

    /// Moves the marks of a set from a customer on by one place, since that customer goes.
    private func moveMarks(
        from id: CustomerID, of set: UInt64, count: Int, _ transaction: inout WriteTransaction
    ) throws {
        var changes = try SealedChanges(.customerMarks, databases, transaction)
        var number = (count - 1) / Self.customersPerMark
        while number >= 0 {
            let mark = try customerMark(number, of: set, transaction)
            if mark < id { break }
            let key = CustomerKey.encode(set, mark: number)
            if let next = try customer(behind: mark, of: set, transaction) {
                try changes.put(next.bytes, for: key, &transaction)
            } else {
                try changes.remove(key, &transaction)
            }
            number -= 1
        }
        try changes.finish(&transaction)
    }

    private func customer(
        behind id: CustomerID, of set: UInt64, _ transaction: borrowing WriteTransaction
    ) throws -> CustomerID? {
        try transaction.withCursor(over: databases.customers) { cursor in
            let key = CustomerKey.encode(set, id)
            guard try cursor.move(toFirstNotBefore: key.span.bytes), try cursor.moveToNext(),
                CustomerKey.set(of: cursor.key) == set
            else { return nil }
            return CustomerKey.id(of: cursor.key)
        }
    }
}
