public struct TimeZoneRules: Sendable {
    public static let utc = TimeZoneRules.fixed(offsetSeconds: 0)

    public let name: String

    public static func fixed(offsetSeconds: Int32) -> TimeZoneRules {
        TimeZoneRules(name: "UTC")
    }

    private init(name: String) {
        self.name = name
    }

    public init(name: String, tzif: [UInt8]) throws(TZifError) {
        throw .truncated
    }

    public func utcSeconds(fromLocal local: Int64) -> Int64 { local }

    public func offsetSeconds(atUTC utc: Int64) -> Int32 { 0 }
}
