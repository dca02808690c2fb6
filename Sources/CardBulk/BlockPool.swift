internal import CardService
internal import Glibc
internal import Synchronization

/// Memory in blocks of one size, for records on their way, and a file without a name for those that
/// there is no memory for.
///
/// `@unchecked Sendable`: the lists are locked; a block belongs to whoever took it.
final class BlockPool: @unchecked Sendable {
    static let blockBytes = 1 << 14
    /// A huge page.
    private static let slabBytes = 2 << 20
    /// Linux's MADV_HUGEPAGE.
    private static let adviseHugePages: CInt = 14

    private struct State {
        var free: [UnsafeMutableRawPointer] = []
        var taken = 0
        /// What the blocks are cut from.
        var slabs: [UnsafeMutableRawPointer] = []
    }

    private let limitBlocks: Int
    private let directory: String
    private let state: Monitor<State>
    private let spill: Mutex<CInt>
    private let spilledBlocks = Atomic<Int>(0)

    /// - Parameters:
    ///   - limitBytes: from which on ``isFull`` is so.
    ///   - directory: where the file lies when it is needed.
    init(limitBytes: Int, directory: String) {
        limitBlocks = max(limitBytes / Self.blockBytes, 1)
        self.directory = directory
        state = Monitor(State())
        spill = Mutex(-1)
    }

    deinit {
        state.withLock { for slab in $0.slabs { slab.deallocate() } }
        spill.withLock { if $0 >= 0 { close($0) } }
    }

    /// Whether as much memory is in use as should be.
    var isFull: Bool { state.withLock { $0.taken >= limitBlocks } }

    /// Bytes that went to the file.
    var spilledBytes: Int { spilledBlocks.load(ordering: .relaxed) * Self.blockBytes }

    func take() -> UnsafeMutableRawPointer {
        state.withLock { state in
            state.taken += 1
            if let block = state.free.popLast() { return block }
            let slab = UnsafeMutableRawPointer.allocate(
                byteCount: Self.slabBytes, alignment: Self.slabBytes)
            // Records are read in no order that their pages have; where there are no huge pages,
            // that is only slower.
            madvise(slab, Self.slabBytes, Self.adviseHugePages)
            state.slabs.append(slab)
            for offset in stride(
                from: Self.slabBytes - Self.blockBytes, to: 0, by: -Self.blockBytes)
            {
                state.free.append(slab + offset)
            }
            return slab
        }
    }

    func giveBack(_ block: UnsafeMutableRawPointer) {
        state.withLock { state in
            state.taken -= 1
            state.free.append(block)
        }
    }

    /// Writes a block to the file, gives it back, and says where it lies now.
    func writeOut(_ block: UnsafeMutableRawPointer) throws(BulkError) -> Int {
        let descriptor = try file()
        let place = spilledBlocks.add(1, ordering: .relaxed).oldValue * Self.blockBytes
        var done = 0
        while done < Self.blockBytes {
            let count = pwrite(
                descriptor, block + done, Self.blockBytes - done, off_t(place + done))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw .spill(directory: directory, code: errno) }
            done += count
        }
        giveBack(block)
        return place
    }

    func readBack(_ place: Int, into block: UnsafeMutableRawPointer) throws(BulkError) {
        let descriptor = spill.withLock { $0 }
        var done = 0
        while done < Self.blockBytes {
            let count = pread(
                descriptor, block + done, Self.blockBytes - done, off_t(place + done))
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw .spill(directory: directory, code: count < 0 ? errno : EIO)
            }
            done += count
        }
    }

    private func file() throws(BulkError) -> CInt {
        let (descriptor, code): (CInt, CInt) = spill.withLock { descriptor in
            if descriptor >= 0 { return (descriptor, 0) }
            let path = "\(directory)/spill.\(getpid())"
            // One of that name was left by a process that was killed right here.
            unlink(path)
            descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { return (-1, errno) }
            // Without a name it is gone when the process is, however that ends.
            return unlink(path) == 0 ? (descriptor, 0) : (-1, errno)
        }
        guard descriptor >= 0 else { throw .spill(directory: directory, code: code) }
        return descriptor
    }
}
