extension HTTPServer {
    /// What a server listens on and what it allows a client.
    public struct Configuration: Sendable {
        public var addresses: [SocketAddress]

        /// Threads for each address; each has a socket, an event loop and connections of its own.
        /// No more than processors in all.
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

        /// Larger bodies are refused with 413.
        public var maxBodyBytes = 4 << 20

        public init(addresses: [SocketAddress]) {
            self.addresses = addresses
        }

        /// Values that no client and no operator can cause: whoever reads them from outside checks
        /// them first.
        func check() {
            precondition(workersPerAddress > 0, "an address has at least one worker")
            precondition(connectionMemoryBytes >= 1_024, "a request line needs some memory")
            precondition(connectionLimit > 0, "a server without connections serves nobody")
            precondition(connectionLimit <= 1 << 24, "more connections than Linux has descriptors")
            precondition((0...86_400).contains(idleTimeoutSeconds), "a timeout is at most a day")
            precondition(shutdownGraceMs >= 0 && maxBodyBytes >= 0, "limits are not negative")
            precondition(maxBodyBytes <= 1 << 40, "twice the limit must fit an Int")
        }

        /// Connections, each worker's socket, epoll and wake-up descriptors, and what a program has
        /// open besides.
        var openFilesNeeded: Int {
            addresses.count * workersPerAddress * (connectionLimit + 4) + 128
        }
    }
}
