/// A read transaction that one thread at a time uses, and that ends with its last reference.
///
/// `@unchecked Sendable`: with MDB_NOTLS a read transaction belongs to no thread, and lmdb.h only
/// asks that "a transaction and its cursors must only be used by a single thread" at a time, which
/// is the holder's to see to.
public final class Snapshot: @unchecked Sendable {
    public let transaction: ReadTransaction

    fileprivate init(_ environment: OpaquePointer) throws(LMDBError) {
        transaction = try ReadTransaction(environment: environment)
    }
}

extension Environment {
    private static let snapshotTriesMax = 1_000

    /// Read transactions that all show the same commit, one for each of `count` threads.
    ///
    /// LMDB cannot open a second reader of a given commit, so readers are opened one behind the
    /// other until none of them saw a commit of another process in between. Where commits come too
    /// fast for that there are fewer than asked for, at least one.
    public func snapshots(count: Int) throws(LMDBError) -> [Snapshot] {
        var agreeing: [Snapshot] = []
        for _ in 0..<Self.snapshotTriesMax {
            // The old ones end first: reader slots are few.
            agreeing = [try Snapshot(handle)]
            while agreeing.count < count {
                let next = try Snapshot(handle)
                guard next.transaction.id == agreeing[0].transaction.id else { break }
                agreeing.append(next)
            }
            if agreeing.count >= count { break }
        }
        return agreeing
    }
}
