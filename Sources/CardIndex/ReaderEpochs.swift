internal import CMachine
internal import Synchronization

// Readers take no lock: they say that they read, and memory that was taken out of the index is used
// again only when no reader can hold it (epoch-based reclamation: K. Fraser, "Practical
// lock-freedom", 2004, 5.2.3).
//
// Layout: one cell a thread, on cache lines of its own. A cell holds 0 while its thread does not
// read, and otherwise the epoch in which the outermost read began. The epoch counts up from 1.
//
// Memory order. A reader stores its cell (R1), then loads the epoch (R2), both sequentially
// consistent, and only then follows pointers (R3, acquiring). The writer unlinks something (W1,
// releasing), raises the epoch from e to e + 1 (W2) and looks at the cells (W3), both sequentially
// consistent.
//
// - If W3 misses R1, then W2 comes before R2 in the order of all sequentially consistent operations,
//   so R2 reads e + 1 or more and synchronises with W2: W1 happens before R3, and the reader cannot
//   find what was unlinked.
// - If W3 sees R1 with a cell > e, the reader had loaded e + 1 for it, and R2 loads no less: the same
//   holds.
// - So only readers whose cell is <= e may hold what was unlinked in epoch e. Each ends with a
//   releasing store of 0, or of a later epoch, which W3 acquires: its reads happen before the
//   memory's next use.
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

    /// A thread's place among the cells; the thread alone uses `depth`.
    private struct Cell {
        let start: UnsafeMutableRawPointer

        init(_ index: Int32) { start = machine_get_cell(index) }

        var pinned: UnsafeMutablePointer<Atomic<UInt64>> {
            start.assumingMemoryBound(to: Atomic<UInt64>.self)
        }

        /// Reads within reads of the thread.
        var depth: UnsafeMutablePointer<UInt64> {
            (start + 8).assumingMemoryBound(to: UInt64.self)
        }

        /// 1 while a thread has the cell.
        var claimed: UnsafeMutablePointer<Atomic<UInt64>> {
            (start + 16).assumingMemoryBound(to: Atomic<UInt64>.self)
        }
    }

    // MARK: Readers

    /// Runs `body` as a read: what it finds in an index stays as it is until it returns. Reads may
    /// lie within reads. They must be short, for they hold up the writer's memory, and must not
    /// write to an index.
    @inline(__always)
    static func read<R>(_ body: () throws -> R) rethrows -> R {
        let slot = enter()
        defer { leave(slot) }
        return try body()
    }

    /// - Returns: what ``leave(_:)`` needs: the thread's cell plus one, or 0 without a cell.
    static func enter() -> Int32 {
        var slot = machine_get_thread_slot()
        if slot == 0 { slot = claimCell() }
        guard slot != 0 else {
            readersWithoutCell.add(1, ordering: .sequentiallyConsistent)
            _ = epoch.load(ordering: .sequentiallyConsistent)
            return 0
        }
        let cell = Cell(slot &- 1)
        let depth = cell.depth.pointee
        cell.depth.pointee = depth &+ 1
        if depth == 0 {
            cell.pinned.pointee.store(
                epoch.load(ordering: .relaxed), ordering: .sequentiallyConsistent)
            _ = epoch.load(ordering: .sequentiallyConsistent)
        }
        return slot
    }

    static func leave(_ slot: Int32) {
        guard slot != 0 else {
            readersWithoutCell.subtract(1, ordering: .releasing)
            return
        }
        let cell = Cell(slot &- 1)
        let depth = cell.depth.pointee &- 1
        cell.depth.pointee = depth
        if depth == 0 { cell.pinned.pointee.store(0, ordering: .releasing) }
    }

    /// A free cell for this thread until the thread ends; 0 when all are taken.
    @inline(never)
    private static func claimCell() -> Int32 {
        for index in 0..<cellMax {
            let cell = Cell(Int32(index))
            guard cell.claimed.pointee.load(ordering: .relaxed) == 0,
                cell.claimed.pointee.exchange(1, ordering: .acquiring) == 0
            else { continue }
            let error = machine_set_thread_slot(Int32(index + 1)) { slot in
                ReaderEpochs.Cell(slot - 1).claimed.pointee.store(0, ordering: .releasing)
            }
            guard error == 0 else {
                cell.claimed.pointee.store(0, ordering: .releasing)
                return 0
            }
            // Before the thread's first read, so that a writer who misses the cell misses a reader
            // that finds only what is new.
            cellsUsed.max(index + 1, ordering: .sequentiallyConsistent)
            return Int32(index + 1)
        }
        return 0
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
        // Readers without a cell say nothing of their epoch: nothing is free while there are any.
        guard readersWithoutCell.load(ordering: .sequentiallyConsistent) == 0 else { return 0 }
        var first = next
        for index in 0..<cellsUsed.load(ordering: .sequentiallyConsistent) {
            let pinned = Cell(Int32(index)).pinned.pointee.load(ordering: .sequentiallyConsistent)
            if pinned != 0 { first = min(first, pinned) }
        }
        return first
    }

    /// Returns when every read that was under way has ended. What was unlinked before the call is
    /// free then.
    ///
    /// - Parameter pause: called between looks.
    static func synchronize(pause: () -> Void) {
        let slot = machine_get_thread_slot()
        precondition(
            slot == 0 || Cell(slot - 1).depth.pointee == 0, "a read must not write")
        let last = current
        while advance() <= last { pause() }
    }
}
