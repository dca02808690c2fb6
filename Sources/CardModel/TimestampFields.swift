// The scanner behind `TimestampParser`: one pass over the bytes, no look-back, no allocation.
//
// The first run of digits and the byte after it decide the family: nothing but digits is Unix
// time, one or two digits before `-` or `/` are a day, four before `-` are a year. From there on
// every byte has one possible meaning, so that an error can name the field it is about. Fields are
// range-checked as soon as they are complete, the date before the time.

struct TimestampFields {
    /// Which family the text belongs to; valid once a scan has returned.
    private(set) var format = TimestampFormat.iso8601
    /// Local seconds as if they were UTC, for all but the Unix families.
    private(set) var localSeconds: Int64 = 0
    /// East of Greenwich, for `iso8601`.
    private(set) var offsetSeconds: Int64 = 0
    /// The digits of the Unix families as they stand.
    private(set) var unixNumber: Int64 = 0

    private var position: Int
    private let end: Int

    init(whole text: Span<UInt8>) {
        position = 0
        end = text.count
    }

    init(trimming text: Span<UInt8>) {
        var start = 0
        var end = text.count
        TimestampFields.trimWhiteSpace(text, &start, &end)
        if end - start >= 2, text[start] == text[end - 1],
            text[start] == UInt8(ascii: "\"") || text[start] == UInt8(ascii: "'")
        {
            start += 1
            end -= 1
            TimestampFields.trimWhiteSpace(text, &start, &end)
        }
        position = start
        self.end = end
    }

    /// Reads a timestamp of any family.
    mutating func scan(_ text: Span<UInt8>) throws(TimestampError) {
        guard position < end else { throw .empty }
        let (number, count) = digits(text)
        guard count > 0 else { throw .unknownFormat }
        guard position < end else {
            try setUnix(number, digitCount: count)
            return
        }
        switch (text[position], count) {
        case (UInt8(ascii: "-"), 1...2):
            try scanDayFirst(text, day: number, separator: UInt8(ascii: "-"))
        case (UInt8(ascii: "/"), 1...2):
            try scanDayFirst(text, day: number, separator: UInt8(ascii: "/"))
        case (UInt8(ascii: "-"), 4):
            try scanISO8601(text, year: number)
        case (_, 10), (_, 13):
            throw .unexpectedCharacter(byteOffset: position)
        default:
            throw .unknownFormat
        }
    }

    /// Reads a timestamp of one of the two ISO 8601 families.
    mutating func scanISO8601Only(_ text: Span<UInt8>) throws(TimestampError) {
        let (year, count) = digits(text)
        guard count == 4, position < end, text[position] == UInt8(ascii: "-") else {
            throw .notISO8601
        }
        try scanISO8601(text, year: year)
    }

    // MARK: - Families

    private mutating func setUnix(
        _ number: Int64, digitCount: Int
    ) throws(TimestampError) {
        switch digitCount {
        case 10: format = .unixSeconds
        case 13: format = .unixMilliseconds
        default: throw .unixDigits(count: digitCount)
        }
        unixNumber = number
    }

    /// From the separator after the day on.
    private mutating func scanDayFirst(
        _ text: Span<UInt8>, day: Int64, separator: UInt8
    ) throws(TimestampError) {
        try expect(separator, text)
        let month = try number(.month, 1...2, text)
        try expect(separator, text)
        let year = try number(.year, 4...4, text)
        try setDate(year: year, month: month, day: day)

        guard position < end else { throw .missingTime }
        let afterDate = position
        skipSpaces(text)
        guard position > afterDate else { throw .unexpectedCharacter(byteOffset: position) }
        let hour = try number(.hour, 1...2, text)
        try scanMinuteAndSecond(text)

        skipSpaces(text)
        let isDashed = separator == UInt8(ascii: "-")
        if position == end {
            format = isDashed ? .dayMonthYear24 : .slashDayMonthYear24
            try addHour(hour)
        } else {
            format = isDashed ? .dayMonthYear12 : .slashDayMonthYear12
            try addHour(hour, isPM: try halfOfDay(text))
        }
    }

    /// From the separator after the year on.
    private mutating func scanISO8601(
        _ text: Span<UInt8>, year: Int64
    ) throws(TimestampError) {
        try expect(UInt8(ascii: "-"), text)
        let month = try number(.month, 2...2, text)
        try expect(UInt8(ascii: "-"), text)
        let day = try number(.day, 2...2, text)
        try setDate(year: year, month: month, day: day)

        guard position < end else { throw .missingTime }
        switch text[position] {
        case UInt8(ascii: "T"), UInt8(ascii: "t"), UInt8(ascii: " "): position += 1
        default: throw .unexpectedCharacter(byteOffset: position)
        }
        let hour = try number(.hour, 2...2, text)
        try addHour(hour)
        try scanMinuteAndSecond(text)
        try scanOffset(text)
    }

    // MARK: - Parts

    private mutating func setDate(
        year: Int64, month: Int64, day: Int64
    ) throws(TimestampError) {
        guard (1...12).contains(month) else {
            throw .fieldOutOfRange(.month, value: Int(month))
        }
        guard (1...31).contains(day) else {
            throw .fieldOutOfRange(.day, value: Int(day))
        }
        guard day <= Timestamp.CivilDate.daysInMonth(month, year: year) else {
            throw .noSuchDate(year: Int(year), month: Int(month), day: Int(day))
        }
        let date = Timestamp.CivilDate(year: year, month: month, day: day)
        localSeconds = date.daysSince1970 * 86_400
    }

    private mutating func addHour(_ hour: Int64) throws(TimestampError) {
        guard hour <= 23 else { throw .fieldOutOfRange(.hour, value: Int(hour)) }
        localSeconds += hour * 3_600
    }

    /// 12 AM is midnight, 12 PM is noon.
    private mutating func addHour(_ hour: Int64, isPM: Bool) throws(TimestampError) {
        guard (1...12).contains(hour) else { throw .fieldOutOfRange(.hour12, value: Int(hour)) }
        localSeconds += (hour % 12 + (isPM ? 12 : 0)) * 3_600
    }

    /// `:mm`, `:mm:ss` or `:mm:ss.fff`.
    private mutating func scanMinuteAndSecond(_ text: Span<UInt8>) throws(TimestampError) {
        try expect(UInt8(ascii: ":"), text)
        let minute = try number(.minute, 2...2, text)
        guard minute <= 59 else { throw .fieldOutOfRange(.minute, value: Int(minute)) }
        localSeconds += minute * 60
        guard skip(UInt8(ascii: ":"), text) else { return }
        let second = try number(.second, 2...2, text)
        guard second <= 59 else { throw .fieldOutOfRange(.second, value: Int(second)) }
        localSeconds += second
        guard skip(UInt8(ascii: "."), text) || skip(UInt8(ascii: ","), text) else { return }
        // All moments in range are after 1970, so cutting the fraction off rounds down.
        _ = try number(.fraction, 1...Int.max, text)
    }

    /// `AM` or `PM` in any case, and nothing after it.
    private mutating func halfOfDay(_ text: Span<UInt8>) throws(TimestampError) -> Bool {
        let isPM: Bool
        switch text[position] | 0x20 {
        case UInt8(ascii: "a"): isPM = false
        case UInt8(ascii: "p"): isPM = true
        default: throw .unexpectedCharacter(byteOffset: position)
        }
        position += 1
        guard position < end else { throw .incomplete }
        guard text[position] | 0x20 == UInt8(ascii: "m") else {
            throw .unexpectedCharacter(byteOffset: position)
        }
        position += 1
        guard position == end else { throw .unexpectedCharacter(byteOffset: position) }
        return isPM
    }

    /// Nothing, `Z`, `+hh:mm`, `+hhmm` or `+hh`, and nothing after it.
    private mutating func scanOffset(_ text: Span<UInt8>) throws(TimestampError) {
        guard position < end else {
            format = .iso8601Local
            return
        }
        format = .iso8601
        if !skip(UInt8(ascii: "Z"), text), !skip(UInt8(ascii: "z"), text) {
            let isWest = skip(UInt8(ascii: "-"), text)
            guard isWest || skip(UInt8(ascii: "+"), text) else {
                throw .unexpectedCharacter(byteOffset: position)
            }
            var (hour, count) = digits(text)
            var minute: Int64 = 0
            switch count {
            case 2:
                if skip(UInt8(ascii: ":"), text) { minute = try number(.offsetMinute, 2...2, text) }
            case 4:
                minute = hour % 100
                hour /= 100
            case 0 where position == end: throw .incomplete
            default: throw .fieldDigits(.offsetHour)
            }
            guard hour <= 23 else { throw .fieldOutOfRange(.offsetHour, value: Int(hour)) }
            guard minute <= 59 else { throw .fieldOutOfRange(.offsetMinute, value: Int(minute)) }
            offsetSeconds = (hour * 3_600 + minute * 60) * (isWest ? -1 : 1)
        }
        guard position == end else { throw .unexpectedCharacter(byteOffset: position) }
    }

    // MARK: - Bytes

    /// The run of digits at the position, perhaps empty. The value of more than 18 is meaningless.
    private mutating func digits(_ text: Span<UInt8>) -> (value: Int64, count: Int) {
        let start = position
        var value: Int64 = 0
        while position < end {
            let digit = text[position] &- UInt8(ascii: "0")
            guard digit <= 9 else { break }
            value = value &* 10 &+ Int64(digit)
            position += 1
        }
        return (value, position - start)
    }

    private mutating func number(
        _ field: TimestampError.Field, _ counts: ClosedRange<Int>, _ text: Span<UInt8>
    ) throws(TimestampError) -> Int64 {
        guard position < end else { throw .incomplete }
        let (value, count) = digits(text)
        guard count > 0 else { throw .unexpectedCharacter(byteOffset: position) }
        guard counts.contains(count) else { throw .fieldDigits(field) }
        return value
    }

    private mutating func expect(_ byte: UInt8, _ text: Span<UInt8>) throws(TimestampError) {
        guard position < end else { throw .incomplete }
        guard skip(byte, text) else { throw .unexpectedCharacter(byteOffset: position) }
    }

    private mutating func skip(_ byte: UInt8, _ text: Span<UInt8>) -> Bool {
        guard position < end, text[position] == byte else { return false }
        position += 1
        return true
    }

    /// Skips spaces and tabs, U+00A0 (C2 A0) and U+202F (E2 80 AF). Newer versions of Unicode's
    /// locale data, and with them Java and JavaScript, write the last one before AM and PM.
    private mutating func skipSpaces(_ text: Span<UInt8>) {
        while position < end {
            switch text[position] {
            case UInt8(ascii: " "), UInt8(ascii: "\t"):
                position += 1
            case 0xC2 where end - position >= 2 && text[position + 1] == 0xA0:
                position += 2
            case 0xE2
            where end - position >= 3 && text[position + 1] == 0x80 && text[position + 2] == 0xAF:
                position += 3
            default:
                return
            }
        }
    }

    private static func trimWhiteSpace(
        _ text: Span<UInt8>, _ start: inout Int, _ end: inout Int
    ) {
        while start < end, isWhiteSpace(text[start]) { start += 1 }
        while start < end, isWhiteSpace(text[end - 1]) { end -= 1 }
    }

    /// Space, tab, line feed, vertical tab, form feed, carriage return.
    private static func isWhiteSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (byte >= 0x09 && byte <= 0x0D)
    }
}
