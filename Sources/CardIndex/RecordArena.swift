// Records lie in one range of address space that never moves, so that 32 bits name any of them and
// a reader needs no more than the range's start.
//
// Layout: a record begins at a multiple of 4 bytes, its name is that place divided by 4, and 0 is
// no record. New records are cut from the end of what is used; freed ones go to a list for
// their size, linked through their first 4 bytes, and are used again for records of that size.
// Records of a size come back about as often as they go, so there is no merging of neighbours; a
// rebuilt index begins without holes.
//
// Only the writer calls anything but `start`. A record that readers could have found is retired,
// not freed: it joins its list once they have all gone on (ReaderEpochs).

/// The memory of an index's records.
struct RecordArena: ~Copyable, Sendable {
    /// The addresses that 32 bits reach.
    static let limitBytes = 1 << 34
    static let unitBytes = 4
    /// What comes before stays zero.
    static let firstRecord: UInt32 = 4

    /// What is retired before the writer asks which readers have gone on.
    private static let retiredMax = 512
    /// Below this, memory comes in small pages, so that a small index stays small.
    private static let smallPagesBytes = 4 << 20

    private let memory: MappedMemory
    /// First unused unit.
    private var end: UInt32 = firstRecord
    /// Heads of the lists of free records, by size in units.
    private var free: [UInt32] = []
    private var retired: [Retired] = []
    /// Where the oldest of `retired` stands; those before it are free again.
    private var retiredStart = 0

    private(set) var freeBytes = 0
    private(set) var retiredBytes = 0

    private struct Retired: Sendable {
        let record: UInt32
        let units: UInt32
        let epoch: UInt64
    }

    init() throws(CardIndexError) {
        memory = try RecordArena.reserve()
        memory.preferHugePages(from: RecordArena.smallPagesBytes)
    }

    deinit {
        memory.release()
    }

    /// All that 32 bits reach, or half of it, and so on, where address space is limited.
    private static func reserve() throws(CardIndexError) -> MappedMemory {
        var byteCount = limitBytes
        while true {
            do throws(CardIndexError) {
                return try MappedMemory(byteCount: byteCount)
            } catch {
                guard byteCount > 1 << 28 else { throw error }
                byteCount /= 2
            }
        }
    }

    var start: UnsafeMutableRawPointer { memory.start }

    var usedBytes: Int { Int(end) * RecordArena.unitBytes }

    /// Memory for a record, with whatever was in it.
    mutating func allocate(byteCount: Int) throws(CardIndexError) -> UInt32 {
        let units = RecordArena.units(byteCount)
        if Int(units) < free.count, free[Int(units)] != 0 {
            let record = free[Int(units)]
            free[Int(units)] = (start + Int(record) * 4).load(as: UInt32.self)
            freeBytes -= Int(units) * 4
            return record
        }
        let next = UInt64(end) + UInt64(units)
        guard next * 4 <= UInt64(memory.byteCount) else {
            throw .full(limitBytes: memory.byteCount)
        }
        let record = end
        end = UInt32(truncatingIfNeeded: next)
        return record
    }

    /// Gives a record back that no reader has seen.
    mutating func free(_ record: UInt32, byteCount: Int) {
        let units = Int(RecordArena.units(byteCount))
        while free.count <= units { free.append(0) }
        (start + Int(record) * 4).storeBytes(of: free[units], as: UInt32.self)
        free[units] = record
        freeBytes += units * 4
    }

    /// Gives a record back that was just unlinked, and that readers may still hold.
    mutating func retire(_ record: UInt32, byteCount: Int) {
        let units = RecordArena.units(byteCount)
        retired.append(Retired(record: record, units: units, epoch: ReaderEpochs.current))
        retiredBytes += Int(units) * 4
        if retired.count - retiredStart >= RecordArena.retiredMax { reclaim() }
    }

    /// Frees what no reader can hold any more.
    mutating func reclaim() {
        let first = ReaderEpochs.advance()
        while retiredStart < retired.count, retired[retiredStart].epoch < first {
            let record = retired[retiredStart]
            retiredStart += 1
            retiredBytes -= Int(record.units) * 4
            free(record.record, byteCount: Int(record.units) * 4)
        }
        // At most as many entries are moved as were taken off before.
        if retiredStart * 2 >= retired.count {
            retired.removeFirst(retiredStart)
            retiredStart = 0
        }
    }

    static func units(_ byteCount: Int) -> UInt32 {
        UInt32(truncatingIfNeeded: (byteCount + unitBytes - 1) / unitBytes)
    }

    /// The free records by size in bytes, for checks.
    func forEachFree(_ body: (_ record: UInt32, _ byteCount: Int) -> Void) {
        for units in free.indices {
            var record = free[units]
            while record != 0 {
                body(record, units * 4)
                record = (start + Int(record) * 4).load(as: UInt32.self)
            }
        }
    }

    /// The retired records, for checks.
    func forEachRetired(_ body: (_ record: UInt32, _ byteCount: Int) -> Void) {
        for record in retired[retiredStart...] { body(record.record, Int(record.units) * 4) }
    }
}
