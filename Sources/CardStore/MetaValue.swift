package import LMDBKit

/// The values in `meta`: a checksum over database, key and payload, then the payload's integers,
/// all little-endian.
package enum MetaValue {
    package static let schema = "schema"
    package static let sequence = "sequence"
    package static let keysVersion = "keys_version"
    /// The number of the last run that was asked for.
    package static let lastRun = "last_run"
    /// The set of customers that is shown, and how many it has.
    package static let customers = "customers"
    /// The ``ErasureKey``, once anything was erased.
    package static let erasureKey = "erasure_key"
    /// How many of the erasures have reached everything that was stored before them.
    package static let erasuresApplied = "erasures_applied"

    package static func totals(_ database: StoredDatabase) -> String {
        "totals/" + database.rawValue
    }

    package static func encode(_ integers: [UInt64], name: String) -> [UInt8] {
        var payload: [UInt8] = []
        for integer in integers { payload.append(littleEndian: integer) }
        let key = Array(name.utf8)
        let hash = StoredDatabase.meta.entryHash(key: key.span.bytes, value: payload.span.bytes)
        var bytes: [UInt8] = []
        bytes.append(littleEndian: hash)
        return bytes + payload
    }

    /// The integers of the entry `name`, of which there must be `count`.
    ///
    /// - Throws: ``StoreError/damaged(database:what:)`` when it is missing or not what was written.
    package static func read(
        _ name: String, count: Int = 1, _ transaction: borrowing some Transaction & ~Copyable,
        _ meta: Database
    ) throws -> [UInt64] {
        let key = Array(name.utf8)
        return try decode(
            transaction.value(of: key.span.bytes, in: meta), name: name, count: count)
    }

    static func write(
        _ name: String, _ integers: [UInt64], _ transaction: inout WriteTransaction,
        _ meta: Database
    ) throws {
        let key = Array(name.utf8)
        let value = encode(integers, name: name)
        try transaction.put(value.span.bytes, for: key.span.bytes, in: meta)
    }

    package static func decode(
        _ value: RawSpan?, name: String, count: Int
    ) throws(StoreError) -> [UInt64] {
        guard let value else {
            throw .damaged(database: "meta", what: "there is no entry '\(name)'")
        }
        var reader = RecordReader(value)
        let stored = reader.integer(UInt64.self)
        let key = Array(name.utf8)
        guard let stored, value.byteCount == 8 + 8 * count,
            stored
                == StoredDatabase.meta.entryHash(
                    key: key.span.bytes, value: value.extracting(8..<value.byteCount))
        else {
            throw .damaged(database: "meta", what: "the entry '\(name)' is not what was written")
        }
        var integers: [UInt64] = []
        while let integer = reader.integer(UInt64.self) { integers.append(integer) }
        return integers
    }
}
