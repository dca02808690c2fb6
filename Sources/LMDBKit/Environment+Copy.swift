internal import CLMDB
internal import Glibc

extension Environment {
    /// Writes a consistent copy of the environment to a file that is open for writing, at its
    /// position. Neither syncs nor closes it. The corresponding C function is `mdb_env_copyfd2`.
    ///
    /// The copy is a read transaction: pages that commits free meanwhile are kept until it ends,
    /// and the data file grows by them.
    ///
    /// - Parameter isCompacting: leaves out free pages and numbers the others anew. lmdb.h:
    ///   "Currently it fails if the environment has suffered a page leak", which shows as
    ///   ``LMDBError/incompatible``. A copy that is not compacting has the data file's own pages,
    ///   and waits for a running write transaction when it begins.
    public func copy(to descriptor: CInt, isCompacting: Bool) throws {
        let flags = isCompacting ? UInt32(MDB_CP_COMPACT) : 0
        // Page by page, as the map is read otherwise then, it would take minutes. Advice may fail.
        let map = isReadAtRandom ? try mapStart() : nil
        let bytes = usedBytes
        if let map { _ = madvise(map, bytes, MADV_NORMAL) }
        defer { if let map { _ = madvise(map, bytes, MADV_RANDOM) } }
        try check(mdb_env_copyfd2(handle, descriptor, flags), "mdb_env_copyfd2")
    }

    /// Where the map begins, which LMDB does not tell; but every page has its number. Nil when the
    /// environment is empty.
    private func mapStart() throws -> UnsafeMutableRawPointer? {
        try read { transaction in
            try transaction.withCursor(over: transaction.openMainDatabase()) { cursor in
                guard try cursor.moveToFirst(), let key = cursor.unsafeKey.baseAddress else {
                    return nil
                }
                let size = UInt(PageLayout.pageBytes)
                let page = UInt(bitPattern: key) & ~(size - 1)
                let number = UnsafeRawPointer(bitPattern: page)?.load(as: UInt.self) ?? 0
                return UnsafeMutableRawPointer(bitPattern: page - number * size)
            }
        }
    }
}
