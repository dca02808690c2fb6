import CardTesting
import Testing

@testable import CardModel

private func shortBytes(_ bytes: [UInt8]) -> ShortBytes {
    var result = ShortBytes()
    for byte in bytes { result.append(byte) }
    return result
}

struct ShortBytesTests {
    /// What goes in comes out, at every length and so across every word.
    @Test func append_keepsTheBytes_atEveryLength() {
        for count in 0...ShortBytes.maxCount {
            let bytes = (0..<count).map { UInt8($0 * 7 + 1) }
            let short = shortBytes(bytes)
            var copy: [UInt8] = []
            short.append(to: &copy)
            #expect(copy == bytes)
            #expect((0..<count).map { short[$0] } == bytes)
            #expect(short.count == count)
        }
    }

    /// The order and equality of the bytes, prefixes first: random pairs that often share a prefix.
    @Test func order_isThatOfTheBytes() {
        var random = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...32, using: &random)
            let a = (0..<count).map { _ in UInt8.random(in: 1...255, using: &random) }
            var b = Array(a.prefix(Int.random(in: 0...count, using: &random)))
            for _ in 0..<Int.random(in: 0...(32 - b.count), using: &random) {
                b.append(UInt8.random(in: 1...255, using: &random))
            }
            let isLess = a.lexicographicallyPrecedes(b)
            #expect((shortBytes(a) < shortBytes(b)) == isLess, "\(a) \(b)")
            #expect((shortBytes(a) == shortBytes(b)) == (a == b), "\(a) \(b)")
        }
    }
}
