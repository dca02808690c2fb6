/// The comments that partners write. A row's comment is a place in ``all``.
struct Comment: Sendable {
    /// What the row means.
    let meant: [UInt8]
    /// As a field of a CSV file, quoted where it must be.
    let field: [UInt8]
    /// As a JSON string.
    let json: [UInt8]
    /// Whether the field is the text itself, without quotes.
    let isPlain: Bool

    static let none = 0
    static let delivered = 1
    static let firstOfDelivered = 1
    static let countOfDelivered: UInt64 = 5
    static let firstOfExceptions = 6
    static let countOfExceptions: UInt64 = 12
    /// As long as a comment may be.
    static let longest = 18

    static let all: [Comment] =
        [
            "",
            "DELIVERED", "Delivered to reception", "DELIVERED, signed by customer",
            "تم التسليم", "Delivered \u{1F4E6} – left with the concierge, tower \"B\"",
            "User not available", "User declined to accept package",
            "Wrong address, customer asked to call back", "Customer said: \"come back tomorrow\"",
            "لم يتم العثور على العميل", "Gate closed; office hours 9-5",
            "Customer travelling, returns on 1/12", "Phone switched off",
            "Flat 12\\B, no such \"flat\"", "Tél. injoignable, rappeler après 18 h",
            "ID document did not match", "\"Refused\"",
            longText,
        ].map(Comment.init)

    /// 1,024 bytes, some of which are half of a letter.
    private static let longText =
        "é, " + String(repeating: "called, no answer; ", count: 53)
        + "gave up now.."

    private init(_ text: String) {
        meant = Array(text.utf8)
        let mustQuote = text.utf8.contains { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "\"") }
        var field: [UInt8] = []
        var json: [UInt8] = [UInt8(ascii: "\"")]
        for byte in meant {
            let isQuote = byte == UInt8(ascii: "\"")
            if isQuote { field.append(byte) }
            field.append(byte)
            if isQuote || byte == UInt8(ascii: "\\") { json.append(UInt8(ascii: "\\")) }
            json.append(byte)
        }
        isPlain = !mustQuote
        self.field =
            mustQuote ? [UInt8(ascii: "\"")] + field + [UInt8(ascii: "\"")] : field
        self.json = meant.isEmpty ? Array("null".utf8) : json + [UInt8(ascii: "\"")]
    }
}
