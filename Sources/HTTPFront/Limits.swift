// Every bound on what clients can make a server do, in one place, with its reason. What they add up
// to is in SECURITY.md; the metrics named here say how often each was met.

/// What clients may take of a server. A server without any of these serves whoever takes all.
public struct Limits: Sendable {
    // MARK: Sizes

    /// Bounds request line and headers together, and with them what an idle connection costs.
    /// libmicrohttpd clears this much for every request, so more is slower; with less than 8 KiB
    /// long cookies begin to fail. It answers 414 or 431.
    public var headBytes = 8_192

    /// Larger bodies are refused with 413 where a route does not say otherwise. 10,000 keys or
    /// events are less.
    public var bodyBytes = 4 << 20

    // MARK: Connections

    /// Of one worker at a time. Beyond it new ones wait in the system's queue
    /// (`cardstatus_http_connections_open`).
    public var connectionsPerWorker = 4_096

    /// Of one client over all workers together; an IPv6 client is a /64. 0 is as many as there are:
    /// in front of callers that share an address, or behind a proxy, no number is right for all.
    /// Beyond it a connection is closed at once
    /// (`cardstatus_http_connections_refused_total`). Proxies that are trusted have no limit.
    public var connectionsPerClient = 0

    /// Connections, of all workers together, whose answer is waited for. It should be less than
    /// `connectionsPerWorker`, so that a worker whose connections all wait has some left for
    /// others. Beyond it the answer is 503.
    public var suspendedConnections = 3_072

    /// Bodies that are streamed at a time; each may hold a thread and 768 KiB. Beyond it the answer
    /// is 503.
    public var streamedBodies = 32

    // MARK: Times

    /// How long a sink may take for some 256 KiB of a body, and at its end for the answer: a disk
    /// that is slower is out of order.
    public var sinkTimeoutMs = 60_000

    /// A connection without a byte in either direction for so long is closed; 0 is never.
    public var idleSeconds = 60

    /// From the request line to the end of the headers, and beyond `idleSeconds` for the request
    /// line itself. Headers come in one piece from every client that means well.
    public var headerSeconds = 10

    /// A body, or the taking of an answer, may take so long and then as long as
    /// `bytesPerSecond` allows.
    public var transferSeconds = 30

    /// Slower than a telephone's modem is not a client that waits for an answer.
    public var bytesPerSecond = 4_096

    // MARK: Rates

    /// Requests with one API key. Off: how much is too much, only an operator knows.
    public var perKey: RateLimit?

    /// Requests of one client, whatever its keys; an IPv6 client is a /64. Off, as `perKey`.
    public var perClient: RateLimit?

    /// Clients and keys that are told apart at a time, each in 16 bytes.
    public var rateBuckets = 65_536

    public init() {}

    /// Values that no client and no operator can cause: whoever reads them from outside checks
    /// them first.
    func check() {
        precondition(headBytes >= 1_024, "a request line needs some memory")
        precondition((0...1 << 40).contains(bodyBytes), "twice the limit must fit an Int")
        precondition(
            (1...1 << 24).contains(connectionsPerWorker),
            "a server without connections serves nobody, and Linux has no more descriptors")
        precondition(
            connectionsPerClient >= 0 && suspendedConnections >= 0 && streamedBodies >= 0
                && sinkTimeoutMs > 0, "limits are not negative")
        precondition((0...86_400).contains(idleSeconds), "a timeout is at most a day")
        precondition(
            (1...86_400).contains(headerSeconds) && (1...86_400).contains(transferSeconds),
            "a deadline is at most a day")
        precondition(bytesPerSecond > 0, "a rate has an end")
    }
}
