internal import Glibc

/// Sorts records by their keys; records of one key stay in their order.
///
/// A radix sort, least byte first, of eight bytes of each key behind the prefix that all share,
/// which mostly tells all keys apart, and the same again on what they do not. Bytes that all keys
/// have in common cost no pass.
struct RecordSorter: ~Copyable {
    struct Item {
        var word: UInt64
        var record: Record
    }

    private static let smallCount = 24

    private var items: UnsafeMutablePointer<Item>
    private var others: UnsafeMutablePointer<Item>
    private var capacity = 1_024
    private let counts: UnsafeMutablePointer<Int>
    private(set) var count = 0

    init() {
        items = .allocate(capacity: capacity)
        others = .allocate(capacity: capacity)
        counts = .allocate(capacity: 256)
    }

    deinit {
        items.deallocate()
        others.deallocate()
        counts.deallocate()
    }

    /// The sorted records, until the next sort.
    var sorted: UnsafeBufferPointer<Item> { UnsafeBufferPointer(start: items, count: count) }

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
        radixSort(range)
        // What shares all eight bytes is told apart by what follows, or is one key.
        var start = range.lowerBound
        while start < range.upperBound {
            var end = start + 1
            while end < range.upperBound, items[end].word == items[start].word { end += 1 }
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

    private mutating func radixSort(_ range: Range<Int>) {
        let first = items[range.lowerBound].word
        var varying: UInt64 = 0
        for index in range { varying |= items[index].word ^ first }
        var source = items
        var target = others
        for shift in stride(from: UInt64(0), to: 64, by: 8)
        where (varying >> shift) & 0xFF != 0 {
            counts.update(repeating: 0, count: 256)
            for index in range { counts[Int((source[index].word >> shift) & 0xFF)] += 1 }
            var place = range.lowerBound
            for digit in 0..<256 {
                let count = counts[digit]
                counts[digit] = place
                place += count
            }
            for index in range {
                let item = source[index]
                let digit = Int((item.word >> shift) & 0xFF)
                target[counts[digit]] = item
                counts[digit] += 1
            }
            swap(&source, &target)
        }
        if source != items {
            (items + range.lowerBound).update(
                from: source + range.lowerBound, count: range.count)
        }
    }
}
