internal import HTTPFront
internal import Synchronization
internal import ZlibKit

/// Packs bodies of answers with gzip.
///
/// A deflater has a quarter of a megabyte of state, which would cost more to make than a small body
/// to pack; so they are kept for the next, as many as were ever in use at once.
final class BodyPacker: Sendable {
    /// Smaller bodies fit into a packet or so as they are.
    static let byteCountMin = 1_025
    /// Larger ones would keep a worker from its other clients for longer than a few milliseconds.
    static let workerByteCountMax = 256 << 10

    /// `@unchecked Sendable`: a thread that uses one has taken it off the list.
    private final class Deflater: @unchecked Sendable {
        var deflater = GzipDeflater(level: .fastest)
    }

    private let idle = Mutex<[Deflater]>([])

    /// Packs the body of a reply when it is long and the client prefers that, and says that it
    /// depends.
    func pack(_ reply: inout Reply, prefersGzip: Bool) {
        guard reply.body.count >= Self.byteCountMin else { return }
        reply.addHeader("Vary", "Accept-Encoding")
        guard prefersGzip else { return }
        if reply.status != 304 { reply.addHeader("Content-Encoding", "gzip") }
        // The body of a 304 is packed too: it is kept back, and its length is told.
        pack(&reply.body)
    }

    /// Replaces a body by what it packs to. The same body always gives the same bytes.
    private func pack(_ body: inout ByteBuffer) {
        let taken = idle.withLock { $0.popLast() } ?? Deflater()
        var packed = ByteBuffer()
        taken.deflater.reset()
        taken.deflater.deflate(UnsafeRawBufferPointer(body.bytes)) { packed.append($0) }
        taken.deflater.finish { packed.append($0) }
        idle.withLock { $0.append(taken) }
        swap(&body, &packed)
    }

    /// A document that never changes, packed once and well.
    static func packed(_ document: StaticString) -> [UInt8] {
        var packed: [UInt8] = []
        var deflater = GzipDeflater(level: .smallest)
        deflater.deflate(
            UnsafeRawBufferPointer(
                start: document.utf8Start, count: document.utf8CodeUnitCount)
        ) { packed += $0 }
        deflater.finish { packed += $0 }
        return packed
    }
}
