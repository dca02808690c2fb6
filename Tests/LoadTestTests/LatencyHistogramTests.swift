import CardTesting
import Histogram
import Testing

@testable import LoadTest

struct LatencyHistogramTests {
    /// Quantiles differ from those of the sorted values by a thousandth at most.
    @Test(arguments: [1, 2, 3])
    func valueAtPercentile_isWithinAThousandth_ofTheExact(_ seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var histogram = LatencyHistogram.latency()
        var values: [UInt64] = []
        for _ in 0..<50_000 {
            // From microseconds to minutes, all orders of magnitude alike.
            let value =
                UInt64.random(in: 1_000..<2_000, using: &generator)
                << UInt64.random(in: 0..<26, using: &generator)
            values.append(value)
            histogram.record(latencyNs: Int64(value))
        }
        values.sort()
        for percentile in [1, 50, 90, 99, 99.9, 99.99] {
            let place = Int((percentile / 100 * Double(values.count)).rounded(.up)) - 1
            let exact = Double(values[place])
            let found = Double(histogram.valueAtPercentile(percentile))
            #expect(abs(found / exact - 1) <= 0.001, "p\(percentile), seed \(seed)")
        }
    }

    /// Nothing is lost at the ends of the range.
    @Test
    func record_keepsAll_whenBeyondTheRange() {
        var histogram = LatencyHistogram.latency()
        histogram.record(latencyNs: -5)
        histogram.record(latencyNs: .max)
        #expect(histogram.totalCount == 2)
        #expect(histogram.min == 0)
        #expect(Double(histogram.max) / 3.6e12 < 1.001)
    }
}
