import CMicroHTTPD
import Glibc
import Synchronization

/// What all workers of a server read. Immutable but for the two flags of stopping.
final class ServerShared: Sendable {
    let handler: HTTPServer.Handler
    let refusalResponse: @Sendable (Refusal) -> Response
    let onCompleted: HTTPServer.CompletionHook
    let errorLog: HTTPServer.ErrorLog
    let maxBodyBytes: Int

    /// Answers close their connections from now on.
    private let draining = Atomic<Bool>(false)
    /// Requests that have not begun are not begun any more.
    private let sealed = Atomic<Bool>(false)

    init(
        handler: @escaping HTTPServer.Handler,
        refusalResponse: @escaping @Sendable (Refusal) -> Response,
        onCompleted: @escaping HTTPServer.CompletionHook,
        errorLog: @escaping HTTPServer.ErrorLog,
        maxBodyBytes: Int
    ) {
        self.handler = handler
        self.refusalResponse = refusalResponse
        self.onCompleted = onCompleted
        self.errorLog = errorLog
        self.maxBodyBytes = maxBodyBytes
    }

    var isDraining: Bool { draining.load(ordering: .relaxed) }
    var isSealed: Bool { sealed.load(ordering: .sequentiallyConsistent) }

    func drain() { draining.store(true, ordering: .relaxed) }
    func seal() { sealed.store(true, ordering: .sequentiallyConsistent) }
}

final class Worker: Sendable {
    let index: Int
    let shared: ServerShared

    init(index: Int, shared: ServerShared) {
        self.index = index
        self.shared = shared
    }

    var counters: HTTPServer.WorkerCounters { HTTPServer.WorkerCounters() }
}
