internal import CMachine

/// Zeroed anonymous memory straight from the system: it costs address space until it is touched,
/// and goes back whole.
///
/// `@unchecked Sendable`: an address and a size. Who uses the memory when is its owner's business.
struct MappedMemory: @unchecked Sendable {
    let start: UnsafeMutableRawPointer
    let byteCount: Int

    init(byteCount: Int) throws(CardIndexError) {
        var code: Int32 = 0
        guard let start = machine_map(byteCount, &code) else {
            throw .noMemory(byteCount: byteCount, errno: code)
        }
        self.start = start
        self.byteCount = byteCount
    }

    /// Asks for pages of 2 MiB from a place on: a random look-up then seldom misses the processor's
    /// table of pages.
    func preferHugePages(from offset: Int) {
        guard byteCount - offset >= 2 << 20 else { return }
        machine_prefer_huge_pages(start + offset, byteCount - offset)
    }

    func release() {
        let code = machine_unmap(start, byteCount)
        precondition(code == 0, "a mapping of ours can be unmapped")
    }

    /// How the writer waits for readers: they are done within microseconds, unless their thread has
    /// lost its processor.
    static func pause() {
        machine_sleep_micros(50)
    }
}
