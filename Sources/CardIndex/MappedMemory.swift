internal import Glibc

/// Zeroed anonymous memory straight from the system: it costs address space until it is touched, and
/// goes back whole.
///
/// `@unchecked Sendable`: an address and a size. Who uses the memory when is its owner's business.
struct MappedMemory: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
    let byteCount: Int

    /// Memory of whose pages most may never be touched, which is why no swap is set aside for it.
    init(reserving byteCount: Int) throws(CardIndexError) {
        let result = mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1, 0)
        // MAP_FAILED is a macro that Swift does not import: the address -1.
        guard let result, result != UnsafeMutableRawPointer(bitPattern: -1) else {
            throw .noMemory(byteCount: byteCount, errno: errno)
        }
        start = result
        self.byteCount = byteCount
    }

    /// Asks for pages of 2 MiB from a place on: a random look-up then seldom misses the processor's
    /// table of pages. A hint that the system may ignore.
    func preferHugePages(from offset: Int) {
        guard byteCount - offset >= MappedMemory.hugePageBytes else { return }
        // Fails only where the kernel has no huge pages, and then nothing is lost.
        _ = madvise(start + offset, byteCount - offset, MADV_HUGEPAGE)
    }

    static let hugePageBytes = 2 << 20

    func release() {
        let result = munmap(start, byteCount)
        precondition(result == 0, "a mapping of ours can be unmapped")
    }

    /// How the writer waits for readers: they are done within microseconds, unless their thread has
    /// lost its processor.
    static func pause() {
        usleep(50)
    }
}
