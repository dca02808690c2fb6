import Glibc
import Synchronization

/// libmicrohttpd behind a handler: several one-thread daemons. At a TCP address each has its own
/// listening socket; at a Unix or inherited socket an acceptor hands them the connections.
///
/// Threads: every worker runs on one thread of libmicrohttpd's, which calls the handler, the
/// completion hook and the error log. All three must be quick: a worker serves nobody else
/// meanwhile.
public final class HTTPServer: Sendable {
    /// Answers a request. Runs on the request's worker.
    public typealias Handler = @Sendable (borrowing Request, inout Reply) -> Void

    /// Looks at a request that cannot be answered yet, in steps, so that what the answer will need
    /// is on its way when the handler runs: for memory that is far away, a prefetch. The target is
    /// the client's, unchecked; nothing may depend on this being called. Runs on the request's
    /// worker.
    public typealias Foresight =
        @Sendable (ForesightStep, UnsafeBufferPointer<UInt8>, inout RequestHint) -> Void

    /// Decides what is done with a request's body when its headers are there, before the client is
    /// told to send it. Not called without a body, nor for one that is empty by its length.
    public typealias BodyPlanner = @Sendable (borrowing Request, inout Reply) -> BodyPlan

    /// Says what the server answers by itself.
    public typealias RefusalHandler = @Sendable (Refusal, inout Reply) -> Void

    /// Called once for every answered request when its last byte has been handed to the system, or
    /// when the connection broke before that. `nanos` runs from the complete request line to this
    /// moment. Runs on the worker.
    public typealias CompletionHook =
        @Sendable (_ worker: Int, _ routeTag: Int, _ status: Int, _ nanos: UInt64) -> Void

    /// Called for every answer to a request with an `Origin`, whoever gives it and whenever, before
    /// it is queued, so that it may let a web page read it. Runs on the worker.
    public typealias OriginHook =
        @Sendable (_ origin: UnsafeBufferPointer<UInt8>, inout Reply) -> Void

    /// Called beside the completion hook for a request that took `slowMicros` of the configuration
    /// or longer. Runs on the worker.
    public typealias SlowHook = @Sendable (SlowRequest) -> Void

    /// Gets libmicrohttpd's complaints, as long as they are not too many, and the server's own, a
    /// line each, without a request's path or headers.
    public typealias ErrorLog = @Sendable (String) -> Void

    /// What a worker has done and has in hand. Each number is exact; together they may be some
    /// requests apart.
    public struct WorkerCounters: Sendable, Equatable {
        public var connectionsOpen = 0
        public var connectionsAccepted = 0
        public var requestsInFlight = 0
        public var requestsAnswered = 0
    }

    /// Where it listens, in the order of the configuration, with the real port where 0 was asked
    /// for.
    public let listenAddresses: [ListenAddress]

    private let shared: ServerShared
    private let daemons: [Daemon]
    private let acceptors: [Acceptor]
    private let shutdownGraceMs: Int
    private let idleGraceMs: Int
    private let isStopped = Mutex(false)

    /// Starts to listen and to answer. When this returns, connections are accepted; when it throws,
    /// none is.
    ///
    /// Raises the process's limit of open files as far as the connection limits need it, and
    /// ignores SIGPIPE unless the program has its own handler: writing to a client that has gone is
    /// an error code, not the end.
    public init(
        configuration: Configuration,
        errorLog: @escaping ErrorLog,
        refuse: @escaping RefusalHandler = { $1.refuse($0) },
        plan: BodyPlanner? = nil,
        onCompleted: @escaping CompletionHook = { _, _, _, _ in },
        onSlow: SlowHook? = nil,
        onOrigin: OriginHook? = nil,
        foresee: Foresight? = nil,
        handler: @escaping Handler
    ) throws(HTTPServerError) {
        configuration.check()
        guard !configuration.listeners.isEmpty else { throw .noAddress }
        for case .tls(let address) in configuration.listeners where configuration.tls == nil {
            throw .noCertificate(.tls(address))
        }
        try OpenFileLimit.raise(to: configuration.openFilesNeeded)
        BrokenPipeSignal.ignore()
        LibraryPanic.report(to: errorLog)
        let bodyBytes = configuration.limits.bodyBytes
        let shared = ServerShared(
            handler: handler, refuse: refuse, onCompleted: onCompleted, onSlow: onSlow,
            onOrigin: onOrigin,
            foresee: foresee,
            errorLog: errorLog, plan: plan ?? { _, _ in .kept(maxBytes: bodyBytes) },
            configuration: configuration)
        self.shared = shared
        shutdownGraceMs = configuration.shutdownGraceMs
        idleGraceMs = configuration.idleGraceMs
        (listenAddresses, daemons, acceptors) = try HTTPServer.start(configuration, shared)
    }

    deinit {
        stop()
    }

    /// The TCP addresses of `listenAddresses`, with and without TLS.
    public var boundAddresses: [SocketAddress] {
        listenAddresses.compactMap { address in
            switch address {
            case .tcp(let address), .tls(let address): address
            case .unix: nil
            }
        }
    }

    public var workerCount: Int { daemons.count }

    /// Connections whose answer, or room for whose body, is being waited for.
    public var suspendedConnections: Int { shared.suspensions.count }

    /// Clients that were cut off because they kept the server waiting, by what it waited for.
    public func cutOffCount(_ delay: ClientDelay) -> Int {
        daemons.reduce(0) { $0 + $1.worker.deadlines.cutOffCount(delay) }
    }

    /// Connections that were closed because their client had as many as it may.
    public var connectionsRefused: Int { shared.ledger?.refused ?? 0 }

    /// Complaints of libmicrohttpd's that did not get to the log, there being too many of them.
    public var complaintsLeftOut: Int { shared.complaints.leftOut }

    /// Whether `stop()` has begun.
    public var isDraining: Bool { shared.isDraining }

    /// Safe on any thread.
    public func counters(ofWorker index: Int) -> WorkerCounters { daemons[index].worker.counters }

    /// Stops listening, lets the requests that have begun finish, and ends all threads. Returns
    /// when that is done; safe on any number of threads and any number of times, but not in a
    /// handler, which it would wait for.
    ///
    /// A request has begun when its request line has arrived; an idle connection delays nothing
    /// beyond `idleGraceMs`. After `shutdownGraceMs` clients that are still sending or receiving
    /// are cut off, those whose answer was to come later hear 503, and a handler that runs is
    /// waited for as long as it takes.
    public func stop() {
        isStopped.withLock { isStopped in
            guard !isStopped else { return }
            shared.drain()
            for acceptor in acceptors { acceptor.stop() }
            for daemon in daemons { daemon.stopListening() }
            let start = monotonicNanos()
            let deadline = start + UInt64(shutdownGraceMs) * 1_000_000
            // Every answer closes its connection by now, so connections that are in use end soon.
            let idleDeadline = start + UInt64(min(idleGraceMs, shutdownGraceMs)) * 1_000_000
            wait(deadline: idleDeadline) { $0.hasConnections }
            waitUntilNoneInFlight(deadline: deadline)
            // A request may begin on an idle connection between the last look and the end of its
            // thread. From the seal on it is not begun; one that slipped in before the seal is
            // waited for.
            shared.seal()
            waitUntilNoneInFlight(deadline: deadline)
            endSuspensions()
            for daemon in daemons { daemon.stop() }
            // Bodies that were cut off: their sinks tidy up, unless a disk keeps them from it.
            wait(deadline: monotonicNanos() + Self.lastAnswersNanos) { _ in
                shared.streams.areTaken
            }
            isStopped = true
        }
    }

    /// No connection may be suspended when its daemon stops, nor any thread be about to resume one.
    private func endSuspensions() {
        shared.suspensions.close()
        // As handlers: who gives an answer at this moment is waited for as long as it takes.
        wait(deadline: .max) { _ in shared.suspensions.count > 0 }
        waitUntilNoneInFlight(deadline: monotonicNanos() + Self.lastAnswersNanos)
    }

    /// For the answers to those that were suspended to the end, and for sinks to tidy up.
    private static let lastAnswersNanos: UInt64 = 500_000_000

    private func waitUntilNoneInFlight(deadline: UInt64) {
        wait(deadline: deadline) { $0.worker.inFlight > 0 }
    }

    /// Waits while the condition holds of any daemon.
    private func wait(deadline: UInt64, while isBusy: (Daemon) -> Bool) {
        while daemons.contains(where: isBusy), monotonicNanos() < deadline {
            // Woken early by a signal it looks again, which is as good.
            usleep(1_000)
        }
    }

    /// All sockets are opened before the first daemon starts: a later address that is taken must
    /// not have cost the clients of an earlier one their connections. Acceptors come last, when
    /// everything that they feed runs.
    private static func start(
        _ configuration: Configuration, _ shared: ServerShared
    ) throws(HTTPServerError) -> ([ListenAddress], [Daemon], [Acceptor]) {
        var starting = Starting(shared: shared)
        do throws(HTTPServerError) {
            try starting.open(configuration)
            try starting.startDaemons(configuration)
            try starting.startAcceptors(configuration)
            return (starting.addresses, starting.daemons, starting.acceptors)
        } catch {
            starting.undo()
            throw error
        }
    }
}

/// A server on its way, and what to undo when it fails.
private struct Starting {
    let shared: ServerShared
    var addresses: [ListenAddress] = []
    var daemons: [Daemon] = []
    var acceptors: [Acceptor] = []
    /// Open, and nobody's yet.
    private var ownSockets: [(socket: Int32, address: ListenAddress)] = []
    private var sharedSockets: [(socket: SharedSocket, daemons: [Daemon])] = []

    init(shared: ServerShared) {
        self.shared = shared
    }

    mutating func open(_ configuration: HTTPServer.Configuration) throws(HTTPServerError) {
        // An inherited socket is the server's, whatever happens before its turn comes.
        var inherited: [InheritedSocket] = configuration.listeners.compactMap { listener in
            if case .inherited(let socket) = listener { socket } else { nil }
        }
        defer { for socket in inherited { ListeningSocket.release(socket.descriptor) } }
        for listener in configuration.listeners {
            switch listener {
            case .tcp(let address), .tls(let address):
                let (bound, sockets) = try ListeningSocket.open(
                    address, count: configuration.workersPerAddress)
                let shown: ListenAddress =
                    if case .tls = listener { .tls(bound) } else { .tcp(bound) }
                addresses.append(shown)
                ownSockets += sockets.map { ($0, shown) }
            case .unix(let path, let mode):
                sharedSockets.append((try SharedSocket(path, mode: mode), []))
                addresses.append(listener.address)
            case .inherited(let socket):
                inherited.removeFirst()
                sharedSockets.append((try SharedSocket(socket), []))
                addresses.append(listener.address)
            }
        }
    }

    /// In the order of the listeners, so that workers are numbered in that order.
    mutating func startDaemons(
        _ configuration: HTTPServer.Configuration
    ) throws(HTTPServerError) {
        var nextShared = 0
        for listener in configuration.listeners {
            for _ in 0..<configuration.workersPerAddress {
                let worker = Worker(
                    index: daemons.count, shared: shared, configuration: configuration)
                if listener.isOwnForEachWorker {
                    let (socket, address) = ownSockets.removeFirst()
                    daemons.append(
                        try Daemon(
                            worker: worker, listeningSocket: socket, address: address,
                            configuration: configuration))
                } else {
                    let daemon = try Daemon(
                        worker: worker, listeningSocket: nil,
                        address: sharedSockets[nextShared].socket.address,
                        configuration: configuration)
                    daemons.append(daemon)
                    sharedSockets[nextShared].daemons.append(daemon)
                }
            }
            if listener.isOwnForEachWorker { continue }
            nextShared += 1
        }
    }

    mutating func startAcceptors(
        _ configuration: HTTPServer.Configuration
    ) throws(HTTPServerError) {
        while let (socket, daemons) = sharedSockets.first {
            let acceptor = try Acceptor(
                socket: socket, daemons: daemons,
                connectionLimit: configuration.limits.connectionsPerWorker,
                errorLog: shared.errorLog)
            sharedSockets.removeFirst()
            acceptors.append(acceptor)
        }
    }

    func undo() {
        for acceptor in acceptors { acceptor.stop() }
        for (socket, _) in ownSockets { ListeningSocket.release(socket) }
        for (socket, _) in sharedSockets {
            // What cannot be removed is stale, and the next start replaces it.
            _ = socket.file?.remove()
            socket.release()
        }
        for daemon in daemons {
            daemon.stopListening()
            daemon.stop()
        }
    }
}
