import CMicroHTTPD

/// A reply that is always the same, made once a worker and then only queued: for what many clients
/// hear at once, such as 401, 404, 429 and 503.
///
/// Each worker has its own, since sending one takes its lock and counts its references.
///
/// `@unchecked Sendable`: the pointers are constants; what they lead to is libmicrohttpd's, which
/// locks it.
public final class PreparedReply: @unchecked Sendable {
    /// The same with and without `Connection: close`.
    struct Made {
        let open: OpaquePointer
        let closing: OpaquePointer
    }

    public let status: Int
    private let all: UnsafeMutableBufferPointer<Made>
    let write: @Sendable (inout Reply) -> Void

    /// - Parameters:
    ///   - workers: as many as the server has, or more.
    ///   - write: says what the reply is: status, content type, headers and body.
    public init(workers: Int, _ write: @escaping @Sendable (inout Reply) -> Void) {
        var reply = Reply()
        write(&reply)
        precondition(reply.prepared == nil, "a prepared reply is made of parts")
        status = reply.status
        self.write = write
        all = .allocate(capacity: workers)
        for worker in 0..<workers {
            let made = Made(
                open: PreparedReply.made(reply, closing: false),
                closing: PreparedReply.made(reply, closing: true))
            (all.baseAddress.unsafelyUnwrapped + worker).initialize(to: made)
        }
    }

    /// Connections that still send one hold it themselves.
    deinit {
        for made in all {
            MHD_destroy_response(made.open)
            MHD_destroy_response(made.closing)
        }
        all.deallocate()
    }

    @inline(__always)
    func made(_ worker: Int) -> UnsafePointer<Made> {
        precondition(worker < all.count, "a prepared reply is made for the server's workers")
        return UnsafePointer(all.baseAddress.unsafelyUnwrapped + worker)
    }

    private static func made(_ reply: borrowing Reply, closing: Bool) -> OpaquePointer {
        guard let created = reply.create(.RESPMEM_MUST_COPY, closing: closing) else {
            // Unlike a precondition's, the words are in an optimised build too.
            fatalError("there is no memory for a reply that is made at start")
        }
        return created
    }
}

extension Reply {
    /// libmicrohttpd's object for this reply; nil without memory, or when it refuses a header.
    @inline(__always)
    func create(_ mode: MHD_ResponseMemoryMode, closing: Bool) -> OpaquePointer? {
        // The buffer is not written to: the parameter is not const for the sake of the modes in
        // which libmicrohttpd takes ownership.
        let created = MHD_create_response_from_buffer(
            body.count, UnsafeMutableRawPointer(mutating: body.bytes.baseAddress), mode)
        guard let created else { return nil }
        var isWhole = true
        if let contentType {
            isWhole = Reply.add(created, "Content-Type", contentType)
        }
        if closing, isWhole { isWhole = Reply.add(created, "Connection", "close") }
        for index in 0..<headerCount where isWhole {
            let (name, value) = header(index)
            isWhole = MHD_add_response_header(created, name, value) == .YES
        }
        if isWhole { return created }
        MHD_destroy_response(created)
        return nil
    }

    @inline(__always)
    static func add(
        _ created: OpaquePointer, _ name: StaticString, _ value: StaticString
    ) -> Bool {
        MHD_add_response_header(created, characters(name.utf8Start), characters(value.utf8Start))
            == .YES
    }
}
