import Foundation

/// A time as people write it on a command line.
enum WrittenTime {
    private static let hour: TimeInterval = 3_600

    /// Which way `90d` and `12h` count from now.
    enum Direction: Double {
        case ahead = 1
        case ago = -1
    }

    /// `90d`, `12h`, a day (UTC, at its beginning or its end) or a time with its offset; nil when
    /// it is none of these.
    static func date(
        _ text: String, now: Date, _ direction: Direction, atEndOfDay: Bool
    ) -> Date? {
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
            return now.addingTimeInterval(direction.rawValue * TimeInterval(count) * unit)
        }
        let format = ISO8601DateFormatter()
        if let time = format.date(from: text) { return time }
        format.formatOptions = [.withFullDate]
        // The formatter reads as far as it can.
        guard text.utf8.count == 10, let day = format.date(from: text) else { return nil }
        return atEndOfDay ? day.addingTimeInterval(24 * hour) : day
    }
}
