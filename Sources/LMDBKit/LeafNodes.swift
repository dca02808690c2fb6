/// The nodes of a leaf page in LMDB's map that follow one of them.
struct LeafNodes {
    private let page: UnsafeRawPointer
    /// The end of the page's pointers, and so of its nodes' possible places.
    private let lower: Int
    private var pointer: Int

    /// nil when the page is none that this can read.
    ///
    /// - Parameter key: where the key of a node lies.
    init?(behind key: UnsafeRawPointer) {
        let offset = Int(bitPattern: key) & (PageLayout.pageBytes - 1)
        page = key - offset
        lower = Int(Self.integer(page, 12))
        guard Self.integer(page, 10) == PageLayout.leaf,
            lower > PageLayout.headBytes, lower < offset
        else { return nil }
        pointer = PageLayout.headBytes
        let node = UInt16(offset - PageLayout.nodeHeadBytes)
        while pointer < lower, Self.integer(page, pointer) != node {
            pointer += PageLayout.pointerBytes
        }
        pointer += PageLayout.pointerBytes
    }

    /// nil at the page's end, and at a node that is left to LMDB.
    mutating func next() -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
        guard pointer < lower else { return nil }
        let node = Int(Self.integer(page, pointer))
        guard node >= lower, node + PageLayout.nodeHeadBytes <= PageLayout.pageBytes,
            Self.integer(page, node + 4) == 0
        else { return nil }
        let key = node + PageLayout.nodeHeadBytes
        let keyBytes = Int(Self.integer(page, node + 6))
        let valueBytes = Int(Self.integer(page, node)) | Int(Self.integer(page, node + 2)) << 16
        guard key + keyBytes + valueBytes <= PageLayout.pageBytes else { return nil }
        pointer += PageLayout.pointerBytes
        return (
            UnsafeRawBufferPointer(start: page + key, count: keyBytes),
            UnsafeRawBufferPointer(start: page + key + keyBytes, count: valueBytes)
        )
    }

    @inline(__always)
    private static func integer(_ page: UnsafeRawPointer, _ offset: Int) -> UInt16 {
        page.loadUnaligned(fromByteOffset: offset, as: UInt16.self)
    }
}
