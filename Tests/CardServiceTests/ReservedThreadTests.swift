import Glibc
import Synchronization
import Testing

@testable import CardService

struct ReservedThreadTests {
    /// It keeps the priority of its beginning whatever becomes of who made it, and works once.
    @Test func thread_keepsItsPriority_whenItsOwnerIsLowered() {
        let isIdle = Mutex<[Bool]>([])
        let owner = OSThread {
            let thread = ReservedThread(priority: .low)
            OSThread.lower(to: .idle)
            thread.run { isIdle.withLock { $0.append(OSThread.isIdle) } }
            thread.join()
            isIdle.withLock { $0.append(OSThread.isIdle) }
            let heir = OSThread { isIdle.withLock { $0.append(OSThread.isIdle) } }
            heir.join()
        }
        owner.join()
        #expect(isIdle.withLock { $0 } == [false, true, true])
    }

    /// One that is never given work ends when it is joined.
    @Test func join_ends_whenThereWasNoWork() {
        ReservedThread(priority: .normal).join()
    }
}
