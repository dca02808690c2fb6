/// A thread that waits for its work: made before its owner lowers its own priority, since a thread
/// starts with that of who starts it, and may not raise it.
package final class ReservedThread: Sendable {
    private enum Work: Sendable {
        case awaited
        case given(@Sendable () -> Void)
        case none
    }

    private let work: Monitor<Work>
    private let thread: OSThread

    package init(priority: OSThread.Priority) {
        let work = Monitor(Work.awaited)
        self.work = work
        thread = OSThread(priority: priority) {
            let body: (@Sendable () -> Void)?? = work.wait(timeoutMs: nil) { work in
                switch work {
                case .awaited: nil
                case .given(let body): .some(body)
                case .none: .some(nil)
                }
            }
            if let body = body ?? nil { body() }
        }
    }

    /// Gives the thread its work. Must be called once at most.
    package func run(_ body: @escaping @Sendable () -> Void) {
        work.withLock { work in
            guard case .awaited = work else { preconditionFailure("a thread works once") }
            work = .given(body)
        }
    }

    /// Waits for the end of its work, or lets it end without any. Must be called once.
    package func join() {
        work.withLock { work in
            if case .awaited = work { work = .none }
        }
        thread.join()
    }
}
