import CEpoll
import Glibc

/// A system call that failed.
struct SystemError: Error, CustomStringConvertible {
    let call: String
    let code: Int32

    var description: String { "\(call): \(String(cString: strerror(code)))" }

    /// The error of a call that has just failed.
    static func last(_ call: String) -> SystemError { SystemError(call: call, code: errno) }
}

/// Everything that the load generator asks of the system: no other file imports Glibc or epoll.
///
/// Calls on the path of every request give what the system call gave, with failures as negative
/// errno values: a thrown error would cost more than the call.
enum System {
    // MARK: Clocks

    /// The monotonic clock, which no change of the date moves.
    @inline(__always)
    static func nowNs() -> Int64 {
        var time = timespec()
        // The clock exists and the pointer is valid: there is no other failure.
        _ = clock_gettime(CLOCK_MONOTONIC, &time)
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }

    /// What the whole process has used of the CPU, by `getrusage`.
    static func ownCPU() -> CPUTime {
        var usage = rusage()
        _ = getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        func seconds(_ time: timeval) -> Double {
            Double(time.tv_sec) + Double(time.tv_usec) / 1_000_000
        }
        return CPUTime(
            userSeconds: seconds(usage.ru_utime), systemSeconds: seconds(usage.ru_stime))
    }

    /// The unit of the times in /proc/PID/stat.
    static func clockTicksPerSecond() -> Double { Double(sysconf(Int32(_SC_CLK_TCK))) }

    static func sleep(untilNs deadlineNs: Int64) {
        while true {
            let restNs = deadlineNs - nowNs()
            guard restNs > 0 else { return }
            var time = timespec(
                tv_sec: Int(restNs / 1_000_000_000), tv_nsec: Int(restNs % 1_000_000_000))
            // A signal ends the sleep early; the loop goes on with what is left.
            _ = nanosleep(&time, nil)
        }
    }

    /// Lets this thread wake up when it asked to, instead of up to 50 µs later.
    static func makeTimersPrecise() throws(SystemError) {
        guard cepoll_set_timer_slack(1) == 0 else { throw .last("prctl(PR_SET_TIMERSLACK)") }
    }

    // MARK: Signals

    /// Keeps SIGINT, SIGTERM and SIGPIPE from ending the process. Call it before any thread is
    /// started: threads inherit it. ``waitForStop(untilNs:)`` sees the first two.
    static func blockStopSignals() throws(SystemError) {
        var signals = stopSignals()
        sigaddset(&signals, SIGPIPE)
        let code = pthread_sigmask(SIG_BLOCK, &signals, nil)
        guard code == 0 else { throw SystemError(call: "pthread_sigmask", code: code) }
    }

    /// Waits until the time, and says whether SIGINT or SIGTERM came first.
    static func waitForStop(untilNs deadlineNs: Int64) -> Bool {
        var signals = stopSignals()
        while true {
            let restNs = max(deadlineNs - nowNs(), 0)
            var time = timespec(
                tv_sec: Int(restNs / 1_000_000_000), tv_nsec: Int(restNs % 1_000_000_000))
            if sigtimedwait(&signals, nil, &time) > 0 { return true }
            if errno != EINTR { return false }
        }
    }

    /// Gives SIGINT and SIGTERM back their usual effect.
    static func restoreStopSignals() {
        var signals = stopSignals()
        _ = pthread_sigmask(SIG_UNBLOCK, &signals, nil)
    }

    private static func stopSignals() -> sigset_t {
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGINT)
        sigaddset(&signals, SIGTERM)
        return signals
    }

    static func isTerminal(_ descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

    /// A closed standard error leaves nobody to tell.
    static func writeToStandardError(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    // MARK: Sockets

    /// A non-blocking socket that connects or is connected. Without Nagle's delay: a request is
    /// one segment and must not wait for the acknowledgement of the one before.
    static func connect(to destination: Destination) throws(SystemError) -> Int32 {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(destination.family, type, 0)
        guard descriptor >= 0 else { throw .last("socket") }
        if destination.family != AF_UNIX {
            var one: Int32 = 1
            let size = socklen_t(MemoryLayout<Int32>.size)
            guard setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, size) == 0 else {
                let error = SystemError.last("setsockopt(TCP_NODELAY)")
                System.close(descriptor)
                throw error
            }
        }
        let result = destination.withSystemAddress { Glibc.connect(descriptor, $0, $1) }
        // A Unix socket whose queue is full says EAGAIN, and is not on its way.
        if result != 0 && errno != EINPROGRESS {
            let error = SystemError.last("connect")
            System.close(descriptor)
            throw error
        }
        return descriptor
    }

    /// How a connect ended that epoll reported.
    static func connectError(_ descriptor: Int32) -> SystemError? {
        var code: Int32 = 0
        var size = socklen_t(MemoryLayout<Int32>.size)
        guard getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &code, &size) == 0 else {
            return .last("getsockopt(SO_ERROR)")
        }
        return code == 0 ? nil : SystemError(call: "connect", code: code)
    }

    /// Bytes received, 0 at the end, or a negative errno.
    @inline(__always)
    static func receive(
        _ descriptor: Int32, _ bytes: UnsafeMutablePointer<UInt8>, _ count: Int
    ) -> Int {
        let received = recv(descriptor, bytes, count, 0)
        return received >= 0 ? received : -Int(errno)
    }

    /// Bytes taken, or a negative errno.
    @inline(__always)
    static func send(_ descriptor: Int32, _ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int {
        let sent = Glibc.send(descriptor, bytes, count, Int32(MSG_NOSIGNAL))
        return sent >= 0 ? sent : -Int(errno)
    }

    @inline(__always)
    static func isTemporary(_ result: Int) -> Bool {
        result == -Int(EAGAIN) || result == -Int(EINTR)
    }

    static func isReset(_ result: Int) -> Bool {
        result == -Int(ECONNRESET) || result == -Int(EPIPE)
    }

    /// Linux frees the descriptor even when `close` reports a failure.
    static func close(_ descriptor: Int32) {
        _ = Glibc.close(descriptor)
    }

    /// Bytes before the first line feed; nil when there is none.
    @inline(__always)
    static func lineLength(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Int? {
        guard let found = memchr(bytes, 0x0A, count) else { return nil }
        return UnsafeRawPointer(found) - UnsafeRawPointer(bytes)
    }

    // MARK: Limits

    /// Raises the limit of open files as far as the system lets it, and gives what it is then.
    static func raiseOpenFileLimit() -> Int {
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
            return 1_024
        }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &raised) == 0 {
                limit = raised
            }
        }
        return Int(clamping: limit.rlim_cur)
    }
}

/// An epoll instance with a fixed number of places for what it reports. Level-triggered.
struct EventQueue: ~Copyable {
    struct Event {
        let token: Int
        /// There is something to read, or the connection has ended: reading tells.
        let isReadable: Bool
        let isWritable: Bool
    }

    private let descriptor: Int32
    private let events: UnsafeMutablePointer<epoll_event>
    private static let capacity = 256

    init() throws(SystemError) {
        descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        events = .allocate(capacity: Self.capacity)
        guard descriptor >= 0 else { throw .last("epoll_create1") }
    }

    deinit {
        System.close(descriptor)
        events.deallocate()
    }

    /// Begins to watch a socket, for writing too where asked. Closing it ends that.
    borrowing func add(_ socket: Int32, token: Int, forWriting: Bool) throws(SystemError) {
        try control(EPOLL_CTL_ADD, socket, token, forWriting)
    }

    borrowing func change(_ socket: Int32, token: Int, forWriting: Bool) throws(SystemError) {
        try control(EPOLL_CTL_MOD, socket, token, forWriting)
    }

    private borrowing func control(
        _ operation: Int32, _ socket: Int32, _ token: Int, _ forWriting: Bool
    ) throws(SystemError) {
        var event = epoll_event()
        event.events = EPOLLIN.rawValue | (forWriting ? EPOLLOUT.rawValue : 0)
        event.data.u64 = UInt64(token)
        guard epoll_ctl(descriptor, operation, socket, &event) == 0 else {
            throw .last("epoll_ctl")
        }
    }

    /// Waits for events or until `timeoutNs` has gone by, and gives the number of events.
    @inline(__always)
    borrowing func wait(timeoutNs: Int64) throws(SystemError) -> Int {
        var time = timespec(
            tv_sec: Int(timeoutNs / 1_000_000_000), tv_nsec: Int(timeoutNs % 1_000_000_000))
        let count = epoll_pwait2(descriptor, events, Int32(Self.capacity), &time, nil)
        if count >= 0 { return Int(count) }
        if errno == EINTR { return 0 }
        // ENOSYS before Linux 5.11.
        throw .last("epoll_pwait2")
    }

    @inline(__always)
    borrowing func event(_ index: Int) -> Event {
        let event = events[index]
        return Event(
            token: Int(event.data.u64),
            isReadable: event.events & ~EPOLLOUT.rawValue != 0,
            isWritable: event.events & (EPOLLOUT.rawValue | EPOLLERR.rawValue | EPOLLHUP.rawValue)
                != 0)
    }
}

/// An operating-system thread that runs one closure and is joined once.
final class OSThread: Sendable {
    private let handle: pthread_t

    private final class Start: Sendable {
        let body: @Sendable () -> Void

        init(body: @escaping @Sendable () -> Void) { self.body = body }
    }

    init(_ body: @escaping @Sendable () -> Void) throws(SystemError) {
        let start = Unmanaged.passRetained(Start(body: body))
        var handle = pthread_t()
        // The thread takes the closure over: it releases what was retained above.
        let code = pthread_create(
            &handle, nil,
            { context in
                guard let context else { preconditionFailure("a thread starts with its closure") }
                Unmanaged<Start>.fromOpaque(context).takeRetainedValue().body()
                return nil
            }, start.toOpaque())
        if code != 0 {
            start.release()
            throw SystemError(call: "pthread_create", code: code)
        }
        self.handle = handle
    }

    func join() {
        let code = pthread_join(handle, nil)
        precondition(code == 0, "pthread_join failed with \(code)")
    }
}

/// Where the server listens.
enum Destination: Sendable, Equatable {
    /// In the order of the network, as the system calls take it.
    case ipv4(UInt32, port: UInt16)
    case ipv6([UInt8], port: UInt16)
    case unix(String)

    /// An address in numbers; nil for anything else.
    init?(host: String, port: UInt16) {
        var four = in_addr()
        if inet_pton(AF_INET, host, &four) == 1 {
            self = .ipv4(four.s_addr, port: port)
            return
        }
        var six = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, host, &six) == 1 else { return nil }
        self = .ipv6(six, port: port)
    }

    static let unixPathCountMax =
        MemoryLayout<sockaddr_un>.size - MemoryLayout<sa_family_t>.size - 1

    fileprivate var family: Int32 {
        switch self {
        case .ipv4: AF_INET
        case .ipv6: AF_INET6
        case .unix: AF_UNIX
        }
    }

    fileprivate func withSystemAddress<R>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> R
    ) -> R {
        func call<Address>(_ address: Address) -> R {
            withUnsafeBytes(of: address) { bytes in
                body(
                    bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!,
                    socklen_t(bytes.count))
            }
        }
        switch self {
        case .ipv4(let host, let port):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = host
            return call(address)
        case .ipv6(let host, let port):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: host) }
            return call(address)
        case .unix(let path):
            var address = sockaddr_un()
            address.sun_family = sa_family_t(AF_UNIX)
            precondition(path.utf8.count <= Self.unixPathCountMax, "checked when it was parsed")
            withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
            return call(address)
        }
    }
}
