extension HTTPServer {
    /// How connections are encrypted.
    ///
    /// `@unchecked Sendable`: the pointer is a C function's.
    public struct TLS: @unchecked Sendable {
        /// In GnuTLS's words.
        let priorities: String
        /// Asked for a certificate at each handshake, on the worker's thread.
        let certificateCallback: UnsafeRawPointer

        /// - Parameter certificateCallback: a `gnutls_certificate_retrieve_function2`.
        public init(priorities: String, certificateCallback: UnsafeRawPointer) {
            self.priorities = priorities
            self.certificateCallback = certificateCallback
        }
    }

    /// What a server listens on and what it allows a client.
    public struct Configuration: Sendable {
        public var listeners: [Listener]

        /// Threads for each listener; each has an event loop and connections of its own. No more
        /// than processors in all. At a Unix or inherited socket one more accepts, which sleeps
        /// but for new connections.
        public var workersPerAddress = 1

        /// What clients may take.
        public var limits = Limits()

        /// From how many microseconds on a request is slow, for who wants to hear of such.
        public var slowMicros = 100_000

        /// Proxies in front whose word on their clients' addresses counts; nil when there are none.
        public var trustedProxies: TrustedProxies?

        /// Needed where a listener is for TLS.
        public var tls: TLS?

        /// How long `stop()` waits for requests that have begun.
        public var shutdownGraceMs = 10_000

        /// How long `stop()`, at first, leaves connections without a request open, so that a
        /// request that is on its way is answered; no longer than they last, nor than
        /// `shutdownGraceMs`. 0 closes them as soon as no request is left.
        public var idleGraceMs = 0

        public init(listeners: [Listener]) {
            self.listeners = listeners
        }

        public init(addresses: [SocketAddress]) {
            self.init(listeners: addresses.map(Listener.tcp))
        }

        public var workerCount: Int { listeners.count * workersPerAddress }

        /// Values that no client and no operator can cause: whoever reads them from outside checks
        /// them first.
        func check() {
            precondition(workersPerAddress > 0, "an address has at least one worker")
            limits.check()
            precondition(slowMicros >= 0, "a time is not negative")
            precondition(
                shutdownGraceMs >= 0 && idleGraceMs >= 0, "times are not negative")
            for case .unix(_, let mode) in listeners {
                precondition(mode & ~0o777 == 0, "a socket file's mode is its permissions")
            }
        }

        /// Connections, each worker's socket, epoll and wake-up descriptors, each acceptor's two,
        /// and what a program has open besides.
        var openFilesNeeded: Int {
            workerCount * (limits.connectionsPerWorker + 4) + 2 * listeners.count + 128
        }
    }
}
