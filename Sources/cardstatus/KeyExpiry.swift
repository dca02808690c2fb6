import Foundation

/// When a key expires, as people write it.
enum KeyExpiry {
    private static let hour: TimeInterval = 3_600
    /// A hundred years: more is a slip of the finger.
    private static let most: TimeInterval = 36_525 * 24 * hour

    /// `90d`, `12h`, a day (at whose end it is, in UTC) or a time with its offset; nil when it is
    /// none of these, or is not to come.
    static func parse(_ text: String, now: Date) -> Date? {
        guard let date = self.date(text, now: now),
            date.timeIntervalSince(now) >= 1, date.timeIntervalSince(now) <= most
        else { return nil }
        return date
    }

    private static func date(_ text: String, now: Date) -> Date? {
        let unit: TimeInterval? =
            switch text.last {
            case "d": 24 * hour
            case "h": hour
            default: nil
            }
        if let unit {
            let digits = text.dropLast()
            guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
                let count = Int(digits)
            else { return nil }
            return now.addingTimeInterval(TimeInterval(count) * unit)
        }
        let format = ISO8601DateFormatter()
        if let time = format.date(from: text) { return time }
        format.formatOptions = [.withFullDate]
        // The formatter reads as far as it can.
        guard text.utf8.count == 10, let day = format.date(from: text) else { return nil }
        return day.addingTimeInterval(24 * hour)
    }
}
