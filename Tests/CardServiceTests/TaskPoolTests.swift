import Synchronization
import Testing

@testable import CardService

struct TaskPoolTests {
    /// Every task that is taken runs once, also those that wait when the pool stops.
    @Test func submit_runsEachTaskOnce() {
        let counts = Counts()
        let pool = TaskPool(threads: 3, waitingMax: 200)
        for index in 0..<200 {
            #expect(pool.submit { counts.add(index) })
        }
        pool.stop()
        #expect(counts.all.count == 200 && counts.all.values.allSatisfy { $0 == 1 })
        #expect(!pool.submit { Issue.record("it has stopped") })
        pool.stop()
    }

    /// Beyond its bound the pool refuses, and takes tasks again when there is room.
    @Test func submit_isRefused_whenTooManyWait() {
        let pool = TaskPool(threads: 2, waitingMax: 3)
        let gate = Monitor((isOpen: false, entered: 0))
        let block: TaskPool.Task = {
            gate.withLock { $0.entered += 1 }
            let isOpen: Bool? = gate.wait(timeoutMs: 20_000) { $0.isOpen ? true : nil }
            #expect(isOpen == true)
        }
        #expect(pool.submit(block))
        #expect(pool.submit(block))
        let areBusy: Bool? = gate.wait(timeoutMs: 20_000) { $0.entered == 2 ? true : nil }
        #expect(areBusy == true)
        let counts = Counts()
        for index in 0..<3 { #expect(pool.submit { counts.add(index) }) }
        #expect(!pool.submit { Issue.record("it was refused") })
        gate.withLock { $0.isOpen = true }
        let areDone: Bool? = counts.wait { $0.count == 3 ? true : nil }
        #expect(areDone == true)
        #expect(pool.submit { counts.add(3) })
        pool.stop()
        #expect(counts.all.count == 4)
    }

    /// A pool that nobody has any more ends its threads, and what waits runs before.
    @Test func deinit_endsTheThreads() {
        let counts = Counts()
        do {
            let pool = TaskPool(threads: 2, waitingMax: 50)
            for index in 0..<50 { #expect(pool.submit { counts.add(index) }) }
        }
        #expect(counts.all.count == 50)
    }

    private final class Counts: Sendable {
        private let counts = Monitor<[Int: Int]>([:])

        func add(_ index: Int) { counts.withLock { $0[index, default: 0] += 1 } }

        var all: [Int: Int] { counts.withLock { $0 } }

        func wait<R>(_ body: @escaping ([Int: Int]) -> R?) -> R? {
            counts.wait(timeoutMs: 20_000) { body($0) }
        }
    }
}
