import CMicroHTTPD
import Dispatch
import Glibc
import Synchronization

/// A running one-thread daemon, with a listening socket of its own or fed by an acceptor.
///
/// `@unchecked Sendable`: all properties are constants or atomic. What the pointers lead to is
/// written before the thread starts; afterwards `handle` goes only to MHD_quiesce_daemon and
/// MHD_stop_daemon, which may be called from any thread, and which the server calls once each,
/// under its lock, and to MHD_add_connection, which takes the daemon's own lock and which only the
/// acceptor's thread calls, before the server stops the daemon.
final class Daemon: @unchecked Sendable {
    let worker: Worker
    private let handle: OpaquePointer
    private let logSink: UnsafeMutablePointer<httpfront_log_sink>

    /// How long a connection waits at most when libmicrohttpd sleeps over it; see the shim.
    private static let heartbeatMs = 20

    private static let tickerQueue = DispatchQueue(label: "cardstatus.heartbeat")
    private let heartbeat: Int32
    private let ticker: any DispatchSourceTimer

    /// Whether connections are handed over to it.
    let isFed: Bool

    /// Written by the acceptor alone, so a plain load and store count up.
    private let handedOver = Atomic<Int>(0)

    /// Starts the thread on a listening socket, or on none, to be fed. On success the daemon owns
    /// the socket. On failure the socket is left open: libmicrohttpd closes it in some failures and
    /// not in others, and closing it twice could close another file.
    init(
        worker: Worker, listeningSocket: Int32?, address: ListenAddress,
        configuration: HTTPServer.Configuration
    ) throws(HTTPServerError) {
        isFed = listeningSocket == nil
        let isUnix = if case .unix = address { true } else { false }
        let context = Unmanaged.passUnretained(worker).toOpaque()
        logSink = .allocate(capacity: 1)
        logSink.initialize(
            to: httpfront_log_sink(
                write: { Daemon.log($0, $1) }, context: context,
                is_for_unix_sockets: isFed && isUnix))
        var callbacks = Worker.callbacks
        callbacks.context = context
        // MHD_quiesce_daemon needs MHD_USE_ITC; without MHD_USE_ERROR_LOG the logger stays silent.
        let flags =
            MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_USE_ITC.rawValue
            | MHD_USE_ERROR_LOG.rawValue | MHD_ALLOW_SUSPEND_RESUME.rawValue
        var tls: HTTPServer.TLS?
        if case .tls = address { tls = configuration.tls }
        let handle = httpfront_start_daemon(
            UInt32(flags), listeningSocket ?? -1, &callbacks, logSink,
            tls?.priorities, tls?.certificateCallback,
            configuration.limits.headBytes,
            // One more for a connection that is closed but not yet counted down: see Acceptor.
            UInt32(configuration.limits.connectionsPerWorker + (isFed ? 1 : 0)),
            UInt32(configuration.limits.idleSeconds))
        guard let handle else {
            let code = errno
            logSink.deallocate()
            throw .daemonFailed(address, errno: code)
        }
        let heartbeat = httpfront_add_heartbeat(handle)
        let code = errno
        self.heartbeat = heartbeat
        ticker = DispatchSource.makeTimerSource(queue: Daemon.tickerQueue)
        ticker.schedule(
            deadline: .now(), repeating: .milliseconds(Daemon.heartbeatMs),
            leeway: .milliseconds(5))
        let suspensions = worker.shared.suspensions
        let deadlines = worker.deadlines
        let complaints = worker.shared.complaints
        ticker.setEventHandler {
            if heartbeat >= 0 { eventfd_write(heartbeat, 1) }
            let now = monotonicNanos()
            suspensions.endOverdue(nowNanos: now)
            deadlines.cutOffLate(nowNanos: now)
            complaints.tellLeftOut(nowNanos: now)
        }
        self.worker = worker
        self.handle = handle
        if heartbeat < 0 {
            worker.shared.errorLog(
                "worker \(worker.index): no heartbeat (\(systemMessage(code))); a burst of "
                    + "exactly 128 requests may wait for the next event")
        }
        ticker.resume()
    }

    /// Gives it a connection. "The given client socket will be managed (and closed!) by MHD after
    /// this call", also when it fails.
    func hand(_ connection: Int32, peer: sockaddr_storage, length: socklen_t) {
        // The acceptor's own count goes first: the worker may close the connection at once.
        handedOver.store(handedOver.load(ordering: .relaxed) + 1, ordering: .relaxed)
        let isHanded = withUnsafeBytes(of: peer) { bytes in
            let address = bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!
            // A Unix peer's own path would be copied for every connection, and can be longer than
            // the structure; that it is a Unix peer is all that anybody asks.
            let isUnix = Int32(address.pointee.sa_family) == AF_UNIX
            let known = isUnix ? socklen_t(MemoryLayout<sa_family_t>.size) : length
            return MHD_add_connection(handle, connection, address, known) == .YES
        }
        if !isHanded {
            handedOver.store(handedOver.load(ordering: .relaxed) - 1, ordering: .relaxed)
        }
    }

    /// What was handed over and has not closed, on its way or open. Never too few. A connection
    /// that libmicrohttpd drops for want of memory before it tells us of it counts for ever; with
    /// Linux's overcommit that is not seen in practice.
    var connectionsHandedOver: Int {
        handedOver.load(ordering: .relaxed) - worker.connectionsClosed
    }

    var hasConnections: Bool {
        isFed ? connectionsHandedOver > 0 : worker.counters.connectionsOpen > 0
    }

    /// Stops accepting on its own socket, if it has one. The library hands the socket back, and
    /// closing it makes the kernel refuse new connections.
    func stopListening() {
        guard !isFed else { return }
        let socket = MHD_quiesce_daemon(handle)
        if socket >= 0 {
            ListeningSocket.release(socket)
        } else {
            worker.shared.errorLog(
                "worker \(worker.index): the listening socket stays open")
        }
    }

    /// Closes all connections and ends the thread. No callback comes after it, so the worker may
    /// go.
    func stop() {
        MHD_stop_daemon(handle)
        logSink.deallocate()
        // After the event loop has ended, and on the queue, where no tick can be under way.
        Daemon.tickerQueue.sync {
            ticker.cancel()
            if heartbeat >= 0 { close(heartbeat) }
        }
    }

    private static func log(_ context: UnsafeMutableRawPointer?, _ text: UnsafePointer<CChar>?) {
        guard let context, let text else { return }
        Unmanaged<Worker>.fromOpaque(context)._withUnsafeGuaranteedRef { worker in
            worker.shared.complaints.add(
                "libmicrohttpd, worker \(worker.index): \(line(text))", nowNanos: monotonicNanos())
        }
    }

    /// A line of libmicrohttpd's without its end.
    private static func line(_ text: UnsafePointer<CChar>) -> String {
        var line = String(cString: text)
        while line.last?.isNewline == true { line.removeLast() }
        return line
    }
}

/// libmicrohttpd's panic handler is one for the whole process, so the latest server's log hears of
/// it.
enum LibraryPanic {
    private static let errorLog = Mutex<HTTPServer.ErrorLog?>(nil)

    static func report(to log: @escaping HTTPServer.ErrorLog) {
        errorLog.withLock { $0 = log }
        MHD_set_panic_func({ _, file, line, reason in LibraryPanic.panic(file, line, reason) }, nil)
    }

    /// "The callback should not return": the library has found its own state broken.
    private static func panic(
        _ file: UnsafePointer<CChar>?, _ line: UInt32, _ reason: UnsafePointer<CChar>?
    ) {
        let place = file.map { String(cString: $0) } ?? "?"
        let text = reason.map { String(cString: $0) } ?? "no reason given"
        let log = errorLog.withLock { $0 }
        log?("libmicrohttpd gave up at \(place):\(line): \(text)")
        abort()
    }
}
