import CMicroHTTPD
import Glibc

// Where several workers share one listening socket, one thread accepts and hands the connections
// round. (Left to themselves, event loops that poll one socket take very unequal shares: whoever
// wakes first takes all that waits.) It works once a connection, never once a request.
//
// Who gets a connection: the worker with the fewest, and among equals the next in turn. Connections
// are kept for long and end at any time, so shares that are handed out evenly do not stay even;
// fewest-first evens them out again and costs a few loads of each worker's counters.
//
// At the limit: when all workers are full nothing is accepted, and what comes waits in the kernel's
// queue, as libmicrohttpd does with sockets of its own. The acceptor must keep to the limit by
// itself: a connection too many, once handed over, makes 0.9.75 return from
// `new_connection_process_` with a lock held, and the worker stops for good. What counts is what
// was handed over less what has closed, so that connections on their way are seen.
//
// What must change together: `Daemon.init` adds one to libmicrohttpd's own limit, because it counts
// a connection down only just after its callback has told us that it is closed.

/// The thread of a shared listening socket.
struct Acceptor: Sendable {
    private let loop: AcceptorLoop
    private let thread: pthread_t

    /// On failure the socket is left open.
    init(
        socket: SharedSocket, daemons: [Daemon], connectionLimit: Int,
        errorLog: @escaping HTTPServer.ErrorLog
    ) throws(HTTPServerError) {
        let wakeUp = httpfront_wake_up_descriptor()
        guard wakeUp >= 0 else { throw .failed("eventfd", socket.address) }
        loop = AcceptorLoop(
            socket: socket, daemons: daemons, connectionLimit: connectionLimit, wakeUp: wakeUp,
            errorLog: errorLog)
        let context = Unmanaged.passRetained(loop)
        var thread = pthread_t()
        let code = pthread_create(&thread, nil, acceptorMain, context.toOpaque())
        guard code == 0 else {
            context.release()
            ListeningSocket.release(wakeUp)
            throw .socketFailed(socket.address, call: "pthread_create", errno: code)
        }
        self.thread = thread
    }

    /// Stops accepting, ends the thread and closes the socket. Of a socket of our own it accepts
    /// what has reached the queue; an inherited one's queue is left to who comes after us. Must be
    /// called once.
    func stop() {
        loop.wake()
        let code = pthread_join(thread, nil)
        precondition(code == 0, "a thread is joined once, by another thread")
        loop.release()
    }
}

private nonisolated func acceptorMain(
    _ context: UnsafeMutableRawPointer?
) -> UnsafeMutableRawPointer? {
    guard let context else { preconditionFailure("the thread starts with its loop") }
    Unmanaged<AcceptorLoop>.fromOpaque(context).takeRetainedValue().run()
    return nil
}

private final class AcceptorLoop: Sendable {
    /// Accepted in one go before the stop is looked at.
    private static let batch = 64
    /// How soon a place that has become free is seen. Only while all workers are full: to be told
    /// would cost every connection a system call when it closes.
    private static let fullPauseMs: Int32 = 5
    /// After an error that more tries would only meet again, such as too many open files.
    private static let errorPauseMs: Int32 = 100

    private static let acceptFlags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)

    private let socket: SharedSocket
    private let daemons: [Daemon]
    private let connectionLimit: Int
    private let wakeUp: Int32
    private let errorLog: HTTPServer.ErrorLog

    init(
        socket: SharedSocket, daemons: [Daemon], connectionLimit: Int, wakeUp: Int32,
        errorLog: @escaping HTTPServer.ErrorLog
    ) {
        self.socket = socket
        self.daemons = daemons
        self.connectionLimit = connectionLimit
        self.wakeUp = wakeUp
        self.errorLog = errorLog
    }

    func wake() {
        var one: UInt64 = 1
        // It fails only for a full counter, which wakes as well.
        _ = write(wakeUp, &one, MemoryLayout<UInt64>.size)
    }

    func release() {
        socket.release()
        ListeningSocket.release(wakeUp)
    }

    private enum Outcome {
        case queueEmpty, batchDone, full
        case failed
    }

    func run() {
        var turn = 0
        var isInTrouble = false
        var isStopped = false
        while !isStopped {
            switch accept(&turn, &isInTrouble) {
            case .queueEmpty: isStopped = wait(forConnections: true, milliseconds: -1)
            case .batchDone: isStopped = wait(forConnections: false, milliseconds: 0)
            case .full:
                isStopped = wait(forConnections: false, milliseconds: Self.fullPauseMs)
            case .failed:
                isStopped = wait(forConnections: false, milliseconds: Self.errorPauseMs)
            }
        }
        removeFile()
        if socket.isOurs { acceptRest(&turn) }
    }

    /// Without its file nobody can come to the queue any more, so the queue has an end.
    private func removeFile() {
        if let file = socket.file, !file.remove() {
            errorLog("the socket file stays at \(file.path): \(systemMessage(errno))")
        }
    }

    private func acceptRest(_ turn: inout Int) {
        var isInTrouble = true
        while case .batchDone = accept(&turn, &isInTrouble) {}
    }

    /// Accepts what waits. An error is logged when it begins, not at each try.
    private func accept(_ turn: inout Int, _ isInTrouble: inout Bool) -> Outcome {
        for _ in 0..<Self.batch {
            guard let index = leastLoaded(from: turn) else { return .full }
            var peer = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let connection = withUnsafeMutableBytes(of: &peer) { bytes in
                accept4(
                    socket.descriptor, bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                    &length, Self.acceptFlags)
            }
            if connection >= 0 {
                isInTrouble = false
                daemons[index].hand(connection, peer: peer, length: length)
                turn = (index + 1) % daemons.count
                continue
            }
            switch errno {
            case EAGAIN: return .queueEmpty
            // The client has gone, or the network's errors of its connection are told here:
            // accept(2) says to try again.
            case EINTR, ECONNABORTED, EPROTO, EPERM, ENETDOWN, ENETUNREACH, EHOSTDOWN,
                EHOSTUNREACH, ENONET, ENOPROTOOPT:
                continue
            case let code:
                if !isInTrouble {
                    errorLog(
                        "cannot accept on \(socket.address): \(systemMessage(code)); connections "
                            + "wait in the system's queue")
                }
                isInTrouble = true
                return .failed
            }
        }
        return .batchDone
    }

    /// The worker with the fewest connections; among equals the first from `turn` on. Nil when all
    /// are full.
    private func leastLoaded(from turn: Int) -> Int? {
        var best: Int?
        var bestLoad = connectionLimit
        for step in 0..<daemons.count {
            let index = (turn + step) % daemons.count
            let load = daemons[index].connectionsHandedOver
            if load < bestLoad { (best, bestLoad) = (index, load) }
        }
        return best
    }

    /// Waits for a connection, the time, or the call to stop; true for the latter.
    private func wait(forConnections: Bool, milliseconds: Int32) -> Bool {
        var polled = [
            pollfd(fd: wakeUp, events: Int16(POLLIN), revents: 0),
            pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        // Interrupted or out of kernel memory it comes back early, and the loop looks again.
        let ready = poll(&polled, forConnections ? 2 : 1, milliseconds)
        return ready > 0 && polled[0].revents != 0
    }
}
