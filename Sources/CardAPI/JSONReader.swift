/// RFC 8259 to the letter, without a tree: a caller says what it expects next, and gets a string's
/// bytes from where they lie unless it has escapes. What it does not expect is an error that names
/// the byte.
struct JSONReader: ~Copyable, ~Escapable {
    let text: Span<UInt8>
    var offset = 0

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) {
        self.text = text
    }

    mutating func readName() throws -> String {
        var name = ""
        try readString { bytes in
            name = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        }
        return name
    }

    /// The string at `offset`.
    @inline(__always)
    mutating func readString(_ body: (Span<UInt8>) throws -> Void) throws {
        guard offset < text.count, text[offset] == UInt8(ascii: "\"") else {
            throw fail("a string is expected")
        }
        let start = offset + 1
        var end = start
        while end < text.count {
            let byte = text[end]
            if byte == UInt8(ascii: "\"") {
                offset = end + 1
                return try body(text.extracting(start..<end))
            }
            // Escapes, control characters and what is not ASCII take their time.
            if byte == UInt8(ascii: "\\") || byte < 0x20 || byte >= 0x80 { break }
            end += 1
        }
        offset = start
        let bytes = try readUnusualString()
        try body(bytes.span)
    }

    private mutating func readUnusualString() throws(JSONError) -> [UInt8] {
        let start = offset
        var bytes: [UInt8] = []
        while true {
            guard offset < text.count else { throw fail("the string does not end", at: start) }
            let byte = text[offset]
            switch byte {
            case UInt8(ascii: "\""):
                guard String(validating: bytes, as: UTF8.self) != nil else {
                    throw fail("the string is not UTF-8", at: start)
                }
                offset += 1
                return bytes
            case UInt8(ascii: "\\"):
                try readEscape(&bytes)
            case 0..<0x20:
                throw fail("a control character must be escaped")
            default:
                bytes.append(byte)
                offset += 1
            }
        }
    }

    private mutating func readEscape(_ bytes: inout [UInt8]) throws(JSONError) {
        let start = offset
        guard offset + 1 < text.count else { throw fail("an escape is cut off") }
        let code = text[offset + 1]
        offset += 2
        switch code {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): bytes.append(code)
        case UInt8(ascii: "b"): bytes.append(0x08)
        case UInt8(ascii: "f"): bytes.append(0x0C)
        case UInt8(ascii: "n"): bytes.append(0x0A)
        case UInt8(ascii: "r"): bytes.append(0x0D)
        case UInt8(ascii: "t"): bytes.append(0x09)
        case UInt8(ascii: "u"):
            var value = try readHex(start)
            if (0xD800..<0xDC00).contains(value) {
                guard offset + 1 < text.count, text[offset] == UInt8(ascii: "\\"),
                    text[offset + 1] == UInt8(ascii: "u")
                else { throw fail("half of a surrogate pair", at: start) }
                offset += 2
                let low = try readHex(start)
                guard (0xDC00..<0xE000).contains(low) else {
                    throw fail("half of a surrogate pair", at: start)
                }
                value = 0x10000 + (value - 0xD800) << 10 + (low - 0xDC00)
            }
            guard let scalar = Unicode.Scalar(value) else {
                throw fail("half of a surrogate pair", at: start)
            }
            bytes.append(contentsOf: Array(String(scalar).utf8))
        default:
            throw fail("there is no such escape", at: start)
        }
    }

    private mutating func readHex(_ start: Int) throws(JSONError) -> UInt32 {
        guard offset + 4 <= text.count else { throw fail("an escape is cut off", at: start) }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let byte = text[offset]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: throw fail("an escape has four hexadecimal digits", at: start)
            }
            value = value << 4 | UInt32(digit)
            offset += 1
        }
        return value
    }

    // MARK: Punctuation

    /// Where the next thing is.
    @inline(__always)
    mutating func skipSpace() -> Int {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return offset
            }
        }
        return offset
    }

    mutating func expect(_ mark: Unicode.Scalar, _ what: String) throws(JSONError) {
        _ = skipSpace()
        guard offset < text.count, text[offset] == UInt8(ascii: mark) else {
            throw fail("\(what) is expected")
        }
        offset += 1
    }

    /// Takes a comma, and says so, or the mark that ends the list.
    @inline(__always)
    mutating func isFollowedByComma(_ end: Unicode.Scalar) throws(JSONError) -> Bool {
        _ = skipSpace()
        guard offset < text.count else { throw fail("'\(end)' is missing") }
        let byte = text[offset]
        guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: end) else {
            throw fail("',' or '\(end)' is expected")
        }
        offset += 1
        return byte == UInt8(ascii: ",")
    }

    /// Takes the beginning of an array, and its end when there is nothing in it.
    mutating func isEmptyArray() throws(JSONError) -> Bool {
        try expect("[", "an array")
        _ = skipSpace()
        guard offset < text.count, text[offset] == UInt8(ascii: "]") else { return false }
        offset += 1
        return true
    }

    /// Nothing but space is left.
    mutating func expectEnd(_ what: String) throws(JSONError) {
        _ = skipSpace()
        guard offset == text.count else { throw fail("something follows the \(what)") }
    }

    /// What the next value is.
    enum Kind {
        case string, object, array, null, other
    }

    mutating func nextKind() -> Kind {
        _ = skipSpace()
        guard offset < text.count else { return .other }
        return switch text[offset] {
        case UInt8(ascii: "\""): .string
        case UInt8(ascii: "{"): .object
        case UInt8(ascii: "["): .array
        case UInt8(ascii: "n"): .null
        default: .other
        }
    }

    mutating func expectKind(_ kind: Kind, _ what: String) throws(JSONError) {
        guard nextKind() == kind else { throw fail("\(what) is expected") }
    }

    /// Takes the beginning of an object, and its end when there is nothing in it.
    mutating func isEmptyObject() throws(JSONError) -> Bool {
        try expect("{", "an object")
        _ = skipSpace()
        guard offset < text.count, text[offset] == UInt8(ascii: "}") else { return false }
        offset += 1
        return true
    }

    /// Deeper values are not read.
    private static let depthMax = 16

    /// Passes over a value that is of no use, and checks it all the same.
    mutating func skipValue(depth: Int = 0) throws {
        guard depth < Self.depthMax else { throw fail("values lie too deep in each other") }
        switch nextKind() {
        case .string:
            try readString { _ in }
        case .object:
            if try isEmptyObject() { return }
            repeat {
                _ = skipSpace()
                try readString { _ in }
                try expect(":", "':'")
                try skipValue(depth: depth + 1)
            } while try isFollowedByComma("}")
        case .array:
            if try isEmptyArray() { return }
            repeat {
                try skipValue(depth: depth + 1)
            } while try isFollowedByComma("]")
        case .null, .other:
            for word in ["null", "true", "false"] as [StaticString] where takes(word) { return }
            try skipNumber()
        }
    }

    private mutating func takes(_ word: StaticString) -> Bool {
        let count = word.utf8CodeUnitCount
        guard offset + count <= text.count else { return false }
        for index in 0..<count where text[offset + index] != word.utf8Start[index] { return false }
        offset += count
        return true
    }

    private mutating func skipNumber() throws(JSONError) {
        let start = offset
        if peek(UInt8(ascii: "-")) { offset += 1 }
        if peek(UInt8(ascii: "0")) {
            offset += 1
        } else if !skipDigits() {
            throw fail("a value is expected", at: start)
        }
        if peek(UInt8(ascii: ".")) {
            offset += 1
            guard skipDigits() else { throw fail("the number is cut off", at: start) }
        }
        if peek(UInt8(ascii: "e")) || peek(UInt8(ascii: "E")) {
            offset += 1
            if peek(UInt8(ascii: "+")) || peek(UInt8(ascii: "-")) { offset += 1 }
            guard skipDigits() else { throw fail("the number is cut off", at: start) }
        }
    }

    private func peek(_ byte: UInt8) -> Bool { offset < text.count && text[offset] == byte }

    /// Whether there was one at least.
    private mutating func skipDigits() -> Bool {
        let start = offset
        while offset < text.count, text[offset] >= UInt8(ascii: "0"),
            text[offset] <= UInt8(ascii: "9")
        {
            offset += 1
        }
        return offset > start
    }

    func fail(_ what: String, at place: Int? = nil) -> JSONError {
        JSONError(what: what, offset: place ?? offset)
    }
}

/// Why a text is not the JSON that was expected.
struct JSONError: Error, Equatable {
    let what: String
    let offset: Int
}
