internal import CardModel

/// Reads fields of a stored value in turn. Every read is checked against the value's end and gives
/// nil past it, since a damaged value may claim any length.
struct RecordReader: ~Escapable {
    private let bytes: RawSpan
    private(set) var offset: Int

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan, from offset: Int = 0) {
        self.bytes = bytes
        self.offset = offset
    }

    var isAtEnd: Bool { offset == bytes.byteCount }

    /// A little-endian integer.
    @_lifetime(self: copy self)
    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) -> T? {
        let size = MemoryLayout<T>.size
        guard offset >= 0, offset <= bytes.byteCount - size else { return nil }
        defer { offset += size }
        return T(littleEndian: bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: T.self))
    }

    @_lifetime(copy self)
    mutating func span(count: Int) -> Span<UInt8>? {
        guard offset >= 0, count >= 0, offset <= bytes.byteCount - count else { return nil }
        defer { offset += count }
        return Span(_bytes: bytes.extracting(offset..<(offset + count)))
    }
}

extension [UInt8] {
    /// Appends the integer's bytes, little-endian: what ``RecordReader`` reads.
    mutating func append<T: FixedWidthInteger>(littleEndian value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    /// Appends the integer's bytes, big-endian: for keys, whose bytes sort as the numbers do.
    mutating func append<T: FixedWidthInteger>(bigEndian value: T) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}

extension Span where Element == UInt8 {
    /// A copy that may leave the transaction.
    var copied: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, initialized in
            for index in indices {
                buffer.initializeElement(at: index, to: self[index])
            }
            initialized = count
        }
    }
}
