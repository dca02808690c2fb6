internal import Glibc

/// A value that several threads share, with a way to wait until it is as one of them needs it.
///
/// `@unchecked Sendable`: the value is only touched with the mutex held. The mutex and the
/// condition live at fixed addresses until `deinit`.
package final class Monitor<Value>: @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var value: Value

    package init(_ value: sending Value) {
        self.value = value
        var attributes = pthread_condattr_t()
        require(pthread_condattr_init(&attributes))
        // Waits must not stretch or shrink when somebody sets the clock.
        require(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC))
        require(pthread_cond_init(condition, &attributes))
        require(pthread_condattr_destroy(&attributes))
        require(pthread_mutex_init(mutex, nil))
    }

    deinit {
        require(pthread_cond_destroy(condition))
        require(pthread_mutex_destroy(mutex))
        condition.deallocate()
        mutex.deallocate()
    }

    /// Changes the value and wakes all who wait for it.
    package func withLock<R: ~Copyable>(_ body: (inout Value) throws -> R) rethrows -> R {
        require(pthread_mutex_lock(mutex))
        defer {
            require(pthread_cond_broadcast(condition))
            require(pthread_mutex_unlock(mutex))
        }
        return try body(&value)
    }

    /// Waits until `body` gives a result, but no longer than `timeoutMs`.
    package func wait<R>(timeoutMs: Int?, for body: (inout Value) -> R?) -> R? {
        require(pthread_mutex_lock(mutex))
        defer { require(pthread_mutex_unlock(mutex)) }
        let deadline = timeoutMs.map(Self.deadline(afterMs:))
        while true {
            if let result = body(&value) { return result }
            if var deadline {
                let code = pthread_cond_timedwait(condition, mutex, &deadline)
                if code == ETIMEDOUT { return body(&value) }
                require(code)
            } else {
                require(pthread_cond_wait(condition, mutex))
            }
        }
    }

    private static func deadline(afterMs timeoutMs: Int) -> timespec {
        var time = timespec()
        require(clock_gettime(CLOCK_MONOTONIC, &time))
        let nanos = time.tv_nsec + (timeoutMs % 1_000) * 1_000_000
        time.tv_sec += timeoutMs / 1_000 + nanos / 1_000_000_000
        time.tv_nsec = nanos % 1_000_000_000
        return time
    }
}

/// These calls fail only when they are used wrongly.
private func require(_ code: CInt) {
    precondition(code == 0, "a call of the threads library failed with \(code)")
}
