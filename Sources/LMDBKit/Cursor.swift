internal import CLMDB

/// A position in a database, moved by the methods below; each says whether there is an entry.
///
/// `key` and `value` borrow the cursor and moving mutates it, so what was read cannot be used after
/// a move.
public struct Cursor: ~Copyable {
    private let handle: OpaquePointer
    private var currentKey = MDB_val()
    private var currentValue = MDB_val()

    init(transaction: OpaquePointer, database: Database) throws(LMDBError) {
        var created: OpaquePointer?
        try check(
            mdb_cursor_open(transaction, database.handle, &created), "mdb_cursor_open")
        guard let created else { preconditionFailure("mdb_cursor_open gave no cursor") }
        handle = created
    }

    deinit {
        mdb_cursor_close(handle)
    }

    /// The key where the last move found an entry; empty when it found none.
    public var key: RawSpan {
        @_lifetime(borrow self)
        get { _overrideLifetime(RawSpan(currentKey), borrowing: self) }
    }

    /// The value where the last move found an entry; empty when it found none.
    public var value: RawSpan {
        @_lifetime(borrow self)
        get { _overrideLifetime(RawSpan(currentValue), borrowing: self) }
    }

    /// The bytes of ``key`` and ``value``, for a cursor of a read transaction: they stay where they
    /// are until that ends, whatever becomes of the cursor, and the caller sees to it that nobody
    /// uses them longer.
    package var unsafeKey: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: currentKey.mv_data, count: currentKey.mv_size)
    }

    package var unsafeValue: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: currentValue.mv_data, count: currentValue.mv_size)
    }

    public mutating func moveToFirst() throws(LMDBError) -> Bool {
        try move(MDB_FIRST)
    }

    public mutating func moveToLast() throws(LMDBError) -> Bool {
        try move(MDB_LAST)
    }

    /// On a cursor that was never moved, the same as ``moveToFirst()``.
    public mutating func moveToNext() throws(LMDBError) -> Bool {
        try move(MDB_NEXT)
    }

    public mutating func moveToPrevious() throws(LMDBError) -> Bool {
        try move(MDB_PREV)
    }

    /// Moves to the first entry whose key is not less than `key`.
    public mutating func move(toFirstNotBefore key: RawSpan) throws(LMDBError) -> Bool {
        var found = MDB_val()
        var value = MDB_val()
        let code = withValue(key) { wanted in
            found = wanted
            return mdb_cursor_get(handle, &found, &value, MDB_SET_RANGE)
        }
        return try settle(code, found, value)
    }

    private mutating func move(_ operation: MDB_cursor_op) throws(LMDBError) -> Bool {
        var found = MDB_val()
        var value = MDB_val()
        let code = mdb_cursor_get(handle, &found, &value, operation)
        return try settle(code, found, value)
    }

    private mutating func settle(
        _ code: CInt, _ key: MDB_val, _ value: MDB_val
    ) throws(LMDBError) -> Bool {
        if code == MDB_NOTFOUND {
            currentKey = MDB_val()
            currentValue = MDB_val()
            return false
        }
        try check(code, "mdb_cursor_get")
        currentKey = key
        currentValue = value
        return true
    }
}
