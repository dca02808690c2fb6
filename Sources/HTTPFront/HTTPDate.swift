import Glibc

/// The text of a `Date` header (RFC 9110, 5.6.7), made once a second: libmicrohttpd would make it
/// for every reply, by the calendar.
struct HTTPDate {
    /// `Sun, 06 Nov 1994 08:49:37 GMT`
    static let byteCount = 29

    private var bytes = InlineArray<29, UInt8>(repeating: 0x78)
    /// Until when it is right, on the monotonic clock.
    private var untilNanos: UInt64 = 0
    /// Another one for every text.
    private(set) var number = 0

    /// Sees to it that it is right at a moment that has been.
    ///
    /// - Parameter nanos: of the monotonic clock. If somebody sets the calendar's clock, the text
    ///   follows within a second.
    @inline(__always)
    mutating func update(_ nanos: UInt64) {
        if nanos >= untilNanos { renew() }
    }

    @inline(never)
    private mutating func renew() {
        let now = monotonicNanos()
        var time = timespec()
        let result = clock_gettime(CLOCK_REALTIME, &time)
        precondition(result == 0, "Linux always has CLOCK_REALTIME")
        untilNanos = now &+ UInt64(1_000_000_000 - time.tv_nsec)
        number &+= 1
        var parts = tm()
        guard gmtime_r(&time.tv_sec, &parts) != nil else {
            preconditionFailure("the clock is within the calendar")
        }
        write(parts)
    }

    private mutating func write(_ parts: tm) {
        let days: StaticString = "SunMonTueWedThuFriSat"
        let months: StaticString = "JanFebMarAprMayJunJulAugSepOctNovDec"
        let year = Int(parts.tm_year) + 1900
        name(days, Int(parts.tm_wday), at: 0)
        text(", ", at: 3)
        pair(Int(parts.tm_mday), at: 5)
        text(" ", at: 7)
        name(months, Int(parts.tm_mon), at: 8)
        text(" ", at: 11)
        pair(year / 100, at: 12)
        pair(year % 100, at: 14)
        text(" ", at: 16)
        pair(Int(parts.tm_hour), at: 17)
        text(":", at: 19)
        pair(Int(parts.tm_min), at: 20)
        text(":", at: 22)
        pair(Int(parts.tm_sec), at: 23)
        text(" GMT", at: 25)
    }

    private mutating func text(_ text: StaticString, at place: Int) {
        for index in 0..<text.utf8CodeUnitCount { bytes[place + index] = text.utf8Start[index] }
    }

    private mutating func name(_ names: StaticString, _ which: Int, at place: Int) {
        for index in 0..<3 { bytes[place + index] = names.utf8Start[which * 3 + index] }
    }

    private mutating func pair(_ value: Int, at place: Int) {
        bytes[place] = UInt8(ascii: "0") + UInt8(value / 10)
        bytes[place + 1] = UInt8(ascii: "0") + UInt8(value % 10)
    }

    /// Writes the text into memory of its length.
    func write(to target: UnsafeMutablePointer<UInt8>) {
        for index in 0..<HTTPDate.byteCount { target[index] = bytes[index] }
    }
}
