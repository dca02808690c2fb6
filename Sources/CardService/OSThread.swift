internal import Glibc

/// An operating-system thread that runs one closure and can be joined.
///
/// LMDB ties a write transaction to the thread that began it, which a task, moved between the
/// threads of a pool, cannot promise.
final class OSThread: Sendable {
    private let handle: pthread_t

    init(_ body: @escaping @Sendable () -> Void) {
        let context = Unmanaged.passRetained(Start(body: body))
        var handle = pthread_t()
        // The thread takes the context over: it releases what was retained above.
        let code = pthread_create(&handle, nil, threadMain, context.toOpaque())
        precondition(code == 0, "pthread_create failed with \(code): no thread to work on")
        self.handle = handle
    }

    /// Waits for the closure's end. Must be called once.
    func join() {
        let code = pthread_join(handle, nil)
        precondition(code == 0, "pthread_join failed with \(code)")
    }

    fileprivate final class Start: Sendable {
        let body: @Sendable () -> Void

        init(body: @escaping @Sendable () -> Void) {
            self.body = body
        }
    }
}

private nonisolated func threadMain(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer?
{
    guard let context else { preconditionFailure("a thread starts with its context") }
    let start = Unmanaged<OSThread.Start>.fromOpaque(context).takeRetainedValue()
    start.body()
    return nil
}
