internal import CLMDB
internal import Glibc

/// Reads the branch pages of one snapshot's tree, one at a time.
///
/// It only serves to divide work and to ask for pages early: a page that is damaged, or not there,
/// counts as having no children, and every key is still read, once, by LMDB itself.
///
/// LMDB does not tell where its map is. A page of a snapshot does not change, and writes go through
/// the same file, so reading it gives the same bytes.
struct BranchPage: ~Copyable {
    let descriptor: CInt
    /// The levels of the tree, its leaves among them; 0 when it has no pages.
    let depth: Int
    let root: UInt64
    private let pagesMax: UInt64
    private let bytes: UnsafeMutableRawBufferPointer
    /// How many children the page that was read last has.
    private(set) var count = 0

    /// mdb.c, CURSOR_STACK.
    private static let depthMax = 32

    init(
        database name: String, _ environment: Environment,
        _ transaction: borrowing ReadTransaction
    ) throws(LMDBError) {
        var descriptor: CInt = -1
        try check(mdb_env_get_fd(environment.handle, &descriptor), "mdb_env_get_fd")
        let key = Array(name.utf8)
        let main = try transaction.openMainDatabase()
        var record = DatabaseRecord()
        if let value = try transaction.value(of: key.span.bytes, in: main),
            value.byteCount == DatabaseRecord.bytes
        {
            record.depth = value.unsafeLoadUnaligned(fromByteOffset: 6, as: UInt16.self)
            record.root = value.unsafeLoadUnaligned(fromByteOffset: 40, as: UInt64.self)
        }
        self.descriptor = descriptor
        let isSound = record.root != PageLayout.noPage && record.depth <= Self.depthMax
        depth = isSound ? Int(record.depth) : 0
        root = record.root
        pagesMax = UInt64(environment.mapSizeBytes / PageLayout.pageBytes)
        bytes = .allocate(byteCount: PageLayout.pageBytes, alignment: 8)
    }

    deinit { bytes.deallocate() }

    /// Reads a page, which has no children when it is no branch page.
    mutating func read(_ page: UInt64) {
        count = 0
        let size = PageLayout.pageBytes
        guard page < pagesMax,
            pread(descriptor, bytes.baseAddress, size, off_t(page) * off_t(size)) == size
        else { return }
        let lower = Int(integer(12))
        guard integer(10) & PageLayout.branch != 0, lower > PageLayout.headBytes, lower < size
        else { return }
        let nodes = (lower - PageLayout.headBytes) / PageLayout.pointerBytes
        for index in 0..<nodes {
            let node = node(index)
            guard node >= lower, node + PageLayout.nodeHeadBytes <= size,
                node + PageLayout.nodeHeadBytes + Int(integer(node + 6)) <= size
            else { return }
        }
        count = nodes
    }

    private func integer(_ offset: Int) -> UInt16 {
        bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }

    private func node(_ index: Int) -> Int {
        Int(integer(PageLayout.headBytes + PageLayout.pointerBytes * index))
    }

    /// The number of a child's page.
    func child(_ index: Int) -> UInt64 {
        let node = node(index)
        return UInt64(integer(node)) | UInt64(integer(node + 2)) << 16
            | UInt64(integer(node + 4)) << 32
    }

    /// The first key of a child; that of the first one means nothing.
    func key(_ index: Int) -> UnsafeRawBufferPointer {
        let start = node(index) + PageLayout.nodeHeadBytes
        let end = start + Int(integer(node(index) + 6))
        return UnsafeRawBufferPointer(rebasing: bytes[start..<end])
    }

    /// The child below which a key lies. The page has one.
    func index(of key: UnsafeRawBufferPointer) -> Int {
        var (low, high) = (0, count)
        while high - low > 1 {
            let middle = (low + high) / 2
            if Self.precedes(key, self.key(middle)) { high = middle } else { low = middle }
        }
        return low
    }

    private static func precedes(
        _ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer
    ) -> Bool {
        if let first = a.baseAddress, let second = b.baseAddress {
            let order = memcmp(first, second, min(a.count, b.count))
            if order != 0 { return order < 0 }
        }
        return a.count < b.count
    }
}
