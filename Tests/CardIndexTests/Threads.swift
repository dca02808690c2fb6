import Foundation
import Testing

// What threads of a test share. All of it stands upon pthread's locks, which ThreadSanitizer knows.

/// Runs `body` on threads of its own, and waits for all of them.
func runThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
    let done = Signal()
    for worker in 0..<count {
        Thread.detachNewThread {
            body(worker)
            done.send()
        }
    }
    done.wait(for: count)
}

/// A counting semaphore.
///
/// `@unchecked Sendable`: the count is under the condition's lock.
final class Signal: @unchecked Sendable {
    private let condition = NSCondition()
    private var count = 0

    func send(_ number: Int = 1) {
        condition.withLock {
            count += number
            condition.broadcast()
        }
    }

    func wait(for number: Int = 1) {
        condition.withLock {
            while count < number { condition.wait() }
            count -= number
        }
    }
}

/// What threads found wrong, each thing once.
///
/// `@unchecked Sendable`: the set is under the lock.
final class Findings: @unchecked Sendable {
    private let lock = NSLock()
    private var found: Set<String> = []

    func add(_ what: String) {
        lock.withLock { _ = found.insert(what) }
    }

    var all: [String] { lock.withLock { found.sorted() } }
}
