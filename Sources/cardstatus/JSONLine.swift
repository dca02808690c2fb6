/// Why a line cannot be used.
struct LineProblem: Error {
    let text: String

    init(_ text: String) {
        self.text = text
    }
}

/// One JSON object without nesting, as a line of an export is one. Strict: what RFC 8259 does not
/// allow is refused, and so is a name that comes twice.
struct JSONLine {
    enum Value: Equatable {
        case string([UInt8])
        case integer(UInt64)
        case boolean(Bool)
        case null
    }

    private(set) var fields: [(name: [UInt8], value: Value)] = []
    private let bytes: [UInt8]
    private var place = 0

    init(_ bytes: [UInt8]) throws(LineProblem) {
        self.bytes = bytes
        skipSpace()
        try expect(UInt8(ascii: "{"))
        skipSpace()
        if peek != UInt8(ascii: "}") {
            while true {
                skipSpace()
                let name = try string()
                if self[name] != nil { throw problem("a name comes twice") }
                skipSpace()
                try expect(UInt8(ascii: ":"))
                skipSpace()
                fields.append((name, try value()))
                skipSpace()
                if peek != UInt8(ascii: ",") { break }
                place += 1
            }
        }
        try expect(UInt8(ascii: "}"))
        skipSpace()
        if place < bytes.count { throw problem("there is more behind the object") }
    }

    subscript(_ name: [UInt8]) -> Value? {
        fields.first { $0.name == name }?.value
    }

    subscript(_ name: String) -> Value? { self[Array(name.utf8)] }

    private var peek: UInt8? { place < bytes.count ? bytes[place] : nil }

    private func problem(_ text: String) -> LineProblem {
        LineProblem("not JSON at byte \(place + 1): \(text)")
    }

    private mutating func skipSpace() {
        while let byte = peek, byte == 0x20 || byte == 0x09 || byte == 0x0D { place += 1 }
    }

    private mutating func expect(_ byte: UInt8) throws(LineProblem) {
        guard peek == byte else {
            throw problem("'\(Character(Unicode.Scalar(byte)))' is missing")
        }
        place += 1
    }

    private mutating func value() throws(LineProblem) -> Value {
        switch peek {
        case UInt8(ascii: "\""): return .string(try string())
        case .some(UInt8(ascii: "0")...UInt8(ascii: "9")): return .integer(try integer())
        default:
            for (word, value) in [
                ("null", Value.null), ("true", .boolean(true)), ("false", .boolean(false)),
            ] where bytes[place...].starts(with: word.utf8) {
                place += word.utf8.count
                return value
            }
            throw problem("a string, a whole number, true, false or null should be here")
        }
    }

    private mutating func integer() throws(LineProblem) -> UInt64 {
        let digits = bytes[place...].prefix { $0 >= 0x30 && $0 <= 0x39 }
        guard digits.count == 1 || digits.first != 0x30,
            let value = UInt64(String(decoding: digits, as: UTF8.self))
        else { throw problem("the number cannot be used") }
        place += digits.count
        return value
    }

    private mutating func string() throws(LineProblem) -> [UInt8] {
        try expect(UInt8(ascii: "\""))
        var text: [UInt8] = []
        while let byte = peek {
            place += 1
            switch byte {
            case UInt8(ascii: "\""): return text
            case UInt8(ascii: "\\"): try escape(&text)
            case 0..<0x20: throw problem("a control character in a string")
            default: text.append(byte)
            }
        }
        throw problem("the line ends within a string")
    }

    private mutating func escape(_ text: inout [UInt8]) throws(LineProblem) {
        guard let byte = peek else { throw problem("the line ends within a string") }
        place += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            var code = try hexadecimal()
            if (0xD800..<0xDC00).contains(code) {
                try expect(UInt8(ascii: "\\"))
                try expect(UInt8(ascii: "u"))
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw problem("half a character") }
                code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw problem("half a character") }
            text += Array(String(Character(scalar)).utf8)
        default: throw problem("an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(LineProblem) -> UInt32 {
        let digits = bytes[place...].prefix(4)
        guard digits.count == 4, digits.allSatisfy({ Character(Unicode.Scalar($0)).isHexDigit }),
            let code = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw problem("an unknown escape") }
        place += 4
        return code
    }
}
