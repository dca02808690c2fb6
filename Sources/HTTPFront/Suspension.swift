import CMicroHTTPD
import Synchronization

// A connection whose request waits for something slow is suspended: libmicrohttpd takes it out of
// its event loop, and the worker serves the others. The rules of MHD_suspend_connection:
//
//   "The only safe way to call this function is to call it from the MHD_AccessHandlerCallback":
//   only `Worker` suspends, on its own thread, in a handler call.
//
//   "Suspended connections will NOT time out": each suspension has a deadline of its own.
//
//   "MHD will not detect disconnects by the client": what was waited for is done all the same, and
//   the answer finds nobody. A number that may be suspended at a time bounds what that can cost.
//
//   "It is an API violation to call MHD_stop_daemon while having suspended connections": the stop
//   ends all suspensions first, and waits until no thread is about to resume one.
//
// Whoever ends a suspension claims it first; so there is one who does. Until it is claimed nothing
// else frees the connection, for libmicrohttpd closes no suspended one.

/// One connection, from the moment it is suspended until it is resumed.
///
/// `@unchecked Sendable`: `reply` and `refusal` belong to the thread that has claimed the
/// suspension until `phase` is `resumed`, then to the connection's worker. `place` is the
/// registry's, under its lock. The rest is constant or atomic.
final class Suspension: @unchecked Sendable {
    private enum Phase: UInt8, AtomicRepresentable {
        case waiting, claimed, resumed
    }

    /// Nil in tests of handlers without a socket.
    private let connection: OpaquePointer?
    private let registry: Suspensions
    fileprivate let isCounted: Bool
    let deadlineNanos: UInt64
    private let phase = Atomic(Phase.waiting)

    /// What is answered, when `refusal` is nil.
    private var reply = Reply()
    /// Why the server ends it itself.
    private var refusal: Refusal?
    fileprivate var place = 0

    private init(
        connection: OpaquePointer?, registry: Suspensions, isCounted: Bool, deadlineNanos: UInt64
    ) {
        self.connection = connection
        self.registry = registry
        self.isCounted = isCounted
        self.deadlineNanos = deadlineNanos
    }

    /// Suspends the connection, on its worker, in a handler call.
    ///
    /// - Parameter isCounted: whether there is a limit for it; streamed bodies have their own.
    /// - Returns: nil when there are as many as there may be, or the server stops.
    static func begin(
        _ state: UnsafeMutablePointer<Connection>, timeoutMs: Int, isCounted: Bool
    ) -> Suspension? {
        precondition(state.pointee.suspension == nil, "a connection is suspended once at a time")
        let registry = state.pointee.suspensions
        guard registry.reserve(isCounted: isCounted) else { return nil }
        let handle = state.pointee.handle
        let suspension = Suspension(
            connection: handle, registry: registry, isCounted: isCounted,
            deadlineNanos: monotonicNanos() + UInt64(timeoutMs) * 1_000_000)
        suspension.reply.isPlain = state.pointee.reply.isPlain
        state.pointee.suspension = suspension
        // Before anybody else knows of it: it is resumed only after it was suspended.
        if let handle { MHD_suspend_connection(handle) }
        registry.add(suspension)
        return suspension
    }

    var isWaiting: Bool { phase.load(ordering: .relaxed) == .waiting }

    /// Whether the worker may go on. What was written before is seen.
    var isResumed: Bool { phase.load(ordering: .acquiring) == .resumed }

    /// Ends it with a reply.
    ///
    /// - Returns: false when somebody else has ended it; then `write` does not run.
    func answer(_ write: (inout Reply) -> Void) -> Bool {
        guard claim() else { return false }
        write(&reply)
        resume()
        return true
    }

    /// Ends it without one, because there is no time left or no hope.
    func end(_ refusal: Refusal) {
        guard claim() else { return }
        self.refusal = refusal
        resume()
    }

    /// Ends it: the body may go on.
    func proceed() {
        if claim() { resume() }
    }

    private func claim() -> Bool {
        phase.compareExchange(
            expected: .waiting, desired: .claimed, ordering: .acquiringAndReleasing
        ).exchanged
    }

    private func resume() {
        phase.store(.resumed, ordering: .releasing)
        // From here on the connection may be gone at any time.
        if let connection { MHD_resume_connection(connection) }
        registry.remove(self)
    }

    /// On the worker, when it is resumed: why the server ended it, or nil after the reply has been
    /// moved out. The tag stays that of the route.
    func takeReply(into target: inout Reply) -> Refusal? {
        precondition(isResumed, "a suspended connection gets no calls")
        if let refusal { return refusal }
        let (tag, plain) = (target.routeTag, target.isPlain)
        swap(&target, &reply)
        target.routeTag = tag
        target.isPlain = target.isPlain || plain
        return nil
    }

    /// On the worker, when it is resumed within a body: why the server ended it.
    var ending: Refusal? {
        precondition(isResumed, "a suspended connection gets no calls")
        return refusal
    }
}

/// A server's suspended connections: at most so many, none beyond its deadline, and none any more
/// when the server stops.
final class Suspensions: Sendable {
    private struct State {
        var all: [Suspension] = []
        /// Also those that are about to be added, and those that are being resumed.
        var count = 0
        /// Those among them that have a limit.
        var counted = 0
        /// No deadline is earlier; it may be that of one that has ended.
        var nextDeadline = UInt64.max
        var isClosed = false
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        self.limit = limit
    }

    /// Those that have not been resumed.
    var count: Int { state.withLock { $0.count } }

    /// Takes a place for one more; false when there is none, or the server stops.
    fileprivate func reserve(isCounted: Bool) -> Bool {
        state.withLock { state in
            if state.isClosed || (isCounted && state.counted >= limit) { return false }
            state.count += 1
            if isCounted { state.counted += 1 }
            return true
        }
    }

    /// Adds one whose place is reserved and whose connection is suspended. When the server has
    /// stopped in between it is ended at once.
    fileprivate func add(_ suspension: Suspension) {
        let isClosed = state.withLock { state in
            suspension.place = state.all.count
            state.all.append(suspension)
            state.nextDeadline = min(state.nextDeadline, suspension.deadlineNanos)
            return state.isClosed
        }
        if isClosed { suspension.end(.stopping) }
    }

    fileprivate func remove(_ suspension: Suspension) {
        state.withLock { state in
            let last = state.all.removeLast()
            if last !== suspension {
                state.all[suspension.place] = last
                last.place = suspension.place
            }
            state.count -= 1
            if suspension.isCounted { state.counted -= 1 }
        }
    }

    /// Ends those whose time is over.
    func endOverdue(nowNanos: UInt64) {
        let overdue: [Suspension] = state.withLock { state in
            guard state.nextDeadline <= nowNanos else { return [] }
            state.nextDeadline =
                state.all.lazy.map(\.deadlineNanos).filter { $0 > nowNanos }.min() ?? .max
            return state.all.filter { $0.deadlineNanos <= nowNanos }
        }
        for suspension in overdue { suspension.end(.overdue) }
    }

    /// Ends all, and those that are still to come.
    func close() {
        let all = state.withLock { state in
            state.isClosed = true
            return state.all
        }
        for suspension in all { suspension.end(.stopping) }
    }
}
