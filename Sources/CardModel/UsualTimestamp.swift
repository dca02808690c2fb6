/// A timestamp in one of the usual forms, whose bytes are checked and turned into numbers eight at
/// a time.
///
/// Combined with its form by exclusive or, a word has 0 to 9 where there is a digit and 0 where a
/// separator is; of two digits next to each other, one multiplication makes a number.
struct UsualTimestamp {
    private var year: Int64
    private var month: Int64
    private var day: Int64
    private var hour: Int64
    private var minute: Int64
    private var second: Int64 = 0

    private static let ones: UInt64 = 0x0101_0101_0101_0101

    /// - Parameter isDayFirst: whether the text is of 16 or 19 bytes like `31-12-2023 23:59:58`, or
    ///   of 20 like `2023-12-31T23:59:58Z`.
    @inline(__always)
    init?(_ text: UnsafeRawBufferPointer, isDayFirst: Bool) {
        if isDayFirst {
            guard let date = Self.pairs(text, 0, "00-00-00"),
                let time = Self.pairs(text, 8, "00 00:00")
            else { return nil }
            day = Self.pair(date, 0)
            month = Self.pair(date, 3)
            year = Self.pair(date, 6) * 100 + Self.pair(time, 0)
            hour = Self.pair(time, 3)
            minute = Self.pair(time, 6)
            if text.count == 19 {
                guard let seconds = Self.pairs(text, 11, "00:00:00") else { return nil }
                second = Self.pair(seconds, 6)
            }
        } else {
            guard let date = Self.pairs(text, 0, "0000-00-"),
                let time = Self.pairs(text, 8, "00T00:00"),
                let end = Self.pairs(text, 12, "0:00:00Z")
            else { return nil }
            year = Self.pair(date, 0) * 100 + Self.pair(date, 2)
            month = Self.pair(date, 5)
            day = Self.pair(time, 0)
            hour = Self.pair(time, 3)
            minute = Self.pair(time, 6)
            second = Self.pair(end, 5)
        }
    }

    /// The numbers that the pairs of digits among eight bytes make, each at its first byte; nil
    /// when the bytes are not of the form, in which 0 stands for any digit.
    @inline(__always)
    private static func pairs(
        _ text: UnsafeRawBufferPointer, _ offset: Int, _ form: StaticString
    ) -> UInt64? {
        let pattern = UInt64(
            littleEndian: UnsafeRawPointer(form.utf8Start).loadUnaligned(as: UInt64.self))
        let bytes = UInt64(
            littleEndian: text.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        let digits = bytes ^ pattern
        // Added to a byte, 0x76 reaches its high bit unless that is at most 9, and 0x7F, where the
        // form has a separator, unless it is 0.
        let isSeparator = (pattern ^ (ones &* 0x30)) &+ ones &* 0x7F
        let limits = ones &* 0x76 &+ ((isSeparator & (ones &* 0x80)) &>> 7) &* 9
        guard (digits &+ limits | digits) & (ones &* 0x80) == 0 else { return nil }
        return digits &* 10 &+ digits &>> 8
    }

    @inline(__always)
    private static func pair(_ pairs: UInt64, _ index: Int) -> Int64 {
        Int64(pairs &>> UInt64(8 * index) & 0xFF)
    }

    /// Since 1970, as if the time were UTC; nil when there is no such time.
    @inline(__always)
    var seconds: Int64? {
        guard 1...12 ~= month, day >= 1,
            day <= Timestamp.CivilDate.daysInMonth(month, year: year), hour <= 23, minute <= 59,
            second <= 59
        else { return nil }
        let days = Timestamp.CivilDate(year: year, month: month, day: day).daysSince1970
        return days * 86_400 + hour * 3_600 + minute * 60 + second
    }
}
