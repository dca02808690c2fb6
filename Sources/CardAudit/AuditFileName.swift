/// The name of a file of the audit log: the day, UTC, on which it was begun, and a number from the
/// second file of the day on. `2026-11-25.ndjson`, `2026-11-25.2.ndjson`
public struct AuditFileName: Comparable, Sendable {
    private static let ending = ".ndjson"

    public let day: String
    /// From 1.
    public let number: Int

    init(day: String, number: Int = 1) {
        self.day = day
        self.number = number
    }

    /// Nil for a name that is none of ours.
    init?(_ text: String) {
        guard text.hasSuffix(Self.ending) else { return nil }
        let stem = text.dropLast(Self.ending.count)
        let day = stem.prefix(10)
        guard day.utf8.count == 10,
            day.utf8.enumerated().allSatisfy({ index, byte in
                index == 4 || index == 7
                    ? byte == UInt8(ascii: "-") : (0x30...0x39).contains(byte)
            })
        else { return nil }
        self.day = String(day)
        let rest = stem.dropFirst(10)
        if rest.isEmpty {
            number = 1
            return
        }
        guard rest.hasPrefix("."), let number = Int(rest.dropFirst()), number > 1 else {
            return nil
        }
        self.number = number
    }

    public var text: String { day + (number == 1 ? "" : ".\(number)") + Self.ending }

    public static func < (a: Self, b: Self) -> Bool { (a.day, a.number) < (b.day, b.number) }
}
