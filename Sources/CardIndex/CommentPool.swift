internal import CardModel

// Couriers write a few hundred comments over and over, and some that nobody writes twice. A comment
// goes into the pool at its second sight, so that a single one costs nothing there; the pool is
// bounded, and what finds no place in it is its card's alone.

/// Which comments are shared. The writer's; readers follow a record to its comment's.
struct CommentPool: Sendable {
    /// Comments in the pool at most.
    static let capacity = 8_192

    /// Records of shared comments by hash: open addressing, half full at most, 0 where none is.
    private var table = [UInt32](repeating: 0, count: capacity * 2)
    private(set) var count = 0
    /// Hashes of comments that were seen once, each at its place: a later one takes the place of
    /// an earlier one.
    private var seen = [UInt64](repeating: 0, count: capacity * 2)

    /// A record of the comment for one more card; 0 for an empty one.
    mutating func record(
        for text: Span<UInt8>, in arena: inout RecordArena
    ) throws(CardIndexError) -> UInt32 {
        guard !text.isEmpty else { return 0 }
        let hash = XXH64.hash(text.bytes)
        var place = Int(truncatingIfNeeded: hash) & (table.count - 1)
        while table[place] != 0 {
            let comment = CommentRecord(arena.start, table[place])
            if Self.isEqual(text, comment.bytes) {
                comment.users += 1
                return table[place]
            }
            place = (place + 1) & (table.count - 1)
        }
        let seenPlace = Int(truncatingIfNeeded: hash >> 32) & (seen.count - 1)
        let isPooled = seen[seenPlace] == hash && count < Self.capacity
        let record = try arena.allocate(byteCount: CommentRecord.headBytes + text.count)
        CommentRecord(arena.start, record).write(text, isPooled: isPooled)
        seen[seenPlace] = hash
        if isPooled {
            table[place] = record
            count += 1
        }
        return record
    }

    /// One card less has the comment; with the last one its record goes.
    ///
    /// - Parameter wasPublished: whether readers may have found the card with it.
    mutating func release(_ record: UInt32, in arena: inout RecordArena, wasPublished: Bool) {
        guard record != 0 else { return }
        let comment = CommentRecord(arena.start, record)
        comment.users -= 1
        guard comment.users == 0 else { return }
        if comment.isPooled { remove(record, in: arena) }
        let byteCount = CommentRecord.headBytes + comment.byteCount
        if wasPublished {
            arena.retire(record, byteCount: byteCount)
        } else {
            arena.free(record, byteCount: byteCount)
        }
    }

    /// Closes the gap: entries behind it move up when their own place allows it (Knuth, The Art of
    /// Computer Programming 3, 6.4, algorithm R).
    private mutating func remove(_ record: UInt32, in arena: borrowing RecordArena) {
        let mask = table.count - 1
        var gap = home(record, arena.start)
        while table[gap] != record {
            precondition(table[gap] != 0, "a shared comment is in the pool")
            gap = (gap + 1) & mask
        }
        var place = gap
        while true {
            place = (place + 1) & mask
            guard table[place] != 0 else { break }
            let distance = (place - home(table[place], arena.start)) & mask
            if distance >= (place - gap) & mask {
                table[gap] = table[place]
                gap = place
            }
        }
        table[gap] = 0
        count -= 1
    }

    private func home(_ record: UInt32, _ arena: UnsafeMutableRawPointer) -> Int {
        let hash = XXH64.hash(CommentRecord(arena, record).bytes.bytes)
        return Int(truncatingIfNeeded: hash) & (table.count - 1)
    }

    static func isEqual(_ text: Span<UInt8>, _ other: UnsafeRawBufferPointer) -> Bool {
        guard text.count == other.count else { return false }
        return text.withUnsafeBytes { text in
            var offset = 0
            while offset &+ 8 <= text.count {
                guard
                    text.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                        == other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                else { return false }
                offset &+= 8
            }
            while offset < text.count {
                guard text[offset] == other[offset] else { return false }
                offset &+= 1
            }
            return true
        }
    }

    /// The records in the pool, for checks.
    var records: some Sequence<UInt32> { table.lazy.filter { $0 != 0 } }
}
