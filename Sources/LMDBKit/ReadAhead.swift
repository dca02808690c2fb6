internal import Glibc

// With `Options.isReadAtRandom` the system reads the page that is touched and no other. Whoever
// knows what comes next asks for it here, and then waits for the disk once where it would have
// waited a hundred times.

/// Asks for the pages in which keys of one database lie, all of them at once.
public struct ReadAhead: ~Copyable {
    private var branch: BranchPage

    public init(
        of database: String, in environment: Environment,
        _ transaction: borrowing ReadTransaction
    ) throws(LMDBError) {
        branch = try BranchPage(database: database, environment, transaction)
    }

    /// Asks for the leaf pages of `keys`. Reads the pages above them, level by level, each level
    /// having been asked for as a whole too.
    ///
    /// - Returns: the numbers of the leaf pages, in the order of the keys; none when there are no
    ///   pages, or damaged ones.
    @discardableResult
    public mutating func request(_ keys: [[UInt8]]) -> [UInt64] {
        guard branch.depth > 0 else { return [] }
        var pages = [UInt64](repeating: branch.root, count: keys.count)
        for _ in 1..<branch.depth {
            var last: UInt64?
            for (index, key) in keys.enumerated() {
                let page = pages[index]
                if page != last { branch.read(page) }
                last = page
                guard branch.count > 0 else { return [] }
                pages[index] = key.withUnsafeBytes { branch.child(branch.index(of: $0)) }
            }
            // Ascending, so that pages that lie next to each other are read as one.
            PageRange.forEach(in: pages.sorted()) { $0.request(branch.descriptor) }
        }
        return pages
    }
}

/// Keeps the leaf pages of one database on their way from the disk, a little ahead of a reader who
/// takes them in key order.
public struct SequentialReadAhead: ~Copyable {
    /// Leaf pages that may be on their way. Enough for the disk's full rate; and few enough that
    /// somebody else's read waits for a millisecond only.
    public static let pagesForFullRate = 256

    private let pagesMax: Int
    /// How many are asked for at a time.
    private let pagesPerRequest: Int
    private var branch: BranchPage
    /// From the root down to the level above the leaves: the page, and its next child.
    private var path: [(page: UInt64, next: Int)] = []
    private(set) var ahead = 0
    private var lastLeaf: UInt?

    public init(
        of database: String, in environment: Environment,
        _ transaction: borrowing ReadTransaction, pagesMax: Int = pagesForFullRate
    ) throws(LMDBError) {
        branch = try BranchPage(database: database, environment, transaction)
        self.pagesMax = pagesMax
        pagesPerRequest = max(pagesMax / 4, 1)
    }

    /// The reader begins at a key; nil is the first one.
    public mutating func start(at key: [UInt8]?) {
        descend(to: key)
        while ahead < pagesMax, !requestNext().isEmpty {}
    }

    mutating func descend(to key: [UInt8]?) {
        path.removeAll(keepingCapacity: true)
        ahead = 0
        lastLeaf = nil
        var page = branch.root
        for _ in 1..<max(branch.depth, 1) {
            branch.read(page)
            guard branch.count > 0 else { return path.removeAll() }
            let child = key?.withUnsafeBytes { branch.index(of: $0) } ?? 0
            path.append((page, child))
            page = branch.child(child)
        }
    }

    /// The reader's cursor stands at an entry.
    @inline(__always)
    public mutating func follow(_ cursor: borrowing Cursor) {
        let leaf = UInt(bitPattern: cursor.unsafeKey.baseAddress) / UInt(PageLayout.pageBytes)
        if leaf != lastLeaf { enter(leaf) }
    }

    private mutating func enter(_ leaf: UInt) {
        lastLeaf = leaf
        ahead -= 1
        if ahead <= pagesMax - pagesPerRequest { requestNext() }
    }

    /// Asks for some more, and says which; for none when there are no more.
    @discardableResult
    mutating func requestNext() -> [UInt64] {
        var pages: [UInt64] = []
        while pages.count < pagesPerRequest, moveToLeaves() {
            let level = path.count - 1
            let start = path[level].next
            let end = min(branch.count, start + pagesPerRequest - pages.count)
            for child in start..<end { pages.append(branch.child(child)) }
            path[level].next = end
        }
        ahead += pages.count
        PageRange.forEach(in: pages) { $0.request(branch.descriptor) }
        return pages
    }

    /// Lets the path end at a page with leaves that were not asked for, and reads it; false when
    /// there is none.
    private mutating func moveToLeaves() -> Bool {
        let levels = branch.depth - 1
        while let last = path.last {
            branch.read(last.page)
            if last.next >= branch.count {
                path.removeLast()
                if !path.isEmpty { path[path.count - 1].next += 1 }
            } else if path.count == levels {
                return true
            } else {
                path.append((branch.child(last.next), 0))
            }
        }
        return false
    }
}

/// Pages that lie one behind the other in the file.
private struct PageRange {
    var pages: Range<UInt64>

    static func forEach(in pages: [UInt64], _ body: (PageRange) -> Void) {
        guard let first = pages.first else { return }
        var range = first..<(first &+ 1)
        for page in pages.dropFirst() where page &+ 1 != range.upperBound {
            if page == range.upperBound {
                range = range.lowerBound..<(page &+ 1)
            } else {
                body(PageRange(pages: range))
                range = page..<(page &+ 1)
            }
        }
        body(PageRange(pages: range))
    }

    /// Returns at once; nobody depends on what becomes of it.
    func request(_ descriptor: CInt) {
        let size = UInt64(PageLayout.pageBytes)
        let (start, isTooFar) = pages.lowerBound.multipliedReportingOverflow(by: size)
        guard !isTooFar, let offset = off_t(exactly: start) else { return }
        _ = posix_fadvise(descriptor, offset, off_t(pages.count) * off_t(size), POSIX_FADV_WILLNEED)
    }
}
