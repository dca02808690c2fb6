internal import Glibc

/// The clocks of the audit log.
public enum AuditClock {
    /// Since 1970.
    public static func milliseconds() -> Int64 { nanos(CLOCK_REALTIME) / 1_000_000 }

    /// The monotonic clock, by which requests are timed.
    static func monotonicNanos() -> UInt64 { UInt64(nanos(CLOCK_MONOTONIC)) }

    private static func nanos(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        let result = clock_gettime(clock, &time)
        precondition(result == 0, "Linux always has these clocks")
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// `2026-11-25T16:41:37.123Z`
    static func text(_ milliseconds: Int64) -> String {
        var seconds = time_t(milliseconds / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        func two(_ number: Int32) -> String { (number < 10 ? "0" : "") + String(number) }
        let fraction = String(1_000 + milliseconds % 1_000).dropFirst()
        return "\(parts.tm_year + 1900)-\(two(parts.tm_mon + 1))-\(two(parts.tm_mday))"
            + "T\(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)).\(fraction)Z"
    }

    /// The day, UTC, so many days before a time: `2026-11-25`.
    static func day(_ milliseconds: Int64, daysBefore: Int = 0) -> String {
        String(text(milliseconds - Int64(daysBefore) * 86_400_000).prefix(10))
    }
}
