/// A request while its handler runs.
///
/// It can be neither copied nor kept, and every buffer that it hands out points into memory of the
/// connection: valid until the handler returns, never longer. Reading a property costs a load or
/// two and allocates nothing.
public struct Request: ~Copyable {
    let connection: UnsafeMutablePointer<Connection>

    init(connection: UnsafeMutablePointer<Connection>) {
        self.connection = connection
    }

    public var method: HTTPMethod { connection.pointee.method }

    /// The target as the client sent it: still percent-encoded, with the query, without a fragment.
    public var target: UnsafeBufferPointer<UInt8> { connection.pointee.target.bytes }

    /// The target before `?`, percent-encoded. Of an absolute target (`http://host/path`) only the
    /// path.
    public var path: UnsafeBufferPointer<UInt8> {
        let range = connection.pointee.path
        return UnsafeBufferPointer(rebasing: connection.pointee.target.bytes[range])
    }

    /// The target after `?`, percent-encoded; empty when there is none.
    public var query: Query {
        let start = connection.pointee.path.upperBound
        return Query(
            UnsafeBufferPointer(rebasing: connection.pointee.target.bytes[start...].dropFirst()))
    }

    /// The length of the body as the headers announce it: 0 when there is none, nil when only its
    /// end will tell.
    public var bodyLength: Int? { Framing.bodyLength(connection.pointee.headers) }

    /// The host, and perhaps the port, that the client means: of an absolute target, or else of
    /// `Host` (RFC 9112, 3.2.2).
    public var authority: UnsafeBufferPointer<UInt8>? {
        let end = connection.pointee.path.lowerBound
        guard end > 0 else { return header(.host) }
        let target = connection.pointee.target.bytes
        guard let scheme = target.firstIndex(of: UInt8(ascii: ":")), scheme + 3 <= end else {
            return nil
        }
        return UnsafeBufferPointer(rebasing: target[(scheme + 3)..<end])
    }

    /// The whole body; empty when there is none, or it is streamed.
    public var body: UnsafeBufferPointer<UInt8> { connection.pointee.body.bytes }

    /// The value of the first header of this name, in any case, or nil.
    public func header(_ header: RequestHeader) -> UnsafeBufferPointer<UInt8>? {
        connection.pointee.headers.first(header).map(HeaderTable.trimmed)
    }

    /// Calls `body` with the value of every header of this name, in order.
    public func forEachHeader(
        _ header: RequestHeader, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        connection.pointee.headers.forEach(header) { body(HeaderTable.trimmed($0)) }
    }

    /// How often a header occurs, for callers to whom a repeated one is an error.
    public func headerCount(_ header: RequestHeader) -> Int {
        connection.pointee.headers.count(header)
    }

    /// Which worker runs the handler: 0 to `HTTPServer.workerCount` - 1. A worker runs one handler
    /// at a time, always on the same thread, so per-worker state needs no lock.
    public var worker: Int { connection.pointee.workerIndex }

    /// When the request line had arrived, on the monotonic clock.
    public var startNanos: UInt64 { connection.pointee.startNanos }

    /// Whether the connection comes from this machine's loopback addresses.
    public var isLoopbackClient: Bool { connection.pointee.isLoopbackClient }

    /// The address that the connection comes from; nil at a Unix socket.
    public var peer: ClientAddress? { connection.pointee.client }

    /// The client's address: the peer's, or what proxies that are trusted say of theirs. Nil for a
    /// client at a Unix socket, unless it is such a proxy.
    public func client(trusting proxies: TrustedProxies?) -> ClientAddress? {
        guard let proxies, peer.map(proxies.contain) ?? proxies.includesUnixSockets else {
            return peer
        }
        var values: [String] = []
        forEachHeader(proxies.header == .forwarded ? .forwarded : .forwardedFor) {
            values.append(String(decoding: $0, as: UTF8.self))
        }
        return proxies.client(of: peer, values)
    }

    /// Whether the server is stopping, which a readiness probe must be told.
    public var isDraining: Bool { connection.pointee.isDraining }

    /// What the server's foresight left.
    public var hint: RequestHint { connection.pointee.hint }

    // MARK: Credentials

    /// What this credential was remembered with on this connection; nil when it was not, or not
    /// with this version, or when its time is over.
    @inline(__always)
    public func acceptedGrant(
        _ credential: UnsafeBufferPointer<UInt8>, version: UInt64
    ) -> UInt64? {
        guard
            connection.pointee.credential.isValid(
                credential, version: version, nowNanos: startNanos)
        else { return nil }
        return connection.pointee.credential.grant
    }

    /// Remembers a credential that was accepted, until another takes its place or `untilNanos` is
    /// over on the clock of ``startNanos``. `version` is the caller's; it must change whenever a
    /// credential may have become invalid. So is `grant`.
    public func rememberAccepted(
        _ credential: UnsafeBufferPointer<UInt8>, version: UInt64, grant: UInt64,
        untilNanos: UInt64
    ) {
        connection.pointee.credential.remember(
            credential, version: version, grant: grant, untilNanos: untilNanos)
    }
}

// MARK: - Without a socket

extension Request {
    /// A request for tests of handlers: no server, no socket. Header names that nothing asks for
    /// are ignored, as they are in a real request.
    package static func withTesting<R>(
        _ method: HTTPMethod, _ target: [UInt8],
        headers: [(name: RequestHeader, value: [UInt8])] = [], body: [UInt8] = [],
        isLoopbackClient: Bool = true,
        _ run: (borrowing Request, inout Reply) throws -> R
    ) rethrows -> R {
        let state = UnsafeMutablePointer<Connection>.allocate(capacity: 1)
        state.initialize(
            to: Connection(
                workerIndex: 0, isLoopbackClient: isLoopbackClient, client: nil, place: nil,
                handle: nil,
                suspensions: Suspensions(limit: 1)))
        var values: [UnsafeMutableBufferPointer<UInt8>] = []
        defer {
            for value in values { value.deallocate() }
            state.deinitialize(count: 1)
            state.deallocate()
        }
        state.pointee.method = method
        state.pointee.target.append(target)
        state.pointee.path = Framing.path(of: state.pointee.target.bytes)
        state.pointee.body.append(body)
        for header in headers {
            let value = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: header.value.count)
            _ = value.initialize(from: header.value)
            values.append(value)
            state.pointee.headers.append(header.name, UnsafeBufferPointer(value))
        }
        var reply = Reply()
        return try run(Request(connection: state), &reply)
    }
}
