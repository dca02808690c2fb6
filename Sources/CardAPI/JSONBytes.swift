public import CardModel

/// JSON in the making: bytes in a buffer, escaped as RFC 8259 asks, without a tree of values
/// between.
///
/// The caller writes keys and punctuation; what comes from partners goes through `string`.
public struct JSONBytes: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init(reserving capacity: Int = 256) {
        bytes.reserveCapacity(capacity)
    }

    /// Punctuation and keys, as they are.
    public mutating func raw(_ text: StaticString) {
        bytes.append(
            contentsOf: UnsafeBufferPointer(
                start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    /// A string, quoted and escaped. The bytes are UTF-8.
    public mutating func string(_ text: Span<UInt8>) {
        bytes.append(UInt8(ascii: "\""))
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                bytes.append(UInt8(ascii: "\\"))
                bytes.append(byte)
            case 0..<0x20:
                raw("\\u00")
                bytes.append(Self.hexDigit(byte >> 4))
                bytes.append(Self.hexDigit(byte & 15))
            default:
                bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    public mutating func string(_ text: String) {
        string(Array(text.utf8).span)
    }

    /// A string, or null when it is empty.
    public mutating func stringOrNull(_ text: Span<UInt8>) {
        if text.isEmpty { raw("null") } else { string(text) }
    }

    public mutating func integer(_ value: some BinaryInteger) {
        bytes.append(contentsOf: String(value).utf8)
    }

    public mutating func boolean(_ value: Bool) {
        raw(value ? "true" : "false")
    }

    /// `"ZYW8827"`: a canonical ID has nothing to escape.
    public mutating func string(_ card: CardID) {
        bytes.append(UInt8(ascii: "\""))
        card.append(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    /// `"2023-11-13T09:34:56Z"`.
    public mutating func string(_ timestamp: Timestamp) {
        bytes.append(UInt8(ascii: "\""))
        timestamp.appendISO8601(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    public mutating func string(_ status: CardStatus) {
        bytes.append(UInt8(ascii: "\""))
        raw(status.name)
        bytes.append(UInt8(ascii: "\""))
    }

    /// `"+971585949014"`.
    public mutating func string(_ phone: PhoneNumber) {
        bytes.append(UInt8(ascii: "\""))
        phone.appendE164(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
    }

    public mutating func stringOrNull(_ phone: PhoneNumber?) {
        if let phone { string(phone) } else { raw("null") }
    }

    private static func hexDigit(_ value: UInt8) -> UInt8 {
        value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
    }
}
