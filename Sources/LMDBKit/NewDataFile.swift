internal import Glibc
internal import Synchronization

/// A data file of LMDB in the making, written directly: sorted entries become leaf pages, these get
/// branch pages above them, and two meta pages make it an environment.
///
/// LMDB's own way costs 200 to 350 ns an entry on the one thread that may write. Here any number of
/// threads fill pages at the same time, each with a ``PageWriter`` of its own; where the pages of
/// a tree lie in the file does not matter to LMDB. Nothing of it can be seen in the directory
/// until ``publish()``.
///
/// `@unchecked Sendable`: the descriptor is set once; everything else is atomic or locked.
public final class NewDataFile: @unchecked Sendable {
    /// Why a file could not be written.
    public struct Failure: Error, Equatable, Sendable {
        /// The number of the system's error.
        public let code: CInt
        /// The call that failed.
        public let call: String
    }

    /// The two meta pages are written last.
    private static let metaPages = 2
    private static let name = "data.mdb"
    private static let temporaryName = "data.mdb.new"

    private let directory: String
    private let descriptor: CInt
    /// Whether the file has had its temporary name from the start, for want of O_TMPFILE.
    private let isNamed: Bool
    /// Whether writes go past the page cache; they must lie in whole pages then.
    private let isDirect: Bool
    private let pageLimit: Int
    /// The pages that the file has room for. Writes within a file's size need not wait for each
    /// other, as those that extend it must.
    private let reserved = Mutex<Int>(0)
    private static let reservePages = 1 << 14
    private let nextPage = Atomic<Int>(metaPages)
    private let spare = Mutex<[Range<Int>]>([])

    /// Begins a file. The caller makes sure that nobody else does so in the directory, and that
    /// nobody has the environment open until after ``publish()``.
    ///
    /// - Parameter limitBytes: the most that the file may grow to.
    public init(directory: String, limitBytes: Int) throws(Failure) {
        self.directory = directory
        pageLimit = limitBytes / PageLayout.pageBytes
        // Left by a process that was killed just before it renamed the file.
        if unlink(directory + "/" + Self.temporaryName) != 0, errno != ENOENT {
            throw Failure(code: errno, call: "unlink")
        }
        // From Linux's fcntl.h, which shows it with _GNU_SOURCE only. Without a name, the file is
        // gone by itself when the process is.
        let temporaryFile: CInt = 0o20_000_000 | O_DIRECTORY
        var descriptor = open(directory, O_RDWR | O_CLOEXEC | temporaryFile, 0o600)
        var isNamed = false
        if descriptor < 0 {
            isNamed = true
            descriptor = open(
                directory + "/" + Self.temporaryName, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        }
        guard descriptor >= 0 else { throw Failure(code: errno, call: "open") }
        self.descriptor = descriptor
        self.isNamed = isNamed
        // Nothing is read back, so nothing need be copied to the page cache. A file system that
        // cannot do without it says so here, and is written through it.
        isDirect = fcntl(descriptor, F_SETFL, Self.direct) == 0
    }

    /// Linux's O_DIRECT, which Glibc shows with _GNU_SOURCE only.
    #if arch(arm64)
    private static let direct: CInt = 0o200_000
    #else
    private static let direct: CInt = 0o40_000
    #endif

    deinit {
        close(descriptor)
        if isNamed { unlink(directory + "/" + Self.temporaryName) }
    }

    /// The bytes that the file has pages for.
    public var bytes: Int { nextPage.load(ordering: .relaxed) * PageLayout.pageBytes }

    /// Takes the next `count` pages.
    ///
    /// - Throws: with `ENOSPC` from the call `map` when the file would outgrow its limit.
    func allocate(_ count: Int) throws(Failure) -> Int {
        let (first, end) = nextPage.add(count, ordering: .relaxed)
        guard end <= pageLimit else { throw Failure(code: ENOSPC, call: "map") }
        try reserve(end)
        return first
    }

    private func reserve(_ end: Int) throws(Failure) {
        let code: CInt = reserved.withLock { reserved in
            guard end > reserved else { return 0 }
            // By powers of two at first: a small store asks for little.
            let wanted = max(end, min(2 * reserved, reserved + Self.reservePages))
            var code: CInt = 0
            // What there is no room to reserve may not be needed.
            for pages in [wanted, end] {
                code = posix_fallocate(
                    descriptor, off_t(reserved * PageLayout.pageBytes),
                    off_t((pages - reserved) * PageLayout.pageBytes))
                if code == 0 { reserved = pages }
                if code != ENOSPC { break }
            }
            return code
        }
        guard code == 0 else { throw Failure(code: code, call: "posix_fallocate") }
    }

    func giveBack(_ pages: Range<Int>) {
        if !pages.isEmpty { spare.withLock { $0.append(pages) } }
    }

    func write(_ bytes: UnsafeRawBufferPointer, at page: Int) throws(Failure) {
        var offset = 0
        while offset < bytes.count {
            let count = pwrite(
                descriptor, bytes.baseAddress! + offset, bytes.count - offset,
                off_t(page * PageLayout.pageBytes + offset))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Failure(code: errno, call: "pwrite") }
            offset += count
        }
    }

    /// Asks the system to begin writing the bytes out, so that the last flush has less to do.
    func startWriting(_ page: Int, _ count: Int) {
        // Linux begins to write dirty pages out when it is told that they are not needed. It is
        // advice: what it fails to do, fsync does.
        if isDirect { return }
        _ = posix_fadvise(
            descriptor, off_t(page * PageLayout.pageBytes), off_t(count * PageLayout.pageBytes),
            POSIX_FADV_DONTNEED)
    }

    // MARK: The end

    /// Writes the databases' records, the list of free pages and the meta pages, and makes the
    /// file durable.
    ///
    /// - Parameters:
    ///   - trees: each database's entries, in parts whose keys ascend from part to part.
    ///   - transactionID: of the last commit of the environment that this replaces; 0 for none.
    ///   - mapSizeBytes: what the environment was opened with.
    /// - Returns: the file's last transaction, different from `transactionID` by an even number.
    public func finish(
        _ trees: [(name: String, parts: [TreePart])], after transactionID: Int, mapSizeBytes: Int
    ) throws(Failure) -> Int {
        var pages = PageWriter(self)
        var records: [(name: String, record: DatabaseRecord)] = []
        for tree in trees.sorted(by: { $0.name < $1.name }) {
            records.append((tree.name, try join(tree.parts, &pages)))
        }
        var main = TreeWriter()
        for (name, record) in records { try main.append(Array(name.utf8), record, &pages) }
        var mainRecord = try join([try main.finish(&pages)], &pages)
        mainRecord.flags = 0
        try pages.finish()

        // What is left of the threads' pages. The list's own pages come from behind all others.
        var holes: [UInt64] = []
        for range in spare.withLock({ $0 }) { holes += range.map { UInt64($0) } }
        holes.sort()
        let (free, lastID) = try listFreePages(holes, after: transactionID)
        try writeMeta(free, mainRecord, lastID, mapSizeBytes)
        // What was reserved and not used goes.
        let bytes = nextPage.load(ordering: .relaxed) * PageLayout.pageBytes
        guard ftruncate(descriptor, off_t(bytes)) == 0 else {
            throw Failure(code: errno, call: "ftruncate")
        }
        guard fsync(descriptor) == 0 else { throw Failure(code: errno, call: "fsync") }
        return lastID
    }

    /// The list of free pages, and the ID of the transaction that this file shows. Each entry is
    /// short enough to need no overflow page.
    private func listFreePages(
        _ holes: [UInt64], after transactionID: Int
    ) throws(Failure) -> (DatabaseRecord, Int) {
        let entryPagesMax = 250
        var id = transactionID
        var writer = TreeWriter()
        var pages = PageWriter(self, growth: 1)
        var start = 0
        while start < holes.count {
            id += 1
            let part = holes[start..<min(start + entryPagesMax, holes.count)]
            start = part.endIndex
            // mdb.c keeps the page numbers in descending order, behind their number.
            let value = [UInt64(part.count)] + part.reversed()
            let key = [UInt64(id)]
            try key.span.bytes.withUnsafeBytes { (key) throws(Failure) in
                try value.span.bytes.withUnsafeBytes { (value) throws(Failure) in
                    try writer.append(key, value, &pages)
                }
            }
        }
        var record = try join([try writer.finish(&pages)], &pages)
        try pages.finish()
        record.flags = PageLayout.integerKey
        record.pageSize = UInt32(PageLayout.pageBytes)
        // One more for the second meta page, and one to make the difference even.
        id += 2
        return (record, id + (id - transactionID) % 2)
    }

    /// Both meta pages show the same, as of two commits in turn, so that either will do should the
    /// next commit's meta page be torn.
    private func writeMeta(
        _ free: DatabaseRecord, _ main: DatabaseRecord, _ transactionID: Int, _ mapSizeBytes: Int
    ) throws(Failure) {
        let size = Self.metaPages * PageLayout.pageBytes
        let buffer = UnsafeMutableRawBufferPointer.allocate(
            byteCount: size, alignment: PageLayout.pageBytes)
        defer { buffer.deallocate() }
        buffer.initializeMemory(as: UInt8.self, repeating: 0)
        let lastPage = nextPage.load(ordering: .relaxed) - 1
        for id in [transactionID - 1, transactionID] {
            let page = id & 1
            let start = buffer.baseAddress! + page * PageLayout.pageBytes
            PageLayout.startPage(start, UInt64(page), PageLayout.meta)
            start.storeBytes(of: 0, toByteOffset: 12, as: UInt32.self)
            let meta = start + PageLayout.headBytes
            meta.storeBytes(of: PageLayout.magic, as: UInt32.self)
            meta.storeBytes(of: PageLayout.dataVersion, toByteOffset: 4, as: UInt32.self)
            meta.storeBytes(of: UInt64(mapSizeBytes), toByteOffset: 16, as: UInt64.self)
            free.store(to: meta + 24)
            main.store(to: meta + 24 + DatabaseRecord.bytes)
            let rest = meta + 24 + 2 * DatabaseRecord.bytes
            rest.storeBytes(of: UInt64(lastPage), as: UInt64.self)
            rest.storeBytes(of: UInt64(id), toByteOffset: 8, as: UInt64.self)
        }
        try write(UnsafeRawBufferPointer(buffer), at: 0)
    }

    /// Puts the finished file in the place of the directory's data file, durably. Until the rename
    /// the old file is the environment; after it the new one is.
    public func publish() throws(Failure) {
        let temporary = directory + "/" + Self.temporaryName
        if !isNamed {
            let link = "/proc/self/fd/\(descriptor)"
            guard linkat(AT_FDCWD, link, AT_FDCWD, temporary, AT_SYMLINK_FOLLOW) == 0 else {
                throw Failure(code: errno, call: "linkat")
            }
        }
        guard rename(temporary, directory + "/" + Self.name) == 0 else {
            let code = errno
            unlink(temporary)
            throw Failure(code: code, call: "rename")
        }
        let folder = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw Failure(code: errno, call: "open") }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw Failure(code: errno, call: "fsync") }
    }

    // MARK: Branch pages

    /// Makes one tree of parts.
    private func join(
        _ parts: [TreePart], _ pages: inout PageWriter
    ) throws(Failure) -> DatabaseRecord {
        var record = DatabaseRecord()
        var level = PageList()
        for part in parts {
            record.entries += UInt64(part.entries)
            record.leafPages += UInt64(part.leaves.count)
            record.overflowPages += UInt64(part.overflowPages)
            level.append(part.leaves)
        }
        guard level.count > 0 else { return record }
        record.depth = 1
        while level.count > 1 {
            level = try parents(of: level, &pages)
            record.branchPages += UInt64(level.count)
            record.depth += 1
        }
        record.root = level.numbers[0]
        return record
    }

    private func parents(
        of level: PageList, _ pages: inout PageWriter
    ) throws(Failure) -> PageList {
        var result = PageList()
        var index = 0
        while index < level.count {
            let first = index
            var room = PageLayout.pageBytes - PageLayout.headBytes
            while index < level.count {
                let keyBytes = index == first ? 0 : level.key(index).count
                let size = (PageLayout.nodeHeadBytes + keyBytes + 1) & ~1
                guard size + PageLayout.pointerBytes <= room else { break }
                room -= size + PageLayout.pointerBytes
                index += 1
            }
            // "A branch page has two keys at least" is an assertion of mdb.c; a page holds seven
            // keys of the greatest length and more, so one can be spared.
            if level.count - index == 1 { index -= 1 }
            let (page, number) = try pages.next()
            PageLayout.startPage(page, UInt64(number), PageLayout.branch)
            var filler = PageFiller(page)
            for child in first..<index {
                level.withKey(child) { key in
                    let key = child == first ? UnsafeRawBufferPointer(rebasing: key[..<0]) : key
                    filler.add(child: level.numbers[child], key)
                }
            }
            filler.clearRest()
            level.withKey(first) { result.append($0, UInt64(number)) }
        }
        return result
    }
}

/// Pages of one level of a tree: their first keys and their numbers.
struct PageList: Sendable {
    private(set) var numbers: [UInt64] = []
    private var keys: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { numbers.count }

    mutating func append(_ key: UnsafeRawBufferPointer, _ number: UInt64) {
        numbers.append(number)
        keys.append(contentsOf: key)
        ends.append(keys.count)
    }

    mutating func append(_ other: PageList) {
        let base = keys.count
        numbers += other.numbers
        keys += other.keys
        ends += other.ends.map { base + $0 }
    }

    func key(_ index: Int) -> Range<Int> { (index == 0 ? 0 : ends[index - 1])..<ends[index] }

    func withKey<R>(_ index: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        keys.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[key(index)])) }
    }
}

/// Adds nodes to a page that was started, in key order.
struct PageFiller {
    private let page: UnsafeMutableRawPointer
    private(set) var lower = PageLayout.headBytes
    private(set) var upper = PageLayout.pageBytes

    init(_ page: UnsafeMutableRawPointer) {
        self.page = page
    }

    /// Zeros what no node took, so that nothing of the process's memory lies in the file.
    func clearRest() {
        UnsafeMutableRawBufferPointer(start: page + lower, count: upper - lower)
            .initializeMemory(as: UInt8.self, repeating: 0)
    }

    /// Whether a node of `size` bytes, which must be even, has room.
    @inline(__always)
    func hasRoom(_ size: Int) -> Bool { upper - lower >= size + PageLayout.pointerBytes }

    @inline(__always)
    private mutating func add(
        _ size: Int, _ word: UInt64, _ key: UnsafeRawBufferPointer
    ) -> UnsafeMutableRawPointer {
        upper -= size
        page.storeBytes(of: UInt16(truncatingIfNeeded: upper), toByteOffset: lower, as: UInt16.self)
        lower += PageLayout.pointerBytes
        page.storeBytes(of: UInt16(truncatingIfNeeded: lower), toByteOffset: 12, as: UInt16.self)
        page.storeBytes(of: UInt16(truncatingIfNeeded: upper), toByteOffset: 14, as: UInt16.self)
        let node = page + upper
        node.storeBytes(of: word | UInt64(key.count) << 48, as: UInt64.self)
        let content = node + PageLayout.nodeHeadBytes
        if let base = key.baseAddress { content.copyMemory(from: base, byteCount: key.count) }
        return content + key.count
    }

    mutating func add(child number: UInt64, _ key: UnsafeRawBufferPointer) {
        let size = (PageLayout.nodeHeadBytes + key.count + 1) & ~1
        _ = add(size, number, key)
    }

    /// Adds a leaf's node and gives the place of its data.
    @inline(__always)
    mutating func add(
        _ key: UnsafeRawBufferPointer, dataBytes: Int, flags: UInt16, size: Int, inlineBytes: Int
    ) -> UnsafeMutableRawPointer {
        let data = add(size, UInt64(dataBytes) | UInt64(flags) << 32, key)
        // Bytes that round a node up are written too: nothing of the process's memory must lie in
        // the file.
        if PageLayout.nodeHeadBytes + key.count + inlineBytes < size {
            data.storeBytes(of: 0, toByteOffset: inlineBytes, as: UInt8.self)
        }
        return data
    }
}
