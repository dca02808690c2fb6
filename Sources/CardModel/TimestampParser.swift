/// Reads the timestamps of one feed.
///
/// Which texts it takes is told by `TimestampFormat`. The format is seen from the text itself, so
/// accepting many costs nothing; each text fits at most one.
public struct TimestampParser: Sendable {
    /// One bit a format, at its place in `bit(of:)`.
    private let acceptedBits: UInt8
    private let timeZone: TimeZoneRules

    /// A parser for these formats; local times without an offset are in `timeZone`.
    public init(
        formats: [TimestampFormat] = TimestampFormat.allCases, timeZone: TimeZoneRules
    ) {
        acceptedBits = formats.reduce(0) { $0 | TimestampParser.bit(of: $1) }
        self.timeZone = timeZone
    }

    /// Reads one timestamp after trimming ASCII white space, one pair of quotes (`"` or `'`)
    /// around the rest, and white space inside of them.
    ///
    /// Allocates nothing. Byte offsets in errors count from the beginning of `text`.
    public func parse(_ text: Span<UInt8>) throws(TimestampError) -> Timestamp {
        if let usual = usual(text) { return usual }
        return try read(text)
    }

    /// What ``read(_:)`` makes of `dd-MM-yyyy HH:mm`, with or without seconds, and of
    /// `yyyy-MM-ddTHH:mm:ssZ`, in a fraction of the time: most rows have one of these. nil for any
    /// other text, also when that is because of something wrong with it.
    func usual(_ text: Span<UInt8>) -> Timestamp? {
        let isDayFirst = text.count == 16 || text.count == 19
        guard isDayFirst || text.count == 20,
            let fields = text.withUnsafeBytes({ UsualTimestamp($0, isDayFirst: isDayFirst) })
        else { return nil }
        let format: TimestampFormat = isDayFirst ? .dayMonthYear24 : .iso8601
        guard acceptedBits & TimestampParser.bit(of: format) != 0,
            let seconds = fields.seconds
        else { return nil }
        return Timestamp(seconds: isDayFirst ? timeZone.utcSeconds(fromLocal: seconds) : seconds)
    }

    /// Reads a timestamp in any form. A test holds that it agrees with ``usual(_:)``.
    func read(_ text: Span<UInt8>) throws(TimestampError) -> Timestamp {
        var fields = TimestampFields(trimming: text)
        try fields.scan(text)
        guard acceptedBits & TimestampParser.bit(of: fields.format) != 0 else {
            throw .formatNotAccepted(fields.format)
        }
        let utc: Int64
        switch fields.format {
        case .unixSeconds:
            utc = fields.unixNumber
        case .unixMilliseconds:
            utc = fields.unixNumber / 1_000
        case .iso8601:
            utc = fields.localSeconds - fields.offsetSeconds
        case .iso8601Local, .dayMonthYear24, .dayMonthYear12, .slashDayMonthYear24,
            .slashDayMonthYear12:
            utc = timeZone.utcSeconds(fromLocal: fields.localSeconds)
        }
        guard let timestamp = Timestamp(seconds: utc) else { throw .outOfRange }
        return timestamp
    }

    /// Reads ISO 8601 with `Z` or an offset, as JSON has it: nothing is trimmed, nothing else is
    /// accepted.
    ///
    /// Allocates nothing.
    public static func parseWithOffset(_ text: Span<UInt8>) throws(TimestampError) -> Timestamp {
        guard !text.isEmpty else { throw .empty }
        var fields = TimestampFields(whole: text)
        try fields.scanISO8601Only(text)
        guard fields.format == .iso8601 else { throw .missingOffset }
        guard let timestamp = Timestamp(seconds: fields.localSeconds - fields.offsetSeconds) else {
            throw .outOfRange
        }
        return timestamp
    }

    private static func bit(of format: TimestampFormat) -> UInt8 {
        switch format {
        case .dayMonthYear24: 1
        case .dayMonthYear12: 2
        case .slashDayMonthYear24: 4
        case .slashDayMonthYear12: 8
        case .iso8601: 16
        case .iso8601Local: 32
        case .unixSeconds: 64
        case .unixMilliseconds: 128
        }
    }
}
