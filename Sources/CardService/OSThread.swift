internal import Glibc

/// An operating-system thread that runs one closure and can be joined.
///
/// LMDB ties a write transaction to the thread that began it, which a task, moved between the
/// threads of a pool, cannot promise.
package final class OSThread: Sendable {
    /// Who goes first when there are more threads than processors.
    package enum Priority: Sendable {
        case normal
        /// A tenth of what a normal thread gets while both want the processor (nice 10, sched(7)):
        /// for work next to look-ups that somebody waits for, such as a transaction.
        case low
        /// Only when nothing else wants the processor (SCHED_IDLE, sched(7)): next to look-ups it
        /// takes what they leave, and on a machine without anything else to do it loses nothing.
        case idle
    }

    private let handle: pthread_t

    package init(
        priority: Priority = .normal, _ body: @escaping @Sendable () -> Void
    ) {
        let context = Unmanaged.passRetained(Start(priority: priority, body: body))
        var handle = pthread_t()
        // The thread takes the context over: it releases what was retained above.
        let code = pthread_create(&handle, nil, threadMain, context.toOpaque())
        // A limit of the system, which whoever set it should read about in any build.
        guard code == 0 else {
            fatalError("the system gives no thread to work on: \(String(cString: strerror(code)))")
        }
        self.handle = handle
    }

    /// Waits for the closure's end. Must be called once.
    package func join() {
        let code = pthread_join(handle, nil)
        precondition(code == 0, "pthread_join failed with \(code)")
    }

    /// Whether the calling thread runs at idle priority.
    static var isIdle: Bool { sched_getscheduler(0) == schedIdle }

    /// Lowers the calling thread, and those that it starts from now on. There is no way back: who
    /// has no privileges may not raise a thread.
    ///
    /// Everybody may do this, so it fails only where a sandbox keeps programs from it; then the
    /// work is done all the same, at the expense of look-ups.
    package static func lower(to priority: Priority) {
        switch priority {
        case .normal: break
        case .low:
            // For the kernel a process is a thread here (setpriority(2)), and 0 the calling one.
            _ = setpriority(CInt(PRIO_PROCESS.rawValue), 0, lowNice)
        case .idle:
            var parameters = sched_param()
            parameters.sched_priority = 0
            _ = sched_setscheduler(0, schedIdle, &parameters)
        }
    }

    fileprivate final class Start: Sendable {
        let priority: Priority
        let body: @Sendable () -> Void

        init(priority: Priority, body: @escaping @Sendable () -> Void) {
            self.priority = priority
            self.body = body
        }
    }
}

/// `SCHED_IDLE` of Linux's `sched.h`, which the C library shows only to those who define
/// `_GNU_SOURCE`. Part of the kernel's interface, so it does not change.
private let schedIdle: CInt = 5

private let lowNice: CInt = 10

private nonisolated func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
{
    guard let context else { preconditionFailure("a thread starts with its context") }
    let start = Unmanaged<OSThread.Start>.fromOpaque(context).takeRetainedValue()
    OSThread.lower(to: start.priority)
    start.body()
    return nil
}
