import CMicroHTTPD
import Glibc
import Synchronization

/// A running one-thread daemon with its listening socket.
///
/// `@unchecked Sendable`: all properties are constants. What the pointers lead to is written before
/// the thread starts; afterwards `handle` goes only to MHD_quiesce_daemon and MHD_stop_daemon,
/// which may be called from any thread, and the server calls each once, under its lock.
final class Daemon: @unchecked Sendable {
    let worker: Worker
    private let handle: OpaquePointer
    private let logSink: UnsafeMutablePointer<httpfront_log_sink>

    /// Starts the thread on a listening socket. On success the daemon owns the socket. On failure
    /// the socket is left open: libmicrohttpd closes it in some failures and not in others, and
    /// closing it twice could close another file.
    init(
        worker: Worker, listeningSocket: Int32, address: SocketAddress,
        configuration: HTTPServer.Configuration
    ) throws(HTTPServerError) {
        let context = Unmanaged.passUnretained(worker).toOpaque()
        logSink = .allocate(capacity: 1)
        logSink.initialize(to: httpfront_log_sink(write: { Daemon.log($0, $1) }, context: context))
        var callbacks = Worker.callbacks
        callbacks.context = context
        // MHD_quiesce_daemon needs MHD_USE_ITC; without MHD_USE_ERROR_LOG the logger stays silent.
        let flags =
            MHD_USE_EPOLL_INTERNAL_THREAD.rawValue | MHD_USE_ITC.rawValue
            | MHD_USE_ERROR_LOG.rawValue
        let handle = httpfront_start_daemon(
            UInt32(flags), listeningSocket, &callbacks, logSink,
            configuration.connectionMemoryBytes, UInt32(configuration.connectionLimit),
            UInt32(configuration.idleTimeoutSeconds))
        guard let handle else {
            let code = errno
            logSink.deallocate()
            throw .daemonFailed(address, errno: code)
        }
        self.worker = worker
        self.handle = handle
    }

    /// Stops accepting. The library hands the socket back, and closing it makes the kernel refuse
    /// new connections.
    func stopListening() {
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
    }

    private static func log(_ context: UnsafeMutableRawPointer?, _ text: UnsafePointer<CChar>?) {
        guard let context, let text else { return }
        var message = String(cString: text)
        while message.last?.isNewline == true { message.removeLast() }
        Unmanaged<Worker>.fromOpaque(context)._withUnsafeGuaranteedRef { worker in
            worker.shared.errorLog("libmicrohttpd, worker \(worker.index): \(message)")
        }
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
