internal import Synchronization

/// What libmicrohttpd complains of, on its way to the log. Clients cause most of it, as often as
/// they like, so only some lines a second get there; of the others, how many they were.
final class Complaints: Sendable {
    static let perSecond = 5
    /// At once, after a pause.
    static let burst = 20

    private struct Bucket {
        /// Lines that may be written now, in billionths.
        var level = UInt64(Complaints.burst) * Complaints.line
        var filledNanos: UInt64 = 0
        /// Since the last line that said so.
        var leftOut = 0
    }

    private static let line: UInt64 = 1_000_000_000

    private let log: HTTPServer.ErrorLog
    private let bucket = Mutex(Bucket())
    private let leftOutCount = Atomic<Int>(0)

    init(_ log: @escaping HTTPServer.ErrorLog) {
        self.log = log
    }

    /// Lines that were left out, ever.
    var leftOut: Int { leftOutCount.load(ordering: .relaxed) }

    /// Logs a line, if there is room for it.
    func add(_ text: @autoclosure () -> String, nowNanos: UInt64) {
        let isRoom = bucket.withLock { bucket in
            Self.fill(&bucket, nowNanos)
            guard bucket.level >= Self.line else {
                bucket.leftOut += 1
                return false
            }
            bucket.level -= Self.line
            return true
        }
        if isRoom {
            log(text())
        } else {
            leftOutCount.add(1, ordering: .relaxed)
        }
    }

    /// Says how many lines were left out, when there is room again. To be called now and then.
    func tellLeftOut(nowNanos: UInt64) {
        let count = bucket.withLock { bucket in
            guard bucket.leftOut > 0 else { return 0 }
            Self.fill(&bucket, nowNanos)
            guard bucket.level >= Self.line else { return 0 }
            bucket.level -= Self.line
            defer { bucket.leftOut = 0 }
            return bucket.leftOut
        }
        if count > 0 { log("libmicrohttpd: \(count) more lines were left out") }
    }

    private static func fill(_ bucket: inout Bucket, _ nowNanos: UInt64) {
        let most = UInt64(burst) * line
        // Another thread may have read the clock later.
        let passed = nowNanos > bucket.filledNanos ? nowNanos - bucket.filledNanos : 0
        let (earned, isMuch) = passed.multipliedReportingOverflow(by: UInt64(perSecond))
        bucket.level = isMuch || earned >= most - bucket.level ? most : bucket.level + earned
        bucket.filledNanos = max(bucket.filledNanos, nowNanos)
    }
}
