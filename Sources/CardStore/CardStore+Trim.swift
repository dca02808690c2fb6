internal import CardModel
internal import LMDBKit

// How old an entry of the change log is, nobody can tell from it. So a server notes, once an hour,
// how far the log was, in `meta`: what was in it at a moment is at least as old as that moment.
// That is all that trimming needs, and it errs on the side of keeping: entries of hours in which no
// server ran, and those since the last note, count as younger than they are.

/// What the log held at a moment.
package struct ChangeMark: Equatable, Sendable {
    /// Seconds since 1970.
    package let seconds: UInt64
    /// The last sequence number then.
    package let sequence: UInt64

    package init(seconds: UInt64, sequence: UInt64) {
        self.seconds = seconds
        self.sequence = sequence
    }
}

extension CardStore {
    /// Notes that are kept: with one an hour, more than a day of them.
    package static let changeMarksMax = 32

    private static let changeMarks = "change_marks"

    /// The notes, oldest first.
    package func changeMarks() throws -> [ChangeMark] {
        try read { try changeMarks($0) }
    }

    private func changeMarks(
        _ transaction: borrowing some Transaction & ~Copyable
    ) throws -> [ChangeMark] {
        let key = Array(Self.changeMarks.utf8)
        // A store of an earlier version has none.
        guard let value = try transaction.value(of: key.span.bytes, in: databases.meta) else {
            return []
        }
        let numbers = try MetaValue.decode(
            value, name: Self.changeMarks, count: 2 * Self.changeMarksMax)
        return (0..<Self.changeMarksMax).map {
            ChangeMark(seconds: numbers[2 * $0], sequence: numbers[2 * $0 + 1])
        }.filter { $0.seconds > 0 }
    }

    /// Notes how far the log is now. Notes that lie in the future are forgotten: somebody has set
    /// the clock back, and nobody knows how old they are.
    package func markChanges(nowSeconds: UInt64) throws {
        try write { transaction in
            let sequence = try MetaValue.read(
                MetaValue.sequence, transaction, databases.meta)[0]
            var marks = try changeMarks(transaction).filter {
                $0.seconds <= nowSeconds && $0.sequence <= sequence
            }
            marks.append(ChangeMark(seconds: nowSeconds, sequence: sequence))
            marks = marks.suffix(Self.changeMarksMax)
            var numbers = marks.flatMap { [$0.seconds, $0.sequence] }
            numbers += Array(repeating: 0, count: 2 * Self.changeMarksMax - numbers.count)
            try MetaValue.write(Self.changeMarks, numbers, &transaction, databases.meta)
        }
    }

    /// The first number that the log still has; one more than the last when it is empty.
    public func oldestSequence() throws -> UInt64 {
        try read { transaction in
            let first = try transaction.withCursor(over: databases.changes) { cursor in
                try cursor.moveToFirst() ? SequenceKey.decode(cursor.key) : nil
            }
            if let first { return first }
            return try lastSequence(transaction) + 1
        }
    }

    /// Removes entries from the log's old end, up to and with `last`, but no more than `limit`.
    ///
    /// - Returns: how many were removed.
    package func trimChanges(upTo last: UInt64, limit: Int) throws -> Int {
        try write { transaction in
            var totals = try DatabaseTotals(reading: .changes, transaction, databases.meta)
            var keys: [[UInt8]] = []
            try transaction.withCursor(over: databases.changes) { cursor in
                var found = try cursor.moveToFirst()
                while found, keys.count < limit {
                    guard let sequence = SequenceKey.decode(cursor.key) else {
                        throw StoreError.damaged(
                            database: "changes", what: "an entry is malformed")
                    }
                    guard sequence <= last else { return }
                    do throws(RecordDamage) {
                        try totals.remove(
                            StoredDatabase.changes.entryHash(
                                key: cursor.key, value: cursor.value))
                    } catch {
                        throw StoreError.damaged(database: "changes", what: error.description)
                    }
                    keys.append(SequenceKey.encode(sequence))
                    found = try cursor.moveToNext()
                }
            }
            guard !keys.isEmpty else { return 0 }
            for key in keys {
                _ = try transaction.remove(key.span.bytes, from: databases.changes)
            }
            try totals.write(as: .changes, &transaction, databases.meta)
            return keys.count
        }
    }
}
