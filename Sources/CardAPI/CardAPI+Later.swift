internal import CardService
internal import HTTPFront

/// Answers that would keep a worker from its other clients for longer than a few milliseconds: they
/// are made on the threads of a pool.
extension CardAPI {
    /// Two, so that one slow page does not hold up all others, and look-ups keep most of the
    /// processors. What waits beyond the queue's length is refused: it would be answered too late.
    static func makeTasks() -> TaskPool { TaskPool(threads: 2, waitingMax: 64) }

    /// From the request to the answer, the wait in the queue included.
    private static let laterTimeoutMs = 10_000

    /// Lets `write` say the answer on a thread of the pool, packed when the client accepts that. It
    /// may throw, as an answer on a worker may.
    func answerLater(
        _ route: Route, noting note: AuditNote?, _ request: borrowing Request,
        _ reply: inout Reply,
        _ write: @escaping @Sendable (inout Reply) throws -> Void
    ) {
        guard let later = request.deferReply(timeoutMs: Self.laterTimeoutMs) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        let prefersGzip = AcceptEncoding(request).prefersGzip
        // Not `self`: its last reference must not go on a thread that its end waits for.
        let isTaken = tasks.submit { [onProblem, packer] in
            // Who waits no more needs no answer.
            guard later.isWaiting else { return }
            later.answer(noting: note) { reply in
                do {
                    try write(&reply)
                } catch {
                    onProblem(route, error)
                    Problem.failed.write(to: &reply)
                }
                packer.pack(&reply, prefersGzip: prefersGzip)
            }
        }
        if !isTaken { later.answer { $0.use(prepared.busy, worker: later.worker) } }
    }

    /// Packs a long body for a client that accepts it: at once, or on a thread of the pool when
    /// there is much of it. All that is long here is text.
    func pack(_ reply: inout Reply, for request: borrowing Request) {
        guard reply.body.count >= BodyPacker.byteCountMin else { return }
        let prefersGzip = AcceptEncoding(request).prefersGzip
        guard prefersGzip, reply.body.count > BodyPacker.workerByteCountMax,
            let later = request.deferReply(timeoutMs: Self.laterTimeoutMs)
        else { return packer.pack(&reply, prefersGzip: prefersGzip) }
        let answer = MovedReply()
        swap(&answer.reply, &reply)
        reply.routeTag = answer.reply.routeTag
        let task: TaskPool.Task = { [packer] in
            later.answer { reply in
                swap(&reply, &answer.reply)
                packer.pack(&reply, prefersGzip: true)
            }
        }
        // Refused, it is packed here: the client has waited, and has its answer coming.
        if !tasks.submit(task) { task() }
    }

    /// `@unchecked Sendable`: it is handed on, and nobody looks at it afterwards but whoever has
    /// it.
    private final class MovedReply: @unchecked Sendable {
        var reply = Reply()
    }
}
