/// Why a text is not a timestamp. `description` is what the person who mends the row reads.
public enum TimestampError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The part of a timestamp that an error is about.
    public enum Field: String, Equatable, Sendable {
        case year, month, day, hour, minute, second, fraction
        /// The hour of a time with AM or PM.
        case hour12 = "hour before AM/PM"
        case offsetHour = "hour of the offset"
        case offsetMinute = "minute of the offset"
    }

    /// Nothing is left after trimming.
    case empty
    /// The text does not begin like any of the known formats.
    case unknownFormat
    /// Where only ISO 8601 with an offset will do, the text is something else.
    case notISO8601
    /// The text has a known format that this feed does not accept.
    case formatNotAccepted(TimestampFormat)
    /// All digits, but neither 10 nor 13 of them.
    case unixDigits(count: Int)
    /// A field has too few or too many digits.
    case fieldDigits(Field)
    /// A field's value lies outside its range, whatever the other fields are.
    case fieldOutOfRange(Field, value: Int)
    /// The day does not exist in that month, such as 31-02-2024.
    case noSuchDate(year: Int, month: Int, day: Int)
    /// The text breaks off in the middle of a format.
    case incomplete
    /// A date without a time.
    case missingTime
    /// A time without `Z` or an offset where one is required.
    case missingOffset
    /// A character that cannot stand where it stands; the offset counts bytes from 0.
    case unexpectedCharacter(byteOffset: Int)
    /// A real moment, but outside 2000-01-01...2099-12-31 in UTC.
    case outOfRange

    public var description: String {
        switch self {
        case .empty:
            "timestamp is empty"
        case .unknownFormat:
            "timestamp has no known format (such as 13-11-2023 14:00, 13-11-2023 2:00 PM, "
                + "2023-11-13T10:00:00Z)"
        case .notISO8601:
            "timestamp is not ISO 8601 with Z or an offset, such as 2023-11-13T09:34:56Z or "
                + "2023-11-13T13:34:56+04:00"
        case .formatNotAccepted(let format):
            "timestamp has the format \(format.rawValue), which this feed does not accept"
        case .unixDigits(let count):
            "timestamp is a number of \(count) digits; Unix time has 10 (seconds) or 13 "
                + "(milliseconds)"
        case .fieldDigits(let field):
            "\(field.rawValue) of timestamp has a wrong number of digits"
        case .fieldOutOfRange(let field, let value):
            "\(field.rawValue) of timestamp is \(value), not in \(field.range)"
        case .noSuchDate(let year, let month, let day):
            "timestamp names a day that does not exist: day \(day) of month \(month) of \(year)"
        case .incomplete:
            "timestamp breaks off too early"
        case .missingTime:
            "timestamp has a date but no time"
        case .missingOffset:
            "timestamp needs Z or an offset such as +04:00 at its end"
        case .unexpectedCharacter(let byteOffset):
            "timestamp has an unexpected character at position \(byteOffset + 1)"
        case .outOfRange:
            "timestamp is not between 2000-01-01T00:00:00Z and 2099-12-31T23:59:59Z"
        }
    }
}

extension TimestampError.Field {
    fileprivate var range: String {
        switch self {
        case .year: "0...9999"
        case .month: "1...12"
        case .day: "1...31"
        case .hour, .offsetHour: "0...23"
        case .hour12: "1...12"
        case .minute, .second, .offsetMinute: "0...59"
        case .fraction: "0...9"
        }
    }
}
