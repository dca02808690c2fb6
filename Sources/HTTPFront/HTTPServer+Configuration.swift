extension HTTPServer {
    /// What a server listens on and what it allows a client.
    public struct Configuration: Sendable {
        public var addresses: [SocketAddress]

        /// Threads for each address; each has a socket, an event loop and connections of its own. No more than
        /// processors in all.
        public var workersPerAddress = 1

        /// Bounds request line and headers together, and with them what an idle connection costs. libmicrohttpd clears
        /// this much for every request, so more is slower; with less than 8 KiB long cookies begin to fail.
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
    }
}
