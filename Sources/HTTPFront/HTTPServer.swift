import Glibc
import Synchronization

/// libmicrohttpd behind a handler: several one-thread daemons, each with its own listening socket.
///
/// Threads: every worker runs on one thread of libmicrohttpd's, which calls the handler, the
/// completion hook and the error log. All three must be quick: a worker serves nobody else
/// meanwhile.
public final class HTTPServer: Sendable {
    /// Answers a request. Runs on the request's worker.
    public typealias Handler = @Sendable (borrowing Request) -> Response

    /// Called once for every answered request when its last byte has been handed to the system, or
    /// when the connection broke before that. `nanos` runs from the complete request line to this
    /// moment. Runs on the worker.
    public typealias CompletionHook =
        @Sendable (_ worker: Int, _ routeTag: Int, _ status: Int, _ nanos: UInt64) -> Void

    /// Gets libmicrohttpd's complaints and the server's own, a line each, without a request's path
    /// or headers.
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
    public let boundAddresses: [SocketAddress]

    private let shared: ServerShared
    private let daemons: [Daemon]
    private let shutdownGraceMs: Int
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
        refusalResponse: @escaping @Sendable (Refusal) -> Response = { Response(refusal: $0) },
        onCompleted: @escaping CompletionHook = { _, _, _, _ in },
        handler: @escaping Handler
    ) throws(HTTPServerError) {
        configuration.check()
        guard !configuration.addresses.isEmpty else { throw .noAddress }
        try OpenFileLimit.raise(to: configuration.openFilesNeeded)
        BrokenPipeSignal.ignore()
        LibraryPanic.report(to: errorLog)
        let shared = ServerShared(
            handler: handler, refusalResponse: refusalResponse, onCompleted: onCompleted,
            errorLog: errorLog, maxBodyBytes: configuration.maxBodyBytes)
        self.shared = shared
        shutdownGraceMs = configuration.shutdownGraceMs
        (boundAddresses, daemons) = try HTTPServer.start(configuration, shared)
    }

    deinit {
        stop()
    }

    public var workerCount: Int { daemons.count }

    /// Whether `stop()` has begun.
    public var isDraining: Bool { shared.isDraining }

    /// Safe on any thread.
    public func counters(ofWorker index: Int) -> WorkerCounters { daemons[index].worker.counters }

    /// Stops listening, lets the requests that have begun finish, and ends all threads. Returns
    /// when that is done; safe on any number of threads and any number of times, but not in a
    /// handler, which it would wait for.
    ///
    /// A request has begun when its request line has arrived; an idle connection delays nothing.
    /// After `shutdownGraceMs` clients that are still sending or receiving are cut off, while a
    /// handler that runs is waited for as long as it takes.
    public func stop() {
        isStopped.withLock { isStopped in
            guard !isStopped else { return }
            shared.drain()
            for daemon in daemons { daemon.stopListening() }
            let deadline = monotonicNanos() + UInt64(shutdownGraceMs) * 1_000_000
            waitUntilNoneInFlight(deadline: deadline)
            // A request may begin on an idle connection between the last look and the end of its
            // thread. From the seal on it is not begun; one that slipped in before the seal is
            // waited for.
            shared.seal()
            waitUntilNoneInFlight(deadline: deadline)
            for daemon in daemons { daemon.stop() }
            isStopped = true
        }
    }

    private func waitUntilNoneInFlight(deadline: UInt64) {
        while daemons.contains(where: { $0.worker.inFlight > 0 }), monotonicNanos() < deadline {
            // Woken early by a signal it looks again, which is as good.
            usleep(1_000)
        }
    }

    /// All sockets are opened before the first daemon starts: a later address that is taken must
    /// not have cost the clients of an earlier one their connections.
    private static func start(
        _ configuration: Configuration, _ shared: ServerShared
    ) throws(HTTPServerError) -> ([SocketAddress], [Daemon]) {
        var addresses: [SocketAddress] = []
        var pending: [(socket: Int32, address: SocketAddress)] = []
        var daemons: [Daemon] = []
        do throws(HTTPServerError) {
            for address in configuration.addresses {
                let (bound, sockets) = try ListeningSocket.open(
                    address, count: configuration.workersPerAddress)
                addresses.append(bound)
                pending += sockets.map { ($0, bound) }
            }
            while let (socket, address) = pending.first {
                pending.removeFirst()
                daemons.append(
                    try Daemon(
                        worker: Worker(index: daemons.count, shared: shared),
                        listeningSocket: socket, address: address, configuration: configuration))
            }
            return (addresses, daemons)
        } catch {
            for (socket, _) in pending { ListeningSocket.release(socket) }
            for daemon in daemons {
                daemon.stopListening()
                daemon.stop()
            }
            throw error
        }
    }
}
