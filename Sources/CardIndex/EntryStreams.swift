// Each entry is one word, so that a fill reads and writes little:
//
//   bits 0-7    the hash's tag
//   bits 8-31   the first group of the search, counted from the partition's first
//   bits 32-63  the record's name

/// Entries for a table, dealt out by the part of it where they go, in pieces of a page each.
///
/// `@unchecked Sendable`: one thread adds; when it has ended any thread may read.
final class EntryStreams: @unchecked Sendable {
    private static let pieceBytes = 4_096
    private static let slabBytes = 16 << 20

    let shift: Int
    let partitionCount: Int
    /// Where the next entry of each partition goes; at a piece's end when there is none.
    private let ends: UnsafeMutablePointer<UInt>
    private var pieces: [[UInt]]
    private var slabs: [MappedMemory] = []
    private var slabUsed = EntryStreams.slabBytes

    /// - Parameters:
    ///   - groupCount: of the table.
    ///   - shift: a partition's groups are two to this power.
    init(groupCount: Int, shift: Int) {
        self.shift = shift
        partitionCount = ((groupCount - 1) >> shift) + 1
        ends = .allocate(capacity: partitionCount)
        ends.initialize(repeating: 0, count: partitionCount)
        pieces = Array(repeating: [], count: partitionCount)
    }

    deinit {
        ends.deallocate()
        for slab in slabs { slab.release() }
    }

    @inline(__always)
    func append(_ record: UInt32, home: Int, tag: UInt64) throws(CardIndexError) {
        let partition = home &>> shift
        var end = ends[partition]
        if end & UInt(Self.pieceBytes &- 1) == 0 { end = try takePiece(partition) }
        let first = UInt64(truncatingIfNeeded: home &- partition &<< shift)
        guard let place = UnsafeMutablePointer<UInt64>(bitPattern: end) else {
            preconditionFailure("a piece of memory has an address")
        }
        place.pointee = UInt64(record) &<< 32 | first &<< 8 | tag
        ends[partition] = end &+ 8
    }

    @inline(never)
    private func takePiece(_ partition: Int) throws(CardIndexError) -> UInt {
        if slabUsed == Self.slabBytes {
            let slab = try MappedMemory(byteCount: Self.slabBytes)
            // A small index stays small.
            if partitionCount > 1 { slab.preferHugePages(from: 0) }
            slabs.append(slab)
            slabUsed = 0
        }
        // Whole pages, so a piece's end is seen by the address.
        let piece = UInt(bitPattern: slabs[slabs.count - 1].start + slabUsed)
        slabUsed += Self.pieceBytes
        pieces[partition].append(piece)
        return piece
    }

    /// All entries of a partition.
    @inline(__always)
    func forEach(
        in partition: Int, _ body: (_ record: UInt32, _ first: Int, _ tag: UInt8) -> Void
    ) {
        for piece in pieces[partition] {
            let isLast = piece == pieces[partition].last
            let bytes = isLast ? Int(ends[partition] - piece) : Self.pieceBytes
            let start = UnsafePointer<UInt64>(bitPattern: piece)
            for entry in UnsafeBufferPointer(start: start, count: bytes / 8) {
                body(
                    UInt32(truncatingIfNeeded: entry &>> 32),
                    Int(truncatingIfNeeded: entry &>> 8 & 0xFF_FFFF),
                    UInt8(truncatingIfNeeded: entry))
            }
        }
    }
}
