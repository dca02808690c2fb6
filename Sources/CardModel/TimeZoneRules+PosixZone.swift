// The footer of a TZif file: a POSIX TZ string with the extensions of RFC 9636, section 3.3.1
// (names in angle brackets, hours of a change from -167 to 167).
//
// Python's `zoneinfo` 3.11 is followed but for two forms of a day that no zone uses now: it counts
// `n` from 1 and takes `J59` of a leap year for 29 February. Here, as in glibc, they are POSIX's.

/// A standard offset, and perhaps daylight saving time by a yearly rule.
struct PosixZone: Equatable {
    /// Daylight saving time, its offset being the whole one from UTC.
    struct Daylight: Equatable {
        var offsetSeconds: Int32
        /// On the clock of standard time.
        var start: YearlyMoment
        /// On the clock of daylight saving time.
        var end: YearlyMoment
    }

    /// A moment that comes once a year, as a day and seconds from its local midnight.
    struct YearlyMoment: Equatable {
        enum Day: Equatable {
            /// `Jn`: 1...365, 29 February never counted.
            case julian(Int64)
            /// `n`: 0...365, 29 February counted.
            case ordinal(Int64)
            /// `Mm.w.d`: weekday 0 is Sunday; week 5 is the last such weekday of the month.
            case weekday(Int64, week: Int64, month: Int64)
        }

        var day: Day
        var secondOfDay: Int64
    }

    var standardOffsetSeconds: Int32
    var daylight: Daylight?
}

// MARK: - Look-up

extension PosixZone {
    /// The offset at local seconds, with `fold=0`. Asks the rule of the local year.
    func offset(atLocal local: Int64) -> Int32 {
        guard let daylight else { return standardOffsetSeconds }
        let (start, end) = localBounds(daylight, year: PosixZone.year(of: local))
        return PosixZone.isDaylight(local, start, end)
            ? daylight.offsetSeconds : standardOffsetSeconds
    }

    /// The offset at UTC seconds. Asks the rule of the year in UTC.
    func offset(atUTC utc: Int64) -> Int32 {
        guard let daylight else { return standardOffsetSeconds }
        let (start, end) = utcBounds(daylight, year: PosixZone.year(of: utc))
        return PosixZone.isDaylight(utc, start, end)
            ? daylight.offsetSeconds : standardOffsetSeconds
    }

    /// Every local moment at which `offset(atLocal:)` may change: the rule's, and new years.
    func localChanges(years: ClosedRange<Int64>) -> [Int64] {
        guard let daylight else { return [] }
        return years.flatMap { year in
            let (start, end) = localBounds(daylight, year: year)
            return [start, end, PosixZone.newYear(year)]
        }
    }

    /// Every UTC moment at which `offset(atUTC:)` may change.
    func utcChanges(years: ClosedRange<Int64>) -> [Int64] {
        guard let daylight else { return [] }
        return years.flatMap { year in
            let (start, end) = utcBounds(daylight, year: year)
            return [start, end, PosixZone.newYear(year)]
        }
    }

    /// Where daylight saving time begins and ends in local time for `fold=0`: each at the end of
    /// its gap or overlap, which is on the clock that is ahead.
    private func localBounds(_ daylight: Daylight, year: Int64) -> (start: Int64, end: Int64) {
        let ahead = Int64(daylight.offsetSeconds) - Int64(standardOffsetSeconds)
        let start = daylight.start.localSeconds(year: year)
        let end = daylight.end.localSeconds(year: year)
        return ahead < 0 ? (start, end - ahead) : (start + ahead, end)
    }

    private func utcBounds(_ daylight: Daylight, year: Int64) -> (start: Int64, end: Int64) {
        (
            daylight.start.localSeconds(year: year) - Int64(standardOffsetSeconds),
            daylight.end.localSeconds(year: year) - Int64(daylight.offsetSeconds)
        )
    }

    /// South of the equator daylight saving time spans the new year: `end` is before `start`.
    private static func isDaylight(_ moment: Int64, _ start: Int64, _ end: Int64) -> Bool {
        start < end ? start <= moment && moment < end : !(end <= moment && moment < start)
    }

    private static func year(of seconds: Int64) -> Int64 {
        let days = (seconds >= 0 ? seconds : seconds - 86_399) / 86_400
        return Timestamp.CivilDate(daysSince1970: days).year
    }

    fileprivate static func newYear(_ year: Int64) -> Int64 {
        Timestamp.CivilDate(year: year, month: 1, day: 1).daysSince1970 * 86_400
    }
}

extension PosixZone.YearlyMoment {
    /// The moment in `year`, in seconds since 1970 on the clock that the rule is about.
    fileprivate func localSeconds(year: Int64) -> Int64 {
        let newYear = PosixZone.newYear(year)
        let midnight: Int64
        switch day {
        case .julian(let number):
            let leapDay: Int64 = number >= 60 && Timestamp.CivilDate.isLeap(year: year) ? 1 : 0
            midnight = newYear + (number - 1 + leapDay) * 86_400
        case .ordinal(let number):
            midnight = newYear + number * 86_400
        case .weekday(let weekday, let week, let month):
            let first = Timestamp.CivilDate(year: year, month: month, day: 1).daysSince1970
            // 1970-01-01 was a Thursday (4), and no window of ours begins before it.
            let firstWeekday = (first + 4) % 7
            var dayOfMonth = (weekday - firstWeekday + 7) % 7 + 1 + (week - 1) * 7
            if dayOfMonth > Timestamp.CivilDate.daysInMonth(month, year: year) { dayOfMonth -= 7 }
            midnight = (first + dayOfMonth - 1) * 86_400
        }
        return midnight + secondOfDay
    }
}

// MARK: - Parsing

extension PosixZone {
    /// Reads a TZ string such as `EST5EDT,M3.2.0,M11.1.0` or `<+04>-4`; nil when it is not one.
    init?(parsing text: some Collection<UInt8>) {
        var scanner = PosixZoneScanner(rest: Array(text)[...])
        guard scanner.skipName(), let west = scanner.time(maxHours: 24) else { return nil }
        // POSIX counts offsets west of Greenwich, all others east.
        self.init(standardOffsetSeconds: Int32(-west), daylight: nil)
        if scanner.isAtEnd { return }

        guard scanner.skipName() else { return nil }
        var daylightOffset = standardOffsetSeconds + 3_600
        if !scanner.skip(UInt8(ascii: ",")) {
            guard let west = scanner.time(maxHours: 24), scanner.skip(UInt8(ascii: ",")) else {
                return nil
            }
            daylightOffset = Int32(-west)
        }
        guard let start = scanner.moment(), scanner.skip(UInt8(ascii: ",")),
            let end = scanner.moment(), scanner.isAtEnd
        else { return nil }
        daylight = Daylight(offsetSeconds: daylightOffset, start: start, end: end)
    }
}

private struct PosixZoneScanner {
    var rest: ArraySlice<UInt8>

    var isAtEnd: Bool { rest.isEmpty }

    mutating func skip(_ byte: UInt8) -> Bool {
        guard rest.first == byte else { return false }
        rest.removeFirst()
        return true
    }

    /// Skips an abbreviation of at least three characters: letters, or in angle brackets also
    /// digits and signs.
    mutating func skipName() -> Bool {
        let isQuoted = skip(UInt8(ascii: "<"))
        var count = 0
        while let byte = rest.first {
            let isLetter = (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7A
            let isMark = (byte >= 0x30 && byte <= 0x39) || byte == 0x2B || byte == 0x2D
            guard isLetter || (isQuoted && isMark) else { break }
            rest.removeFirst()
            count += 1
        }
        return count >= 3 && (!isQuoted || skip(UInt8(ascii: ">")))
    }

    /// A number of 1 to `maxDigits` digits.
    mutating func number(maxDigits: Int) -> Int64? {
        var value: Int64 = 0
        var count = 0
        while count < maxDigits, let byte = rest.first, byte >= 0x30, byte <= 0x39 {
            value = value * 10 + Int64(byte - 0x30)
            rest.removeFirst()
            count += 1
        }
        return count == 0 ? nil : value
    }

    /// `[+-]h[:mm[:ss]]` in seconds.
    mutating func time(maxHours: Int64) -> Int64? {
        let isNegative = skip(UInt8(ascii: "-"))
        if !isNegative { _ = skip(UInt8(ascii: "+")) }
        guard let hours = number(maxDigits: 3), hours <= maxHours else { return nil }
        var seconds = hours * 3_600
        if skip(UInt8(ascii: ":")) {
            guard let minute = number(maxDigits: 2), minute <= 59 else { return nil }
            seconds += minute * 60
            if skip(UInt8(ascii: ":")) {
                guard let second = number(maxDigits: 2), second <= 59 else { return nil }
                seconds += second
            }
        }
        return isNegative ? -seconds : seconds
    }

    /// `Jn`, `n` or `Mm.w.d`, each with an optional `/time`; without one it is 02:00.
    mutating func moment() -> PosixZone.YearlyMoment? {
        let day: PosixZone.YearlyMoment.Day
        if skip(UInt8(ascii: "M")) {
            guard let month = number(maxDigits: 2), (1...12).contains(month),
                skip(UInt8(ascii: ".")),
                let week = number(maxDigits: 1), (1...5).contains(week), skip(UInt8(ascii: ".")),
                let weekday = number(maxDigits: 1), weekday <= 6
            else { return nil }
            day = .weekday(weekday, week: week, month: month)
        } else if skip(UInt8(ascii: "J")) {
            guard let number = number(maxDigits: 3), (1...365).contains(number) else { return nil }
            day = .julian(number)
        } else {
            guard let number = number(maxDigits: 3), number <= 365 else { return nil }
            day = .ordinal(number)
        }
        guard skip(UInt8(ascii: "/")) else {
            return PosixZone.YearlyMoment(day: day, secondOfDay: 7_200)
        }
        guard let time = time(maxHours: 167) else { return nil }
        return PosixZone.YearlyMoment(day: day, secondOfDay: time)
    }
}
