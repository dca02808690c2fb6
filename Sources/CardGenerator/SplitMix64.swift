/// SplitMix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", 2014): all
/// of its state is one word, so every card can have a generator of its own, and a card comes out
/// the same whichever thread makes it.
struct SplitMix64 {
    private var state: UInt64

    /// The generator of one stream, such as a card, among those of a seed.
    init(seed: UInt64, stream: UInt64) {
        state = Self.mix(seed &+ Self.mix(stream &+ 0x9E37_79B9_7F4A_7C15))
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// A number from 0 to `bound` - 1. The high half of a product is uneven by less than
    /// `bound` / 2^64, which no share of rows can show.
    mutating func below(_ bound: UInt64) -> UInt64 {
        next().multipliedFullWidth(by: bound).high
    }

    /// True in `share` of a million cases.
    mutating func chance(perMillion share: UInt64) -> Bool { below(1_000_000) < share }

    static func mix(_ value: UInt64) -> UInt64 {
        var mixed = value
        mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
