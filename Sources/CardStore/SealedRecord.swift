internal import CardModel
internal import LMDBKit

/// A value with its checksum in front: u64 checksum over database, key and payload, then the
/// payload, whose first byte is the version of its layout. What is kept about feeds has this form.
package struct SealedRecord: ~Escapable {
    package let checksum: UInt64
    /// Behind the version.
    package let payload: RawSpan

    /// The layout that this program writes.
    private static let version: UInt8 = 1
    private static let headBytes = 9

    package static func seal(
        _ payload: [UInt8], key: RawSpan, _ database: StoredDatabase
    ) -> [UInt8] {
        let versioned = [version] + payload
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + versioned.count)
        bytes.append(
            littleEndian: database.entryHash(key: key, value: versioned.span.bytes))
        bytes.append(contentsOf: versioned)
        return bytes
    }

    @_lifetime(copy value)
    private init(checksum: UInt64, payload value: RawSpan) {
        self.checksum = checksum
        payload = value
    }

    @_lifetime(copy value)
    package static func verify(
        _ value: RawSpan, key: RawSpan, _ database: StoredDatabase
    ) throws(RecordDamage) -> SealedRecord {
        guard value.byteCount >= headBytes else {
            throw RecordDamage("the value has \(value.byteCount) bytes, less than a head")
        }
        let checksum = UInt64(
            littleEndian: value.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        let sealed = value.extracting(8..<value.byteCount)
        guard checksum == database.entryHash(key: key, value: sealed) else {
            throw RecordDamage("the checksum does not match")
        }
        guard sealed.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt8.self) == version else {
            throw RecordDamage("the layout version is unknown")
        }
        return SealedRecord(
            checksum: checksum, payload: value.extracting(headBytes..<value.byteCount))
    }
}

/// Changes to one database of sealed records, with the totals that go with them.
struct SealedChanges: ~Copyable {
    private let database: StoredDatabase
    private let databases: CardStore.Databases
    private var totals: DatabaseTotals

    init(
        _ database: StoredDatabase, _ databases: CardStore.Databases,
        _ transaction: borrowing WriteTransaction
    ) throws {
        self.database = database
        self.databases = databases
        totals = try DatabaseTotals(reading: database, transaction, databases.meta)
    }

    mutating func put(
        _ payload: [UInt8], for key: [UInt8], _ transaction: inout WriteTransaction
    ) throws {
        let record = SealedRecord.seal(payload, key: key.span.bytes, database)
        let old = try checksum(key, transaction)
        try transaction.put(record.span.bytes, for: key.span.bytes, in: databases[database])
        let new = UInt64(
            littleEndian: record.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: 0, as: UInt64.self))
        if let old { totals.replace(old, with: new) } else { totals.add(new) }
    }

    /// Removes an entry, if it is there.
    mutating func remove(_ key: [UInt8], _ transaction: inout WriteTransaction) throws {
        guard let checksum = try checksum(key, transaction),
            try transaction.remove(key.span.bytes, from: databases[database])
        else { return }
        do throws(RecordDamage) {
            try totals.remove(checksum)
        } catch {
            throw StoreError.damaged(database: database.rawValue, what: error.description)
        }
    }

    /// Writes the totals.
    consuming func finish(_ transaction: inout WriteTransaction) throws {
        try totals.write(as: database, &transaction, databases.meta)
    }

    private func checksum(
        _ key: [UInt8], _ transaction: borrowing WriteTransaction
    ) throws -> UInt64? {
        guard let value = try transaction.value(of: key.span.bytes, in: databases[database])
        else { return nil }
        do throws(RecordDamage) {
            return try SealedRecord.verify(value, key: key.span.bytes, database).checksum
        } catch {
            throw StoreError.damaged(database: database.rawValue, what: error.description)
        }
    }
}

extension RecordReader {
    /// A text with its length (u32) in front.
    @_lifetime(self: copy self)
    mutating func text() -> String? {
        guard let count = integer(UInt32.self), let bytes = span(count: Int(count)) else {
            return nil
        }
        return String(validating: bytes.copied, as: UTF8.self)
    }

    /// Numbers by name, in ascending order, as ``Array/append(counts:)`` writes them.
    @_lifetime(self: copy self)
    mutating func counts() -> [String: Int]? {
        guard let count = integer(UInt32.self) else { return nil }
        var counts: [String: Int] = [:]
        for _ in 0..<count {
            guard let name = text(), let value = integer(Int64.self) else { return nil }
            counts[name] = Int(value)
        }
        return counts
    }
}

extension [UInt8] {
    mutating func append(text: String) {
        append(littleEndian: UInt32(text.utf8.count))
        append(contentsOf: text.utf8)
    }

    mutating func append(counts: [String: Int]) {
        append(littleEndian: UInt32(counts.count))
        for (name, value) in counts.sorted(by: { $0.key < $1.key }) {
            append(text: name)
            append(littleEndian: Int64(value))
        }
    }
}
