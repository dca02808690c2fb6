import CMicroHTTPD

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
    public var target: UnsafeBufferPointer<UInt8> {
        connection.pointee.target.bytes
    }

    /// The target before `?`, percent-encoded. Of an absolute target (`http://host/path`) only the
    /// path.
    public var path: UnsafeBufferPointer<UInt8> {
        let state = connection
        return UnsafeBufferPointer(rebasing: state.pointee.target.bytes[state.pointee.path])
    }

    /// The target after `?`, percent-encoded; empty when there is none.
    public var query: Query {
        let state = connection
        return Query(
            UnsafeBufferPointer(
                rebasing: state.pointee.target.bytes[state.pointee.path.upperBound...].dropFirst()))
    }

    /// The whole body; empty when there is none.
    public var body: UnsafeBufferPointer<UInt8> { connection.pointee.body.bytes }

    /// The value of the first header of this name, in any case, or nil.
    public func header(_ name: StaticString) -> UnsafeBufferPointer<UInt8>? {
        for field in connection.pointee.headers.fields where field.hasName(name) {
            return field.trimmedValue
        }
        return nil
    }

    /// Calls `body` with the value of every header of this name, in order.
    public func forEachHeader(
        _ name: StaticString, _ body: (UnsafeBufferPointer<UInt8>) -> Void
    ) {
        for field in connection.pointee.headers.fields where field.hasName(name) {
            body(field.trimmedValue)
        }
    }

    /// How often a header occurs, for callers to whom a repeated one is an error.
    public func headerCount(_ name: StaticString) -> Int {
        var count = 0
        forEachHeader(name) { _ in count += 1 }
        return count
    }

    /// Which worker runs the handler: 0 to `HTTPServer.workerCount` - 1. A worker runs one handler
    /// at a time, always on the same thread, so per-worker state needs no lock.
    public var worker: Int { connection.pointee.workerIndex }

    /// When the request line had arrived, on the monotonic clock.
    public var startNanos: UInt64 { connection.pointee.startNanos }

    /// Whether the connection comes from this machine's loopback addresses.
    public var isLoopbackClient: Bool { connection.pointee.isLoopbackClient }

    /// Whether the server is stopping, which a readiness probe must be told.
    public var isDraining: Bool {
        connection.pointee.worker._withUnsafeGuaranteedRef { $0.shared.isDraining }
    }
}
