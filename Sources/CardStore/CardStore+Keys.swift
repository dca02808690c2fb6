internal import CardModel
internal import LMDBKit

/// An API key as the store knows it: by its hash, never by itself.
public struct StoredKey: Equatable, Sendable {
    /// SHA-256 of the key: 32 bytes.
    public let hash: [UInt8]
    /// What the operator calls it: 1 to ``nameMaxCount`` bytes of UTF-8.
    public let name: String
    /// Seconds since 1970, UTC.
    public let createdAt: UInt64

    public static let hashCount = 32
    public static let nameMaxCount = 64

    public init(hash: [UInt8], name: String, createdAt: UInt64) {
        precondition(hash.count == Self.hashCount, "a key is stored by its SHA-256")
        precondition(
            (1...Self.nameMaxCount).contains(name.utf8.count), "a key's name has 1 to 64 bytes")
        self.hash = hash
        self.name = name
        self.createdAt = createdAt
    }
}

/// The value of a key in the database `keys`, whose key is the SHA-256.
///
/// u64 checksum, u64 created at, then the name's bytes; integers little-endian.
private enum APIKeyRecord {
    static func encode(_ key: StoredKey) -> [UInt8] {
        var payload: [UInt8] = []
        payload.append(littleEndian: key.createdAt)
        payload.append(contentsOf: key.name.utf8)
        var bytes: [UInt8] = []
        bytes.append(
            littleEndian: StoredDatabase.keys.entryHash(
                key: key.hash.span.bytes, value: payload.span.bytes))
        return bytes + payload
    }

    static func decode(
        _ value: RawSpan, hash: RawSpan
    ) throws(RecordDamage) -> (key: StoredKey, checksum: UInt64) {
        var reader = RecordReader(value)
        guard let checksum = reader.integer(UInt64.self),
            hash.byteCount == StoredKey.hashCount,
            checksum
                == StoredDatabase.keys.entryHash(
                    key: hash, value: value.extracting(8..<value.byteCount)),
            let createdAt = reader.integer(UInt64.self),
            let name = reader.span(count: value.byteCount - 16)?.copied,
            (1...StoredKey.nameMaxCount).contains(name.count)
        else { throw RecordDamage("an API key's record is not what was written") }
        let key = StoredKey(
            hash: Span<UInt8>(_bytes: hash).copied, name: String(decoding: name, as: UTF8.self),
            createdAt: createdAt)
        return (key, checksum)
    }
}

extension CardStore {
    /// Counts up with every change to the keys, so that a cached copy knows when it is old.
    public func keysVersion() throws -> UInt64 {
        try read { transaction in
            try MetaValue.read(MetaValue.keysVersion, transaction, databases.meta)[0]
        }
    }

    /// All keys, in the order of their hashes.
    public func keys() throws -> [StoredKey] {
        try read { transaction in
            try transaction.withCursor(over: databases.keys) { cursor in
                var keys: [StoredKey] = []
                var found = try cursor.moveToFirst()
                while found {
                    do {
                        keys.append(try APIKeyRecord.decode(cursor.value, hash: cursor.key).key)
                    } catch let damage as RecordDamage {
                        throw StoreError.damaged(database: "keys", what: damage.description)
                    }
                    found = try cursor.moveToNext()
                }
                return keys
            }
        }
    }

    /// Stores a key, replacing what was stored under its hash; durable when this returns.
    ///
    /// - Parameter onlyIfFirst: stores nothing when there is a key already, of whatever process.
    /// - Returns: whether the key was stored.
    @discardableResult
    public func addKey(_ key: StoredKey, onlyIfFirst: Bool = false) throws -> Bool {
        try write { transaction in
            if onlyIfFirst, try transaction.entryCount(of: databases.keys) > 0 { return false }
            let old = try keyChecksum(hash: key.hash, transaction)
            let record = APIKeyRecord.encode(key)
            try transaction.put(
                record.span.bytes, for: key.hash.span.bytes, in: databases.keys)
            var totals = try DatabaseTotals(reading: .keys, transaction, databases.meta)
            let new = try Self.verifyKey(record.span.bytes, hash: key.hash.span.bytes)
            if let old {
                totals.replace(old, with: new)
            } else {
                totals.add(new)
            }
            try finishKeys(totals, &transaction)
            return true
        }
    }

    /// Removes a key; durable when this returns. Says whether there was one of that hash.
    public func removeKey(hash: [UInt8]) throws -> Bool {
        try write { transaction in
            guard let checksum = try keyChecksum(hash: hash, transaction),
                try transaction.remove(hash.span.bytes, from: databases.keys)
            else { return false }
            var totals = try DatabaseTotals(reading: .keys, transaction, databases.meta)
            try inDatabase(.keys) { try totals.remove(checksum) }
            try finishKeys(totals, &transaction)
            return true
        }
    }

    private func keyChecksum(
        hash: [UInt8], _ transaction: borrowing WriteTransaction
    ) throws -> UInt64? {
        guard let value = try transaction.value(of: hash.span.bytes, in: databases.keys) else {
            return nil
        }
        return try inDatabase(.keys) { try Self.verifyKey(value, hash: hash.span.bytes) }
    }

    private func finishKeys(
        _ totals: DatabaseTotals, _ transaction: inout WriteTransaction
    ) throws {
        try totals.write(as: .keys, &transaction, databases.meta)
        let name = MetaValue.keysVersion
        let version = try MetaValue.read(name, transaction, databases.meta)[0]
        try MetaValue.write(name, [version + 1], &transaction, databases.meta)
    }

    /// The hash of a stored key's entry, or what is wrong with it; for `check`.
    static func verifyKey(_ value: RawSpan, hash: RawSpan) throws(RecordDamage) -> UInt64 {
        try APIKeyRecord.decode(value, hash: hash).checksum
    }
}
