internal import Glibc

/// One thread's pages of a ``NewDataFile``: filled in memory and written a megabyte at a time.
public struct PageWriter: ~Copyable {
    private static let extentPagesMax = 256

    let file: NewDataFile
    private let growth: Int
    private var buffer: UnsafeMutableRawBufferPointer
    /// The pages that the buffer stands for, and how many of them are taken.
    private var pages = 0..<0
    private var used = 0

    /// - Parameter growth: how much larger each piece of the file is than the one before: small
    ///   stores stay small.
    public init(_ file: NewDataFile, growth: Int = 2) {
        self.file = file
        self.growth = growth
        buffer = .allocate(
            byteCount: Self.extentPagesMax * PageLayout.pageBytes, alignment: PageLayout.pageBytes)
    }

    deinit { buffer.deallocate() }

    /// The next page and its number. The pointer is good until the next call.
    mutating func next() throws(NewDataFile.Failure) -> (UnsafeMutableRawPointer, Int) {
        if used == pages.count {
            try flush()
            let count = min(max(pages.count, 1) * growth, Self.extentPagesMax)
            let first = try file.allocate(count)
            pages = first..<(first + count)
            used = 0
        }
        defer { used += 1 }
        return (buffer.baseAddress! + used * PageLayout.pageBytes, pages.lowerBound + used)
    }

    private mutating func flush() throws(NewDataFile.Failure) {
        guard used > 0 else { return }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<(used * PageLayout.pageBytes)])
        try file.write(bytes, at: pages.lowerBound)
        if used == Self.extentPagesMax { file.startWriting(pages.lowerBound, used) }
    }

    /// Writes what is left. The pages that were not needed become the file's free pages.
    public mutating func finish() throws(NewDataFile.Failure) {
        try flush()
        file.giveBack((pages.lowerBound + used)..<pages.upperBound)
        pages = 0..<0
        used = 0
    }
}

/// Leaf pages of one database, whose keys ascend: what a ``TreeWriter`` has made.
public struct TreePart: Sendable {
    var leaves = PageList()
    var overflowPages = 0
    public fileprivate(set) var entries = 0

    public init() {}
}

/// Fills leaf pages with entries that come in ascending order of their keys. A ``PageWriter``
/// serves one at a time, from the first entry to ``finish(_:)``: the page being filled lies in its
/// buffer.
public struct TreeWriter: ~Copyable {
    /// What is left free in a leaf page, unless a node is too large for that: a sixteenth. Into a
    /// page that is full the first new entry, or the first value that grows, has to split it, which
    /// writes two pages and moves half a page's nodes.
    private static let slackBytes = PageLayout.pageBytes / 16

    private var part = TreePart()
    private var filler: PageFiller?

    public init() {}

    public var entries: Int { part.entries }

    /// Appends an entry. The key must be greater than the one before.
    @inline(__always)
    public mutating func append(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer,
        _ pages: inout PageWriter
    ) throws(NewDataFile.Failure) {
        let nodeBytes = PageLayout.nodeHeadBytes + key.count + value.count
        if nodeBytes > PageLayout.nodeBytesMax {
            try appendBig(key, value, &pages)
            return
        }
        let data = try add(
            key, dataBytes: value.count, flags: 0, inlineBytes: value.count, &pages)
        if let base = value.baseAddress { data.copyMemory(from: base, byteCount: value.count) }
    }

    /// Appends the record of a database.
    mutating func append(
        _ name: [UInt8], _ record: DatabaseRecord, _ pages: inout PageWriter
    ) throws(NewDataFile.Failure) {
        try name.span.bytes.withUnsafeBytes { (key) throws(NewDataFile.Failure) in
            let size = DatabaseRecord.bytes
            let data = try add(
                key, dataBytes: size, flags: PageLayout.subDatabase, inlineBytes: size, &pages)
            record.store(to: data)
        }
    }

    private mutating func appendBig(
        _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, _ pages: inout PageWriter
    ) throws(NewDataFile.Failure) {
        let count = PageLayout.overflowPages(value.count)
        let first = try pages.file.allocate(count)
        let bytes = UnsafeMutableRawBufferPointer.allocate(
            byteCount: count * PageLayout.pageBytes, alignment: PageLayout.pageBytes)
        defer { bytes.deallocate() }
        let end = PageLayout.headBytes + value.count
        UnsafeMutableRawBufferPointer(rebasing: bytes[end...])
            .initializeMemory(as: UInt8.self, repeating: 0)
        let start = bytes.baseAddress!
        PageLayout.startPage(start, UInt64(first), PageLayout.overflow)
        start.storeBytes(of: UInt32(count), toByteOffset: 12, as: UInt32.self)
        UnsafeMutableRawBufferPointer(rebasing: bytes[PageLayout.headBytes...])
            .copyMemory(from: value)
        try pages.file.write(UnsafeRawBufferPointer(bytes), at: first)
        part.overflowPages += count
        let data = try add(
            key, dataBytes: value.count, flags: PageLayout.bigData, inlineBytes: 8, &pages)
        data.storeBytes(of: UInt64(first), as: UInt64.self)
    }

    @inline(__always)
    private mutating func add(
        _ key: UnsafeRawBufferPointer, dataBytes: Int, flags: UInt16, inlineBytes: Int,
        _ pages: inout PageWriter
    ) throws(NewDataFile.Failure) -> UnsafeMutableRawPointer {
        let size = (PageLayout.nodeHeadBytes + key.count + inlineBytes + 1) & ~1
        if filler?.hasRoom(size + Self.slackBytes) != true { try startLeaf(key, &pages) }
        part.entries += 1
        return filler!.add(
            key, dataBytes: dataBytes, flags: flags, size: size, inlineBytes: inlineBytes)
    }

    private mutating func startLeaf(
        _ key: UnsafeRawBufferPointer, _ pages: inout PageWriter
    ) throws(NewDataFile.Failure) {
        clearRest()
        let (page, number) = try pages.next()
        PageLayout.startPage(page, UInt64(number), PageLayout.leaf)
        filler = PageFiller(page)
        part.leaves.append(key, UInt64(number))
    }

    private func clearRest() {
        filler?.clearRest()
    }

    /// Ends the part, whose last page stays as full as it is.
    public mutating func finish(_ pages: inout PageWriter) throws(NewDataFile.Failure) -> TreePart {
        clearRest()
        filler = nil
        defer { part = TreePart() }
        return part
    }
}
