internal import CLMDB

/// A position in a database, moved by the methods below; each says whether there is an entry.
///
/// `key` and `value` borrow the cursor and moving mutates it, so what was read cannot be used after
/// a move.
public struct Cursor: ~Copyable {
    private let handle: OpaquePointer
    /// Whether ``LeafNodes`` knows the pages: those of a system with other pages are larger.
    private let hasKnownPages: Bool
    private var currentKey = MDB_val()
    private var currentValue = MDB_val()

    init(transaction: OpaquePointer, database: Database) throws(LMDBError) {
        var statistics = MDB_stat()
        try check(mdb_stat(transaction, database.handle, &statistics), "mdb_stat")
        var created: OpaquePointer?
        try check(
            mdb_cursor_open(transaction, database.handle, &created), "mdb_cursor_open")
        guard let created else { preconditionFailure("mdb_cursor_open gave no cursor") }
        handle = created
        hasKnownPages = statistics.ms_psize == PageLayout.pageBytes
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

    /// Lends the entry where the cursor stands and those behind it on the same page, and moves to
    /// the first that was not lent; says whether there is one. For a cursor of a read transaction.
    ///
    /// The nodes are read where they lie, which takes a fifth of the time of a move to each. A node
    /// that is not whole in its page, or whose value is on pages of its own, is left to LMDB.
    ///
    /// - Parameter body: gets a key and its value, which stay where they are until the transaction
    ///   ends; false ends the reading, and the cursor does not move then.
    package mutating func moveThroughPage(
        _ body: (UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Bool
    ) throws -> Bool {
        guard try body(unsafeKey, unsafeValue) else { return true }
        var last: UnsafeRawBufferPointer?
        if hasKnownPages, let key = unsafeKey.baseAddress, var nodes = LeafNodes(behind: key) {
            while let node = nodes.next() {
                guard try body(node.key, node.value) else { return true }
                last = node.key
            }
        }
        if let last, try !move(toFirstNotBefore: RawSpan(_unsafeBytes: last)) { return false }
        return try moveToNext()
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
