package import CardModel
package import LMDBKit
internal import Synchronization

/// How an erasure lies in the database `erasures`: under its tag, sealed, with the kind of what it
/// stands for.
package enum StoredErasure {
    static func payload(_ kind: ErasureSubject.Kind) -> [UInt8] { [kind.rawValue] }

    static func kind(_ record: SealedRecord) -> ErasureSubject.Kind? {
        guard record.payload.byteCount == 1 else { return nil }
        return ErasureSubject.Kind(
            rawValue: record.payload.unsafeLoad(fromByteOffset: 0, as: UInt8.self))
    }

    /// Whether an entry is one; for `check`.
    static func isRecord(_ record: SealedRecord, key: RawSpan) -> Bool {
        key.byteCount == ErasureTag.byteCount && kind(record) != nil
    }

    /// - Throws: ``StoreError/damaged(database:what:)`` when there is none.
    static func key(
        _ transaction: borrowing some Transaction & ~Copyable, _ meta: Database
    ) throws -> ErasureKey {
        let words = try MetaValue.read(MetaValue.erasureKey, count: 2, transaction, meta)
        guard let key = ErasureKey(words: words) else {
            preconditionFailure("two words were read")
        }
        return key
    }

    /// Calls `body` with every erasure, in the order of their tags' bytes.
    static func forEach(
        _ transaction: borrowing some Transaction & ~Copyable, _ erasures: Database,
        _ body: (ErasureTag, ErasureSubject.Kind) throws -> Void
    ) throws {
        try transaction.withCursor(over: erasures) { cursor in
            var found = try cursor.moveToFirst()
            while found {
                let (tag, kind) = try decode(cursor.value, key: cursor.key)
                try body(tag, kind)
                found = try cursor.moveToNext()
            }
        }
    }

    private static func decode(
        _ value: RawSpan, key: RawSpan
    ) throws(StoreError) -> (ErasureTag, ErasureSubject.Kind) {
        do throws(RecordDamage) {
            let record = try SealedRecord.verify(value, key: key, .erasures)
            guard let tag = ErasureTag(bytes: Span(_bytes: key)), let kind = kind(record) else {
                throw RecordDamage("the record is not what was written")
            }
            return (tag, kind)
        } catch {
            throw .damaged(
                database: StoredDatabase.erasures.rawValue, what: error.description)
        }
    }

    /// All erasures; nil when there is none.
    ///
    /// - Parameter totals: those of the database, as `meta` has them.
    package static func list(
        _ totals: DatabaseTotals, _ transaction: borrowing some Transaction & ~Copyable,
        erasures: Database, meta: Database
    ) throws -> ErasureList? {
        guard totals.count > 0 else { return nil }
        let key = try key(transaction, meta)
        var tags: Set<ErasureTag> = []
        try forEach(transaction, erasures) { tag, _ in tags.insert(tag) }
        // One that is missing would let in what was erased.
        guard tags.count == Int(clamping: totals.count) else {
            throw StoreError.damaged(
                database: StoredDatabase.erasures.rawValue,
                what: "\(totals.count) entries were written, and there are \(tags.count)")
        }
        return ErasureList(key: key, tags: tags)
    }
}

/// The erasures as they were last read: they are asked for with every commit, and seldom change.
final class ErasureCache: Sendable {
    private struct Known {
        let totals: DatabaseTotals
        let list: ErasureList
    }

    private let known = Mutex<Known?>(nil)

    func list(
        _ totals: DatabaseTotals, _ read: () throws -> ErasureList?
    ) rethrows -> ErasureList? {
        if let list = known.withLock({ $0?.totals == totals ? $0?.list : nil }) { return list }
        guard let list = try read() else { return nil }
        known.withLock { $0 = Known(totals: totals, list: list) }
        return list
    }
}
