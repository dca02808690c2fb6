internal import CLMDB

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
    public func copy(to descriptor: CInt, isCompacting: Bool) throws(LMDBError) {
        let flags = isCompacting ? UInt32(MDB_CP_COMPACT) : 0
        try check(mdb_env_copyfd2(handle, descriptor, flags), "mdb_env_copyfd2")
    }
}
