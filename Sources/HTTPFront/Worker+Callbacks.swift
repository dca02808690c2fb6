import CMicroHTTPD
import Glibc

// What libmicrohttpd calls, all of it on the worker's one thread. The functions are static and
// capture nothing, so they belong to no actor. For one request they come in this order:
//
//   requestLine   the URI log callback: our copy of the target, before it is cut up in place; the
//                 first step of the server's foresight
//   access        first call, without body: refuse or accept. Answering here makes libmicrohttpd
//                 close the connection ("discard request"), so only refusals do. It begins with the
//                 second step of foresight, so that checking the headers gives memory time to come
//   access        one call for each piece of the body
//   access        last call, without body: the handler runs, its answer is queued, or it suspends
//                 the connection and says that the answer comes later
//   access        one more call in that case, when the connection is resumed: the answer is queued
//   completed     the answer is sent, or the connection broke; also when libmicrohttpd answered
//
// The reply's body is sent from the connection's buffer (RESPMEM_PERSISTENT: "the buffer is a
// persistent (static/global) buffer that won't change for at least the lifetime of the response"):
// between the queueing and `completed` nothing touches it.
//
// The context is the unretained `Worker`, alive until MHD_stop_daemon returns. The socket context
// is the `Connection`, allocated in `connection(STARTED)`, freed in `connection(CLOSED)`; between
// them lie all other calls.
extension Worker {
    typealias ConnectionPointer = UnsafeMutablePointer<Connection>

    static var callbacks: httpfront_callbacks {
        httpfront_callbacks(
            access: { Worker.access($0, $1, method: $3, version: $4, upload: $5, $6, $7) },
            completed: { context, _, request, _ in Worker.completed(context, request) },
            connection: { Worker.connection($0, $1, $2, $3) },
            uri: { Worker.requestLine($0, $1, $2) },
            unescape: { _, _, text in Worker.keepEscaped(text) },
            context: nil)
    }

    private static func connection(
        _ context: UnsafeMutableRawPointer?, _ mhd: OpaquePointer?,
        _ socketContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?,
        _ code: MHD_ConnectionNotificationCode
    ) {
        guard let context, let mhd, let socketContext else { return }
        let worker = Unmanaged<Worker>.fromOpaque(context)
        if code == .CONNECTION_NOTIFY_STARTED {
            let peer = httpfront_client_address(mhd).flatMap(SocketAddress.init)
            let state = ConnectionPointer.allocate(capacity: 1)
            worker._withUnsafeGuaranteedRef { worker in
                state.initialize(
                    to: Connection(
                        workerIndex: worker.index, isLoopbackClient: peer?.isLoopback ?? false,
                        client: peer.flatMap(ClientAddress.init(peer:)),
                        place: worker.deadlines.enter(httpfront_socket(mhd)), handle: mhd,
                        suspensions: worker.shared.suspensions))
                worker.connectionStarted()
                worker.admit(state)
            }
            socketContext.pointee = UnsafeMutableRawPointer(state)
        } else if let raw = socketContext.pointee {
            let state = raw.assumingMemoryBound(to: Connection.self)
            worker._withUnsafeGuaranteedRef { worker in
                worker.finish(state)
                worker.leave(state)
                worker.connectionClosed()
            }
            state.deinitialize(count: 1)
            state.deallocate()
            socketContext.pointee = nil
        }
    }

    private static func requestLine(
        _ context: UnsafeMutableRawPointer?, _ uri: UnsafePointer<CChar>?, _ mhd: OpaquePointer?
    ) -> UnsafeMutableRawPointer? {
        guard let context, let uri, let mhd, let raw = httpfront_socket_context(mhd) else {
            return nil
        }
        let state = raw.assumingMemoryBound(to: Connection.self)
        precondition(
            state.pointee.phase == .idle, "a request is completed before the next begins")
        let count = strlen(uri)
        let hasMemory = state.pointee.target.tryAppend(uri, count: count)
        state.pointee.lines.begin(uri, count: count)
        state.pointee.phase = hasMemory ? .requestLine : .outOfMemory
        Unmanaged<Worker>.fromOpaque(context)._withUnsafeGuaranteedRef { worker in
            worker.requestStarted()
            worker.foresee(.requestLine, state)
            let now = monotonicNanos()
            worker.expect(.headers, state, from: now)
            state.pointee.startNanos = now
        }
        return raw
    }

    /// Stands in for libmicrohttpd's unescaping, which would be work for nothing: targets are read
    /// from our own copy, since the library's loses everything after `%00`.
    private static func keepEscaped(_ text: UnsafeMutablePointer<CChar>?) -> Int {
        text.map { strlen($0) } ?? 0
    }

    private static func access(
        _ context: UnsafeMutableRawPointer?, _ mhd: OpaquePointer?,
        method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?,
        upload: UnsafePointer<CChar>?, _ uploadCount: UnsafeMutablePointer<Int>?,
        _ requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> MHD_Result {
        guard let context, let mhd, let method, let version, let uploadCount,
            let raw = requestContext?.pointee
        else { return .NO }
        let state = raw.assumingMemoryBound(to: Connection.self)
        return Unmanaged<Worker>.fromOpaque(context)._withUnsafeGuaranteedRef { worker in
            switch state.pointee.phase {
            case .requestLine:
                return worker.begin(state, mhd, method: method, version: version)
            case .accepted where uploadCount.pointee > 0:
                guard let upload else { return .NO }
                return worker.collect(state, upload, uploadCount)
            case .accepted:
                return worker.answer(state, mhd)
            case .deferred:
                return worker.answerDeferred(state, mhd)
            case .idle, .answered, .outOfMemory:
                return .NO
            }
        }
    }

    private static func completed(
        _ context: UnsafeMutableRawPointer?,
        _ requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) {
        guard let context, let raw = requestContext?.pointee else { return }
        Unmanaged<Worker>.fromOpaque(context)._withUnsafeGuaranteedRef {
            $0.finish(raw.assumingMemoryBound(to: Connection.self))
        }
        requestContext?.pointee = nil
    }
}

// MARK: - The steps of a request

extension Worker {
    /// MHD_NO makes libmicrohttpd close the connection without an answer.
    private func begin(
        _ state: ConnectionPointer, _ mhd: OpaquePointer, method: UnsafePointer<CChar>,
        version: UnsafePointer<CChar>
    ) -> MHD_Result {
        guard !shared.isSealed else { return .NO }
        foresee(.headers, state)
        let name = Worker.bytes(method, strlen(method))
        state.pointee.method = HTTPMethod(name)
        guard Framing.isTarget(state.pointee.target.bytes) else {
            return refuse(.invalidTarget, state, mhd)
        }
        guard state.pointee.lines.acceptsRequestLine(method, name.count, version) else {
            return refuse(.invalidLine, state, mhd)
        }
        guard state.pointee.method != .other || Framing.isToken(name) else {
            return refuse(.invalidMethod, state, mhd)
        }
        Worker.walkHeaders(state, mhd)
        // An answer that is to get headers of its own must not be one that all share.
        if shared.onOrigin != nil, state.pointee.headers.count(.origin) == 1 {
            state.pointee.reply.isPlain = true
        }
        if let refusal = state.pointee.refusal
            ?? Framing.refusal(
                method: state.pointee.method, version: version, headers: state.pointee.headers)
        {
            return refuse(refusal, state, mhd)
        }
        state.pointee.path = Framing.path(of: state.pointee.target.bytes)
        state.pointee.phase = .accepted
        return state.pointee.headers.framesBody ? expectBody(state, mhd) : .YES
    }

    @inline(__always)
    private func foresee(_ step: ForesightStep, _ state: ConnectionPointer) {
        foresee?(step, state.pointee.target.bytes, &state.pointee.hint)
    }

    func refuse(
        _ refusal: Refusal, _ state: ConnectionPointer, _ mhd: OpaquePointer
    ) -> MHD_Result {
        shared.refuse(refusal, &state.pointee.reply)
        return queue(state, mhd, closing: true)
    }

    /// One walk along libmicrohttpd's list: checks every header, and keeps those that are asked
    /// for. It ends at the first that breaks a rule of framing.
    @inline(__always)
    private static func walkHeaders(_ state: ConnectionPointer, _ mhd: OpaquePointer) {
        MHD_get_connection_values_n(
            mhd, .HEADER_KIND,
            { state, _, nameStart, nameCount, valueStart, valueCount in
                guard let state else { return .NO }
                let connection = state.assumingMemoryBound(to: Connection.self)
                // An empty name has no pointer.
                guard let nameStart else {
                    connection.pointee.refusal = .invalidHeaderName
                    return .NO
                }
                guard connection.pointee.lines.acceptsHeader(nameStart, valueStart, valueCount)
                else {
                    connection.pointee.refusal = .invalidLine
                    return .NO
                }
                let name = Worker.bytes(nameStart, nameCount)
                // A header without a value has no pointer to one either.
                let value = Worker.bytes(
                    valueStart ?? nameStart, valueStart == nil ? 0 : valueCount)
                let header = RequestHeader(name: name)
                if let refusal = Framing.refusal(
                    ofHeader: header, name, value, before: connection.pointee.headers)
                {
                    connection.pointee.refusal = refusal
                    return .NO
                }
                if let header { connection.pointee.headers.append(header, value) }
                return .YES
            }, state)
        if state.pointee.refusal == nil,
            !state.pointee.lines.acceptsEnd(byteCount: httpfront_head_size(mhd))
        {
            state.pointee.refusal = .invalidLine
        }
    }

    private static func bytes(
        _ start: UnsafePointer<CChar>, _ count: Int
    ) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self), count: count)
    }

    private func answer(_ state: ConnectionPointer, _ mhd: OpaquePointer) -> MHD_Result {
        pause(state)
        if state.pointee.headers.framesBody {
            state.pointee.moments.received = monotonicNanos()
            if let result = endBody(state, mhd) { return result }
        }
        let isDraining = shared.isDraining
        state.pointee.isDraining = isDraining
        handler(Request(connection: state), &state.pointee.reply)
        if state.pointee.phase == .deferred {
            state.pointee.moments.putOff = monotonicNanos()
            return .YES
        }
        return queue(
            state, mhd, closing: isDraining || state.pointee.reply.closesConnection)
    }

    /// The answer that was to come later is there, or will not come.
    private func answerDeferred(_ state: ConnectionPointer, _ mhd: OpaquePointer) -> MHD_Result {
        guard let suspension = state.pointee.suspension else { return .NO }
        if let refusal = suspension.takeReply(into: &state.pointee.reply) {
            if refusal == .unanswered {
                shared.errorLog("worker \(index): an answer was to come later and was forgotten")
            }
            // Whatever the handler has said before it returned.
            state.pointee.reply.reset()
            shared.refuse(refusal, &state.pointee.reply)
        }
        return queue(
            state, mhd, closing: shared.isDraining || state.pointee.reply.closesConnection)
    }

    func queue(
        _ state: ConnectionPointer, _ mhd: OpaquePointer, closing: Bool
    ) -> MHD_Result {
        let status = state.pointee.reply.status
        precondition(status >= 200 && status < 600, "a final status has three digits from 200 on")
        awaitTaking(state)
        if state.pointee.reply.isPlain { tellOrigin(state) }
        if let made = state.pointee.reply.prepared {
            let response = closing ? made.pointee.closing : made.pointee.open
            guard MHD_queue_response(mhd, UInt32(status), response) == .YES else { return .NO }
            state.pointee.phase = .answered
            return .YES
        }
        if !closing, let object = state.pointee.reply.takeObject(state.pointee.startNanos) {
            // Given back when the request is completed, also if it cannot be queued.
            state.pointee.object = object
            guard MHD_queue_response(mhd, UInt32(status), object.pointee.response) == .YES else {
                return .NO
            }
            state.pointee.phase = .answered
            return .YES
        }
        state.pointee.reply.expandTemplate()
        guard let response = state.pointee.reply.create(.RESPMEM_PERSISTENT, closing: closing)
        else { return .NO }
        let result = MHD_queue_response(mhd, UInt32(status), response)
        // The connection keeps its own reference from then on.
        MHD_destroy_response(response)
        guard result == .YES else { return .NO }
        state.pointee.phase = .answered
        return .YES
    }

    /// The end of a request, whether it was answered or broke off. Called again for a connection
    /// whose last request has ended already, it does nothing.
    private func finish(_ state: ConnectionPointer) {
        let phase = state.pointee.phase
        guard phase != .idle else { return }
        let now = monotonicNanos()
        if phase == .answered {
            onCompleted(
                index, state.pointee.reply.routeTag, state.pointee.reply.status,
                now &- state.pointee.startNanos)
            if now &- state.pointee.startNanos >= slowNanos { tellSlow(state, now) }
        }
        expect(.request, state, from: now)
        requestEnded(answered: phase == .answered)
        state.pointee.reply.clear()
        state.pointee.clear()
    }

    /// All answers come through here: the handler's, those that came later, and refusals.
    @inline(never)
    private func tellOrigin(_ state: ConnectionPointer) {
        guard let origin = state.pointee.headers.first(.origin) else { return }
        // What a template would say must be there before more is added.
        state.pointee.reply.expandTemplate()
        shared.onOrigin?(HeaderTable.trimmed(origin), &state.pointee.reply)
    }

    @inline(never)
    private func tellSlow(_ state: ConnectionPointer, _ now: UInt64) {
        shared.onSlow?(state.pointee.moments.slowRequest(state.pointee, endNanos: now))
    }
}
