import CMicroHTTPD
import Glibc

// What libmicrohttpd calls, all of it on the worker's one thread. The functions are static and
// capture nothing, so they belong to no actor. For one request they come in this order:
//
//   requestLine   the URI log callback: our copy of the target, before it is cut up in place
//   access        first call, without body: refuse or accept. Answering here makes libmicrohttpd
//                 close the connection ("discard request"), so only refusals do
//   access        one call for each piece of the body
//   access        last call, without body: the handler runs, its answer is queued
//   completed     the answer is sent, or the connection broke; also when libmicrohttpd answered
//
// The context is the unretained `Worker`, alive until MHD_stop_daemon returns. The socket context
// is the `Connection`, allocated in `connection(STARTED)`, freed in `connection(CLOSED)`; between
// them lie all other calls.
extension Worker {
    typealias ConnectionPointer = UnsafeMutablePointer<Connection>

    /// Body memory up to this stays with a connection; a large upload's is given back at once.
    private static let keptBodyBytes = 16_384
    private static let keptTargetBytes = 1_024

    static var callbacks: httpfront_callbacks {
        httpfront_callbacks(
            access: { Worker.access($1, method: $3, version: $4, upload: $5, $6, $7) },
            completed: { _, _, requestContext, _ in Worker.completed(requestContext) },
            connection: { Worker.connection($0, $1, $2, $3) },
            uri: { _, uri, mhd in Worker.requestLine(uri, mhd) },
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
            let isLoopback =
                httpfront_client_address(mhd).flatMap(SocketAddress.init)?.isLoopback ?? false
            let state = ConnectionPointer.allocate(capacity: 1)
            worker._withUnsafeGuaranteedRef { worker in
                state.initialize(
                    to: Connection(
                        worker: Unmanaged.passUnretained(worker), workerIndex: worker.index,
                        isLoopbackClient: isLoopback))
                worker.connectionStarted()
            }
            socketContext.pointee = UnsafeMutableRawPointer(state)
        } else if let raw = socketContext.pointee {
            let state = raw.assumingMemoryBound(to: Connection.self)
            finish(state)
            state.pointee.release()
            state.deinitialize(count: 1)
            state.deallocate()
            socketContext.pointee = nil
            worker._withUnsafeGuaranteedRef { $0.connectionClosed() }
        }
    }

    private static func requestLine(
        _ uri: UnsafePointer<CChar>?, _ mhd: OpaquePointer?
    ) -> UnsafeMutableRawPointer? {
        guard let uri, let mhd, let raw = httpfront_socket_context(mhd) else { return nil }
        let state = raw.assumingMemoryBound(to: Connection.self)
        precondition(
            state.pointee.phase == .idle, "a request is completed before the next begins")
        state.pointee.worker._withUnsafeGuaranteedRef { $0.requestStarted() }
        state.pointee.startNanos = monotonicNanos()
        let hasMemory = state.pointee.target.append(uri, count: strlen(uri))
        state.pointee.phase = hasMemory ? .requestLine : .outOfMemory
        return raw
    }

    /// Stands in for libmicrohttpd's unescaping, which would be work for nothing: targets are read
    /// from our own copy, since the library's loses everything after `%00`.
    private static func keepEscaped(_ text: UnsafeMutablePointer<CChar>?) -> Int {
        text.map { strlen($0) } ?? 0
    }

    private static func access(
        _ mhd: OpaquePointer?,
        method: UnsafePointer<CChar>?, version: UnsafePointer<CChar>?,
        upload: UnsafePointer<CChar>?, _ uploadCount: UnsafeMutablePointer<Int>?,
        _ requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) -> MHD_Result {
        guard let mhd, let method, let version, let uploadCount, let raw = requestContext?.pointee
        else { return .NO }
        let state = raw.assumingMemoryBound(to: Connection.self)
        switch state.pointee.phase {
        case .requestLine:
            return state.pointee.worker._withUnsafeGuaranteedRef {
                $0.begin(state, mhd, method: method, version: version)
            }
        case .accepted where uploadCount.pointee > 0:
            guard let upload else { return .NO }
            return collect(state, upload, uploadCount)
        case .accepted:
            return state.pointee.worker._withUnsafeGuaranteedRef { $0.answer(state, mhd) }
        case .idle, .answered, .outOfMemory:
            return .NO
        }
    }

    private static func completed(
        _ requestContext: UnsafeMutablePointer<UnsafeMutableRawPointer?>?
    ) {
        guard let raw = requestContext?.pointee else { return }
        finish(raw.assumingMemoryBound(to: Connection.self))
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
        guard !shared.isSealed, Worker.captureHeaders(state, mhd) else { return .NO }
        state.pointee.method = HTTPMethod(Worker.bytes(method, strlen(method)))
        let target = state.pointee.target.bytes
        let refusal: Refusal? =
            if !Framing.isTarget(target) {
                .invalidTarget
            } else {
                Framing.refusal(
                    method: state.pointee.method, isHTTP10: strcmp(version, "HTTP/1.0") == 0,
                    headers: state.pointee.headers.fields, maxBodyBytes: shared.maxBodyBytes)
            }
        if let refusal {
            return Worker.queue(shared.refusalResponse(refusal), state, mhd, closing: true)
        }
        state.pointee.path = Framing.path(of: target)
        state.pointee.phase = .accepted
        return .YES
    }

    /// One walk along libmicrohttpd's list, so that later look-ups need none. False without memory.
    private static func captureHeaders(_ state: ConnectionPointer, _ mhd: OpaquePointer) -> Bool {
        let seen = MHD_get_connection_values_n(
            mhd, .HEADER_KIND,
            { state, _, name, nameCount, value, valueCount in
                guard let state, let name else { return .NO }
                let field = HeaderField(
                    name: Worker.bytes(name, nameCount),
                    value: value.map { Worker.bytes($0, valueCount) } ?? Worker.bytes(name, 0))
                let connection = state.assumingMemoryBound(to: Connection.self)
                return connection.pointee.headers.append(field) ? .YES : .NO
            }, state)
        return Int(seen) == state.pointee.headers.fields.count
    }

    private static func bytes(
        _ start: UnsafePointer<CChar>, _ count: Int
    ) -> UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(
            start: UnsafeRawPointer(start).assumingMemoryBound(to: UInt8.self), count: count)
    }

    /// Keeps a piece of the body. An answer cannot be queued between pieces, so what is too much is
    /// thrown away until the client ends it and hears 413, or until it is beyond patience.
    private static func collect(
        _ state: ConnectionPointer, _ upload: UnsafePointer<CChar>,
        _ uploadCount: UnsafeMutablePointer<Int>
    ) -> MHD_Result {
        let limit = state.pointee.worker._withUnsafeGuaranteedRef { $0.shared.maxBodyBytes }
        let count = uploadCount.pointee
        state.pointee.bodyBytesSeen += count
        if state.pointee.bodyBytesSeen <= limit {
            guard state.pointee.body.append(upload, count: count) else { return .NO }
        } else {
            state.pointee.body.clear(keeping: keptBodyBytes)
            guard state.pointee.bodyBytesSeen <= 2 * limit + 65_536 else { return .NO }
        }
        uploadCount.pointee = 0
        return .YES
    }

    private func answer(_ state: ConnectionPointer, _ mhd: OpaquePointer) -> MHD_Result {
        if state.pointee.bodyBytesSeen > shared.maxBodyBytes {
            return Worker.queue(shared.refusalResponse(.bodyTooLarge), state, mhd, closing: true)
        }
        let response = handler(Request(connection: state))
        return Worker.queue(
            response, state, mhd, closing: response.closesConnection || shared.isDraining)
    }

    private static func queue(
        _ response: Response, _ state: ConnectionPointer, _ mhd: OpaquePointer, closing: Bool
    ) -> MHD_Result {
        // The library copies the body, so the array need not outlive this call; the parameter is
        // not const for the sake of the modes in which it takes ownership.
        let created = response.body.withUnsafeBytes { body in
            MHD_create_response_from_buffer(
                body.count, UnsafeMutableRawPointer(mutating: body.baseAddress),
                .RESPMEM_MUST_COPY)
        }
        guard let created else { return .NO }
        // The connection keeps its own reference from MHD_queue_response on.
        defer { MHD_destroy_response(created) }
        guard addHeaders(of: response, to: created, closing: closing),
            MHD_queue_response(mhd, UInt32(response.status), created) == .YES
        else { return .NO }
        state.pointee.status = response.status
        state.pointee.routeTag = response.routeTag
        state.pointee.phase = .answered
        return .YES
    }

    /// False without memory, or when libmicrohttpd refuses a header.
    private static func addHeaders(
        of response: Response, to created: OpaquePointer, closing: Bool
    ) -> Bool {
        if let contentType = response.contentType {
            guard add(created, "Content-Type", UnsafeRawPointer(contentType.utf8Start)) else {
                return false
            }
        }
        if closing {
            let close: StaticString = "close"
            guard add(created, "Connection", UnsafeRawPointer(close.utf8Start)) else {
                return false
            }
        }
        return response.headerBytes.withUnsafeBytes { headers in
            guard var next = headers.baseAddress else { return true }
            let end = next + headers.count
            while next < end {
                let name = next.assumingMemoryBound(to: CChar.self)
                let value = next + strlen(name) + 1
                let text = value.assumingMemoryBound(to: CChar.self)
                guard MHD_add_response_header(created, name, text) == .YES else { return false }
                next = value + strlen(text) + 1
            }
            return true
        }
    }

    private static func add(
        _ created: OpaquePointer, _ name: StaticString, _ value: UnsafeRawPointer
    ) -> Bool {
        // A StaticString with a pointer to its text ends in a zero byte.
        MHD_add_response_header(
            created, UnsafeRawPointer(name.utf8Start).assumingMemoryBound(to: CChar.self),
            value.assumingMemoryBound(to: CChar.self)) == .YES
    }

    /// Ends the request, if one has begun, and makes the connection ready for the next.
    private static func finish(_ state: ConnectionPointer) {
        let phase = state.pointee.phase
        guard phase != .idle else { return }
        state.pointee.phase = .idle
        state.pointee.worker._withUnsafeGuaranteedRef { worker in
            if phase == .answered {
                worker.onCompleted(
                    worker.index, state.pointee.routeTag, state.pointee.status,
                    monotonicNanos() - state.pointee.startNanos)
            }
            worker.requestEnded(answered: phase == .answered)
        }
        state.pointee.headers.clear()
        state.pointee.target.clear(keeping: keptTargetBytes)
        state.pointee.body.clear(keeping: keptBodyBytes)
        state.pointee.bodyBytesSeen = 0
    }
}
