internal import CZlib

/// Packs a stream as one gzip member (RFC 1952) with zlib, without a name or a time: the same bytes
/// always give the same member.
public struct GzipDeflater: ~Copyable {
    private static let outputBytes = 1 << 16
    /// zlib's memLevel, "default is 8".
    private static let memoryLevel: CInt = 8

    /// On the heap, since zlib keeps the address of its stream and compares it on every call.
    private let stream: UnsafeMutablePointer<z_stream>
    private let output: UnsafeMutableRawBufferPointer

    /// How much time goes into how few bytes.
    public enum Level: CInt, Sendable {
        case fastest = 1
        case balanced = 6
        case smallest = 9
    }

    /// The corresponding C function is `deflateInit2`.
    public init(level: Level = .balanced) {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        output = .allocate(byteCount: Self.outputBytes, alignment: 16)
        // "Add 16 to windowBits to write a simple gzip header": 15 is the largest window.
        let code = deflateInit2_(
            stream, level.rawValue, Z_DEFLATED, 15 + 16, Self.memoryLevel,
            Z_DEFAULT_STRATEGY, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        // Said in an optimised build too.
        guard code == Z_OK else {
            fatalError("zlib cannot start: no memory, or another zlib than at build")
        }
    }

    deinit {
        // Z_DATA_ERROR only says that the stream was given up before its end.
        _ = deflateEnd(stream)
        stream.deallocate()
        output.deallocate()
    }

    /// Begins another member, whatever became of the last. The corresponding C function is
    /// `deflateReset`.
    public mutating func reset() {
        let code = deflateReset(stream)
        precondition(code == Z_OK, "a stream that was started can start again")
    }

    /// Packs `input`, and calls `body` with what comes of it, as often as need be.
    public mutating func deflate<E: Error>(
        _ input: UnsafeRawBufferPointer, _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        try run(input, Z_NO_FLUSH, body)
    }

    /// Ends the member, and calls `body` with what is left. Nothing is packed after it.
    public mutating func finish<E: Error>(
        _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        try run(UnsafeRawBufferPointer(start: nil, count: 0), Z_FINISH, body)
    }

    private mutating func run<E: Error>(
        _ input: UnsafeRawBufferPointer, _ flush: CInt,
        _ body: (UnsafeRawBufferPointer) throws(E) -> Void
    ) throws(E) {
        precondition(input.count <= Int(UInt32.max), "zlib counts input in 32 bits")
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = uInt(input.count)
        repeat {
            stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
            stream.pointee.avail_out = uInt(output.count)
            let code = CZlib.deflate(stream, flush)
            // "Z_BUF_ERROR is not fatal": there was nothing to do.
            precondition(code != Z_STREAM_ERROR, "the state of zlib's stream was overwritten")
            let count = output.count - Int(stream.pointee.avail_out)
            if count > 0 { try body(UnsafeRawBufferPointer(rebasing: output[..<count])) }
        } while stream.pointee.avail_out == 0
        stream.pointee.next_in = nil
    }
}
