internal import Synchronization

/// A few threads for what somebody waits for and no worker may wait for, such as a page of events
/// that has to be read from the disk.
///
/// Bounded twice: so many threads, and so many tasks that wait for one. The threads begin with the
/// first task.
public final class TaskPool: Sendable {
    public typealias Task = @Sendable () -> Void

    private struct Queue: Sendable {
        var waiting: [Task] = []
        var isStopping = false
    }

    private let threadCount: Int
    private let waitingMax: Int
    private let queue = Monitor(Queue())
    private let threads = Mutex<[OSThread]>([])

    /// - Parameter waitingMax: tasks beyond it are refused.
    public init(threads: Int, waitingMax: Int) {
        precondition(threads > 0 && waitingMax > 0, "a pool has threads, and room for a task")
        threadCount = threads
        self.waitingMax = waitingMax
    }

    deinit {
        stop()
    }

    /// Queues a task. It runs once, on one of the threads, and must not wait for another.
    ///
    /// - Returns: false when too many wait already, or the pool has stopped; then it never runs.
    public func submit(_ task: @escaping Task) -> Bool {
        let isTaken = queue.withLock { queue in
            guard !queue.isStopping, queue.waiting.count < waitingMax else { return false }
            queue.waiting.append(task)
            return true
        }
        if isTaken { startThreads() }
        return isTaken
    }

    private func startThreads() {
        threads.withLock { threads in
            guard threads.isEmpty else { return }
            // They know the queue and not the pool, whose end ends them.
            threads = (0..<threadCount).map { _ in
                OSThread { [queue] in
                    while let task = Self.next(queue) { task() }
                }
            }
        }
    }

    /// nil when the pool stops and nothing waits any more.
    private static func next(_ queue: Monitor<Queue>) -> Task? {
        let next: Task?? = queue.wait(timeoutMs: nil) { queue in
            if !queue.waiting.isEmpty { return .some(queue.waiting.removeFirst()) }
            return queue.isStopping ? .some(nil) : nil
        }
        return next ?? nil
    }

    /// Takes no more tasks, lets those that wait run, and ends the threads. Not to be called by a
    /// task.
    public func stop() {
        queue.withLock { $0.isStopping = true }
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in threads { thread.join() }
    }
}
