import Testing

@testable import CardModel

struct XXH64Tests {
    /// Every length from 0 to 100 reaches every branch: four lanes, and tails of 8, 4 and 1 bytes.
    @Test(arguments: XXH64Vectors.all)
    func hash_isWhatTheReferenceGives(_ vectors: XXH64Vectors) {
        for (count, expected) in vectors.hashes.enumerated() {
            let input = XXH64Vectors.input(count: count)
            #expect(
                XXH64.hash(input.span.bytes, seed: vectors.seed) == expected, "\(count) bytes")
        }
    }

    /// Stores hash bytes wherever they lie in LMDB's pages.
    @Test func hash_isTheSame_whereverTheBytesLie() {
        for offset in 0..<8 {
            let padded = [UInt8](repeating: 0xEE, count: offset) + XXH64Vectors.input(count: 77)
            let bytes = padded.span.bytes.extracting(offset..<padded.count)
            #expect(XXH64.hash(bytes) == XXH64Vectors.all[0].hashes[77], "offset \(offset)")
        }
    }
}
