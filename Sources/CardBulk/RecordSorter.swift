internal import CMachine
internal import Glibc

/// Sorts records by their keys; records of one key stay in their order.
///
/// Sorts by eight bytes of each key behind the prefix that all share, which mostly tell all keys
/// apart, and does the same again on what they do not. Of those eight bytes, the upper bits that
/// vary are sorted in two passes of a radix sort, and the few items that they do not tell apart by
/// insertion, or in the same way again.
struct RecordSorter: ~Copyable {
    struct Item {
        var word: UInt64
        var record: Record
    }

    /// Fewer are sorted by insertion.
    private static let smallCount = 24
    /// From so many on the larger digits cost less.
    private static let largeCount = 4_096
    private static let largeDigitBits = 11
    private static let smallDigitBits = 8

    private var items: UnsafeMutablePointer<Item>
    private var others: UnsafeMutablePointer<Item>
    private var capacity = 1_024
    private let counts: UnsafeMutablePointer<Int>
    private(set) var count = 0

    init() {
        items = .allocate(capacity: capacity)
        others = .allocate(capacity: capacity)
        counts = .allocate(capacity: 1 << Self.largeDigitBits)
    }

    deinit {
        items.deallocate()
        others.deallocate()
        counts.deallocate()
    }

    /// The sorted records, until the next sort.
    var sorted: UnsafeBufferPointer<Item> { UnsafeBufferPointer(start: items, count: count) }

    private static let foresight = 12

    /// Asks for the memory of a record that ``sorted`` has a little behind `index`: in that order,
    /// records lie anywhere.
    @inline(__always)
    static func prefetch(_ items: UnsafeBufferPointer<Item>, behind index: Int) {
        let next = index &+ foresight
        guard next < items.count else { return }
        let start = items[next].record.start
        machine_prefetch(start)
        machine_prefetch(start + 63)
    }

    /// Sorts a batch, whose memory must outlive the use of ``sorted``.
    mutating func sort(_ batch: borrowing RecordBatch) {
        count = 0
        batch.visit { record in
            if count == capacity { grow() }
            items[count] = Item(word: 0, record: record)
            count += 1
        }
        guard count > 1 else { return }
        var shared = Int.max
        let first = items[0].record.key
        shared = first.count
        for index in 1..<count where shared > 0 {
            shared = min(shared, KeyBytes.sharedPrefix(first, items[index].record.key))
        }
        sort(0..<count, from: shared)
    }

    private mutating func grow() {
        let larger = UnsafeMutablePointer<Item>.allocate(capacity: 2 * capacity)
        larger.update(from: items, count: count)
        items.deallocate()
        others.deallocate()
        items = larger
        others = .allocate(capacity: 2 * capacity)
        capacity *= 2
    }

    /// Sorts a part whose keys are equal before `offset`.
    private mutating func sort(_ range: Range<Int>, from offset: Int) {
        if range.count <= Self.smallCount {
            insertionSort(range)
            return
        }
        for index in range {
            items[index].word = KeyBytes.word(items[index].record.key, at: offset)
        }
        sortByWord(range)
        // What shares all eight bytes is told apart by what follows, or is one key.
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start + 1
            while end < range.upperBound, items[end].word == items[start].word {
                Self.prefetch(sorted, behind: end)
                end += 1
            }
            if end - start > 1, !isOneKey(start..<end) { sort(start..<end, from: offset + 8) }
            start = end
        }
    }

    private func isOneKey(_ range: Range<Int>) -> Bool {
        let first = items[range.lowerBound].record.key
        for index in range.dropFirst() where !KeyBytes.isEqual(items[index].record.key, first) {
            return false
        }
        return true
    }

    private func insertionSort(_ range: Range<Int>) {
        for index in range.dropFirst() {
            let item = items[index]
            let key = item.record.key
            var place = index
            while place > range.lowerBound,
                KeyBytes.isLess(key, items[place - 1].record.key)
            {
                items[place] = items[place - 1]
                place -= 1
            }
            items[place] = item
        }
    }

    /// Sorts a part by its words; items of one word stay in their order. `range` lies in `items`
    /// before and afterwards.
    private mutating func sortByWord(_ range: Range<Int>) {
        if range.count <= Self.smallCount {
            insertionSortByWord(range)
            return
        }
        let first = items[range.lowerBound].word
        var varying: UInt64 = 0
        for index in range { varying |= items[index].word ^ first }
        if varying == 0 { return }
        // The upper bits that vary tell nearly all items apart; to pass over the others too would
        // cost several times as much.
        let digitBits = range.count >= Self.largeCount ? Self.largeDigitBits : Self.smallDigitBits
        let end = 64 - varying.leadingZeroBitCount
        let start = max(end - 2 * digitBits, 0)
        radixPass(range, from: items, to: others, shift: start, bits: min(digitBits, end - start))
        let middle = start + digitBits
        if middle < end {
            radixPass(range, from: others, to: items, shift: middle, bits: end - middle)
        } else {
            (items + range.lowerBound).update(
                from: others + range.lowerBound, count: range.count)
        }
        if start == 0 { return }
        var group = range.lowerBound
        while group < range.upperBound {
            let head = items[group].word >> UInt64(start)
            var next = group + 1
            while next < range.upperBound, items[next].word >> UInt64(start) == head { next += 1 }
            if next - group > 1 { sortByWord(group..<next) }
            group = next
        }
    }

    private func insertionSortByWord(_ range: Range<Int>) {
        for index in range.dropFirst() {
            let item = items[index]
            var place = index
            while place > range.lowerBound, item.word < items[place - 1].word {
                items[place] = items[place - 1]
                place -= 1
            }
            if place != index { items[place] = item }
        }
    }

    /// Deals items out by some bits of their words, those of one digit in their order.
    private func radixPass(
        _ range: Range<Int>, from source: UnsafeMutablePointer<Item>,
        to target: UnsafeMutablePointer<Item>, shift: Int, bits: Int
    ) {
        let shift = UInt64(shift)
        let mask = UInt64(1) << UInt64(bits) - 1
        let digits = 1 << bits
        counts.update(repeating: 0, count: digits)
        for index in range { counts[Int((source[index].word &>> shift) & mask)] &+= 1 }
        var place = range.lowerBound
        for digit in 0..<digits {
            let count = counts[digit]
            counts[digit] = place
            place &+= count
        }
        for index in range {
            let item = source[index]
            let digit = Int((item.word &>> shift) & mask)
            target[counts[digit]] = item
            counts[digit] &+= 1
        }
    }
}
