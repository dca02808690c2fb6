// What we keep for a connection and for the request on it.
//
// Memory: one `Connection` lies in memory of its own from libmicrohttpd's "connection started"
// notice to its "connection closed" notice; libmicrohttpd keeps the pointer as the socket context.
// Its buffers are kept from request to request, so that a request on a kept connection allocates
// nothing here. The reply's body is sent from its buffer, which is left alone from the moment the
// reply is queued until the request is completed. Only the connection's worker touches it.
//
// Size: an idle connection keeps at most `keptTargetBytes` + `keptReplyBytes` + `keptBodyBytes`
// besides this struct and libmicrohttpd's pool.

struct Connection: ~Copyable {
    enum Phase {
        /// Between requests.
        case idle
        /// The request line has arrived; its target is ours, its headers are not here yet.
        case requestLine
        /// Accepted in the first handler call; the body may be on its way.
        case accepted
        /// The handler has returned without an answer, which is to come from elsewhere.
        case deferred
        /// An answer is queued.
        case answered
        /// No memory for the target: the connection is closed.
        case outOfMemory
    }

    /// Buffers up to these sizes stay with a connection; larger ones are given back at once.
    static let keptTargetBytes = 1_024
    static let keptReplyBytes = 2_048
    static let keptBodyBytes = 2_048

    let workerIndex: Int
    let isLoopbackClient: Bool
    /// Nil for a client at a Unix socket, which has no address.
    let client: ClientAddress?
    /// Among the worker's `Deadlines`; nil in tests of handlers without a socket.
    let place: Int?
    /// Whether it is entered in the `AddressLedger`.
    var isCounted = false
    /// libmicrohttpd's connection, as long as this one; nil in tests of handlers without a socket.
    let handle: OpaquePointer?
    /// Where it is entered while it is suspended.
    let suspensions: Suspensions
    var isDraining = false

    var phase = Phase.idle
    var method = HTTPMethod.other
    var target = ByteBuffer()
    var path = 0..<0
    var headers = HeaderTable()
    /// Where libmicrohttpd has the target, and where the next line of the head must begin; see
    /// `HeadLines`.
    var lines = HeadLines()
    /// The first rule of framing that a header broke.
    var refusal: Refusal?
    var body = ByteBuffer()
    /// Set for each request with a body.
    var bodyBytesMax = 0
    /// Bytes of the body that arrived, also those beyond the limit, which are not kept.
    var bodyBytesSeen = 0
    /// Where the body goes instead of `body`.
    var stream: BodyStream?
    /// Since when the connection was suspended, until the worker has seen that it was resumed.
    var suspension: Suspension?
    var startNanos: UInt64 = 0
    var moments = RequestMoments()
    var reply = Reply()
    /// What the reply is sent by, when a template made it.
    var object: UnsafeMutablePointer<ReplyTemplate.Object>?
    var credential = AcceptedCredential()
    /// What the server's foresight remembers of the request.
    var hint = RequestHint()

    init(
        workerIndex: Int, isLoopbackClient: Bool, client: ClientAddress?, place: Int?,
        handle: OpaquePointer?, suspensions: Suspensions
    ) {
        self.workerIndex = workerIndex
        self.isLoopbackClient = isLoopbackClient
        self.client = client
        self.place = place
        self.handle = handle
        self.suspensions = suspensions
    }

    /// Ready for the next request.
    mutating func clear() {
        phase = .idle
        headers.clear()
        target.clear(keeping: Self.keptTargetBytes)
        body.clear(keeping: Self.keptBodyBytes)
        bodyBytesSeen = 0
        refusal = nil
        hint.kind = 0
        moments = RequestMoments()
        if stream != nil || suspension != nil { clearSlow() }
        if let object {
            ReplyTemplate.Pool.giveBack(object)
            self.object = nil
        }
    }

    /// A body that is still on its way was cut off: its sink is told.
    @inline(never)
    private mutating func clearSlow() {
        stream?.abandon()
        stream = nil
        suspension = nil
    }
}
