internal import CLMDB
internal import Glibc

// What is known here of LMDB's file format, version 1, all in the machine's byte order:
//
//     database   u32 pad, u16 flags, u16 depth, u64 branch pages, u64 leaf pages, u64 overflow
//                pages, u64 entries, u64 root page
//     page       u64 page number, u16 pad, u16 flags (1 branch), u16 lower, u16 upper, then
//                u16 offsets of nodes up to lower
//     branch     u16 child page 0…15, u16 child page 16…31, u16 child page 32…47, u16 bytes of
//     node       key, key; the first node's key means nothing
//
// It only serves to divide work: whatever a damaged page makes of it are some bytes to divide at,
// and every key is still read, once, by LMDB itself.

extension Environment {
    private static let databaseSize = 48
    private static let rootOffset = 40
    private static let pageHeadSize = 16
    private static let branchFlag: UInt16 = 1
    /// No store has as many; a damaged page may claim to.
    private static let levelsMax = 8

    /// Keys that divide a database into parts of about the same size, ascending, at most about
    /// `count`: those that its tree branches at. None when the tree is a single page.
    ///
    /// Costs a read of a few pages.
    public func branchKeys(
        of name: String, count: Int, _ transaction: borrowing ReadTransaction
    ) throws(LMDBError) -> [[UInt8]] {
        let key = Array(name.utf8)
        let main = try transaction.openMainDatabase()
        guard let value = try transaction.value(of: key.span.bytes, in: main),
            value.byteCount == Self.databaseSize
        else { return [] }
        var pages = [value.unsafeLoadUnaligned(fromByteOffset: Self.rootOffset, as: UInt64.self)]
        var keys: [[UInt8]] = []
        var descriptor: CInt = -1
        try check(mdb_env_get_fd(handle, &descriptor), "mdb_env_get_fd")
        for _ in 0..<Self.levelsMax where keys.count + 1 < count {
            // The keys between the pages of this level stay; each page adds those within it.
            var children: [UInt64] = []
            var finer: [[UInt8]] = []
            for (index, page) in pages.enumerated() {
                guard let branch = branch(page, descriptor), !branch.children.isEmpty else {
                    return Self.thin(keys, to: count)
                }
                if index > 0 { finer.append(keys[index - 1]) }
                children += branch.children
                finer += branch.keys
            }
            pages = children
            keys = finer
        }
        return Self.thin(keys, to: count)
    }

    private static func thin(_ keys: [[UInt8]], to count: Int) -> [[UInt8]] {
        let parts = min(count, keys.count + 1)
        guard parts > 1 else { return [] }
        var chosen: [[UInt8]] = []
        for part in 1..<parts {
            let key = keys[part * (keys.count + 1) / parts - 1]
            // Only ascending keys divide anything.
            if chosen.last.map({ $0.lexicographicallyPrecedes(key) }) ?? !key.isEmpty {
                chosen.append(key)
            }
        }
        return chosen
    }

    /// The pages below a branch page, and the keys between them; nil when it is none.
    private func branch(
        _ page: UInt64, _ descriptor: CInt
    ) -> (children: [UInt64], keys: [[UInt8]])? {
        let size = pageSizeBytes
        guard page < UInt64(mapSizeBytes / size) else { return nil }
        // The mapping is not at hand. A page of a snapshot does not change, and writes go through
        // the same file, so reading it gives the same bytes.
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            count = max(pread(descriptor, buffer.baseAddress, size, off_t(page) * off_t(size)), 0)
        }
        guard bytes.count == size else { return nil }
        func integer(_ offset: Int) -> UInt16 {
            bytes.span.bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt16.self)
        }
        let lower = Int(integer(12))
        guard integer(10) & Self.branchFlag != 0, lower > Self.pageHeadSize, lower < size else {
            return nil
        }
        var children: [UInt64] = []
        var keys: [[UInt8]] = []
        for place in stride(from: Self.pageHeadSize, to: lower - 1, by: 2) {
            let node = Int(integer(place))
            guard node >= lower, node + 8 <= size else { return nil }
            let keyCount = Int(integer(node + 6))
            guard node + 8 + keyCount <= size else { return nil }
            children.append(
                UInt64(integer(node)) | UInt64(integer(node + 2)) << 16
                    | UInt64(integer(node + 4)) << 32)
            if place > Self.pageHeadSize {
                keys.append(Array(bytes[(node + 8)..<(node + 8 + keyCount)]))
            }
        }
        return (children, keys)
    }
}
