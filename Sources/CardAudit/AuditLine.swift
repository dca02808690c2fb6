internal import CardModel

/// An entry as a line of JSON. What is absent is left out; docs/audit.md lists the members.
enum AuditLine {
    /// - Parameter key: of the entry's actor, if it is one that is known.
    static func append(
        _ entry: AuditEntry, key: AuditKey?, _ folder: AuditFolder, to line: inout [UInt8]
    ) {
        append("{\"time\":\"", to: &line)
        AuditClock.append(entry.milliseconds, to: &line)
        append("\"", to: &line)
        switch entry.actor {
        case .key(let number):
            member("by", "key", &line)
            member("key_id", keyID(number), &line)
            if let key {
                member("key", key.name, &line)
                member("role", key.role, &line)
            }
        case .anybody: member("by", "anybody", &line)
        case .user(let name):
            member("by", "user", &line)
            member("user", name, &line)
        case .program: member("by", "program", &line)
        }
        if let address = entry.address { member("address", address, &line) }
        member("did", entry.deed.rawValue, &line)
        if !entry.what.isEmpty { member("what", entry.what, &line) }
        if let status = entry.status { line += Array(",\"status\":\(status)".utf8) }
        if let count = entry.count { line += Array(",\"count\":\(count)".utf8) }
        list("card_ids", entry.cards, &line) { string($0.text, &$1) }
        list("phones", entry.phones, &line) { phone, line in
            line += Array(
                "{\"ends\":\"\(ends(phone))\",\"hash\":\"\(folder.hash(of: phone))\"}".utf8)
        }
        list("customer_ids", entry.customers, &line) { string($0.description, &$1) }
        if !entry.detail.isEmpty { member("detail", entry.detail, &line) }
        append("}\n", to: &line)
    }

    private static func append(_ text: StaticString, to line: inout [UInt8]) {
        text.withUTF8Buffer { line.append(contentsOf: $0) }
    }

    /// The id of a key as `cardstatus key list` shows it: 12 digits.
    static func keyID(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    }

    /// The last two digits.
    private static func ends(_ phone: PhoneNumber) -> String {
        let rest = phone.digits % 100
        return (rest < 10 ? "0" : "") + String(rest)
    }

    private static func member(_ name: StaticString, _ value: String, _ line: inout [UInt8]) {
        self.name(name, &line)
        string(value, &line)
    }

    /// `,"name":`
    private static func name(_ name: StaticString, _ line: inout [UInt8]) {
        append(",\"", to: &line)
        append(name, to: &line)
        append("\":", to: &line)
    }

    private static func list<Element>(
        _ name: StaticString, _ elements: [Element], _ line: inout [UInt8],
        _ append: (Element, inout [UInt8]) -> Void
    ) {
        guard !elements.isEmpty else { return }
        self.name(name, &line)
        line.append(UInt8(ascii: "["))
        for (place, element) in elements.enumerated() {
            if place > 0 { line.append(UInt8(ascii: ",")) }
            append(element, &line)
        }
        line.append(UInt8(ascii: "]"))
    }

    /// Quoted and escaped as RFC 8259 asks.
    private static func string(_ text: String, _ line: inout [UInt8]) {
        line.append(UInt8(ascii: "\""))
        defer { line.append(UInt8(ascii: "\"")) }
        var text = text
        let isPlain = text.withUTF8 { bytes in
            let isPlain = bytes.allSatisfy {
                $0 >= 0x20 && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\")
            }
            if isPlain { line.append(contentsOf: bytes) }
            return isPlain
        }
        if isPlain { return }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): line += [UInt8(ascii: "\\"), byte]
            case 0..<0x20:
                line += Array((byte < 16 ? "\\u000" : "\\u00").utf8)
                line += Array(String(byte, radix: 16).utf8)
            default: line.append(byte)
            }
        }
    }
}
