internal import Synchronization

// The bucket of a token bucket is one number here: the time at which it will be full again (the
// generic cell rate algorithm). A bucket that is full now may be forgotten, since a new one is full
// too; so a table of fixed size does, in which whoever comes new takes the fullest bucket of the
// few places that are his. Only a flood from more addresses than the table has places makes it
// forget buckets that are not full, which lets somebody ask more often, and nobody less; that is
// counted.
//
// Layout: sets of four buckets, a cache line each, of two words: whose it is (a bijective hash with
// a secret seed, so that nobody can choose his place and no two share a name) and the time. All
// workers use one table: one word is changed for a request, by compare and exchange. When two take
// a place at the same moment, a request may be counted for the wrong one of them, or for none.

/// How often somebody may ask.
public struct RateLimit: Sendable, Hashable {
    /// Of what both numbers may be.
    public static let range = 1...1_000_000

    /// Requests a second in the long run.
    public var perSecond: Int
    /// Requests at once after a pause.
    public var burst: Int

    public init(perSecond: Int, burst: Int) {
        self.perSecond = perSecond
        self.burst = burst
    }
}

/// Counts requests against a limit for each of many clients, on any thread, in bounded memory.
///
/// `@unchecked Sendable`: the pointer is a constant, and what it leads to is atomic.
public final class RateLimiter: @unchecked Sendable {
    private static let ways = 4

    private struct Bucket: ~Copyable {
        /// 0 for nobody's.
        let name = Atomic<UInt64>(0)
        /// When it is full, on the monotonic clock.
        let fullNanos = Atomic<UInt64>(0)
    }

    public let limit: RateLimit
    private let buckets: UnsafeMutablePointer<Bucket>
    private let setMask: Int
    private let seed: UInt64
    private let intervalNanos: UInt64
    private let burstNanos: UInt64
    private let refusedCount = Atomic<Int>(0)
    private let forgottenCount = Atomic<Int>(0)

    /// - Parameters:
    ///   - bucketCount: a power of two; each takes 16 bytes.
    ///   - seed: secret.
    public init(
        _ limit: RateLimit, bucketCount: Int = 65_536, seed: UInt64 = .random(in: 0 ... .max)
    ) {
        precondition(
            RateLimit.range.contains(limit.perSecond) && RateLimit.range.contains(limit.burst),
            "a limit lets somebody in")
        precondition(
            bucketCount >= Self.ways && bucketCount & (bucketCount - 1) == 0,
            "a table has a power of two of places")
        self.limit = limit
        self.seed = seed
        buckets = .allocate(capacity: bucketCount)
        for index in 0..<bucketCount { (buckets + index).initialize(to: Bucket()) }
        setMask = bucketCount / Self.ways - 1
        intervalNanos = 1_000_000_000 / UInt64(limit.perSecond)
        burstNanos = intervalNanos * UInt64(limit.burst)
    }

    deinit {
        buckets.deinitialize(count: (setMask + 1) * Self.ways)
        buckets.deallocate()
    }

    /// Requests that were refused.
    public var refused: Int { refusedCount.load(ordering: .relaxed) }

    /// Buckets that were not full when another client needed their place.
    public var forgotten: Int { forgottenCount.load(ordering: .relaxed) }

    /// Whether `client` may make a request now, which takes a token.
    ///
    /// - Parameter nowNanos: on the monotonic clock.
    public func admits(_ client: UInt64, nowNanos: UInt64) -> Bool {
        let name = Self.mixed(client ^ seed)
        let bucket = bucket(name, nowNanos)
        var full = bucket.pointee.fullNanos.load(ordering: .relaxed)
        while true {
            let next = max(full, nowNanos) &+ intervalNanos
            guard next &- nowNanos <= burstNanos else {
                refusedCount.add(1, ordering: .relaxed)
                return false
            }
            let result = bucket.pointee.fullNanos.weakCompareExchange(
                expected: full, desired: next, ordering: .relaxed)
            if result.exchanged { return true }
            full = result.original
        }
    }

    private func bucket(_ name: UInt64, _ nowNanos: UInt64) -> UnsafeMutablePointer<Bucket> {
        let set = buckets + (Int(truncatingIfNeeded: name) & setMask) * Self.ways
        var fullest = set
        var fullestNanos = UInt64.max
        for way in 0..<Self.ways {
            let bucket = set + way
            if bucket.pointee.name.load(ordering: .relaxed) == name { return bucket }
            let nanos = bucket.pointee.fullNanos.load(ordering: .relaxed)
            if nanos < fullestNanos { (fullest, fullestNanos) = (bucket, nanos) }
        }
        if fullestNanos > nowNanos { forgottenCount.add(1, ordering: .relaxed) }
        fullest.pointee.name.store(name, ordering: .relaxed)
        fullest.pointee.fullNanos.store(nowNanos, ordering: .relaxed)
        return fullest
    }

    /// Different for different inputs.
    private static func mixed(_ value: UInt64) -> UInt64 {
        // The finaliser of SplitMix64.
        var bits = value &+ 0x9E37_79B9_7F4A_7C15
        bits = (bits ^ (bits &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits &>> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits &>> 31)
    }
}
