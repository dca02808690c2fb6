/// Lengths of time as people write them.
enum TimeLength {
    /// `200ms`, `30s`, `5m`, `1h`, `1d`, in milliseconds; nil when it is none, or too large.
    static func parseMs(_ text: String) -> Int? {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = Int(digits) else { return nil }
        let unitMs: Int
        switch text.dropFirst(digits.count).filter({ !$0.isWhitespace }).lowercased() {
        case "ms": unitMs = 1
        case "s": unitMs = 1_000
        case "m": unitMs = 60_000
        case "h": unitMs = 3_600_000
        case "d": unitMs = 86_400_000
        default: return nil
        }
        let (ms, overflows) = number.multipliedReportingOverflow(by: unitMs)
        return overflows ? nil : ms
    }
}
