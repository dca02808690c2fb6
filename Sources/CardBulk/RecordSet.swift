/// Records of many ranges of keys, each range in the order in which its records came. One thread
/// adds to a set.
struct RecordSet: ~Copyable {
    private enum Place {
        case memory(UnsafeMutableRawPointer)
        case file(Int)
    }

    private struct Block {
        var place: Place
        var used: Int
    }

    /// Where the next record of each range goes, and how much room is there.
    private let ends: UnsafeMutablePointer<UnsafeMutableRawPointer?>
    private let room: UnsafeMutablePointer<Int>
    private let pool: BlockPool
    private var ranges: [[Block]]
    /// Full blocks in memory, oldest first: those to write out when memory is short.
    private var fullBlocks: [(range: Int, index: Int)] = []
    private var firstFull = 0
    private(set) var records = 0
    /// The bytes of all records.
    private(set) var bytes = 0

    init(_ pool: BlockPool, ranges count: Int) {
        self.pool = pool
        ranges = Array(repeating: [], count: count)
        ends = .allocate(capacity: count)
        ends.initialize(repeating: nil, count: count)
        room = .allocate(capacity: count)
        room.initialize(repeating: 0, count: count)
    }

    deinit {
        for range in ranges {
            for block in range {
                if case .memory(let pointer) = block.place { pool.giveBack(pointer) }
            }
        }
        ends.deallocate()
        room.deallocate()
    }

    /// Makes room for a record and gives its place.
    @inline(__always)
    mutating func add(_ bytes: Int, to range: Int) throws(BulkError) -> UnsafeMutableRawPointer {
        if room[range] < bytes { try addBlock(to: range) }
        // Just made sure of.
        let start = ends[range].unsafelyUnwrapped
        ends[range] = start + bytes
        room[range] -= bytes
        records += 1
        self.bytes += bytes
        return start
    }

    private mutating func addBlock(to range: Int) throws(BulkError) {
        endBlock(of: range)
        if pool.isFull { try writeOutOldest() }
        let block = pool.take()
        // Ranges fill at the same rate, and places as far from their blocks' beginnings share a set
        // of the cache; so first blocks end earlier or later.
        let isFirst = ranges[range].isEmpty
        ranges[range].append(Block(place: .memory(block), used: 0))
        ends[range] = block
        room[range] = BlockPool.blockBytes - (isFirst ? range % 64 * 128 : 0)
    }

    private mutating func endBlock(of range: Int) {
        guard let end = ends[range] else { return }
        let index = ranges[range].count - 1
        guard case .memory(let start) = ranges[range][index].place else {
            preconditionFailure("only full blocks are written out")
        }
        ranges[range][index].used = end - start
        fullBlocks.append((range, index))
        ends[range] = nil
        room[range] = 0
    }

    private mutating func writeOutOldest() throws(BulkError) {
        while firstFull < fullBlocks.count {
            let (range, index) = fullBlocks[firstFull]
            firstFull += 1
            // Ranges that were taken out are gone.
            guard index < ranges[range].count,
                case .memory(let block) = ranges[range][index].place
            else { continue }
            ranges[range][index].place = .file(try pool.writeOut(block))
            break
        }
        if firstFull > 4_096 {
            fullBlocks.removeFirst(firstFull)
            firstFull = 0
        }
    }

    /// Takes a range's records out, in memory again.
    mutating func takeOut(_ range: Int) throws(BulkError) -> RecordBatch {
        endBlock(of: range)
        let blocks = ranges[range]
        ranges[range] = []
        var batch = RecordBatch(pool)
        var index = 0
        while index < blocks.count {
            switch blocks[index].place {
            case .memory(let block): batch.add(block, used: blocks[index].used)
            case .file(let place):
                let block = pool.take()
                batch.add(block, used: blocks[index].used)
                try pool.readBack(place, into: block)
            }
            index += 1
        }
        return batch
    }

    /// Lends a range's records in turn and drops them, with one block of them in memory at a time.
    mutating func drain(
        _ range: Int, _ body: (Record) throws(BulkError) -> Void
    ) throws(BulkError) {
        endBlock(of: range)
        let blocks = ranges[range]
        ranges[range] = []
        for block in blocks {
            var batch = RecordBatch(pool)
            switch block.place {
            case .memory(let start): batch.add(start, used: block.used)
            case .file(let place):
                let start = pool.take()
                batch.add(start, used: block.used)
                try pool.readBack(place, into: start)
            }
            try batch.visit(body)
        }
    }

    /// How many bytes the largest range takes.
    var largestBytes: Int { (ranges.map(\.count).max() ?? 0) * BlockPool.blockBytes }
}

/// Records in memory, given back to the pool at the end of the scope.
struct RecordBatch: ~Copyable {
    private let pool: BlockPool
    private var blocks: [(start: UnsafeMutableRawPointer, used: Int)] = []

    init(_ pool: BlockPool) {
        self.pool = pool
    }

    deinit {
        for block in blocks { pool.giveBack(block.start) }
    }

    mutating func add(_ block: UnsafeMutableRawPointer, used: Int) {
        blocks.append((block, used))
    }

    mutating func add(_ other: consuming RecordBatch) {
        blocks += other.blocks
        other.blocks = []
    }

    @inline(__always)
    func visit<E: Error>(_ body: (Record) throws(E) -> Void) throws(E) {
        for block in blocks {
            var place = UnsafeRawPointer(block.start)
            let end = place + block.used
            while place < end {
                let record = Record(start: place)
                let bytes = record.bytes
                try body(record)
                place += bytes
            }
        }
    }
}
