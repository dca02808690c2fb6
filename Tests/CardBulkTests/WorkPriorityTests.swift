import CardService
import CardStore
import CardTesting
import Synchronization
import Testing

@testable import CardBulk

struct WorkPriorityTests {
    /// Runs `settle` on a thread of its own, since there is no way back.
    private func isIdle(_ setting: WorkPriority.Setting, in directory: String) -> Bool {
        let result = Mutex(false)
        let thread = OSThread {
            let priority = WorkPriority(setting)
            priority.settle(in: directory)
            priority.settle(in: directory)
            priority.end()
            let isIdle = priority.isIdle
            result.withLock { $0 = isIdle }
        }
        thread.join()
        return result.withLock { $0 }
    }

    /// Beside a server a load is idle unless it is told otherwise, and alone only when it is told.
    @Test func settle_lowersBesideAServer_orWhenToldTo() throws {
        let scratch = try ScratchDirectory()
        for (setting, alone) in [
            (WorkPriority.Setting.auto, false), (.idle, true), (.normal, false),
        ] {
            #expect(isIdle(setting, in: scratch.path) == alone)
        }
        let lock = try ServerLock(directory: scratch.path)
        for (setting, beside) in [
            (WorkPriority.Setting.auto, true), (.idle, true), (.normal, false),
        ] {
            #expect(isIdle(setting, in: scratch.path) == beside)
        }
        withExtendedLifetime(lock) {}
    }
}
