import CMicroHTTPD
import Glibc

// What we keep for a connection and for the request on it.
//
// Memory: one `Connection` lies in memory of its own from libmicrohttpd's "connection started"
// notice to its "connection closed" notice; libmicrohttpd keeps the pointer as the socket context.
// Its buffers are kept from request to request, so that a keep-alive connection allocates once.
// Only the connection's worker touches it.

/// Bytes in C memory that grow by doubling and are kept for the next request.
struct ByteBuffer {
    private var start: UnsafeMutablePointer<UInt8>?
    private(set) var count = 0
    private(set) var capacity = 0

    var bytes: UnsafeBufferPointer<UInt8> { UnsafeBufferPointer(start: start, count: count) }

    /// False when the system has no memory; nothing is changed then.
    mutating func append(_ source: UnsafeRawPointer, count added: Int) -> Bool {
        if added > capacity - count {
            var wanted = max(capacity * 2, 256)
            while wanted < count + added { wanted *= 2 }
            guard let grown = realloc(start, wanted) else { return false }
            start = grown.assumingMemoryBound(to: UInt8.self)
            capacity = wanted
        }
        if added > 0, let start {
            memcpy(start + count, source, added)
            count += added
        }
        return true
    }

    /// Empties it; memory beyond `kept` bytes is given back.
    mutating func clear(keeping kept: Int) {
        count = 0
        if capacity > kept { release() }
    }

    mutating func release() {
        free(start)
        start = nil
        count = 0
        capacity = 0
    }
}

/// A header in memory of the connection's pool, valid until the request is completed.
struct HeaderField {
    var name: UnsafeBufferPointer<UInt8>
    var value: UnsafeBufferPointer<UInt8>

    /// Without the white space that RFC 9112, 5.1 leaves out of a value; libmicrohttpd takes off
    /// only what stands in front.
    var trimmedValue: UnsafeBufferPointer<UInt8> {
        var count = value.count
        while count > 0, value[count - 1] == 0x20 || value[count - 1] == 0x09 { count -= 1 }
        return UnsafeBufferPointer(rebasing: value[..<count])
    }

    func hasName(_ other: StaticString) -> Bool {
        guard name.count == other.utf8CodeUnitCount else { return false }
        for index in 0..<name.count
        where lowercased(name[index]) != lowercased(other.utf8Start[index]) { return false }
        return true
    }

    private func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
    }
}

/// A request's headers in order.
struct HeaderTable {
    private var start: UnsafeMutablePointer<HeaderField>?
    private var count = 0
    private var capacity = 0

    var fields: UnsafeBufferPointer<HeaderField> {
        UnsafeBufferPointer(start: start, count: count)
    }

    /// False when the system has no memory.
    mutating func append(_ field: HeaderField) -> Bool {
        if count == capacity {
            let wanted = max(capacity * 2, 16)
            guard let grown = realloc(start, wanted * MemoryLayout<HeaderField>.stride) else {
                return false
            }
            start = grown.assumingMemoryBound(to: HeaderField.self)
            capacity = wanted
        }
        guard let start else { return false }
        (start + count).initialize(to: field)
        count += 1
        return true
    }

    mutating func clear() {
        count = 0
    }

    mutating func release() {
        free(start)
        start = nil
        count = 0
        capacity = 0
    }
}

struct Connection {
    enum Phase {
        /// Between requests.
        case idle
        /// The request line has arrived; its target is ours, its headers are not here yet.
        case requestLine
        /// Accepted in the first handler call; the body may be on its way.
        case accepted
        /// An answer is queued.
        case answered
        /// No memory for the target: the connection is closed.
        case outOfMemory
    }

    /// Unretained: the server holds its workers until libmicrohttpd has ended their threads.
    let worker: Unmanaged<Worker>
    let workerIndex: Int
    let isLoopbackClient: Bool

    var phase = Phase.idle
    var method = HTTPMethod.other
    var target = ByteBuffer()
    var path = 0..<0
    var headers = HeaderTable()
    var body = ByteBuffer()
    /// Bytes of the body that arrived, also those beyond the limit, which are not kept.
    var bodyBytesSeen = 0
    var startNanos: UInt64 = 0
    var status = 0
    var routeTag = 0

    mutating func release() {
        target.release()
        headers.release()
        body.release()
    }
}
