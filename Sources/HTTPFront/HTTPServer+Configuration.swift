extension HTTPServer {
    /// What a server listens on and what it allows a client.
    public struct Configuration: Sendable {
        public var listeners: [Listener]

        /// Threads for each listener; each has an event loop and connections of its own. No more
        /// than processors in all. At a Unix or inherited socket one more accepts, which sleeps
        /// but for new connections.
        public var workersPerAddress = 1

        /// Bounds request line and headers together, and with them what an idle connection costs.
        /// libmicrohttpd clears this much for every request, so more is slower; with less than 8
        /// KiB long cookies begin to fail.
        public var connectionMemoryBytes = 8_192

        /// Connections of one worker at a time. Beyond it new ones wait in the system's queue.
        public var connectionLimit = 4_096

        /// A connection without a byte in either direction for so long is closed; 0 is never.
        public var idleTimeoutSeconds = 60

        /// How long `stop()` waits for requests that have begun.
        public var shutdownGraceMs = 10_000

        /// How long `stop()`, at first, leaves connections without a request open, so that a
        /// request that is on its way is answered; no longer than they last, nor than
        /// `shutdownGraceMs`. 0 closes them as soon as no request is left.
        public var idleGraceMs = 0

        /// Larger bodies are refused with 413, where no ``BodyPlan`` says otherwise.
        public var maxBodyBytes = 4 << 20

        /// Connections, of all workers together, whose answer is waited for. It should be less than
        /// `connectionLimit`, so that a worker whose connections all wait has some left for others.
        public var suspendedLimit = 3_072

        /// Bodies that are streamed at a time; each may hold a thread and 768 KiB.
        public var streamedBodiesLimit = 32

        /// How long a sink may take for some 256 KiB of a body, and at its end for the answer.
        public var sinkTimeoutMs = 60_000

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
            precondition(connectionMemoryBytes >= 1_024, "a request line needs some memory")
            precondition(connectionLimit > 0, "a server without connections serves nobody")
            precondition(connectionLimit <= 1 << 24, "more connections than Linux has descriptors")
            precondition((0...86_400).contains(idleTimeoutSeconds), "a timeout is at most a day")
            precondition(
                shutdownGraceMs >= 0 && idleGraceMs >= 0 && maxBodyBytes >= 0,
                "limits are not negative")
            for case .unix(_, let mode) in listeners {
                precondition(mode & ~0o777 == 0, "a socket file's mode is its permissions")
            }
            precondition(
                suspendedLimit >= 0 && streamedBodiesLimit >= 0 && sinkTimeoutMs > 0,
                "limits are not negative")
            precondition(maxBodyBytes <= 1 << 40, "twice the limit must fit an Int")
        }

        /// Connections, each worker's socket, epoll and wake-up descriptors, each acceptor's two,
        /// and what a program has open besides.
        var openFilesNeeded: Int {
            workerCount * (connectionLimit + 4) + 2 * listeners.count + 128
        }
    }
}
