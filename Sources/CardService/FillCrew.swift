internal import Glibc
internal import Synchronization

/// Threads that fill an index together: the one that asks, and others of its priority.
final class FillCrew: Sendable {
    /// Two for each processor: while one waits for the disk, another works.
    static let threadsMax = min(max(2 * sysconf(CInt(_SC_NPROCESSORS_ONLN)), 1), 64)

    private let threads: Int
    private let failure = Mutex<(any Error)?>(nil)
    private let hasFailed = Atomic<Bool>(false)

    init(threads: Int) {
        self.threads = threads
    }

    /// Runs `body` once on each thread, with its number, and waits for all of them.
    ///
    /// - Throws: the first error that any of them met.
    func run(_ body: @escaping @Sendable (Int) throws -> Void) throws {
        let others = (1..<max(threads, 1)).map { number in
            OSThread { [self] in attempt(number, body) }
        }
        attempt(0, body)
        for thread in others { thread.join() }
        if let failure = failure.withLock({ $0 }) { throw failure }
    }

    private func attempt(_ number: Int, _ body: (Int) throws -> Void) {
        do {
            try body(number)
        } catch {
            failure.withLock { $0 = $0 ?? error }
            hasFailed.store(true, ordering: .relaxed)
        }
    }

    /// Another thread's work is in vain when one has failed.
    ///
    /// - Throws: ``Abandoned`` when one has.
    func check() throws {
        if hasFailed.load(ordering: .relaxed) { throw Abandoned() }
    }

    private struct Abandoned: Error {}
}
