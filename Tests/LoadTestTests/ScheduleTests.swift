import Testing

@testable import LoadTest

struct ScheduleTests {
    private func schedule(
        _ rate: Double, worker: Int = 0, workers: Int = 1, _ arrivals: Schedule.Arrivals
    ) -> Schedule {
        Schedule(
            requestsPerSecond: rate, worker: worker, workers: workers, startNs: 5_000,
            arrivals: arrivals, random: Random(seed: 1, stream: worker))
    }

    private func moments(_ count: Int, _ schedule: Schedule) -> [Int64] {
        var schedule = schedule
        return (0..<count).map { _ in
            defer { schedule.advance() }
            return schedule.nextNs
        }
    }

    /// Requests of a constant rate are due at multiples of the gap from the start.
    @Test
    func advance_spreadsEvenly_whenConstant() {
        #expect(
            moments(4, schedule(1_000_000, .constant)) == [5_000, 6_000, 7_000, 8_000])
    }

    /// The requests of all workers together are as even as one worker's.
    @Test
    func advance_interleaves_whenThereAreWorkers() {
        let all = (0..<3).flatMap {
            moments(5, schedule(1_000_000, worker: $0, workers: 3, .constant))
        }
        #expect(all.sorted() == (0..<15).map { 5_000 + $0 * 1_000 })
    }

    /// No rounding error adds up where the gap is no whole number of nanoseconds.
    @Test
    func advance_staysExact_afterManyRequests() throws {
        let last = try #require(moments(700_001, schedule(700_000, .constant)).last)
        #expect(abs(last - 1_000_005_000) <= 1)
    }

    /// Random gaps keep the rate, and a share of 1/e of them is longer than the mean.
    @Test
    func advance_hasExponentialGaps_whenPoisson() {
        let count = 200_000
        let times = moments(count, schedule(1_000, .poisson))
        let gaps = zip(times.dropFirst(), times).map { Double($0 - $1) }
        let mean = gaps.reduce(0, +) / Double(gaps.count)
        let longer = Double(gaps.count { $0 > 1_000_000 }) / Double(gaps.count)
        #expect(abs(mean / 1_000_000 - 1) < 0.01)
        #expect(abs(longer - 0.36788) < 0.005)
    }
}
