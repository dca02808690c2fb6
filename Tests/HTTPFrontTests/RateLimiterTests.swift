import Testing

@testable import HTTPFront

struct RateLimiterTests {
    private static let second: UInt64 = 1_000_000_000

    /// After a pause a burst, then as many as the rate gives, for each client by itself.
    @Test func admits_aBurstAndThenTheRate() {
        let limiter = RateLimiter(RateLimit(perSecond: 10, burst: 3), bucketCount: 64)
        for client in [UInt64(0), 1, .max] {
            var now = 5 * Self.second
            func admitted(_ tries: Int) -> Int {
                (0..<tries).count { _ in limiter.admits(client, nowNanos: now) }
            }
            #expect(admitted(10) == 3)
            now += Self.second / 10
            #expect(admitted(10) == 1)
            now += Self.second / 20
            #expect(admitted(10) == 0)
            now += Self.second / 20
            #expect(admitted(10) == 1)
            now += 60 * Self.second
            #expect(admitted(10) == 3)
        }
        #expect(limiter.refused == 3 * (7 + 9 + 10 + 9 + 7))
        #expect(limiter.forgotten == 0)
    }

    /// In the long run nobody gets more than the rate and a burst, whatever the order of times.
    @Test func admits_noMoreThanTheRate() {
        let limiter = RateLimiter(RateLimit(perSecond: 100, burst: 20), bucketCount: 4)
        var admitted = 0
        for step in 0..<100_000 {
            admitted += limiter.admits(7, nowNanos: Self.second + UInt64(step) * 100_000) ? 1 : 0
        }
        #expect((1_000...1_020).contains(admitted))
    }

    /// Many clients take no more memory. Who has been idle is forgotten first; when all are active,
    /// somebody gets more than is due and nobody less.
    @Test func buckets_areReused() {
        let limiter = RateLimiter(RateLimit(perSecond: 1, burst: 1), bucketCount: 256)
        for client in 0..<10_000 as Range<UInt64> {
            let now = (client + 1) * 10 * Self.second
            #expect(limiter.admits(client, nowNanos: now))
            #expect(!limiter.admits(client, nowNanos: now))
        }
        #expect(limiter.forgotten == 0)
        for client in 0..<10_000 as Range<UInt64> {
            #expect(limiter.admits(client + 20_000, nowNanos: 1_000_000 * Self.second))
        }
        #expect(limiter.forgotten >= 10_000 - 256)
    }

    /// Together, threads get what one would.
    @Test func admits_theSame_onSeveralThreads() {
        let limiter = RateLimiter(RateLimit(perSecond: 1, burst: 1_000))
        let threads = (0..<4).map { _ in
            Background {
                (0..<2_000).count { _ in limiter.admits(1, nowNanos: Self.second) }
            }
        }
        #expect(threads.compactMap { $0.join() }.reduce(0, +) == 1_000)
    }
}
