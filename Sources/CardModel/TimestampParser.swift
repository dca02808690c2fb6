public struct TimestampParser: Sendable {
    public init(
        formats: [TimestampFormat] = TimestampFormat.allCases, timeZone: TimeZoneRules
    ) {
    }

    public func parse(_ text: Span<UInt8>) throws(TimestampError) -> Timestamp {
        throw .unknownFormat
    }

    public static func parseWithOffset(_ text: Span<UInt8>) throws(TimestampError) -> Timestamp {
        throw .unknownFormat
    }
}
