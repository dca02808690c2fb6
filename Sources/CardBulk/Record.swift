internal import Glibc

/// A record on its way: a key that sorts as its bytes do, and what belongs to it.
///
///     0  u16  bytes in all
///     2  u8   bytes of the key
///     3  u8   1 when an entry goes, else 0
///     4       key, payload
///
/// Records lie one behind the other in blocks and do not span two. Native byte order: they never
/// outlive the process.
struct Record {
    static let headBytes = 4
    static let bytesMax = 2_048

    let start: UnsafeRawPointer

    @inline(__always) var bytes: Int { Int(start.loadUnaligned(as: UInt16.self)) }
    @inline(__always) var keyBytes: Int { Int(start.load(fromByteOffset: 2, as: UInt8.self)) }
    @inline(__always) var isRemoval: Bool { start.load(fromByteOffset: 3, as: UInt8.self) != 0 }
    @inline(__always) var keyStart: UnsafeRawPointer { start + Self.headBytes }
    @inline(__always) var key: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: keyStart, count: keyBytes)
    }
    @inline(__always) var payload: UnsafeRawBufferPointer {
        let head = Self.headBytes + keyBytes
        return UnsafeRawBufferPointer(start: start + head, count: bytes - head)
    }

    /// Writes a head.
    @inline(__always)
    static func writeHead(
        _ target: UnsafeMutableRawPointer, bytes: Int, keyBytes: Int, isRemoval: Bool = false
    ) {
        target.storeBytes(of: UInt16(truncatingIfNeeded: bytes), as: UInt16.self)
        target.storeBytes(of: UInt8(truncatingIfNeeded: keyBytes), toByteOffset: 2, as: UInt8.self)
        target.storeBytes(of: isRemoval ? 1 : 0, toByteOffset: 3, as: UInt8.self)
    }
}

/// Compares and cuts keys.
enum KeyBytes {
    /// Up to eight bytes of a key from `offset` on, as an integer that sorts as they do.
    @inline(__always)
    static func word(_ key: UnsafeRawBufferPointer, at offset: Int) -> UInt64 {
        let rest = key.count - offset
        guard rest > 0, let base = key.baseAddress else { return 0 }
        if rest >= 8 {
            return UInt64(bigEndian: (base + offset).loadUnaligned(as: UInt64.self))
        }
        if key.count >= 8 {
            // The last eight bytes of the key, without those before the offset.
            let word = UInt64(bigEndian: (base + key.count - 8).loadUnaligned(as: UInt64.self))
            return word << UInt64(8 * (8 - rest))
        }
        var word: UInt64 = 0
        for index in 0..<rest { word |= UInt64(key[offset + index]) << UInt64(56 - 8 * index) }
        return word
    }

    @inline(__always)
    static func isEqual(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        guard a.count == b.count else { return false }
        if a.count >= 8, a.count <= 16, let first = a.baseAddress, let second = b.baseAddress {
            // Two words that may overlap are the whole key.
            let end = a.count - 8
            let head =
                first.loadUnaligned(as: UInt64.self) ^ second.loadUnaligned(as: UInt64.self)
            let tail =
                (first + end).loadUnaligned(as: UInt64.self)
                ^ (second + end).loadUnaligned(as: UInt64.self)
            return head | tail == 0
        }
        return order(a, b) == 0
    }

    @inline(__always)
    static func isLess(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
        order(a, b) < 0
    }

    @inline(__always)
    static func order(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let count = min(a.count, b.count)
        if count > 0, let first = a.baseAddress, let second = b.baseAddress {
            let order = memcmp(first, second, count)
            if order != 0 { return Int(order) }
        }
        return a.count - b.count
    }

    /// How many bytes two keys share at their beginning.
    @inline(__always)
    static func sharedPrefix(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int {
        let count = min(a.count, b.count)
        let difference = word(a, at: 0) ^ word(b, at: 0)
        if difference != 0 { return min(difference.leadingZeroBitCount / 8, count) }
        return longPrefix(a, b)
    }

    private static func longPrefix(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Int
    {
        var count = 0
        while count < a.count, count < b.count, a[count] == b[count] { count += 1 }
        return count
    }
}
