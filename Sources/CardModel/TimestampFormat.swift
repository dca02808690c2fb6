/// The families of timestamps that a feed may accept. A raw value is the family's name in a
/// configuration file.
///
/// In the day-first families day, month and hour have one or two digits (`1-2-2024 9:05` is
/// 1 February), minutes and seconds two, and the year four; seconds may be left out. Any number of
/// spaces (also U+00A0 and U+202F, which some libraries write before AM and PM) separates date,
/// time and AM or PM, and none is needed before the latter. The ISO 8601 families are strict:
/// two digits everywhere, four for the year, and exactly one `T`, `t` or space before the time.
/// Where there are seconds there may be a fraction after `.` or `,`, which is cut off.
public enum TimestampFormat: String, CaseIterable, Hashable, Sendable {
    /// `13-11-2023 14:00` or `13-11-2023 14:00:59`, in the feed's time zone.
    case dayMonthYear24 = "dd-MM-yyyy HH:mm"
    /// `13-11-2023 2:00 PM`, `13-11-2023 2:00:59pm`, in the feed's time zone.
    case dayMonthYear12 = "dd-MM-yyyy h:mm a"
    /// `13/11/2023 14:00`, in the feed's time zone.
    case slashDayMonthYear24 = "dd/MM/yyyy HH:mm"
    /// `13/11/2023 2:00 PM`, in the feed's time zone.
    case slashDayMonthYear12 = "dd/MM/yyyy h:mm a"
    /// `2023-11-13T09:34:56Z`, `2023-11-13 13:34:56.25+04:00`, `…+0400`, `…+04`.
    case iso8601 = "iso8601"
    /// `2023-11-13T13:34:56` and `2023-11-13 13:34`, in the feed's time zone.
    case iso8601Local = "iso8601-local"
    /// Exactly 10 digits: seconds since 1970-01-01 UTC.
    case unixSeconds = "unix-seconds"
    /// Exactly 13 digits: milliseconds since 1970-01-01 UTC.
    case unixMilliseconds = "unix-milliseconds"
}
