/// Up to 32 bytes held inline, so that identifiers need neither a heap object nor reference counts.
///
/// Layout: the bytes lie big-endian in four words, padded with zeros. No byte that may stand in an
/// identifier is zero, so comparing the words in turn is comparing the bytes, and a prefix sorts
/// before what it begins.
@usableFromInline
struct ShortBytes: Hashable, Comparable, Sendable {
    static let maxCount = 32

    @usableFromInline private(set) var word0: UInt64 = 0
    @usableFromInline private(set) var word1: UInt64 = 0
    @usableFromInline private(set) var word2: UInt64 = 0
    @usableFromInline private(set) var word3: UInt64 = 0
    @usableFromInline private(set) var count: UInt8 = 0

    init() {}

    /// Words as ``words`` gives them, of a value with so many bytes.
    init(words: (UInt64, UInt64, UInt64, UInt64), count: Int) {
        precondition(count >= 0 && count <= Self.maxCount, "a ShortBytes holds 32 bytes")
        (word0, word1, word2, word3) = words
        self.count = UInt8(truncatingIfNeeded: count)
    }

    @inlinable var words: (UInt64, UInt64, UInt64, UInt64) { (word0, word1, word2, word3) }

    /// The byte must not be zero, and there must be room for it.
    mutating func append(_ byte: UInt8) {
        precondition(byte != 0 && count < Self.maxCount, "a ShortBytes holds 32 non-zero bytes")
        let shift = UInt64(56 - 8 * (count & 7))
        let shifted = UInt64(byte) << shift
        switch count >> 3 {
        case 0: word0 |= shifted
        case 1: word1 |= shifted
        case 2: word2 |= shifted
        default: word3 |= shifted
        }
        count += 1
    }

    subscript(_ index: Int) -> UInt8 {
        precondition(index >= 0 && index < Int(count), "index past the end of a ShortBytes")
        let word =
            switch index >> 3 {
            case 0: word0
            case 1: word1
            case 2: word2
            default: word3
            }
        return UInt8(truncatingIfNeeded: word >> UInt64(56 - 8 * (index & 7)))
    }

    func append(to bytes: inout [UInt8]) {
        for index in 0..<Int(count) {
            bytes.append(self[index])
        }
    }

    /// Writes the bytes to `target`, and zeros behind them up to a multiple of eight.
    @inline(__always)
    func copyBytes(to target: UnsafeMutableRawPointer) {
        target.storeBytes(of: word0.bigEndian, as: UInt64.self)
        if count > 8 { target.storeBytes(of: word1.bigEndian, toByteOffset: 8, as: UInt64.self) }
        if count > 16 { target.storeBytes(of: word2.bigEndian, toByteOffset: 16, as: UInt64.self) }
        if count > 24 { target.storeBytes(of: word3.bigEndian, toByteOffset: 24, as: UInt64.self) }
    }

    var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    @usableFromInline static func < (a: Self, b: Self) -> Bool {
        if a.word0 != b.word0 { return a.word0 < b.word0 }
        if a.word1 != b.word1 { return a.word1 < b.word1 }
        if a.word2 != b.word2 { return a.word2 < b.word2 }
        return a.word3 < b.word3
    }
}
