extension Environment {
    /// Keys that divide a database into parts of about the same size, ascending, at most about
    /// `count`: those that its tree branches at. None when the tree is a single page.
    ///
    /// Costs a read of a few pages.
    public func branchKeys(
        of name: String, count: Int, _ transaction: borrowing ReadTransaction
    ) throws(LMDBError) -> [[UInt8]] {
        var branch = try BranchPage(database: name, self, transaction)
        var pages = [branch.root]
        var keys: [[UInt8]] = []
        for _ in 1..<max(branch.depth, 1) where keys.count + 1 < count {
            // The keys between the pages of this level stay; each page adds those within it.
            var children: [UInt64] = []
            var finer: [[UInt8]] = []
            for (index, page) in pages.enumerated() {
                branch.read(page)
                guard branch.count > 0 else { return Self.thin(keys, to: count) }
                if index > 0 { finer.append(keys[index - 1]) }
                for child in 0..<branch.count {
                    children.append(branch.child(child))
                    if child > 0 { finer.append(Array(branch.key(child))) }
                }
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
}
