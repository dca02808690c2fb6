/// xorshift128+ (Vigna, "Further scramblings of Marsaglia's xorshift generators", 2017): a few
/// instructions a number, for draws on the path of every request.
struct Random {
    private var first: UInt64
    private var second: UInt64

    init(seed: UInt64, stream: Int) {
        first = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(2 * stream + 1))
        // Both words 0 would stay 0.
        second = Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15 &* UInt64(2 * stream + 2)) | 1
    }

    /// The finisher of SplitMix64.
    private static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    @inline(__always)
    mutating func next() -> UInt64 {
        var x = first
        let y = second
        first = y
        x ^= x << 23
        second = x ^ y ^ (x >> 18) ^ (y >> 5)
        return second &+ y
    }

    /// From 0 to `bound` - 1.
    @inline(__always)
    mutating func below(_ bound: Int) -> Int {
        Int(next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// From 0 to 1, without 1.
    @inline(__always)
    mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}
