import Foundation

/// When a key expires, as people write it.
enum KeyExpiry {
    /// A hundred years: more is a slip of the finger.
    private static let most: TimeInterval = 36_525 * 24 * 3_600

    /// `90d`, `12h`, a day (at whose end it is, in UTC) or a time with its offset; nil when it is
    /// none of these, or is not to come.
    static func parse(_ text: String, now: Date) -> Date? {
        guard let date = WrittenTime.date(text, now: now, .ahead, atEndOfDay: true),
            date.timeIntervalSince(now) >= 1, date.timeIntervalSince(now) <= most
        else { return nil }
        return date
    }
}
