/// An answer that is given later, from any thread, while the worker serves others.
///
/// It is answered exactly once: by ``answer(_:)``, or by the server, when the deadline passes
/// (503), when the server stops (503), or when nobody holds it any more (500).
///
/// A client that goes away meanwhile is not noticed; what it asked for is done, and the answer is
/// thrown away. One that ends its own side of the connection before the answer gets none.
public final class DeferredReply: Sendable {
    private let suspension: Suspension

    /// Which worker has the connection, for replies that each worker has of its own.
    public let worker: Int

    init(_ suspension: Suspension, worker: Int) {
        self.suspension = suspension
        self.worker = worker
    }

    deinit {
        suspension.end(.unanswered)
    }

    /// Whether nobody has answered yet. What is true may be so no longer; what is false stays so.
    public var isWaiting: Bool { suspension.isWaiting }

    /// Answers. The route's tag is the one that the handler set; nothing else of its reply counts.
    ///
    /// - Returns: false, without calling `write`, when it has been answered.
    @discardableResult
    public func answer(_ write: (inout Reply) -> Void) -> Bool {
        suspension.answer(write)
    }
}

extension Request {
    /// Lets the handler return without an answer, to be given later.
    ///
    /// Nothing of the request is there any more when the handler has returned: what is needed later
    /// must be copied, or taken with ``takeBody()``.
    ///
    /// - Parameter timeoutMs: after which the server answers 503 by itself.
    /// - Returns: nil when the server has as many suspended connections as it may, or stops. Then
    ///   the handler answers at once.
    public func deferReply(timeoutMs: Int) -> DeferredReply? {
        precondition(timeoutMs > 0, "an answer that is given later needs some time")
        guard
            let suspension = Suspension.begin(
                connection, timeoutMs: timeoutMs, isCounted: true)
        else { return nil }
        connection.pointee.phase = .deferred
        return DeferredReply(suspension, worker: worker)
    }

    /// The whole body, moved out: `body` is empty from then on.
    public func takeBody() -> ByteBuffer {
        var body = ByteBuffer()
        swap(&body, &connection.pointee.body)
        return body
    }
}
