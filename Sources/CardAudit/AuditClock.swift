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
        var text: [UInt8] = []
        append(milliseconds, to: &text)
        return String(decoding: text, as: UTF8.self)
    }

    /// ``text(_:)`` without a string.
    static func append(_ milliseconds: Int64, to text: inout [UInt8]) {
        var seconds = time_t(milliseconds / 1_000)
        var parts = tm()
        gmtime_r(&seconds, &parts)
        append(Int(parts.tm_year) + 1900, digits: 4, "-", to: &text)
        append(Int(parts.tm_mon) + 1, digits: 2, "-", to: &text)
        append(Int(parts.tm_mday), digits: 2, "T", to: &text)
        append(Int(parts.tm_hour), digits: 2, ":", to: &text)
        append(Int(parts.tm_min), digits: 2, ":", to: &text)
        append(Int(parts.tm_sec), digits: 2, ".", to: &text)
        append(Int(milliseconds % 1_000), digits: 3, "Z", to: &text)
    }

    private static func append(
        _ number: Int, digits: Int, _ mark: Unicode.Scalar, to text: inout [UInt8]
    ) {
        var unit = 1
        for _ in 1..<digits { unit *= 10 }
        while unit > 0 {
            text.append(UInt8(ascii: "0") + UInt8(number / unit % 10))
            unit /= 10
        }
        text.append(UInt8(ascii: mark))
    }

    /// The day, UTC, so many days before a time: `2026-11-25`.
    static func day(_ milliseconds: Int64, daysBefore: Int = 0) -> String {
        String(text(milliseconds - Int64(daysBefore) * 86_400_000).prefix(10))
    }
}
