import CardService
import Testing

@testable import CardAPI

/// Fills a pool of tasks, so that it takes no more, until it is opened or forgotten.
final class BusyTasks {
    private let gate = Gate()

    init(_ pool: TaskPool) throws {
        // Those that run first make room for others in the queue.
        let isFull: Bool? = try wait { [gate] in
            pool.submit { gate.pass() } ? nil : gate.entered == 2 ? true : nil
        }
        try #require(isFull == true)
    }

    func open() { gate.open() }

    deinit { gate.open() }

    private final class Gate: Sendable {
        private let state = Monitor((isOpen: false, entered: 0))

        var entered: Int { state.withLock { $0.entered } }

        func open() { state.withLock { $0.isOpen = true } }

        func pass() {
            state.withLock { $0.entered += 1 }
            let isOpen: Bool? = state.wait(timeoutMs: 30_000) { $0.isOpen ? true : nil }
            #expect(isOpen == true)
        }
    }
}
