import Glibc

// Why a reply is written rather than returned: what a handler says goes where it is sent from. The
// body lies in the connection's buffer, header values either in constants of the program or, one
// after the other, in a buffer too; libmicrohttpd copies the headers and reads the body in place.

/// An answer in the making: status, headers and body.
///
/// `Content-Length`, `Date` and `Connection` are libmicrohttpd's. For HEAD the handler answers as
/// for GET: the body is kept back and `Content-Length` tells its length.
public struct Reply: ~Copyable {
    /// Headers beside `Content-Type`, at most.
    public static let headerCountMax = 10

    /// 200 to 599.
    public var status = 200

    /// No header when nil, as for an answer without a body.
    public var contentType: StaticString?

    /// Empty when the handler gets it. Its memory is the connection's and stays with it while it is
    /// small.
    public var body = ByteBuffer()

    /// Which route answers, for the completion hook: a small number of the caller's choice.
    public var routeTag = 0

    /// Whether headers are added after the answer, so that no reply that others share will do.
    var isPlain = false

    /// Ends the connection after this answer.
    public var closesConnection = false

    /// The names, and values that are constants; a value of nil lies in `values`.
    struct Header {
        var name: UnsafePointer<UInt8>
        var value: UnsafePointer<UInt8>?
        var offset = 0
    }

    private var headers: InlineArray<10, Header>
    private(set) var headerCount = 0
    /// Values that are no constants, each with a zero byte behind it.
    private var values = ByteBuffer()
    /// Where status and headers come from instead, all but the one that varies, which lies in
    /// `values`.
    private(set) var pool: UnsafeMutablePointer<ReplyTemplate.Pool>?
    /// Instead of all the above but the tag.
    var prepared: UnsafePointer<PreparedReply.Made>?

    public init() {
        let none: StaticString = ""
        headers = InlineArray(repeating: Header(name: none.utf8Start, value: nil))
    }

    /// Adds a header that is known when the program is built.
    public mutating func addHeader(_ name: StaticString, _ value: StaticString) {
        addHeader(Header(name: name.utf8Start, value: value.utf8Start))
    }

    /// Adds a header whose value is bytes: visible ASCII and spaces, for only a bug would put
    /// anything else into an answer. libmicrohttpd refuses a line break there, which would let a
    /// client write headers, and the connection is closed without an answer then.
    public mutating func addHeader(_ name: StaticString, bytes value: UnsafeBufferPointer<UInt8>) {
        assert(value.allSatisfy { $0 >= 0x20 && $0 < 0x7F }, "a header value is visible ASCII")
        writeHeader(name, byteCount: value.count) { target in
            if let base = value.baseAddress { memcpy(target, base, value.count) }
        }
    }

    /// Adds a header whose value `write` puts into memory of so many bytes, all of them.
    public mutating func writeHeader(
        _ name: StaticString, byteCount: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void
    ) {
        let offset = values.count
        let place = values.reserve(byteCount + 1)
        write(place)
        place[byteCount] = 0
        values.commit(to: place + byteCount + 1)
        addHeader(Header(name: name.utf8Start, value: nil, offset: offset))
    }

    /// Adds a header whose value is text, for what is rare.
    public mutating func addHeader(_ name: StaticString, text: String) {
        var text = text
        text.withUTF8 { addHeader(name, bytes: $0) }
    }

    private mutating func addHeader(_ header: Header) {
        precondition(headerCount < Self.headerCountMax, "a reply has room for ten headers")
        headers[headerCount] = header
        headerCount += 1
    }

    /// Answers with a reply that was made before.
    public mutating func use(_ reply: PreparedReply, worker: Int) {
        if isPlain { return reply.write(&self) }
        status = reply.status
        prepared = reply.made(worker)
    }

    /// Answers by a template: status and headers are its own, the value of the one that varies is
    /// what `write` puts into memory of its length, and the body is this reply's.
    @inline(__always)
    public mutating func use(
        _ template: ReplyTemplate, worker: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Void
    ) {
        write(use(template, worker: worker))
    }

    @usableFromInline
    mutating func use(
        _ template: ReplyTemplate, worker: Int
    ) -> UnsafeMutablePointer<UInt8> {
        let pool = template.pool(worker)
        status = template.status
        self.pool = pool
        let count = pool.pointee.valueCount
        let place = values.reserve(count + 1)
        place[count] = 0
        values.commit(to: place + count + 1)
        return place
    }

    /// libmicrohttpd's object for a reply by a template, with body and value in it; nil when the
    /// reply is none, has a long body, or there is no memory.
    ///
    /// - Parameter nanos: when the request came, on the monotonic clock.
    @inline(__always)
    func takeObject(_ nanos: UInt64) -> UnsafeMutablePointer<ReplyTemplate.Object>? {
        guard let pool, !isPlain, body.count <= ReplyTemplate.bodyCountMax,
            let object = ReplyTemplate.Pool.take(
                pool, bodyCount: body.count, nanos: nanos),
            let value = values.bytes.baseAddress
        else { return nil }
        if let bytes = body.bytes.baseAddress {
            memcpy(object.pointee.body, bytes, body.count)
        }
        memcpy(object.pointee.value, value, pool.pointee.valueCount)
        return object
    }

    /// Says by itself what the template would have said.
    mutating func expandTemplate() {
        guard let pool else { return }
        self.pool = nil
        contentType = pool.pointee.contentType
        for header in pool.pointee.headers { addHeader(header.name, header.value) }
        addHeader(Header(name: pool.pointee.name.utf8Start, value: nil, offset: 0))
    }

    /// Name and value of a header as C reads them.
    @inline(__always)
    func header(_ index: Int) -> (name: UnsafePointer<CChar>, value: UnsafePointer<CChar>) {
        let header = headers[index]
        let value = header.value ?? values.bytes.baseAddress.unsafelyUnwrapped + header.offset
        return (Self.characters(header.name), Self.characters(value))
    }

    @inline(__always)
    static func characters(_ bytes: UnsafePointer<UInt8>) -> UnsafePointer<CChar> {
        UnsafeRawPointer(bytes).assumingMemoryBound(to: CChar.self)
    }

    /// Takes back all that was said but the tag, as when an answer fails halfway.
    public mutating func reset() {
        let (tag, plain) = (routeTag, isPlain)
        clear()
        (routeTag, isPlain) = (tag, plain)
    }

    /// Ready for the next answer.
    @inline(__always)
    mutating func clear() {
        status = 200
        contentType = nil
        routeTag = 0
        closesConnection = false
        isPlain = false
        headerCount = 0
        prepared = nil
        pool = nil
        values.clear(keeping: 256)
        body.clear(keeping: Connection.keptReplyBytes)
    }
}
