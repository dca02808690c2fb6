/// SipHash-2-4 with 128 bits of output, from its authors' reference ("SipHash: a fast short-input
/// PRF", Aumasson and Bernstein, 2012): who does not know the key learns nothing from a hash. Tags
/// in the store are made of it, so its results must never change.
public enum SipHash {
    /// A hash of 128 bits, in the order in which the reference writes them.
    public struct Hash: Equatable, Sendable {
        /// Bytes 0 to 7, little-endian.
        public let first: UInt64
        /// Bytes 8 to 15, little-endian.
        public let second: UInt64
    }

    private struct State {
        var v0: UInt64
        var v1: UInt64
        var v2: UInt64
        var v3: UInt64

        @inline(__always)
        mutating func round() {
            v0 = v0 &+ v1
            v1 = (v1 &<< 13 | v1 &>> 51) ^ v0
            v0 = v0 &<< 32 | v0 &>> 32
            v2 = v2 &+ v3
            v3 = (v3 &<< 16 | v3 &>> 48) ^ v2
            v0 = v0 &+ v3
            v3 = (v3 &<< 21 | v3 &>> 43) ^ v0
            v2 = v2 &+ v1
            v1 = (v1 &<< 17 | v1 &>> 47) ^ v2
            v2 = v2 &<< 32 | v2 &>> 32
        }

        @inline(__always)
        mutating func take(_ word: UInt64) {
            v3 ^= word
            round()
            round()
            v0 ^= word
        }

        mutating func finish() -> UInt64 {
            for _ in 0..<4 { round() }
            return v0 ^ v1 ^ v2 ^ v3
        }
    }

    /// - Parameters:
    ///   - key0: the key's bytes 0 to 7, little-endian.
    ///   - key1: its bytes 8 to 15.
    public static func hash(_ bytes: RawSpan, key0: UInt64, key1: UInt64) -> Hash {
        var state = State(
            v0: key0 ^ 0x736F_6D65_7073_6575, v1: key1 ^ 0x646F_7261_6E64_6F6D ^ 0xEE,
            v2: key0 ^ 0x6C79_6765_6E65_7261, v3: key1 ^ 0x7465_6462_7974_6573)
        var offset = 0
        while offset + 8 <= bytes.byteCount {
            let word = bytes.unsafeLoadUnaligned(fromByteOffset: offset, as: UInt64.self)
            state.take(UInt64(littleEndian: word))
            offset += 8
        }
        var last = UInt64(truncatingIfNeeded: bytes.byteCount) &<< 56
        for index in offset..<bytes.byteCount {
            let byte = bytes.unsafeLoad(fromByteOffset: index, as: UInt8.self)
            last |= UInt64(byte) &<< UInt64(8 * (index - offset))
        }
        state.take(last)
        state.v2 ^= 0xEE
        let first = state.finish()
        state.v1 ^= 0xDD
        return Hash(first: first, second: state.finish())
    }
}
