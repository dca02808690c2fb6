public import Glibc

/// Bytes in C memory that grow by doubling. Its owner keeps it from use to use, so that what is
/// written a million times allocates once.
///
/// Growing fails only when the system has no memory, which ends the program, as it does for an
/// array; `tryAppend` is for what a client makes us keep.
public struct ByteBuffer: ~Copyable, @unchecked Sendable {
    @usableFromInline var start: UnsafeMutablePointer<UInt8>?
    @usableFromInline var capacity = 0
    @usableFromInline var used = 0

    @inlinable
    public init() {
        start = nil
    }

    deinit {
        free(start)
    }

    @inlinable public var count: Int { used }
    @inlinable public var isEmpty: Bool { used == 0 }

    /// Valid until the buffer changes.
    @inlinable
    public var bytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: start, count: used)
    }

    /// Where the next byte goes, with room for `byteCount` bytes. Who writes there ends with
    /// ``commit(to:)``.
    @inlinable
    @inline(__always)
    public mutating func reserve(_ byteCount: Int) -> UnsafeMutablePointer<UInt8> {
        if byteCount > capacity &- used { grow(by: byteCount) }
        return start.unsafelyUnwrapped + used
    }

    /// Takes everything before `end` as written.
    @inlinable
    @inline(__always)
    public mutating func commit(to end: UnsafeMutablePointer<UInt8>) {
        used = end - start.unsafelyUnwrapped
        assert(used <= capacity, "more was written than was reserved")
    }

    @inlinable
    public mutating func append(_ bytes: UnsafeRawBufferPointer) {
        guard let source = bytes.baseAddress, !bytes.isEmpty else { return }
        let end = reserve(bytes.count)
        memcpy(end, source, bytes.count)
        used &+= bytes.count
    }

    public mutating func append(_ byte: UInt8) {
        reserve(1).pointee = byte
        used &+= 1
    }

    /// The memory must come from `malloc`, or not at all.
    @usableFromInline
    mutating func grow(by byteCount: Int) {
        if !tryGrow(by: byteCount) { fatalError("there is no memory for an answer") }
    }

    private mutating func tryGrow(by byteCount: Int) -> Bool {
        let (needed, isTooMuch) = used.addingReportingOverflow(byteCount)
        guard !isTooMuch else { return false }
        var wanted = max(capacity * 2, 256)
        while wanted < needed { wanted *= 2 }
        guard let grown = realloc(start, wanted) else { return false }
        start = grown.assumingMemoryBound(to: UInt8.self)
        capacity = wanted
        return true
    }

    /// False when the system has no memory; nothing is changed then.
    mutating func tryAppend(_ source: UnsafeRawPointer, count added: Int) -> Bool {
        if added > capacity - used {
            guard tryGrow(by: added) else { return false }
        }
        if added > 0, let start {
            memcpy(start + used, source, added)
            used += added
        }
        return true
    }

    /// Removes what lies beyond `count`.
    public mutating func truncate(to count: Int) {
        precondition(count >= 0 && count <= used, "a buffer is cut to what it has")
        used = count
    }

    public mutating func removeAll() {
        used = 0
    }

    /// Empties it; memory beyond `kept` bytes is given back.
    mutating func clear(keeping kept: Int) {
        used = 0
        if capacity > kept {
            free(start)
            start = nil
            capacity = 0
        }
    }
}

extension ByteBuffer {
    public mutating func append(_ bytes: UnsafeBufferPointer<UInt8>) {
        append(UnsafeRawBufferPointer(bytes))
    }

    public mutating func append(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { append($0) }
    }

    public mutating func append(_ text: StaticString) {
        append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }
}
