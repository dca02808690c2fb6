import CMicroHTTPD

// The steps of a request with a body. What is kept lies in the connection's buffer; what is
// streamed goes through a `BodyStream`, whose sink answers instead of the handler.
extension Worker {
    /// In the first handler call: what is done with the body, before the client is told to send it
    /// ("100 Continue").
    func expectBody(_ state: ConnectionPointer, _ mhd: OpaquePointer) -> MHD_Result {
        let length = Framing.bodyLength(state.pointee.headers)
        if length == 0 { return .YES }
        state.pointee.isDraining = shared.isDraining
        switch shared.plan(Request(connection: state), &state.pointee.reply) {
        case .answered:
            return queue(state, mhd, closing: true)
        case .kept(let maxBytes):
            state.pointee.bodyBytesMax = maxBytes
        case .streamed(let maxBytes, let sink):
            state.pointee.bodyBytesMax = maxBytes
            guard let stream = BodyStream(to: sink, places: shared.streams) else {
                return refuse(.busy, state, mhd)
            }
            state.pointee.stream = stream
        }
        precondition(
            (0...1 << 40).contains(state.pointee.bodyBytesMax), "a limit of a body is sane")
        if let length, length > state.pointee.bodyBytesMax {
            return refuse(.bodyTooLarge, state, mhd)
        }
        expect(.body, state, from: monotonicNanos())
        return .YES
    }

    /// Takes a piece of the body. An answer cannot be queued between pieces, so what is too much is
    /// thrown away until the client ends it and hears 413, or until it is beyond patience.
    func collect(
        _ state: ConnectionPointer, _ upload: UnsafePointer<CChar>,
        _ uploadCount: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        let limit = state.pointee.bodyBytesMax
        let count = uploadCount.pointee
        if state.pointee.bodyBytesSeen + count > limit {
            state.pointee.body.clear(keeping: Connection.keptBodyBytes)
            state.pointee.stream?.abandon()
            let patience = min(limit, Self.patienceBytesMax) + 65_536
            guard state.pointee.bodyBytesSeen + count <= limit + patience else { return .NO }
        } else if let stream = state.pointee.stream {
            let bytes = UnsafeRawBufferPointer(start: upload, count: count)
            guard let isTaken = offer(bytes, to: stream, state) else { return .NO }
            // What is left is offered again when the connection is resumed; until then it is not
            // the client who is waited for.
            if !isTaken {
                pause(state)
                return .YES
            }
        } else {
            guard state.pointee.body.tryAppend(upload, count: count) else { return .NO }
        }
        state.pointee.bodyBytesSeen += count
        awaitMore(state, behind: count)
        uploadCount.pointee = 0
        return .YES
    }

    /// What is thrown away of a body that is too large, at most.
    private static let patienceBytesMax = 4 << 20

    /// - Returns: whether the bytes were taken; if not, the connection is suspended. Nil when the
    ///   sink has not made room in time, or the server stops, or there is no memory.
    private func offer(
        _ bytes: UnsafeRawBufferPointer, to stream: BodyStream, _ state: ConnectionPointer
    ) -> Bool? {
        if let suspension = state.pointee.suspension {
            if suspension.ending != nil { return nil }
            state.pointee.suspension = nil
        }
        switch stream.append(bytes) {
        case .taken: return true
        case .outOfMemory: return nil
        case .full:
            guard let suspension = suspend(state) else { return nil }
            stream.wait(suspension)
            return false
        }
    }

    /// The body is complete. A sink is told, and answers later.
    ///
    /// - Returns: nil when the handler is to answer.
    func endBody(_ state: ConnectionPointer, _ mhd: OpaquePointer) -> MHD_Result? {
        if state.pointee.bodyBytesSeen > state.pointee.bodyBytesMax {
            return refuse(.bodyTooLarge, state, mhd)
        }
        guard let stream = state.pointee.stream else { return nil }
        guard let suspension = suspend(state) else { return refuse(.stopping, state, mhd) }
        state.pointee.phase = .deferred
        state.pointee.moments.putOff = state.pointee.moments.received
        stream.finish(DeferredReply(suspension, worker: index))
        return .YES
    }

    private func suspend(_ state: ConnectionPointer) -> Suspension? {
        Suspension.begin(state, timeoutMs: shared.sinkTimeoutMs, isCounted: false)
    }
}
