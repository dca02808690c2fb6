internal import Foundation

/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): the
/// same numbers from the same seed, so that a failure can be drawn again.
public struct SeededGenerator: RandomNumberGenerator, Sendable {
    private var state: UInt64

    public init(seed: UInt64) {
        state = seed
    }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }

    /// A new seed for every run, or the one in `CARDSTATUS_TEST_SEED`, to see a failure again.
    public static func newSeed() -> UInt64 {
        ProcessInfo.processInfo.environment["CARDSTATUS_TEST_SEED"].flatMap { UInt64($0) }
            ?? UInt64.random(in: 0...999_999_999)
    }
}
