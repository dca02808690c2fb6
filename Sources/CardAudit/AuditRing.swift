internal import Synchronization

// One writer, a worker; one reader, the audit's thread. `written` and `read` count up for ever and
// are each stored by one side only; a place is `count & (capacity - 1)`.
//
// The writer fills a place, then stores `written` (releasing); the reader loads `written`
// (acquiring) and so sees the place filled. The reader empties a place, then stores `read`
// (releasing); the writer loads `read` (acquiring) before it fills the place again.

/// Records on their way from a worker to the audit's thread.
struct AuditRing: ~Copyable {
    static let capacity = 1 << 14

    private let places: UnsafeMutablePointer<LookUpRecord>
    private let written = Atomic<Int>(0)
    private let lostCount = Atomic<Int>(0)
    /// Keeps what the reader stores off the writer's cache line.
    private let padding = InlineArray<16, UInt64>(repeating: 0)
    private let read = Atomic<Int>(0)
    private let lastPadding = InlineArray<16, UInt64>(repeating: 0)

    init() {
        places = .allocate(capacity: Self.capacity)
    }

    deinit {
        places.deallocate()
    }

    /// Records that found no room, ever.
    var lost: Int { lostCount.load(ordering: .relaxed) }

    /// The writer's: leaves a record, or counts it as lost.
    @inline(__always)
    borrowing func leave(_ record: LookUpRecord) {
        let count = written.load(ordering: .relaxed)
        guard count &- read.load(ordering: .acquiring) < Self.capacity else {
            lostCount.store(lostCount.load(ordering: .relaxed) &+ 1, ordering: .relaxed)
            return
        }
        (places + (count & (Self.capacity - 1))).initialize(to: record)
        written.store(count &+ 1, ordering: .releasing)
    }

    /// The reader's: takes all that is there.
    borrowing func takeAll(_ body: (LookUpRecord) -> Void) {
        let end = written.load(ordering: .acquiring)
        var count = read.load(ordering: .relaxed)
        while count < end {
            body(places[count & (Self.capacity - 1)])
            count += 1
        }
        read.store(end, ordering: .releasing)
    }
}
