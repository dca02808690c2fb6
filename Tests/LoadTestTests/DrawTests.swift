import Foundation
import Testing

@testable import LoadTest

struct DrawTests {
    /// Each place comes as often as the power of its rank says, by the chi-squared test.
    @Test(arguments: [0.2, 0.8, 1, 1.000_001, 1.3, 2.5], [1, 2, 10, 300])
    func next_followsZipf_whateverTheExponent(_ exponent: Double, _ count: Int) {
        let draws = 200_000
        var random = Random(seed: 7, stream: 3)
        let draw = ZipfDraw(count: count, exponent: exponent)
        var seen = [Int](repeating: 0, count: count)
        for _ in 0..<draws { seen[draw.next(&random)] += 1 }
        let weights = (1...count).map { pow(Double($0), -exponent) }
        let sum = weights.reduce(0, +)
        // Places too rare for the test are one.
        var chiSquared = 0.0
        var cells = 0.0
        var rest = (expected: 0.0, seen: 0.0)
        for (place, weight) in weights.enumerated() {
            let expected = weight / sum * Double(draws)
            if expected < 10 {
                rest.expected += expected
                rest.seen += Double(seen[place])
                continue
            }
            chiSquared += pow(Double(seen[place]) - expected, 2) / expected
            cells += 1
        }
        if rest.expected >= 10 {
            chiSquared += pow(rest.seen - rest.expected, 2) / rest.expected
            cells += 1
        }
        // Five standard deviations above the mean of the distribution.
        let freedom = max(cells - 1, 0)
        #expect(chiSquared <= freedom + 5 * (2 * freedom).squareRoot() + 1e-9)
    }

    /// A uniform draw takes every place about as often.
    @Test
    func below_isUniform_overItsRange() {
        var random = Random(seed: 1, stream: 1)
        var seen = [Int](repeating: 0, count: 10)
        for _ in 0..<100_000 { seen[random.below(10)] += 1 }
        #expect(seen.allSatisfy { abs($0 - 10_000) < 500 }, "\(seen)")
    }

    /// Workers and seeds draw different numbers.
    @Test
    func next_differs_betweenStreamsAndSeeds() {
        var firsts = Set<UInt64>()
        for seed in 0..<20 {
            for stream in 0..<20 {
                var random = Random(seed: UInt64(seed), stream: stream)
                firsts.insert(random.next())
            }
        }
        #expect(firsts.count == 400)
    }
}
