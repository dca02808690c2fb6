internal import CZlib

/// Unpacks a stream of gzip members (RFC 1952), one behind the other, with zlib.
///
/// Nothing is held but zlib's window of 32 KiB, whatever the stream unpacks to. As gzip itself
/// does, it ignores zeros behind a member: tapes and blocks are filled up with them.
public struct GzipInflater: ~Copyable {
    /// How a stream of gzip begins.
    public static let magic: [UInt8] = [0x1F, 0x8B]

    private enum Place { case atStart, insideMember, betweenMembers }

    /// On the heap, since zlib keeps the address of its stream and compares it on every call.
    private let stream: UnsafeMutablePointer<z_stream>
    private var place = Place.atStart
    private var failure: GzipError?

    /// The corresponding C function is `inflateInit2`.
    public init() {
        stream = .allocate(capacity: 1)
        stream.initialize(to: z_stream())
        // "Add 16 to windowBits to decode only the gzip format": 15 is the largest window.
        let code = inflateInit2_(
            stream, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        precondition(code == Z_OK, "zlib cannot start: no memory, or another zlib than at build")
    }

    deinit {
        // It fails only for a stream that was never started.
        _ = inflateEnd(stream)
        stream.deallocate()
    }

    /// Unpacks as much of `input` as there is room for in `output`, which must not be empty.
    ///
    /// It may be called with no input, for what did not fit before. When nothing is written, all
    /// input was consumed. The corresponding C function is `inflate`.
    /// - Throws: when the data are no gzip, or were changed; after what came before was written.
    public mutating func inflate(
        _ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer
    ) throws(GzipError) -> (consumed: Int, written: Int) {
        if let failure { throw failure }
        stream.pointee.next_in = input.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_in = uInt(input.count)
        stream.pointee.next_out = output.baseAddress?.assumingMemoryBound(to: UInt8.self)
        stream.pointee.avail_out = uInt(output.count)
        defer {
            stream.pointee.next_in = nil
            stream.pointee.next_out = nil
        }
        while startMember(), stream.pointee.avail_out > 0 {
            switch CZlib.inflate(stream, Z_NO_FLUSH) {
            case Z_OK: continue
            case Z_STREAM_END:
                place = .betweenMembers
                continue
            // "Not fatal": there is no more input, or no more room.
            case Z_BUF_ERROR: break
            case Z_MEM_ERROR: failure = .noMemory
            default: failure = .invalid(stream.pointee.msg.map { String(cString: $0) } ?? "")
            }
            break
        }
        let written = output.count - Int(stream.pointee.avail_out)
        if let failure, written == 0 { throw failure }
        return (input.count - Int(stream.pointee.avail_in), written)
    }

    /// Must be called behind the last input.
    /// - Throws: when the stream ends within a member.
    public func finish() throws(GzipError) {
        if let failure { throw failure }
        if place == .insideMember { throw .truncated }
    }

    /// Begins the next member where one does; false when there is no input for that.
    private mutating func startMember() -> Bool {
        if place == .insideMember { return true }
        if place == .betweenMembers {
            while stream.pointee.avail_in > 0, stream.pointee.next_in.pointee == 0 {
                stream.pointee.next_in += 1
                stream.pointee.avail_in -= 1
            }
        }
        guard stream.pointee.avail_in > 0 else { return false }
        if place == .betweenMembers {
            let code = inflateReset(stream)
            precondition(code == Z_OK, "a stream that was started can start again")
        }
        place = .insideMember
        return true
    }
}

/// Why a stream cannot be unpacked.
public enum GzipError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The stream ends before a member does.
    case truncated
    /// The data are no gzip, or fail a check; with zlib's words.
    case invalid(String)
    case noMemory

    public var description: String {
        switch self {
        case .truncated: "the gzip data end too early; the file was cut off"
        case .invalid(let words): "the gzip data are damaged (\(words))"
        case .noMemory: "there is no memory to unpack it"
        }
    }
}
