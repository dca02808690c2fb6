internal import LMDBKit

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

    /// Notes when keys were last used; durable when this returns. The version stays as it is, since
    /// nobody's rights change, and a key that was removed meanwhile stays removed.
    ///
    /// - Parameter times: seconds since 1970 by the keys' hashes.
    public func noteKeyUse(_ times: [[UInt8]: UInt64]) throws {
        try write { transaction in
            var totals = try DatabaseTotals(reading: .keys, transaction, databases.meta)
            for (hash, time) in times {
                guard let (key, checksum) = try key(hash: hash, transaction),
                    time > key.lastUsedAt ?? 0
                else { continue }
                var used = key
                used.lastUsedAt = time
                let record = APIKeyRecord.encode(used)
                try transaction.put(record.span.bytes, for: hash.span.bytes, in: databases.keys)
                let new = try Self.verifyKey(record.span.bytes, hash: hash.span.bytes)
                totals.replace(checksum, with: new)
            }
            try totals.write(as: .keys, &transaction, databases.meta)
        }
    }

    private func key(
        hash: [UInt8], _ transaction: borrowing WriteTransaction
    ) throws -> (key: StoredKey, checksum: UInt64)? {
        guard let value = try transaction.value(of: hash.span.bytes, in: databases.keys) else {
            return nil
        }
        return try inDatabase(.keys) { try APIKeyRecord.decode(value, hash: hash.span.bytes) }
    }

    private func keyChecksum(
        hash: [UInt8], _ transaction: borrowing WriteTransaction
    ) throws -> UInt64? {
        try key(hash: hash, transaction)?.checksum
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
