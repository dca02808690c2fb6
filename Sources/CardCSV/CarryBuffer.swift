/// Holds the bytes of a row that began in an earlier chunk: `bytes[start..<end]` are live.
///
/// It starts small, doubles while rows need it, and never grows past `capacityMax`. Removing from
/// the front moves nothing; appending at a full end moves the live bytes to the front. The slack of
/// `capacityMax` beyond the longest content keeps such moves rare: each comes after at least
/// `slack` appended bytes, so that a byte appended costs at most `countMax / slack`, about 8,
/// bytes moved, however the rows lie.
struct CarryBuffer: ~Copyable {
    private var bytes: UnsafeMutablePointer<UInt8>
    private(set) var capacity: Int
    private let capacityMax: Int
    private var start = 0
    private var end = 0
    /// How many bytes were copied into, or moved inside, the buffer so far.
    private(set) var bytesMoved = 0

    private static let capacityMin = 4096

    /// - Parameter countMax: the most bytes that will ever be live at once.
    init(countMax: Int) {
        let slack = countMax / 8 + Self.capacityMin
        capacityMax = countMax + slack
        capacity = Self.capacityMin
        bytes = .allocate(capacity: capacity)
    }

    deinit { bytes.deallocate() }

    var count: Int { end - start }
    var isEmpty: Bool { start == end }
    /// The first live byte. Valid until the next `append`, even after removals.
    var first: UnsafePointer<UInt8> { UnsafePointer(bytes + start) }

    mutating func removeFirst(_ count: Int) {
        precondition(count <= self.count, "More bytes removed than there are.")
        start += count
    }

    mutating func removeAll() {
        start = 0
        end = 0
    }

    mutating func append(_ source: UnsafePointer<UInt8>, count added: Int) {
        if end + added > capacity { makeRoom(for: added) }
        (bytes + end).update(from: source, count: added)
        end += added
        bytesMoved += added
    }

    private mutating func makeRoom(for added: Int) {
        let live = count
        precondition(live + added <= capacityMax, "A row was kept beyond its limit.")
        if live + added > capacity / 2, capacity < capacityMax {
            capacity = min(max(2 * capacity, 2 * (live + added)), capacityMax)
            let grown = UnsafeMutablePointer<UInt8>.allocate(capacity: capacity)
            grown.update(from: first, count: live)
            bytes.deallocate()
            bytes = grown
        } else {
            bytes.update(from: first, count: live)
        }
        bytesMoved += live
        start = 0
        end = live
    }
}
