/// An answer: status, content type, body and further headers.
///
/// `Content-Length`, `Date` and `Connection` are libmicrohttpd's. For HEAD the handler answers as
/// for GET: the body is kept back and `Content-Length` tells its length.
public struct Response: Sendable {
    /// 200 to 599.
    public var status: Int

    /// No header when nil, as for an answer without a body.
    public var contentType: StaticString?

    public var body: [UInt8]

    /// Which route answered, for the completion hook: a small number of the caller's choice, 0 when
    /// unset.
    public var routeTag = 0

    /// Ends the connection after this answer.
    public var closesConnection = false

    /// Name, zero byte, value, zero byte, and so on: what C reads without a copy, in one allocation
    /// for all.
    private(set) var headerBytes: [UInt8] = []

    public init(status: Int, contentType: StaticString? = nil, body: [UInt8] = []) {
        precondition((200...599).contains(status), "a final status has three digits from 200 on")
        self.status = status
        self.contentType = contentType
        self.body = body
    }

    /// Adds a header. The value is visible ASCII and spaces: only a bug would put anything else
    /// into an answer, and a line break there would let a client write headers.
    public mutating func addHeader(_ name: StaticString, _ value: String) {
        var value = value
        value.withUTF8 { addHeader(name, bytes: $0) }
    }

    /// Adds a header whose value is in a buffer, without making a String of it.
    public mutating func addHeader(_ name: StaticString, bytes value: UnsafeBufferPointer<UInt8>) {
        precondition(!value.isEmpty, "libmicrohttpd refuses an empty header value")
        if headerBytes.isEmpty { headerBytes.reserveCapacity(120) }
        headerBytes.append(
            contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
        headerBytes.append(0)
        for byte in value {
            precondition(byte >= 0x20 && byte < 0x7F, "a header value is visible ASCII and spaces")
            headerBytes.append(byte)
        }
        headerBytes.append(0)
    }
}
