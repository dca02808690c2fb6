import CMicroHTTPD

// Until when a client must have done its part. All of it runs on the worker's thread; what is set
// here, `Deadlines` enforces.
extension Worker {
    /// A connection that has begun. One too many of its client is cut off: the event loop finds it
    /// at its end and closes it.
    func admit(_ state: ConnectionPointer) {
        expect(.request, state, from: monotonicNanos())
        guard let ledger = shared.ledger, let client = state.pointee.client,
            !(shared.trustedProxies?.contain(client) ?? false)
        else { return }
        if ledger.enter(client.network) {
            state.pointee.isCounted = true
        } else if let place = state.pointee.place {
            deadlines.end(place)
        }
    }

    /// Before the connection's socket is closed.
    func leave(_ state: ConnectionPointer) {
        if let place = state.pointee.place { deadlines.leave(place) }
        guard state.pointee.isCounted, let client = state.pointee.client else { return }
        shared.ledger?.leave(client.network)
    }

    /// The client has to send what comes next.
    @inline(__always)
    func expect(_ delay: ClientDelay, _ state: ConnectionPointer, from nanos: UInt64) {
        guard let place = state.pointee.place else { return }
        let wait = patience[delay]
        if wait == Deadlines.never { return deadlines.clear(place) }
        deadlines.set(place, delay, nanos: nanos &+ wait)
    }

    /// The server has to do what comes next.
    func pause(_ state: ConnectionPointer) {
        if let place = state.pointee.place { deadlines.clear(place) }
    }

    /// A piece of a body has come, which earns time by its size: all of it, but no more than the
    /// client had in the beginning.
    func awaitMore(_ state: ConnectionPointer, behind byteCount: Int) {
        guard let place = state.pointee.place else { return }
        let most = monotonicNanos() &+ patience[.body]
        let earned = UInt64(byteCount) &* patience.nanosPerByte
        let (later, isBeyond) = deadlines.nanos(place).addingReportingOverflow(earned)
        deadlines.set(place, .body, nanos: isBeyond ? most : min(most, later))
    }

    /// The client has to take the answer.
    @inline(__always)
    func awaitTaking(_ state: ConnectionPointer) {
        // Most answers come at once; for others the time until now was the server's.
        let isLate = state.pointee.phase == .deferred || state.pointee.headers.framesBody
        var start = state.pointee.startNanos
        if isLate {
            start = monotonicNanos()
            state.pointee.moments.queued = start
        }
        let size = UInt64(state.pointee.reply.body.count) &* patience.nanosPerByte
        expect(.answer, state, from: start &+ size)
    }
}

/// How long clients are waited for.
struct Patience: Sendable {
    private let waits: InlineArray<4, UInt64>
    let nanosPerByte: UInt64

    init(_ limits: Limits) {
        let second: UInt64 = 1_000_000_000
        let headers = UInt64(limits.headerSeconds) * second
        let transfer = UInt64(limits.transferSeconds) * second
        let idle = UInt64(limits.idleSeconds) * second
        // Silence is libmicrohttpd's to end; whoever is not silent has a little longer.
        waits = [idle == 0 ? Deadlines.never : idle + headers, headers, transfer, transfer]
        nanosPerByte = second / UInt64(limits.bytesPerSecond)
    }

    subscript(_ delay: ClientDelay) -> UInt64 { waits[Int(delay.rawValue)] }
}
