import CMicroHTTPD
import Glibc

// Making a response object costs ten allocations and some 2,500 instructions: the object, its lock,
// and three for each header, all copied. So replies that differ only in body and one header of
// fixed length are sent by objects that are used again. libmicrohttpd fixes a body's address and
// length when the object is made, hence a list of free objects for each length.
//
// The header's value is written where libmicrohttpd has its copy, whose address
// MHD_get_response_header gives. It does so as `const`, since responses may be shared. Ours is not:
// between `completed` and MHD_queue_response nobody else holds it, and the value keeps its length.
// The date is written in the same way: with a `Date` of our own libmicrohttpd adds none.
//
// An object belongs to one worker's pool. It is taken when a reply is queued and given back when
// the request is completed, both on the worker's thread; in between its connection holds it.

/// What a kind of frequent reply has in common: status, content type, fixed headers, and the name
/// and length of one header that varies, as the body does.
///
/// `@unchecked Sendable`: each worker touches its own pool only.
public final class ReplyTemplate: @unchecked Sendable {
    /// Longer bodies are sent by objects of their own.
    static let bodyCountMax = 1_024
    /// Free objects kept for one length of body.
    static let freeMax = 4

    /// A response object that waits for use or is in use.
    struct Object {
        let response: OpaquePointer
        let body: UnsafeMutablePointer<UInt8>
        let value: UnsafeMutablePointer<UInt8>
        let date: UnsafeMutablePointer<UInt8>
        /// Which `HTTPDate` it has.
        var dateNumber = 0
        let bodyCount: Int
        let pool: UnsafeMutablePointer<Pool>
        var next: UnsafeMutablePointer<Object>?
    }

    /// The free objects of one length.
    struct FreeList {
        var first: UnsafeMutablePointer<Object>?
        var count = 0
    }

    /// A worker's objects.
    struct Pool {
        let status: Int
        let contentType: StaticString?
        let headers: [(name: StaticString, value: StaticString)]
        let name: StaticString
        let valueCount: Int
        let free: UnsafeMutablePointer<FreeList>
        var date = HTTPDate()
        /// Objects that are out with connections; none may be left when the pool goes.
        var usedCount = 0
    }

    public let status: Int
    private let pools: UnsafeMutableBufferPointer<Pool>

    /// - Parameters:
    ///   - workers: as many as the server has, or more.
    ///   - valueCount: bytes of the value of the header `varying`.
    public init(
        workers: Int, status: Int, contentType: StaticString?,
        headers: [(name: StaticString, value: StaticString)], varying name: StaticString,
        valueCount: Int
    ) {
        precondition(workers > 0 && valueCount > 0 && valueCount < 256, "a template is used")
        self.status = status
        pools = .allocate(capacity: workers)
        for worker in 0..<workers {
            let free = UnsafeMutablePointer<FreeList>.allocate(
                capacity: ReplyTemplate.bodyCountMax + 1)
            free.initialize(repeating: FreeList(), count: ReplyTemplate.bodyCountMax + 1)
            pools.initializeElement(
                at: worker,
                to: Pool(
                    status: status, contentType: contentType, headers: headers, name: name,
                    valueCount: valueCount, free: free))
        }
    }

    /// The server that uses it has stopped by then: its connections have given everything back.
    deinit {
        for pool in pools {
            precondition(pool.usedCount == 0, "a template outlives the requests that it answers")
            for count in 0...ReplyTemplate.bodyCountMax {
                var next = pool.free[count].first
                while let object = next {
                    next = object.pointee.next
                    Pool.release(object)
                }
            }
            pool.free.deallocate()
        }
        _ = pools.deinitialize()
        pools.deallocate()
    }

    @inline(__always)
    func pool(_ worker: Int) -> UnsafeMutablePointer<Pool> {
        precondition(worker < pools.count, "a template is made for the server's workers")
        return pools.baseAddress.unsafelyUnwrapped + worker
    }
}

extension ReplyTemplate.Pool {
    /// An object for a body of this length, with the date; nil without memory.
    ///
    /// - Parameter nanos: when the request came, on the monotonic clock.
    @inline(__always)
    static func take(
        _ pool: UnsafeMutablePointer<Self>, bodyCount: Int, nanos: UInt64
    ) -> UnsafeMutablePointer<ReplyTemplate.Object>? {
        guard let object = take(pool, bodyCount) else { return nil }
        pool.pointee.date.update(nanos)
        if object.pointee.dateNumber != pool.pointee.date.number {
            object.pointee.dateNumber = pool.pointee.date.number
            pool.pointee.date.write(to: object.pointee.date)
        }
        return object
    }

    @inline(__always)
    private static func take(
        _ pool: UnsafeMutablePointer<Self>, _ bodyCount: Int
    ) -> UnsafeMutablePointer<ReplyTemplate.Object>? {
        let list = pool.pointee.free + bodyCount
        guard let object = list.pointee.first else { return make(pool, bodyCount) }
        list.pointee.first = object.pointee.next
        list.pointee.count &-= 1
        pool.pointee.usedCount &+= 1
        return object
    }

    /// Takes an object back when the request that it answered is completed.
    @inline(__always)
    static func giveBack(_ object: UnsafeMutablePointer<ReplyTemplate.Object>) {
        let pool = object.pointee.pool
        pool.pointee.usedCount &-= 1
        let list = pool.pointee.free + object.pointee.bodyCount
        guard list.pointee.count < ReplyTemplate.freeMax else { return release(object) }
        object.pointee.next = list.pointee.first
        list.pointee.first = object
        list.pointee.count &+= 1
    }

    @inline(never)
    private static func make(
        _ pool: UnsafeMutablePointer<Self>, _ bodyCount: Int
    ) -> UnsafeMutablePointer<ReplyTemplate.Object>? {
        let body = UnsafeMutablePointer<UInt8>.allocate(capacity: max(bodyCount, 1))
        guard
            let response = MHD_create_response_from_buffer(
                bodyCount, body, .RESPMEM_PERSISTENT)
        else {
            body.deallocate()
            return nil
        }
        guard let (value, date) = pool.pointee.addHeaders(to: response) else {
            MHD_destroy_response(response)
            body.deallocate()
            return nil
        }
        let object = UnsafeMutablePointer<ReplyTemplate.Object>.allocate(capacity: 1)
        object.initialize(
            to: ReplyTemplate.Object(
                response: response, body: body, value: value, date: date, bodyCount: bodyCount,
                pool: pool))
        pool.pointee.usedCount += 1
        return object
    }

    /// - Returns: where libmicrohttpd has the value that varies, and the date.
    private func addHeaders(
        to response: OpaquePointer
    ) -> (value: UnsafeMutablePointer<UInt8>, date: UnsafeMutablePointer<UInt8>)? {
        if let contentType {
            guard Reply.add(response, "Content-Type", contentType) else { return nil }
        }
        for header in headers {
            guard Reply.add(response, header.name, header.value) else { return nil }
        }
        guard let value = Self.addPlace(valueCount, name, to: response),
            let date = Self.addPlace(HTTPDate.byteCount, "Date", to: response)
        else { return nil }
        return (value, date)
    }

    /// - Returns: where libmicrohttpd has the value of a header of so many bytes.
    private static func addPlace(
        _ byteCount: Int, _ name: StaticString, to response: OpaquePointer
    ) -> UnsafeMutablePointer<UInt8>? {
        let name = Reply.characters(name.utf8Start)
        let placeholder = [CChar](repeating: 0x78, count: byteCount) + [0]
        guard MHD_add_response_header(response, name, placeholder) == .YES,
            let copy = MHD_get_response_header(response, name)
        else { return nil }
        precondition(strlen(copy) == byteCount, "libmicrohttpd keeps a header's value as it is")
        return UnsafeMutableRawPointer(mutating: copy).assumingMemoryBound(to: UInt8.self)
    }

    /// The response may still be held by the connection that it was sent on, which no longer reads
    /// the body: `completed` has come.
    static func release(_ object: UnsafeMutablePointer<ReplyTemplate.Object>) {
        MHD_destroy_response(object.pointee.response)
        object.pointee.body.deallocate()
        object.deallocate()
    }
}
