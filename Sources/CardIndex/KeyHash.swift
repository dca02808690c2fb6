internal import CardModel

/// The seeded hash of both tables: two rounds of a 64 by 64 bit multiplication whose halves are
/// folded, as in wyhash (Wang Yi, "wyhash", final version 4).
///
/// The seed is random for every index: nobody outside knows which keys collide, and a partner's
/// file cannot be made of such. It is no cryptographic hash, and its values never leave the
/// process.
struct KeyHash {
    private let seed0: UInt64
    private let seed1: UInt64

    init() {
        var random = SystemRandomNumberGenerator()
        self.init(seeds: random.next(), random.next())
    }

    /// Seeds of a test's choice.
    init(seeds seed0: UInt64, _ seed1: UInt64) {
        self.seed0 = seed0
        self.seed1 = seed1
    }

    @inline(__always)
    func hash(_ card: CardID) -> UInt64 {
        let words = card.words
        var state = fold(words.0 ^ seed0, words.1 ^ seed1)
        if card.count > 16 {
            state ^= fold(words.2 ^ seed1, words.3 ^ seed0 &+ 0x9E37_79B9_7F4A_7C15)
        }
        return fold(state ^ seed1, UInt64(card.count) ^ 0xA076_1D64_78BD_642F)
    }

    @inline(__always)
    func hash(_ phone: PhoneNumber) -> UInt64 {
        let state = fold(phone.digits ^ seed1, seed0 | 1)
        return fold(state ^ seed0, 0xE703_7ED1_A0B4_28DB)
    }

    @inline(__always)
    private func fold(_ a: UInt64, _ b: UInt64) -> UInt64 {
        let product = a.multipliedFullWidth(by: b)
        return product.high ^ product.low
    }
}
