/// Where the fields of LMDB 0.9's pages lie, from its mdb.c (data format version 1, 64-bit, little
/// endian, pages of 4 KiB). The format has been the same in every release of 0.9.
///
///     page    0  u64  page number          node    0  u16  low half of the data's size
///             8  u16  pad, 0                       2  u16  high half
///            10  u16  flags                        4  u16  flags
///            12  u16  end of the pointers          6  u16  bytes of the key
///            14  u16  start of the nodes           8       key, data
///            16       pointers (u16) …
///
/// Nodes grow down from the page's end, pointers up; both are in key order. Every node takes an
/// even number of bytes. The node of a branch page has no data, and the first six bytes are the
/// child's page number; its first key is empty. An overflow page has its page count at 12 (u32).
enum PageLayout {
    static let pageBytes = 4_096
    static let headBytes = 16
    static let nodeHeadBytes = 8
    static let pointerBytes = 2
    /// mdb.c, me_nodemax: a larger node's data goes to overflow pages.
    static let nodeBytesMax = ((pageBytes - headBytes) / 2 & -2) - pointerBytes

    static let branch: UInt16 = 0x01
    static let leaf: UInt16 = 0x02
    static let overflow: UInt16 = 0x04
    static let meta: UInt16 = 0x08

    /// Node flags: the data is the number of an overflow page; the data is a database's record.
    static let bigData: UInt16 = 0x01
    static let subDatabase: UInt16 = 0x02

    /// mdb.c, MDB_MAGIC and MDB_DATA_VERSION.
    static let magic: UInt32 = 0xBEEF_C0DE
    static let dataVersion: UInt32 = 1
    /// Flag of the list of free pages, whose keys are integers.
    static let integerKey: UInt16 = 0x08
    static let noPage = UInt64.max

    /// mdb.c, OVPAGES.
    static func overflowPages(_ valueBytes: Int) -> Int {
        (headBytes - 1 + valueBytes) / pageBytes + 1
    }

    static func startPage(_ page: UnsafeMutableRawPointer, _ number: UInt64, _ flags: UInt16) {
        page.storeBytes(of: number, as: UInt64.self)
        page.storeBytes(of: 0, toByteOffset: 8, as: UInt16.self)
        page.storeBytes(of: flags, toByteOffset: 10, as: UInt16.self)
        page.storeBytes(of: UInt16(headBytes), toByteOffset: 12, as: UInt16.self)
        page.storeBytes(of: UInt16(pageBytes), toByteOffset: 14, as: UInt16.self)
    }
}

/// What LMDB knows of one database: its struct MDB_db.
struct DatabaseRecord {
    static let bytes = 48

    var flags: UInt16 = 0
    var pageSize: UInt32 = 0
    var depth: UInt16 = 0
    var branchPages: UInt64 = 0
    var leafPages: UInt64 = 0
    var overflowPages: UInt64 = 0
    var entries: UInt64 = 0
    var root = PageLayout.noPage

    func store(to pointer: UnsafeMutableRawPointer) {
        pointer.storeBytes(of: pageSize, as: UInt32.self)
        pointer.storeBytes(of: flags, toByteOffset: 4, as: UInt16.self)
        pointer.storeBytes(of: depth, toByteOffset: 6, as: UInt16.self)
        pointer.storeBytes(of: branchPages, toByteOffset: 8, as: UInt64.self)
        pointer.storeBytes(of: leafPages, toByteOffset: 16, as: UInt64.self)
        pointer.storeBytes(of: overflowPages, toByteOffset: 24, as: UInt64.self)
        pointer.storeBytes(of: entries, toByteOffset: 32, as: UInt64.self)
        pointer.storeBytes(of: root, toByteOffset: 40, as: UInt64.self)
    }
}
