/// A day without a time or a zone, from 1800 to 2099: a date of birth.
public struct CalendarDate: Hashable, Comparable, Sendable, CustomStringConvertible {
    private static let years: ClosedRange<Int64> = 1800...2099

    /// Days since 1970-01-01, negative before.
    public let days: Int32

    /// nil outside 1800 to 2099.
    public init?(days: Int32) {
        guard Self.years.contains(Timestamp.CivilDate(daysSince1970: Int64(days)).year) else {
            return nil
        }
        self.days = days
    }

    /// Reads `1990-05-17`, and the date of a timestamp that begins so (`1990-05-17T00:00:00Z`), as
    /// it is written there: services without a type for dates send midnight of one zone or another.
    /// White space and quotes around it go.
    public static func parse(_ text: Span<UInt8>) throws(CalendarDateError) -> CalendarDate {
        let range = text.trimmedRange(droppingQuotes: true)
        guard !range.isEmpty else { throw .empty }
        let date = text.extracting(range)
        guard date.count >= 10, date[4] == UInt8(ascii: "-"), date[7] == UInt8(ascii: "-"),
            let year = number(date, 0..<4), let month = number(date, 5..<7),
            let day = number(date, 8..<10), isEnd(date)
        else { throw .notADate }
        guard years.contains(year) else { throw .outOfRange }
        guard (1...12).contains(month), day >= 1,
            day <= Timestamp.CivilDate.daysInMonth(month, year: year)
        else { throw .noSuchDay }
        let days = Timestamp.CivilDate(year: year, month: month, day: day).daysSince1970
        guard let found = CalendarDate(days: Int32(days)) else { throw .outOfRange }
        return found
    }

    /// What follows the date, if anything, begins as a time.
    private static func isEnd(_ text: Span<UInt8>) -> Bool {
        guard text.count > 10 else { return true }
        switch text[10] {
        case UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " "):
            return number(text, 11..<13) != nil && text.count > 13
                && text[13] == UInt8(ascii: ":")
        default: return false
        }
    }

    private static func number(_ text: Span<UInt8>, _ range: Range<Int>) -> Int64? {
        guard range.upperBound <= text.count else { return nil }
        var number: Int64 = 0
        for index in range {
            let digit = text[index] &- UInt8(ascii: "0")
            guard digit <= 9 else { return nil }
            number = 10 * number + Int64(digit)
        }
        return number
    }

    /// `1990-05-17`
    public var description: String {
        let date = Timestamp.CivilDate(daysSince1970: Int64(days))
        func two(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(date.year)-\(two(date.month))-\(two(date.day))"
    }

    public static func < (a: Self, b: Self) -> Bool { a.days < b.days }
}

/// Why a text is no date.
public enum CalendarDateError: Error, Equatable, Sendable, CustomStringConvertible {
    case empty
    case notADate
    case noSuchDay
    case outOfRange

    public var description: String {
        switch self {
        case .empty: "the date is empty"
        case .notADate: "the date is not written as 1990-05-17"
        case .noSuchDay: "the date names a day that does not exist"
        case .outOfRange: "the date is not between 1800 and 2099"
        }
    }
}
