/// The calendar of Asia/Dubai, where the partners' clocks are: four hours ahead of UTC at all times
/// since 1920, so that a fixed offset is all there is to it.
struct LocalTime {
    static let offsetSeconds: Int64 = 4 * 3_600

    let year: Int
    let month: Int
    let day: Int
    let hour: Int
    let minute: Int
    let second: Int

    /// - Parameters:
    ///   - seconds: since 1970 in UTC; not before 1970.
    ///   - offsetSeconds: how far ahead of UTC the clock on the wall is.
    ///
    /// The date is `civil_from_days` of Howard Hinnant's page "chrono-Compatible Low-Level Date
    /// Algorithms", for days after 1970.
    init(_ seconds: Int64, offsetSeconds: Int64 = LocalTime.offsetSeconds) {
        let local = UInt64(seconds &+ offsetSeconds)
        let days = UInt32(truncatingIfNeeded: local / 86_400)
        let ofDay = UInt32(truncatingIfNeeded: local % 86_400)
        let shifted = days &+ 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted &- era &* 146_097
        let yearOfEra =
            (dayOfEra &- dayOfEra / 1_460 &+ dayOfEra / 36_524 &- dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra &- (365 &* yearOfEra &+ yearOfEra / 4 &- yearOfEra / 100)
        let fromMarch = (5 &* dayOfYear &+ 2) / 153
        day = Int(dayOfYear &- (153 &* fromMarch &+ 2) / 5 &+ 1)
        month = Int(fromMarch < 10 ? fromMarch &+ 3 : fromMarch &- 9)
        year = Int(yearOfEra &+ era &* 400) &+ (fromMarch < 10 ? 0 : 1)
        hour = Int(ofDay / 3_600)
        minute = Int(ofDay / 60 % 60)
        second = Int(ofDay % 60)
    }
}

extension TextBuffer {
    /// `2023-11-13`
    mutating func append(isoDate time: LocalTime) {
        append(twoDigits: time.year / 100)
        append(twoDigits: time.year % 100)
        append(UInt8(ascii: "-"))
        append(twoDigits: time.month)
        append(UInt8(ascii: "-"))
        append(twoDigits: time.day)
    }

    /// `09:34:56`
    mutating func append(clock time: LocalTime) {
        append(twoDigits: time.hour)
        append(UInt8(ascii: ":"))
        append(twoDigits: time.minute)
        append(UInt8(ascii: ":"))
        append(twoDigits: time.second)
    }

    /// `2023-11-13T09:34:56Z`
    mutating func append(utc seconds: Int64) {
        let time = LocalTime(seconds, offsetSeconds: 0)
        append(isoDate: time)
        append(UInt8(ascii: "T"))
        append(clock: time)
        append(UInt8(ascii: "Z"))
    }
}
