internal import CMachine
internal import Synchronization

// Readers take no lock: they say that they read, and memory that was taken out of the index is used
// again only when no reader can hold it (epoch-based reclamation: K. Fraser, "Practical
// lock-freedom", 2004, 5.2.3).
//
// Layout: one cell a thread, on cache lines of its own. A cell holds 0 while its thread does not
// read, and otherwise the epoch in which the outermost read began. The epoch counts up from 1.
//
// Memory order. A reader stores its cell (R1) and then follows pointers (R2, acquiring). The writer
// unlinks something (W1, releasing), raises the epoch from e to e + 1 (W2), has a full barrier
// executed by every thread of the process (W3, membarrier(2)) and looks at the cells (W4). Between
// R1 and R2 stands only a barrier for the compiler; the reader's processor pays for none, and so
// looks up several cards at a time where they come one after the other. (Folly calls the pair
// asymmetric barriers.)
//
// - If W4 misses R1, then W3 did on the reader's thread: R1 and so R2 come after its barrier there,
//   and R2 sees W1. The reader cannot find what was unlinked.
// - If W4 sees R1 with a cell > e, the reader had loaded e + 1 (acquiring) for it, which was
// written
//   after W1: the same holds.
// - So only readers whose cell is <= e may hold what was unlinked in epoch e. Each ends with a
//   releasing store of 0, or of a later epoch, which W4 acquires: its reads happen before the
//   memory's next use.
//
// Where the system has no such barrier, R1 is sequentially consistent and followed by a load of the
// epoch that is, as W2 and W4 are. If W4 then misses R1, W2 precedes that load in the order of all
// such operations, so the load synchronises with W2, and R2 sees W1.
//
// A cell may hold an old epoch, when its thread was held up between loading the epoch and R1. That
// delays reclamation and harms nothing.

/// The readers of all indexes of the process.
enum ReaderEpochs {
    /// Threads that read at one time, of any index, each with a cell of its own. Threads beyond
    /// share a counter, which costs them a contended cache line and holds up reclamation.
    static let cellMax = Int(MACHINE_CELL_COUNT)

    /// One past the highest cell that was ever claimed, so that the writer looks at no more.
    private static let cellsUsed = Atomic<Int>(0)
    private static let epoch = Atomic<UInt64>(1)
    private static let readersWithoutCell = Atomic<Int>(0)

    /// Whether the writer's barrier reaches every thread: 1 no; 2 yes; 0 before it is known, and
    /// then readers see to themselves. Once known it never changes.
    private static let barrier = Atomic<UInt8>(0)

    /// A thread's place among the cells; the thread alone uses `depth`.
    struct Cell {
        fileprivate let start: UnsafeMutableRawPointer

        fileprivate init(_ start: UnsafeMutableRawPointer) { self.start = start }

        fileprivate init(index: Int) { start = machine_get_cell(Int32(index)) }

        fileprivate var pinned: UnsafeMutablePointer<Atomic<UInt64>> {
            start.assumingMemoryBound(to: Atomic<UInt64>.self)
        }

        /// Reads within reads of the thread.
        fileprivate var depth: UnsafeMutablePointer<UInt64> {
            (start + 8).assumingMemoryBound(to: UInt64.self)
        }

        /// 1 while a thread has the cell.
        fileprivate var claimed: UnsafeMutablePointer<Atomic<UInt64>> {
            (start + 16).assumingMemoryBound(to: Atomic<UInt64>.self)
        }
    }

    // MARK: Readers

    /// Runs `body` as a read: what it finds in an index stays as it is until it returns. Reads may
    /// lie within reads. They must be short, for they hold up the writer's memory, and must not
    /// write to an index.
    @inline(__always)
    static func read<R>(_ body: () throws -> R) rethrows -> R {
        let cell = enter()
        defer { leave(cell) }
        return try body()
    }

    /// - Returns: what ``leave(_:)`` needs: the thread's cell, or nil without one.
    @inline(__always)
    static func enter() -> Cell? {
        guard let start = machine_get_thread_cell() else { return enterFirst() }
        let cell = Cell(start)
        pin(cell)
        return cell
    }

    @inline(__always)
    static func leave(_ cell: Cell?) {
        guard let cell else {
            readersWithoutCell.subtract(1, ordering: .releasing)
            return
        }
        let depth = cell.depth.pointee &- 1
        cell.depth.pointee = depth
        if depth == 0 { cell.pinned.pointee.store(0, ordering: .releasing) }
    }

    @inline(__always)
    private static func pin(_ cell: Cell) {
        let depth = cell.depth.pointee
        cell.depth.pointee = depth &+ 1
        guard depth == 0 else { return }
        let now = epoch.load(ordering: .acquiring)
        if barrier.load(ordering: .relaxed) == 2 {
            cell.pinned.pointee.store(now, ordering: .releasing)
            machine_light_barrier()
        } else {
            cell.pinned.pointee.store(now, ordering: .sequentiallyConsistent)
            _ = epoch.load(ordering: .sequentiallyConsistent)
        }
    }

    /// The thread's first read, or one of a thread for which no cell is left.
    @inline(never)
    private static func enterFirst() -> Cell? {
        guard let cell = claimCell() else {
            readersWithoutCell.add(1, ordering: .sequentiallyConsistent)
            _ = epoch.load(ordering: .sequentiallyConsistent)
            return nil
        }
        pin(cell)
        return cell
    }

    /// A free cell for this thread until the thread ends; nil when all are taken.
    private static func claimCell() -> Cell? {
        for index in 0..<cellMax {
            let cell = Cell(index: index)
            guard cell.claimed.pointee.load(ordering: .relaxed) == 0,
                cell.claimed.pointee.exchange(1, ordering: .acquiring) == 0
            else { continue }
            let error = machine_set_thread_cell(cell.start) { start in
                guard let start else { return }
                ReaderEpochs.Cell(start).claimed.pointee.store(0, ordering: .releasing)
            }
            guard error == 0 else {
                cell.claimed.pointee.store(0, ordering: .releasing)
                return nil
            }
            // Before the thread's first read, so that a writer who misses the cell misses a reader
            // that finds only what is new.
            cellsUsed.max(index + 1, ordering: .sequentiallyConsistent)
            prepareBarrier()
            return cell
        }
        return nil
    }

    /// Registers the process for the writer's barrier. Any number of threads may; all find the
    /// same.
    private static func prepareBarrier() {
        guard barrier.load(ordering: .relaxed) == 0 else { return }
        barrier.store(machine_prepare_heavy_barrier() != 0 ? 2 : 1, ordering: .relaxed)
    }

    // MARK: Writers

    /// The epoch in which something that was just unlinked may still be seen.
    static var current: UInt64 { epoch.load(ordering: .relaxed) }

    /// Begins a new epoch.
    ///
    /// - Returns: the first epoch that readers may still be in. What was unlinked in an earlier one
    ///   is free.
    static func advance() -> UInt64 {
        let next = epoch.add(1, ordering: .sequentiallyConsistent).newValue
        // What a reader may have learnt since must not be missed here: so the writer finds out
        // itself.
        prepareBarrier()
        if barrier.load(ordering: .relaxed) == 2 {
            let error = machine_heavy_barrier()
            precondition(error == 0, "the barrier was registered: errno \(error)")
        }
        // Readers without a cell say nothing of their epoch: nothing is free while there are any.
        guard readersWithoutCell.load(ordering: .sequentiallyConsistent) == 0 else { return 0 }
        var first = next
        for index in 0..<cellsUsed.load(ordering: .sequentiallyConsistent) {
            let pinned = Cell(index: index).pinned.pointee.load(ordering: .sequentiallyConsistent)
            if pinned != 0 { first = min(first, pinned) }
        }
        return first
    }

    /// Returns when every read that was under way has ended. What was unlinked before the call is
    /// free then.
    ///
    /// - Parameter pause: called between looks.
    static func synchronize(pause: () -> Void) {
        if let start = machine_get_thread_cell() {
            precondition(Cell(start).depth.pointee == 0, "a read must not write")
        }
        let last = current
        while advance() <= last { pause() }
    }
}
