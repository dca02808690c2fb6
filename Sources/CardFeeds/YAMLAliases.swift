/// How much the aliases of a YAML text can stand for, from nothing but their number.
///
/// An alias can stand for a list of aliases, which stand for lists of aliases: a few lines can mean
/// more than any memory holds. Yams shares what aliases stand for, so that values cost nothing, but
/// it walks through a mapping's keys to find equal ones, and a key may be an alias.
struct YAMLAliases {
    private static let valuesMax = 10_000_000.0

    private var anchors = 0
    private var aliases = 0

    /// Counts what begins like an anchor or an alias. In quoted text, comments and blocks it is
    /// neither, so this can be too many.
    init(in yaml: String) {
        var isStart = true
        var indicator: UInt8?
        for byte in yaml.utf8 {
            if let found = indicator, !Self.isSeparator(byte) {
                if found == UInt8(ascii: "&") { anchors += 1 } else { aliases += 1 }
            }
            let isIndicator = byte == UInt8(ascii: "&") || byte == UInt8(ascii: "*")
            indicator = isStart && isIndicator ? byte : nil
            isStart = Self.isSeparator(byte)
        }
    }

    /// Whether they could stand for more values than any configuration has.
    ///
    /// With the aliases spread over `n` anchors, each of which stands for aliases of the one
    /// before, the last stands for at most `(aliases / n)ⁿ` values: their product is greatest when
    /// all have the same number.
    var canMultiply: Bool {
        for levels in stride(from: 1, through: min(anchors, aliases), by: 1) {
            var values = 1.0
            for _ in 0..<levels {
                values *= Double(aliases) / Double(levels)
                if values > Self.valuesMax { return true }
            }
        }
        return false
    }

    private static func isSeparator(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\n"), UInt8(ascii: "\r"),
            UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "{"),
            UInt8(ascii: "}"), UInt8(ascii: ":"):
            true
        default: false
        }
    }
}
