/// The fixed name of a feed, `[a-z0-9-]{1,32}`. It is part of every event's identity, so it stays
/// what it is when a feed's title, files or transport change.
public struct FeedID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let maxCount = ShortBytes.maxCount

    private let bytes: ShortBytes

    /// nil when the text is not `[a-z0-9-]{1,32}`.
    public init?(_ text: Span<UInt8>) {
        guard !text.isEmpty, text.count <= Self.maxCount else { return nil }
        var bytes = ShortBytes()
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"):
                bytes.append(byte)
            default: return nil
            }
        }
        self.bytes = bytes
    }

    /// nil when the text is not `[a-z0-9-]{1,32}`.
    public init?(_ text: String) {
        self.init(Array(text.utf8).span)
    }

    public var count: Int { Int(bytes.count) }

    public func append(to output: inout [UInt8]) {
        bytes.append(to: &output)
    }

    public var description: String { bytes.text }

    public static func < (a: Self, b: Self) -> Bool { a.bytes < b.bytes }
}
