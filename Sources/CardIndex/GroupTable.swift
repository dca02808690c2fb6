internal import CMachine
internal import Synchronization

// A hash table of record names. It knows no keys: whoever looks says which record it is.
//
// Layout: groups of one cache line, 12 places each, so that a look-up that finds its record in its
// first group, as nineteen of twenty do at the fullest, misses the cache once here and once for the
// record.
//
//   0   12 x UInt8   tags: 8 bits of the hash, never 0; 0 is an empty place
//   12      UInt16   records that found this group full and lie in a later one (65,535: too many to
//                    count; then it stays)
//   14      UInt16   unused
//   16  12 x UInt32  records' names
//
// The count of those who went on takes the place of tombstones: a search ends at a group that
// nobody went on from. (N. Bronson and X. Shi, "Open-sourcing F14 for faster, more memory-efficient
// hash tables", 2019.) A record that finds its group full goes to the next one. Any number of
// groups will do: a hash chooses its group by a multiplication, not a mask, so a table can grow by
// less than twice and fill its memory well.
//
// Tags are read as two 64-bit words, atomically, and compared all at once. Bytes 8 to 15 of a line
// are the second word, so the last four tags and the count change together.
//
// Memory order. A place is written name first, tag second (releasing); a search reads tags first
// (acquiring) and names second (acquiring), and the record last. So a tag that a search sees has
// its name or a later one, and a name has its whole record. A place whose record changes gets the
// new name by one store: a search sees the old record or the new one. A place that is emptied loses
// its tag and keeps its name, so a search that still has the tag finds the old record, whose memory
// nobody uses again until the search has ended, or the record that has come to stand there, which
// is not the one it looks for. Counts go up before a record is placed beyond, and down after it has
// left, so a search never ends too early.

/// One table. A value of two words that leads to memory of the index; copies are the same table.
struct GroupTable: Sendable {
    static let placesPerGroup = 12
    static let groupBytes = 64
    /// Records for 100 places at the fullest.
    static let loadMaxPercent = 85
    private static let overflowMax: UInt64 = 0xFFFF
    private static let overflowShift: UInt64 = 32
    private static let lowBits: UInt64 = 0x7F7F_7F7F_7F7F_7F7F
    static let highTags: UInt64 = 0x8080_8080
    private static let placeBits: UInt32 = 0x0FFF

    private let memory: MappedMemory
    let groupCount: Int

    /// A place in the table.
    struct Place {
        fileprivate let group: Int
        fileprivate let index: Int
    }

    /// An empty table with room for so many records.
    init(capacity: Int) throws(CardIndexError) {
        let places = capacity * 100 / GroupTable.loadMaxPercent + 1
        groupCount = max((places + GroupTable.placesPerGroup - 1) / GroupTable.placesPerGroup, 4)
        memory = try MappedMemory(byteCount: groupCount * GroupTable.groupBytes)
        memory.preferHugePages(from: 0)
    }

    func release() { memory.release() }

    var byteCount: Int { memory.byteCount }

    /// Records that the table takes before it has to grow.
    var capacity: Int {
        groupCount * GroupTable.placesPerGroup * GroupTable.loadMaxPercent / 100
    }

    // MARK: Cells

    @inline(__always)
    func home(_ hash: UInt64) -> Int {
        let groups = UInt64(truncatingIfNeeded: groupCount)
        return Int(truncatingIfNeeded: hash.multipliedFullWidth(by: groups).high)
    }

    @inline(__always)
    func line(_ group: Int) -> UnsafeMutableRawPointer {
        memory.start + group &* GroupTable.groupBytes
    }

    @inline(__always)
    private func next(_ group: Int) -> Int {
        group &+ 1 == groupCount ? 0 : group &+ 1
    }

    @inline(__always)
    private func tags(
        _ group: Int, _ half: Int
    ) -> UnsafeMutablePointer<Atomic<UInt64>> {
        (line(group) + half &* 8).assumingMemoryBound(to: Atomic<UInt64>.self)
    }

    @inline(__always)
    private func name(_ group: Int, _ index: Int) -> UnsafeMutablePointer<Atomic<UInt32>> {
        (line(group) + (16 &+ index &* 4)).assumingMemoryBound(to: Atomic<UInt32>.self)
    }

    @inline(__always)
    static func tag(_ hash: UInt64) -> UInt64 {
        // 254 for 0: without a branch, and no tag is 0.
        (hash & 0xFF) | ((hash & 0xFF) &- 1) >> 56 & 0xFE
    }

    /// The high bit of every byte that is zero, and no other bit.
    @inline(__always)
    static func zeroBytes(_ word: UInt64) -> UInt64 {
        ~(((word & lowBits) &+ lowBits) | word | lowBits)
    }

    // MARK: Searching

    /// Where a search begins, to be prefetched.
    @inline(__always)
    func firstLine(_ hash: UInt64) -> UnsafeMutableRawPointer { line(home(hash)) }

    /// The first record with the hash's tag in its first group, to be prefetched; 0 when none has.
    @inline(__always)
    func firstCandidate(_ hash: UInt64) -> UInt32 {
        let group = home(hash)
        let matches = matches(
            tags(group, 0).pointee.load(ordering: .acquiring),
            tags(group, 1).pointee.load(ordering: .acquiring), hash)
        guard matches != 0 else { return 0 }
        return name(group, matches.trailingZeroBitCount).pointee.load(ordering: .acquiring)
    }

    /// The places of a group, given its two words of tags, that have the hash's tag: bit n for
    /// place n.
    @inline(__always)
    private func matches(_ low: UInt64, _ high: UInt64, _ hash: UInt64) -> UInt32 {
        let tag = UInt8(truncatingIfNeeded: GroupTable.tag(hash))
        return machine_matching_bytes(low, high, tag) & GroupTable.placeBits
    }

    /// The first record with the hash's tag for which `body` returns true; 0 when there is none.
    ///
    /// The first group, in which nearly all searches end, by itself: what the others need would
    /// otherwise be kept in registers that are not there.
    @inline(__always)
    func find(_ hash: UInt64, _ body: (UInt32) -> Bool) -> UInt32 {
        let group = home(hash)
        let low = tags(group, 0).pointee.load(ordering: .acquiring)
        let high = tags(group, 1).pointee.load(ordering: .acquiring)
        var matches = matches(low, high, hash)
        while matches != 0 {
            let name = name(group, matches.trailingZeroBitCount).pointee.load(ordering: .acquiring)
            if body(name) { return name }
            matches &= matches &- 1
        }
        guard GroupTable.isPassed(high) else { return 0 }
        return findBeyond(hash, body)
    }

    @inline(never)
    private func findBeyond(_ hash: UInt64, _ body: (UInt32) -> Bool) -> UInt32 {
        var last: UInt32 = 0
        let place = search(hash, from: next(home(hash))) { name in
            last = name
            return body(name)
        }
        return place == nil ? 0 : last
    }

    /// Whether records went on from the group with this second word of tags.
    @inline(__always)
    private static func isPassed(_ high: UInt64) -> Bool {
        (high >> overflowShift) & overflowMax != 0
    }

    /// Calls `body` with the records that have the hash's tag, until it returns true.
    ///
    /// - Returns: the place where it returned true.
    @inline(__always)
    func search(_ hash: UInt64, _ body: (UInt32) -> Bool) -> Place? {
        search(hash, from: home(hash), body)
    }

    @inline(__always)
    private func search(_ hash: UInt64, from start: Int, _ body: (UInt32) -> Bool) -> Place? {
        var group = start
        repeat {
            let low = tags(group, 0).pointee.load(ordering: .acquiring)
            let high = tags(group, 1).pointee.load(ordering: .acquiring)
            var matches = matches(low, high, hash)
            while matches != 0 {
                let index = matches.trailingZeroBitCount
                if body(name(group, index).pointee.load(ordering: .acquiring)) {
                    return Place(group: group, index: index)
                }
                matches &= matches &- 1
            }
            guard GroupTable.isPassed(high) else { return nil }
            group = next(group)
        } while group != start
        return nil
    }

    // MARK: Writing

    /// Adds a record. There must be room: see ``capacity``.
    func insert(_ hash: UInt64, _ record: UInt32) {
        var group = home(hash)
        while true {
            if let index = emptyPlace(group) {
                name(group, index).pointee.store(record, ordering: .releasing)
                setTag(group, index, GroupTable.tag(hash))
                return
            }
            addOverflow(group, 1)
            group = next(group)
        }
    }

    /// Lets a place lead to another record of the same hash.
    func replace(_ place: Place, _ record: UInt32) {
        name(place.group, place.index).pointee.store(record, ordering: .releasing)
    }

    /// Empties a place that a search for the hash found.
    func remove(_ hash: UInt64, _ place: Place) {
        setTag(place.group, place.index, 0)
        var group = home(hash)
        while group != place.group {
            addOverflow(group, -1)
            group = next(group)
        }
    }

    private func emptyPlace(_ group: Int) -> Int? {
        let low = GroupTable.zeroBytes(tags(group, 0).pointee.load(ordering: .relaxed))
        if low != 0 { return low.trailingZeroBitCount >> 3 }
        let high =
            GroupTable.zeroBytes(tags(group, 1).pointee.load(ordering: .relaxed))
            & GroupTable.highTags
        return high == 0 ? nil : 8 + high.trailingZeroBitCount >> 3
    }

    private func setTag(_ group: Int, _ index: Int, _ tag: UInt64) {
        let cell = tags(group, index >> 3)
        let shift = UInt64(index & 7) * 8
        let word = cell.pointee.load(ordering: .relaxed) & ~(0xFF << shift) | tag << shift
        cell.pointee.store(word, ordering: .releasing)
    }

    func addOverflow(_ group: Int, _ difference: Int) {
        let cell = tags(group, 1)
        let word = cell.pointee.load(ordering: .relaxed)
        let count = word >> GroupTable.overflowShift & GroupTable.overflowMax
        guard count < GroupTable.overflowMax else { return }
        precondition(count > 0 || difference > 0, "nobody leaves who has not gone on")
        let changed = UInt64(Int(count) + difference)
        let rest = word & ~(GroupTable.overflowMax << GroupTable.overflowShift)
        cell.pointee.store(rest | changed << GroupTable.overflowShift, ordering: .releasing)
    }

    // MARK: Walking

    /// All records of a group.
    func forEach(inGroup group: Int, _ body: (Place, UInt32) -> Void) {
        for index in 0..<GroupTable.placesPerGroup {
            let word = tags(group, index >> 3).pointee.load(ordering: .relaxed)
            guard word >> (UInt64(index & 7) * 8) & 0xFF != 0 else { continue }
            body(
                Place(group: group, index: index),
                name(group, index).pointee.load(ordering: .relaxed))
        }
    }

    /// What is wrong with the tags and counts, given every record's hash.
    func problems(_ what: String, hash: (UInt32) -> UInt64) -> [String] {
        var problems: [String] = []
        var overflows = [Int](repeating: 0, count: groupCount)
        for group in 0..<groupCount {
            forEach(inGroup: group) { place, record in
                let hash = hash(record)
                let word = tags(group, place.index >> 3).pointee.load(ordering: .relaxed)
                if word >> (UInt64(place.index & 7) * 8) & 0xFF != GroupTable.tag(hash) {
                    problems.append("\(what): a tag is not its record's")
                }
                var passed = home(hash)
                while passed != group {
                    overflows[passed] += 1
                    passed = next(passed)
                }
            }
        }
        for group in 0..<groupCount {
            let word = tags(group, 1).pointee.load(ordering: .relaxed)
            let count = Int(word >> GroupTable.overflowShift & GroupTable.overflowMax)
            if count != overflows[group], count != Int(GroupTable.overflowMax) {
                problems.append(
                    "\(what): a group counts \(count) that went on, and there are "
                        + "\(overflows[group])")
            }
        }
        return problems
    }
}
