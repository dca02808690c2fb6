/// A request that took long, and where its time went, without anything of what it asked for.
public struct SlowRequest: Sendable {
    /// Of the route.
    public var routeTag: Int
    public var method: HTTPMethod
    public var status: Int
    public var bodyBytes: Int
    public var replyBytes: Int
    /// From the complete request line to the answer's last byte, or the connection's end.
    public var nanos: UInt64
    /// Until the body was there; nil without one.
    public var receivedNanos: UInt64?
    /// On the worker, until the answer was made or put off; nil when no clock was read, which is so
    /// for an answer that is made at once to a request without a body.
    public var handledNanos: UInt64?
    /// Until the answer came that was put off; nil when it was not.
    public var waitedNanos: UInt64?
    /// Until the client had taken the answer; nil as for `handledNanos`.
    public var sentNanos: UInt64?
}

/// Moments of a request on the monotonic clock, 0 where it was not read: reading it for a request
/// that is answered at once would cost it as much as finding a card.
struct RequestMoments {
    /// The body was complete.
    var received: UInt64 = 0
    /// The handler had returned without an answer.
    var putOff: UInt64 = 0
    /// The answer was queued.
    var queued: UInt64 = 0

    func slowRequest(
        _ state: borrowing Connection, endNanos: UInt64
    ) -> SlowRequest {
        let start = state.startNanos
        var request = SlowRequest(
            routeTag: state.reply.routeTag, method: state.method, status: state.reply.status,
            bodyBytes: state.bodyBytesSeen, replyBytes: state.reply.body.count,
            nanos: endNanos &- start)
        if received != 0 { request.receivedNanos = received &- start }
        let begun = received == 0 ? start : received
        if putOff != 0 {
            request.handledNanos = putOff &- begun
            if queued != 0 { request.waitedNanos = queued &- putOff }
        } else if queued != 0 {
            request.handledNanos = queued &- begun
        }
        if queued != 0 { request.sentNanos = endNanos &- queued }
        return request
    }
}
