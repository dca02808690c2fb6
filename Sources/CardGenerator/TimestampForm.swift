extension TextBuffer {
    /// Writes a moment in one of the forms that partners' files have; all mean the same second.
    mutating func append(
        moment seconds: Int64, in file: PartnerFile, _ random: inout SplitMix64
    ) {
        let lot = random.below(72)
        // 54 in 72 are in the file's usual form, which is that of the partners' samples.
        let form =
            lot >= 18
            ? (file == .delivered ? 6 : file == .returned ? 2 : 0) : Int(lot)
        switch form {
        case 0...5, 13, 14: append(dayFirst: LocalTime(seconds), form)
        case 6: append(utc: seconds)
        case 7: append(iso: seconds, " ", offsetSeconds: LocalTime.offsetSeconds, "+04:00")
        case 8: append(iso: seconds, "T", offsetSeconds: LocalTime.offsetSeconds, ".250+0400")
        case 9: append(iso: seconds, "T", offsetSeconds: LocalTime.offsetSeconds, "")
        case 10: append(iso: seconds, " ", offsetSeconds: LocalTime.offsetSeconds, "")
        case 11: append(decimal: UInt64(seconds))
        case 12:
            append(decimal: UInt64(seconds))
            append(decimal: random.below(1_000), width: 3)
        case 15: append(iso: seconds, "T", offsetSeconds: 19_800, "+05:30")
        case 16: append(iso: seconds, "t", offsetSeconds: LocalTime.offsetSeconds, "+04")
        default: append(iso: seconds, "T", offsetSeconds: -10_800, ".999-0300")
        }
    }

    private mutating func append(
        iso seconds: Int64, _ gap: StaticString, offsetSeconds: Int64, _ end: StaticString
    ) {
        let time = LocalTime(seconds, offsetSeconds: offsetSeconds)
        append(isoDate: time)
        append(gap)
        append(clock: time)
        append(end)
    }

    /// `13-11-2023 14:00` and its kin. Seconds are left out when there are none.
    private mutating func append(dayFirst time: LocalTime, _ form: Int) {
        let separator: StaticString = form == 3 || form == 4 ? "/" : "-"
        let isTwelveHour = form == 1 || form == 2 || form == 4 || form == 14
        if form == 13 { append("\"") }
        append(number: time.day, isPadded: form != 5)
        append(separator)
        append(number: time.month, isPadded: form != 5)
        append(separator)
        append(twoDigits: time.year / 100)
        append(twoDigits: time.year % 100)
        append(" ")
        if isTwelveHour {
            append(number: (time.hour + 11) % 12 + 1, isPadded: form == 1)
        } else {
            append(number: time.hour, isPadded: form != 5)
        }
        append(":")
        append(twoDigits: time.minute)
        if time.second != 0 {
            append(":")
            append(twoDigits: time.second)
        }
        let isMorning = time.hour < 12
        switch form {
        case 1: append(isMorning ? " AM" : " PM")
        case 2: append(isMorning ? "AM" : "PM")
        case 4: append(isMorning ? " am" : " pm")
        // U+202F, which newer versions of Java and JavaScript write.
        case 14: append(isMorning ? "\u{202F}AM" : "\u{202F}PM")
        case 13: append("\"")
        default: break
        }
    }

    private mutating func append(number value: Int, isPadded: Bool) {
        if isPadded || value >= 10 {
            append(twoDigits: value)
        } else {
            append(UInt8(ascii: "0") + UInt8(value))
        }
    }
}
