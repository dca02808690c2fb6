internal import CLMDB
internal import Glibc

// LMDB follows page numbers, offsets and sizes wherever they lead: "if the data file is damaged"
// is no case of its own there, and a flipped bit can make it read outside of its map. So whoever
// wants to know what is wrong with a file has to look at its pages before LMDB does.

/// A page that is not as LMDB writes it.
public struct PageDamage: Equatable, Sendable, CustomStringConvertible {
    public let page: Int
    public let what: String

    public var description: String { "page \(page): \(what)" }
}

extension Environment {
    private static let auditTriesMax = 1_000

    /// Verifies the structure of every page that one snapshot reaches, with nothing taken from LMDB
    /// but that snapshot: numbers, kinds, the places of nodes, the order of keys, pages reached
    /// twice, and counts. What the entries say is not looked at.
    ///
    /// Reads all pages once, through the file. Gives up after `damageMax` findings.
    public func auditPages(damageMax: Int = 100) throws -> [PageDamage] {
        var descriptor: CInt = -1
        try check(mdb_env_get_fd(handle, &descriptor), "mdb_env_get_fd")
        for _ in 0..<Self.auditTriesMax {
            let damage: [PageDamage]? = try read { transaction in
                var audit = PageAudit(descriptor: descriptor, damageMax: damageMax)
                // Two commits later another snapshot's meta page lies there.
                guard audit.readMeta(transactionID: transaction.id) else { return nil }
                return audit.run()
            }
            if let damage { return damage }
        }
        return [PageDamage(page: 0, what: "no meta page shows the last transaction")]
    }
}

/// One walk over the trees of a data file.
private struct PageAudit {
    private let descriptor: CInt
    private let damageMax: Int
    private(set) var damage: [PageDamage] = []
    private var lastPage = 0
    private var free = DatabaseRecord()
    private var main = DatabaseRecord()
    /// A bit for each page that was reached.
    private var reached: [UInt64] = []
    /// A page for each level of a tree.
    private var buffers: [[UInt8]] = []

    /// mdb.c, MDB_MAXKEYSIZE.
    private static let keyBytesMax = 511
    /// mdb.c, CURSOR_STACK.
    private static let depthMax = 32

    init(descriptor: CInt, damageMax: Int) {
        self.descriptor = descriptor
        self.damageMax = damageMax
    }

    private mutating func note(_ page: Int, _ what: String) {
        if damage.count < damageMax { damage.append(PageDamage(page: page, what: what)) }
    }

    private func read(_ page: Int, into buffer: inout [UInt8]) -> Bool {
        buffer.withUnsafeMutableBytes {
            pread(
                descriptor, $0.baseAddress, PageLayout.pageBytes,
                off_t(page * PageLayout.pageBytes)) == PageLayout.pageBytes
        }
    }

    /// Whether the snapshot's meta page is there.
    mutating func readMeta(transactionID: Int) -> Bool {
        var page = [UInt8](repeating: 0, count: PageLayout.pageBytes)
        guard read(transactionID & 1, into: &page) else { return false }
        let meta = PageLayout.headBytes
        let rest = meta + 24 + 2 * DatabaseRecord.bytes
        guard page.integer(rest + 8, UInt64.self) == UInt64(transactionID) else { return false }
        lastPage = Int(truncatingIfNeeded: page.integer(rest, UInt64.self))
        free = DatabaseRecord(page, at: meta + 24)
        main = DatabaseRecord(page, at: meta + 24 + DatabaseRecord.bytes)
        // The map's size and the two words between are LMDB's own to take or leave.
        return true
    }

    mutating func run() -> [PageDamage] {
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            note(0, "the file cannot be looked at")
            return damage
        }
        let pagesMax = 1 << 40
        guard lastPage > 0, lastPage < pagesMax else {
            note(0, "the number of the last page is \(lastPage)")
            return damage
        }
        if free.pageSize != PageLayout.pageBytes {
            note(0, "pages have \(free.pageSize) bytes")
            return damage
        }
        let pages = Int(status.st_size) / PageLayout.pageBytes
        reached = [UInt64](repeating: 0, count: min(lastPage, pages) / 64 + 1)
        walk(free, "the list of free pages", isMain: false)
        walk(main, "the list of databases", isMain: true)
        return damage
    }

    private mutating func walk(_ record: DatabaseRecord, _ name: String, isMain: Bool) {
        if record.root == PageLayout.noPage {
            if record.entries != 0 || record.depth != 0 { note(0, "\(name) has no root") }
            return
        }
        guard (1...Self.depthMax).contains(Int(record.depth)) else {
            note(0, "\(name) has a depth of \(record.depth)")
            return
        }
        while buffers.count < 2 * Self.depthMax {
            buffers.append([UInt8](repeating: 0, count: PageLayout.pageBytes))
        }
        var tree = Tree(record: record, isMain: isMain, base: isMain ? 0 : Self.depthMax)
        let before = damage.count
        walk(Int(truncatingIfNeeded: record.root), level: 1, &tree)
        let found = tree.found
        guard damage.count == before else { return }
        if found.entries != record.entries || found.leafPages != record.leafPages
            || found.branchPages != record.branchPages
            || found.overflowPages != record.overflowPages
        {
            note(0, "\(name) has other numbers of pages and entries than it says")
        }
    }

    /// A tree while it is walked: what it should be, and what was found.
    private struct Tree {
        let record: DatabaseRecord
        let isMain: Bool
        /// The first of its buffers: a database is walked while the list of them is.
        let base: Int
        var found = DatabaseRecord()

        var hasIntegerKeys: Bool { record.flags & PageLayout.integerKey != 0 }
    }

    /// Marks a page as reached; false, and noted, when no page can be there.
    private mutating func reach(_ page: Int, from parent: Int) -> Bool {
        guard page > 1, page <= lastPage, page / 64 < reached.count else {
            note(parent, "leads to page \(page), and the last one is \(lastPage)")
            return false
        }
        let bit = UInt64(1) << (page % 64)
        guard reached[page / 64] & bit == 0 else {
            note(parent, "leads to page \(page), which is reached a second time")
            return false
        }
        reached[page / 64] |= bit
        return true
    }

    private mutating func walk(_ page: Int, level: Int, parent: Int = 0, _ tree: inout Tree) {
        guard damage.count < damageMax, reach(page, from: parent) else { return }
        let place = tree.base + level - 1
        // Taken out, so that it is not copied while it is read from.
        var bytes: [UInt8] = []
        swap(&bytes, &buffers[place])
        defer { swap(&bytes, &buffers[place]) }
        guard read(page, into: &bytes) else { return note(page, "the file ends before it") }
        let isLeaf = level == Int(tree.record.depth)
        guard let nodes = nodes(of: bytes, page, isLeaf: isLeaf) else { return }
        if isLeaf {
            tree.found.leafPages += 1
            tree.found.entries += UInt64(nodes.count)
        } else {
            tree.found.branchPages += 1
        }
        for (index, node) in nodes.enumerated() {
            guard check(node, index, nodes, bytes, page, isLeaf: isLeaf, tree) else { return }
            if isLeaf {
                visitLeaf(node, bytes, page, &tree)
            } else {
                let child =
                    Int(bytes.integer(node, UInt16.self))
                    | Int(bytes.integer(node + 2, UInt16.self)) << 16
                    | Int(bytes.integer(node + 4, UInt16.self)) << 32
                walk(child, level: level + 1, parent: page, &tree)
            }
        }
    }

    /// The places of a page's nodes; nil, and noted, when its head is not one's of that kind.
    private mutating func nodes(of bytes: [UInt8], _ page: Int, isLeaf: Bool) -> [Int]? {
        let flags = bytes.integer(10, UInt16.self)
        let lower = Int(bytes.integer(12, UInt16.self))
        let upper = Int(bytes.integer(14, UInt16.self))
        if bytes.integer(0, UInt64.self) != UInt64(page) {
            note(page, "has the number \(bytes.integer(0, UInt64.self))")
        } else if flags != (isLeaf ? PageLayout.leaf : PageLayout.branch) {
            note(page, "is of the kind \(flags), and a \(isLeaf ? "leaf" : "branch") should be")
        } else if lower < PageLayout.headBytes || lower % 2 != 0 || lower > upper
            || upper > PageLayout.pageBytes
        {
            note(page, "its nodes lie between \(lower) and \(upper)")
        } else {
            let count = (lower - PageLayout.headBytes) / PageLayout.pointerBytes
            if count < (isLeaf ? 1 : 2) {
                note(page, "has \(count) nodes")
            } else {
                return (0..<count).map {
                    Int(bytes.integer(PageLayout.headBytes + 2 * $0, UInt16.self))
                }
            }
        }
        return nil
    }

    private mutating func check(
        _ node: Int, _ index: Int, _ nodes: [Int], _ bytes: [UInt8], _ page: Int, isLeaf: Bool,
        _ tree: Tree
    ) -> Bool {
        let upper = Int(bytes.integer(14, UInt16.self))
        guard node >= upper, node % 2 == 0,
            node + PageLayout.nodeHeadBytes <= PageLayout.pageBytes
        else {
            note(page, "node \(index + 1) lies at \(node)")
            return false
        }
        let keyBytes = Int(bytes.integer(node + 6, UInt16.self))
        let key = node + PageLayout.nodeHeadBytes
        var end = key + keyBytes
        if isLeaf {
            let flags = bytes.integer(node + 4, UInt16.self)
            let data =
                Int(bytes.integer(node, UInt16.self))
                | Int(bytes.integer(node + 2, UInt16.self)) << 16
            end += flags & PageLayout.bigData != 0 ? 8 : data
            let known = PageLayout.bigData | (tree.isMain ? PageLayout.subDatabase : 0)
            guard flags & ~known == 0 else {
                note(page, "node \(index + 1) has the flags \(flags)")
                return false
            }
        }
        let isRightSize = !tree.hasIntegerKeys || keyBytes == 8 || (!isLeaf && index == 0)
        guard end <= PageLayout.pageBytes, keyBytes <= Self.keyBytesMax, isRightSize,
            keyBytes > 0 || (!isLeaf && index == 0)
        else {
            note(page, "node \(index + 1) has a key of \(keyBytes) bytes and ends at \(end)")
            return false
        }
        // The first key of a branch page means nothing.
        guard index > (isLeaf ? 0 : 1) else { return true }
        let last = nodes[index - 1] + PageLayout.nodeHeadBytes
        let lastBytes = Int(bytes.integer(last - 2, UInt16.self))
        let ascends =
            tree.hasIntegerKeys
            ? bytes.integer(last, UInt64.self) < bytes.integer(key, UInt64.self)
            : bytes[last..<(last + lastBytes)]
                .lexicographicallyPrecedes(bytes[key..<(key + keyBytes)])
        if !ascends { note(page, "the keys of nodes \(index) and \(index + 1) do not ascend") }
        return ascends
    }

    private mutating func visitLeaf(
        _ node: Int, _ bytes: [UInt8], _ page: Int, _ tree: inout Tree
    ) {
        let flags = bytes.integer(node + 4, UInt16.self)
        let keyBytes = Int(bytes.integer(node + 6, UInt16.self))
        let data = node + PageLayout.nodeHeadBytes + keyBytes
        let size =
            Int(bytes.integer(node, UInt16.self)) | Int(bytes.integer(node + 2, UInt16.self)) << 16
        if flags & PageLayout.bigData != 0 {
            let first = Int(truncatingIfNeeded: bytes.integer(data, UInt64.self))
            let count = visitOverflow(first, PageLayout.overflowPages(size), from: page)
            tree.found.overflowPages += UInt64(count)
        } else if flags & PageLayout.subDatabase != 0 {
            guard size == DatabaseRecord.bytes else {
                return note(page, "a database's record has \(size) bytes")
            }
            let name = String(decoding: bytes[(data - keyBytes)..<data], as: UTF8.self)
            walk(DatabaseRecord(bytes, at: data), "the database '\(name)'", isMain: false)
        }
    }

    /// Pages of a long value: as many as it needs, or more, which a longer one before it needed
    /// (mdb.c, mdb_cursor_put: "Is the ov page large enough?"). Returns how many.
    private mutating func visitOverflow(_ first: Int, _ needed: Int, from page: Int) -> Int {
        var head = [UInt8](repeating: 0, count: PageLayout.pageBytes)
        guard first >= 0, first <= lastPage, read(first, into: &head) else {
            note(page, "leads to page \(first), which is not there")
            return 0
        }
        let count = Int(head.integer(12, UInt32.self))
        guard head.integer(0, UInt64.self) == UInt64(first),
            head.integer(10, UInt16.self) == PageLayout.overflow, count >= needed
        else {
            note(first, "is not the first of \(needed) pages of a long value")
            return 0
        }
        for number in 0..<count {
            guard reach(first + number, from: page) else { return 0 }
        }
        guard read(first + needed - 1, into: &head) else {
            note(first, "the file ends within its value")
            return 0
        }
        return count
    }
}

extension DatabaseRecord {
    fileprivate init(_ bytes: [UInt8], at place: Int) {
        pageSize = bytes.integer(place, UInt32.self)
        flags = bytes.integer(place + 4, UInt16.self)
        depth = bytes.integer(place + 6, UInt16.self)
        branchPages = bytes.integer(place + 8, UInt64.self)
        leafPages = bytes.integer(place + 16, UInt64.self)
        overflowPages = bytes.integer(place + 24, UInt64.self)
        entries = bytes.integer(place + 32, UInt64.self)
        root = bytes.integer(place + 40, UInt64.self)
    }
}

extension [UInt8] {
    /// The caller has made sure that it lies within.
    fileprivate func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ place: Int, _: T.Type
    ) -> T {
        span.bytes.unsafeLoadUnaligned(fromByteOffset: place, as: T.self)
    }
}
