public import CardModel
internal import LMDBKit

// A pull brings all customers that there are, and takes its time. So it builds a set of its own,
// beside the one that is shown, in as many transactions as it takes, and the last one makes the new
// set the one that is shown. Until then nobody sees any of it; what a pull that broke off has left
// belongs to a set that is never shown, and goes before the next one begins.
//
// A page is asked for by its number. A database cannot count to a place in a tree, so every 256th
// customer of a set has a mark that says which one stands there.

/// A set of customers on its way into the store.
public struct CustomerSet: Equatable, Sendable {
    let number: UInt64
}

/// What became of customers that were added to a set.
public struct CustomerCounts: Equatable, Sendable {
    /// Of which the set that is shown has none.
    public var new = 0
    public var changed = 0
    public var unchanged = 0
    /// That the set had already; the last one counts.
    public var repeated = 0
    /// Taken over from the set that is shown.
    public var kept = 0
    /// Left out, because they were erased.
    public var erased = 0
    /// That are in the set that was shown and not in the new one.
    public var removed = 0

    public init() {}

    public mutating func add(_ other: CustomerCounts) {
        new += other.new
        changed += other.changed
        unchanged += other.unchanged
        repeated += other.repeated
        kept += other.kept
        erased += other.erased
        removed += other.removed
    }
}

extension CardStore {
    /// Customers from one mark to the next: what a page has to step over at most.
    static let customersPerMark = 256
    /// Entries of one transaction, which should take less than a tenth of a second.
    private static let customersPerCommit = 4_096

    // MARK: Reading

    /// How many customers there are.
    public func customerCount() throws -> Int {
        try read { try shownCustomers($0).count }
    }

    public func customer(_ id: CustomerID) throws -> Customer? {
        try read { transaction in
            let set = try shownCustomers(transaction).number
            let key = CustomerKey.encode(set, id)
            guard let value = try transaction.value(of: key.span.bytes, in: databases.customers)
            else { return nil }
            return try Self.customer(value, key: key.span.bytes)
        }
    }

    /// Calls `body` with the customers from a place on, in the order of their IDs' bytes, at most
    /// `limit`.
    ///
    /// - Parameter position: counts from 0.
    /// - Returns: how many there are in all.
    public func forEachCustomer(
        from position: Int, limit: Int, _ body: (Customer) throws -> Void
    ) throws -> Int {
        precondition(position >= 0, "places count from 0")
        return try read { transaction in
            let shown = try shownCustomers(transaction)
            guard position < shown.count, limit > 0 else { return shown.count }
            let number = position / Self.customersPerMark
            let mark = try customerMark(number, of: shown.number, transaction)
            try transaction.withCursor(over: databases.customers) { cursor in
                let key = CustomerKey.encode(shown.number, mark)
                var found = try cursor.move(toFirstNotBefore: key.span.bytes)
                var place = number * Self.customersPerMark
                let end = min(position + limit, shown.count)
                while place < end {
                    guard found, CustomerKey.set(of: cursor.key) == shown.number else {
                        throw StoreError.damaged(
                            database: "customers", what: "there are fewer than were written")
                    }
                    if place >= position {
                        try body(try Self.customer(cursor.value, key: cursor.key))
                    }
                    place += 1
                    found = try cursor.moveToNext()
                }
            }
            return shown.count
        }
    }

    /// The set that is shown, and how many customers it has.
    func shownCustomers(
        _ transaction: borrowing some Transaction & ~Copyable
    ) throws -> (number: UInt64, count: Int) {
        let shown = try MetaValue.read(
            MetaValue.customers, count: 2, transaction, databases.meta)
        return (shown[0], Int(clamping: shown[1]))
    }

    func customerMark(
        _ number: Int, of set: UInt64, _ transaction: borrowing some Transaction & ~Copyable
    ) throws -> CustomerID {
        let key = CustomerKey.encode(set, mark: number)
        let database = StoredDatabase.customerMarks
        guard let value = try transaction.value(of: key.span.bytes, in: databases[database])
        else {
            throw StoreError.damaged(database: database.rawValue, what: "a mark is missing")
        }
        return try inDatabase(database) {
            let record = try SealedRecord.verify(value, key: key.span.bytes, database)
            guard let id = CustomerID(stored: Span(_bytes: record.payload)) else {
                throw RecordDamage("the record is not what was written")
            }
            return id
        }
    }

    static func customer(_ value: RawSpan, key: RawSpan) throws(StoreError) -> Customer {
        do throws(RecordDamage) {
            let record = try SealedRecord.verify(value, key: key, .customers)
            guard let id = CustomerKey.id(of: key),
                let customer = Customer(id, payload: record.payload)
            else { throw RecordDamage("the record is not what was written") }
            return customer
        } catch {
            throw .damaged(
                database: StoredDatabase.customers.rawValue, what: error.description)
        }
    }

    /// Whether an entry of `customers` or `customer_marks` is one; for `check`.
    static func isCustomerRecord(
        _ record: SealedRecord, key: RawSpan, _ database: StoredDatabase
    ) -> Bool {
        switch database {
        case .customers:
            CustomerKey.id(of: key).flatMap { Customer($0, payload: record.payload) } != nil
        default:
            CustomerKey.mark(of: key) != nil
                && CustomerID(stored: Span(_bytes: record.payload)) != nil
        }
    }

    // MARK: A new set

    /// Begins a set, after removing what others left. One set is built at a time; in a server this
    /// and all of the following run on the writer's thread.
    public func beginCustomers() throws -> CustomerSet {
        while try removeOldCustomers() {}
        let shown = try read { try shownCustomers($0).number }
        return CustomerSet(number: shown + 1)
    }

    /// Adds customers to a set, and those of `kept` as the set that is shown has them, in one
    /// transaction; durable when this returns.
    ///
    /// - Returns: what became of them. A customer in `kept` that nobody has counts nowhere.
    public func add(
        _ customers: [Customer], keeping kept: [CustomerID] = [], to set: CustomerSet
    ) throws -> CustomerCounts {
        try checkRoomForNewEvents()
        return try write { transaction in
            var counts = CustomerCounts()
            let shown = try shownCustomers(transaction).number
            let erasures = try erasureList(
                DatabaseTotals(reading: .erasures, transaction, databases.meta), transaction)
            var changes = try SealedChanges(.customers, databases, transaction)
            for customer in customers {
                if let erasures, erasures.covers(customer) {
                    counts.erased += 1
                    continue
                }
                let key = CustomerKey.encode(set.number, customer.id)
                let payload = customer.payload
                let isThere =
                    try transaction.value(of: key.span.bytes, in: databases.customers) != nil
                if isThere {
                    counts.repeated += 1
                } else {
                    switch try shownPayload(of: customer.id, in: shown, transaction) {
                    case nil: counts.new += 1
                    case payload: counts.unchanged += 1
                    default: counts.changed += 1
                    }
                }
                try changes.put(payload, for: key, &transaction)
            }
            for id in kept {
                let key = CustomerKey.encode(set.number, id)
                let isThere =
                    try transaction.value(of: key.span.bytes, in: databases.customers) != nil
                guard !isThere, let payload = try shownPayload(of: id, in: shown, transaction)
                else { continue }
                counts.kept += 1
                try changes.put(payload, for: key, &transaction)
            }
            try changes.finish(&transaction)
            return counts
        }
    }

    private func shownPayload(
        of id: CustomerID, in shown: UInt64, _ transaction: borrowing WriteTransaction
    ) throws -> [UInt8]? {
        let key = CustomerKey.encode(shown, id)
        guard let value = try transaction.value(of: key.span.bytes, in: databases.customers)
        else { return nil }
        return try Self.customer(value, key: key.span.bytes).payload
    }

    /// Shows a set that is complete, instead of the one that was shown; durable when this returns.
    ///
    /// - Returns: how many customers are not there any more.
    public func show(_ set: CustomerSet, _ counts: CustomerCounts) throws -> Int {
        while true {
            if let removed = try showIfUnchanged(set, counts) { return removed }
        }
    }

    /// - Returns: nil when customers were erased meanwhile, so that others stand at the marks.
    private func showIfUnchanged(
        _ set: CustomerSet, _ counts: CustomerCounts
    ) throws -> Int? {
        let (marks, count, totals) = try read { transaction in
            let (marks, count) = try customerMarks(of: set.number, transaction)
            let totals = try DatabaseTotals(reading: .customers, transaction, databases.meta)
            return (marks, count, totals)
        }
        var next = 0
        while next < marks.count {
            let end = min(next + Self.customersPerCommit, marks.count)
            try write { transaction in
                var changes = try SealedChanges(.customerMarks, databases, transaction)
                for number in next..<end {
                    let key = CustomerKey.encode(set.number, mark: number)
                    try changes.put(marks[number].bytes, for: key, &transaction)
                }
                try changes.finish(&transaction)
            }
            next = end
        }
        return try write { transaction in
            guard try DatabaseTotals(reading: .customers, transaction, databases.meta) == totals
            else {
                var changes = try SealedChanges(.customerMarks, databases, transaction)
                for number in marks.indices {
                    try changes.remove(CustomerKey.encode(set.number, mark: number), &transaction)
                }
                try changes.finish(&transaction)
                return nil
            }
            let shown = try shownCustomers(transaction)
            try MetaValue.write(
                MetaValue.customers, [set.number, UInt64(count)], &transaction, databases.meta)
            return max(shown.count - counts.changed - counts.unchanged - counts.kept, 0)
        }
    }

    /// Every 256th customer of a set, and how many it has.
    private func customerMarks(
        of set: UInt64, _ transaction: borrowing some Transaction & ~Copyable
    ) throws -> (marks: [CustomerID], count: Int) {
        try transaction.withCursor(over: databases.customers) { cursor in
            var marks: [CustomerID] = []
            var count = 0
            let prefix = CustomerKey.prefix(set)
            var found = try cursor.move(toFirstNotBefore: prefix.span.bytes)
            while found, CustomerKey.set(of: cursor.key) == set {
                if count.isMultiple(of: Self.customersPerMark) {
                    guard let id = CustomerKey.id(of: cursor.key) else {
                        throw StoreError.damaged(
                            database: "customers", what: "a key is malformed")
                    }
                    marks.append(id)
                }
                count += 1
                found = try cursor.moveToNext()
            }
            return (marks, count)
        }
    }

    /// Removes some entries of sets that are not shown; durable when this returns.
    ///
    /// - Returns: whether there may be more.
    public func removeOldCustomers() throws -> Bool {
        let old = try read { transaction in
            let shown = try shownCustomers(transaction).number
            return try [StoredDatabase.customers, .customerMarks].map { database in
                try oldKeys(database, shown: shown, transaction)
            }
        }
        guard old.contains(where: { !$0.isEmpty }) else { return false }
        try write { transaction in
            for (database, keys) in zip([StoredDatabase.customers, .customerMarks], old)
            where !keys.isEmpty {
                var changes = try SealedChanges(database, databases, transaction)
                for key in keys { try changes.remove(key, &transaction) }
                try changes.finish(&transaction)
            }
        }
        return true
    }

    private func oldKeys(
        _ database: StoredDatabase, shown: UInt64, _ transaction: borrowing ReadTransaction
    ) throws -> [[UInt8]] {
        try transaction.withCursor(over: databases[database]) { cursor in
            var keys: [[UInt8]] = []
            var found = try cursor.moveToFirst()
            while found, keys.count < Self.customersPerCommit {
                if CustomerKey.set(of: cursor.key) == shown {
                    // Those behind the set that is shown are left.
                    let next = CustomerKey.prefix(shown + 1)
                    found = try cursor.move(toFirstNotBefore: next.span.bytes)
                    continue
                }
                keys.append(Span<UInt8>(_bytes: cursor.key).copied)
                found = try cursor.moveToNext()
            }
            return keys
        }
    }

    // MARK: Check and repair

    /// What is wrong with the marks of the set that is shown; nil when nothing is.
    func customerMarksProblem(_ transaction: borrowing ReadTransaction) throws -> String? {
        let shown = try shownCustomers(transaction)
        let (marks, count) = try customerMarks(of: shown.number, transaction)
        if count != shown.count {
            return "\(shown.count) customers were written, and there are \(count)"
        }
        for number in marks.indices {
            guard try customerMark(number, of: shown.number, transaction) == marks[number] else {
                return "mark \(number + 1) names another customer than stands there"
            }
        }
        return nil
    }

    /// Writes the marks of the set that is shown anew, and removes all others. Totals are left to
    /// the caller.
    func repairCustomers(_ transaction: inout WriteTransaction) throws {
        var shown: UInt64 = 0
        do {
            shown = try shownCustomers(transaction).number
        } catch StoreError.damaged {
            // Marks are written when a set is complete, so the newest one that has some is it.
            shown = try transaction.withCursor(over: databases.customerMarks) { cursor in
                try cursor.moveToLast() ? CustomerKey.set(of: cursor.key) ?? 0 : 0
            }
        }
        let (marks, count) = try customerMarks(of: shown, transaction)
        try transaction.removeAll(from: databases.customerMarks)
        for (number, mark) in marks.enumerated() {
            let key = CustomerKey.encode(shown, mark: number)
            let record = SealedRecord.seal(mark.bytes, key: key.span.bytes, .customerMarks)
            try transaction.put(record.span.bytes, for: key.span.bytes, in: databases.customerMarks)
        }
        try MetaValue.write(
            MetaValue.customers, [shown, UInt64(count)], &transaction, databases.meta)
    }
}
