import CMicroHTTPD
import Glibc
import Synchronization

/// What all workers of a server read. Immutable but for the two flags of stopping.
final class ServerShared: Sendable {
    let handler: HTTPServer.Handler
    let refuse: HTTPServer.RefusalHandler
    let onCompleted: HTTPServer.CompletionHook
    let onSlow: HTTPServer.SlowHook?
    /// Nil when no web page may read anything.
    let onOrigin: HTTPServer.OriginHook?
    let foresee: HTTPServer.Foresight?
    let errorLog: HTTPServer.ErrorLog
    let complaints: Complaints
    let plan: HTTPServer.BodyPlanner
    let suspensions: Suspensions
    let streams: StreamPlaces
    let sinkTimeoutMs: Int
    /// Nil without a limit.
    let ledger: AddressLedger?
    let trustedProxies: TrustedProxies?

    /// Answers close their connections from now on.
    private let draining = Atomic<Bool>(false)
    /// No request is begun any more.
    private let sealed = Atomic<Bool>(false)

    init(
        handler: @escaping HTTPServer.Handler,
        refuse: @escaping HTTPServer.RefusalHandler,
        onCompleted: @escaping HTTPServer.CompletionHook,
        onSlow: HTTPServer.SlowHook?,
        onOrigin: HTTPServer.OriginHook?,
        foresee: HTTPServer.Foresight?,
        errorLog: @escaping HTTPServer.ErrorLog,
        plan: @escaping HTTPServer.BodyPlanner,
        configuration: HTTPServer.Configuration
    ) {
        self.handler = handler
        self.refuse = refuse
        self.onCompleted = onCompleted
        self.onSlow = onSlow
        self.onOrigin = onOrigin
        self.foresee = foresee
        self.errorLog = errorLog
        complaints = Complaints(errorLog)
        self.plan = plan
        let limits = configuration.limits
        suspensions = Suspensions(limit: limits.suspendedConnections)
        streams = StreamPlaces(limit: limits.streamedBodies)
        sinkTimeoutMs = limits.sinkTimeoutMs
        ledger =
            limits.connectionsPerClient == 0
            ? nil : AddressLedger(limit: limits.connectionsPerClient)
        trustedProxies = configuration.trustedProxies
    }

    var isDraining: Bool { draining.load(ordering: .relaxed) }
    var isSealed: Bool { sealed.load(ordering: .sequentiallyConsistent) }

    func drain() { draining.store(true, ordering: .relaxed) }
    func seal() { sealed.store(true, ordering: .sequentiallyConsistent) }
}

/// One daemon's side of the callbacks: its counters and the way to what is shared.
///
/// libmicrohttpd holds it unretained, as the context of every callback. The server keeps it alive
/// until `MHD_stop_daemon` has returned, after which no callback comes.
final class Worker: Sendable {
    let index: Int
    let shared: ServerShared
    let deadlines: Deadlines
    let patience: Patience

    /// Each worker has a closure of its own around the shared one: calling a closure counts
    /// references to its context, and two workers counting on one cache line would slow each other
    /// down.
    let handler: HTTPServer.Handler
    let onCompleted: HTTPServer.CompletionHook
    let foresee: HTTPServer.Foresight?
    /// From which time on a request is slow.
    let slowNanos: UInt64

    /// Written by the worker's thread alone, so a plain load and store count up; read by anyone.
    private let connectionsOpen = Atomic<Int>(0)
    private let connectionsAccepted = Atomic<Int>(0)
    private let requestsAnswered = Atomic<Int>(0)
    private let requestsInFlight = Atomic<Int>(0)

    /// Keeps another worker's counters off this one's cache lines.
    private let padding = InlineArray<16, UInt64>(repeating: 0)

    init(index: Int, shared: ServerShared, configuration: HTTPServer.Configuration) {
        let limits = configuration.limits
        self.index = index
        self.shared = shared
        let slowMicros = configuration.slowMicros
        slowNanos = shared.onSlow == nil ? .max : UInt64(slowMicros) * 1_000
        // libmicrohttpd counts a connection down only after it has told us that it is closed.
        deadlines = Deadlines(capacity: limits.connectionsPerWorker + 2)
        patience = Patience(limits)
        handler = { shared.handler($0, &$1) }
        onCompleted = { shared.onCompleted($0, $1, $2, $3) }
        if let shared = shared.foresee {
            foresee = { shared($0, $1, &$2) }
        } else {
            foresee = nil
        }
    }

    var counters: HTTPServer.WorkerCounters {
        HTTPServer.WorkerCounters(
            connectionsOpen: connectionsOpen.load(ordering: .relaxed),
            connectionsAccepted: connectionsAccepted.load(ordering: .relaxed),
            requestsInFlight: inFlight,
            requestsAnswered: requestsAnswered.load(ordering: .relaxed))
    }

    var inFlight: Int { requestsInFlight.load(ordering: .sequentiallyConsistent) }

    /// Never too many: who sees a connection accepted sees it open, or closed again.
    var connectionsClosed: Int {
        let accepted = connectionsAccepted.load(ordering: .acquiring)
        return accepted - connectionsOpen.load(ordering: .relaxed)
    }

    func connectionStarted() {
        Worker.add(1, to: connectionsOpen)
        connectionsAccepted.store(
            connectionsAccepted.load(ordering: .relaxed) + 1, ordering: .releasing)
    }

    func connectionClosed() {
        Worker.add(-1, to: connectionsOpen)
    }

    /// Sequentially consistent, as the seal's check that follows it: either the thread that stops
    /// the server sees this request in flight, or this request sees the seal.
    func requestStarted() {
        requestsInFlight.store(
            requestsInFlight.load(ordering: .relaxed) + 1, ordering: .sequentiallyConsistent)
    }

    func requestEnded(answered: Bool) {
        requestsInFlight.store(
            requestsInFlight.load(ordering: .relaxed) - 1, ordering: .releasing)
        if answered { Worker.add(1, to: requestsAnswered) }
    }

    private static func add(_ difference: Int, to counter: borrowing Atomic<Int>) {
        counter.store(counter.load(ordering: .relaxed) + difference, ordering: .relaxed)
    }
}

/// The monotonic clock.
func monotonicNanos() -> UInt64 {
    var time = timespec()
    let result = clock_gettime(CLOCK_MONOTONIC, &time)
    precondition(result == 0, "Linux always has CLOCK_MONOTONIC")
    return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
}
