internal import CLMDB

/// What can be read in a transaction of either kind.
public protocol Transaction: ~Copyable {
    /// nil when the environment has no database of that name.
    func openDatabase(_ name: String) throws(LMDBError) -> Database?

    @_lifetime(borrow self)
    func value(of key: RawSpan, in database: Database) throws(LMDBError) -> RawSpan?

    /// The corresponding C function is `mdb_stat`.
    func entryCount(of database: Database) throws(LMDBError) -> Int

    /// Lends a cursor over a database. The corresponding C function is `mdb_cursor_open`.
    func withCursor<R>(
        over database: Database, _ body: (inout Cursor) throws -> R
    ) throws -> R
}

/// A consistent snapshot of the environment, ended by the end of its scope.
///
/// lmdb.h: "The memory pointed to by the returned values is owned by the database. […] Values
/// returned from the database are valid only until a subsequent update operation, or the end of
/// the transaction." The spans given here borrow the transaction, so the compiler holds callers to
/// the second half of the rule, and in a ``WriteTransaction``, whose updates are mutating, to the
/// first half as well.
public struct ReadTransaction: Transaction, ~Copyable {
    fileprivate let handle: OpaquePointer

    init(environment: OpaquePointer) throws(LMDBError) {
        var created: OpaquePointer?
        try check(
            mdb_txn_begin(environment, nil, UInt32(MDB_RDONLY), &created), "mdb_txn_begin")
        guard let created else { preconditionFailure("mdb_txn_begin gave no transaction") }
        handle = created
    }

    /// Commits, which for a reader means no more than to end. lmdb.h on mdb_dbi_open: "If the
    /// transaction is aborted the handle will be closed automatically", and the handles opened
    /// here have to last.
    deinit {
        let code = mdb_txn_commit(handle)
        precondition(code == 0, "ending a read transaction writes nothing that could fail")
    }

    /// The ID of the commit that this snapshot shows.
    public var id: Int { mdb_txn_id(handle) }

    public func openDatabase(_ name: String) throws(LMDBError) -> Database? {
        try LMDBKit.openDatabase(handle, name, flags: 0)
    }

    /// The unnamed database, which holds an entry for each named one. Every environment has it.
    public func openMainDatabase() throws(LMDBError) -> Database {
        guard let database = try LMDBKit.openDatabase(handle, nil, flags: 0) else {
            preconditionFailure("the main database is always found")
        }
        return database
    }

    /// Pages of the data file that hold nothing and will be used again. Costs a pass over LMDB's
    /// list of them, which mdb_stat's own source reads the same way: database 0, whose values begin
    /// with their number of pages.
    public func freePageCount() throws -> Int {
        try withCursor(over: Database(handle: 0)) { cursor in
            var count = 0
            var found = try cursor.moveToFirst()
            while found {
                count += cursor.value.leadingInteger
                found = try cursor.moveToNext()
            }
            return count
        }
    }

    @_lifetime(borrow self)
    public func value(of key: RawSpan, in database: Database) throws(LMDBError) -> RawSpan? {
        guard let value = try get(handle, database, key) else { return nil }
        return _overrideLifetime(RawSpan(value), borrowing: self)
    }

    public func entryCount(of database: Database) throws(LMDBError) -> Int {
        try LMDBKit.entryCount(handle, database)
    }

    public func withCursor<R>(
        over database: Database, _ body: (inout Cursor) throws -> R
    ) throws -> R {
        var cursor = try Cursor(transaction: handle, database: database)
        return try body(&cursor)
    }
}

/// The environment's one write transaction: rolled back by the end of its scope unless committed.
public struct WriteTransaction: Transaction, ~Copyable {
    private let handle: OpaquePointer

    init(environment: OpaquePointer) throws(LMDBError) {
        var created: OpaquePointer?
        try check(mdb_txn_begin(environment, nil, 0, &created), "mdb_txn_begin")
        guard let created else { preconditionFailure("mdb_txn_begin gave no transaction") }
        handle = created
    }

    deinit {
        mdb_txn_abort(handle)
    }

    /// The ID that the commit will have.
    public var id: Int { mdb_txn_id(handle) }

    /// Opens a database, making it if need be.
    public mutating func createDatabase(_ name: String) throws(LMDBError) -> Database {
        guard let database = try LMDBKit.openDatabase(handle, name, flags: UInt32(MDB_CREATE))
        else { preconditionFailure("with MDB_CREATE a database is always found") }
        return database
    }

    public func openDatabase(_ name: String) throws(LMDBError) -> Database? {
        try LMDBKit.openDatabase(handle, name, flags: 0)
    }

    @_lifetime(borrow self)
    public func value(of key: RawSpan, in database: Database) throws(LMDBError) -> RawSpan? {
        guard let value = try get(handle, database, key) else { return nil }
        return _overrideLifetime(RawSpan(value), borrowing: self)
    }

    /// Stores a value, replacing any other. The corresponding C function is `mdb_put`.
    public mutating func put(
        _ value: RawSpan, for key: RawSpan, in database: Database
    ) throws(LMDBError) {
        let code = withValue(key) { key in
            withValue(value) { value in mdb_put(handle, database.handle, &key, &value, 0) }
        }
        try check(code, "mdb_put")
    }

    /// Removes all entries of a database. The corresponding C function is `mdb_drop`.
    public mutating func removeAll(from database: Database) throws(LMDBError) {
        try check(mdb_drop(handle, database.handle, 0), "mdb_drop")
    }

    /// Removes an entry, and says whether there was one. The corresponding C function is `mdb_del`.
    public mutating func remove(
        _ key: RawSpan, from database: Database
    ) throws(LMDBError) -> Bool {
        let code = withValue(key) { key in mdb_del(handle, database.handle, &key, nil) }
        if code == MDB_NOTFOUND { return false }
        try check(code, "mdb_del")
        return true
    }

    public func entryCount(of database: Database) throws(LMDBError) -> Int {
        try LMDBKit.entryCount(handle, database)
    }

    public func withCursor<R>(
        over database: Database, _ body: (inout Cursor) throws -> R
    ) throws -> R {
        var cursor = try Cursor(transaction: handle, database: database)
        return try body(&cursor)
    }

    /// Makes everything durable. lmdb.h: "The transaction handle is freed. It and its cursors must
    /// not be used again after this call", failed or not, hence `consuming` and no abort after it.
    consuming func commit() throws(LMDBError) {
        let handle = self.handle
        discard self
        try check(mdb_txn_commit(handle), "mdb_txn_commit")
    }
}

/// Calls `body` with an `MDB_val` that points at the span's bytes for the call's duration.
func withValue<R>(_ span: RawSpan, _ body: (inout MDB_val) -> R) -> R {
    span.withUnsafeBytes { bytes in
        // LMDB takes its input through a pointer to mutable memory and does not write to it.
        var value = MDB_val(
            mv_size: bytes.count, mv_data: UnsafeMutableRawPointer(mutating: bytes.baseAddress))
        return body(&value)
    }
}

extension RawSpan {
    /// The caller bounds the lifetime.
    @_lifetime(immortal)
    init(_ value: MDB_val) {
        let bytes = UnsafeRawBufferPointer(start: value.mv_data, count: value.mv_size)
        self = _overrideLifetime(RawSpan(_unsafeBytes: bytes), borrowing: ())
    }
}

extension RawSpan {
    /// The machine word at the front; 0 when there is not even that.
    fileprivate var leadingInteger: Int {
        guard byteCount >= MemoryLayout<Int>.size else { return 0 }
        return unsafeLoadUnaligned(fromByteOffset: 0, as: Int.self)
    }
}

private func get(
    _ transaction: OpaquePointer, _ database: Database, _ key: RawSpan
) throws(LMDBError) -> MDB_val? {
    var value = MDB_val()
    let code = withValue(key) { key in mdb_get(transaction, database.handle, &key, &value) }
    if code == MDB_NOTFOUND { return nil }
    try check(code, "mdb_get")
    return value
}

private func openDatabase(
    _ transaction: OpaquePointer, _ name: String?, flags: UInt32
) throws(LMDBError) -> Database? {
    var handle: MDB_dbi = 0
    let code = mdb_dbi_open(transaction, name, flags, &handle)
    if code == MDB_NOTFOUND { return nil }
    try check(code, "mdb_dbi_open")
    return Database(handle: handle)
}

private func entryCount(
    _ transaction: OpaquePointer, _ database: Database
) throws(LMDBError) -> Int {
    var stat = MDB_stat()
    try check(mdb_stat(transaction, database.handle, &stat), "mdb_stat")
    return stat.ms_entries
}
