public import CardModel
public import HTTPFront

/// JSON in the making: escaped as RFC 8259 asks, without a tree of values between.
///
/// The caller writes keys and punctuation; what comes from partners goes through `string`.
extension ByteBuffer {
    @inline(__always)
    mutating func write(reserving byteCount: Int, _ body: (inout JSONCursor) -> Void) {
        var cursor = JSONCursor(reserve(byteCount))
        body(&cursor)
        commit(to: cursor.end)
    }

    /// Punctuation and keys, as they are.
    @inline(__always)
    public mutating func raw(_ text: StaticString) {
        write(reserving: text.utf8CodeUnitCount) { $0.raw(text) }
    }

    /// A string, quoted and escaped. The bytes are UTF-8.
    public mutating func string(_ text: Span<UInt8>) {
        write(reserving: JSONCursor.byteCountMax(ofString: text.count)) { $0.string(text) }
    }

    public mutating func string(_ text: String) {
        string(Array(text.utf8).span)
    }

    /// A string, or null when it is empty.
    public mutating func stringOrNull(_ text: Span<UInt8>) {
        if text.isEmpty { raw("null") } else { string(text) }
    }

    public mutating func integer(_ value: some BinaryInteger) {
        guard var rest = UInt64(exactly: value) else { return append(Array(String(value).utf8)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var first = digits.count
            repeat {
                first -= 1
                digits[first] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            } while rest > 0
            append(UnsafeBufferPointer(rebasing: digits[first...]))
        }
    }

    public mutating func boolean(_ value: Bool) {
        if value { raw("true") } else { raw("false") }
    }

    /// `"ZYW8827"`
    public mutating func string(_ card: CardID) {
        write(reserving: 34) { $0.string(card) }
    }

    /// `"2023-11-13T09:34:56Z"`.
    public mutating func string(_ timestamp: Timestamp) {
        write(reserving: 22) { $0.string(timestamp) }
    }

    public mutating func string(_ status: CardStatus) {
        write(reserving: 20) { $0.string(status) }
    }

    /// `"+971585949014"`.
    public mutating func string(_ phone: PhoneNumber) {
        stringOrNull(phone)
    }

    public mutating func stringOrNull(_ phone: PhoneNumber?) {
        write(reserving: 23) { $0.stringOrNull(phone) }
    }
}
