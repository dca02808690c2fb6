internal import CardModel

/// Reads `{"card_ids":[…],"phones":[…]}` and nothing else: RFC 8259 to the letter, each member at
/// most once and at least one of them, all values strings, nothing behind.
///
/// It builds no tree: a string goes to the keys as it is found, from where it lies unless it has
/// escapes. Depth is that of the shape, so no input can nest.
struct BatchReader: ~Copyable, ~Escapable {
    private let text: Span<UInt8>
    private var offset = 0

    @_lifetime(copy text)
    private init(_ text: Span<UInt8>) {
        self.text = text
    }

    static func read(_ text: Span<UInt8>, into keys: inout BatchKeys) throws(BatchError) {
        var reader = BatchReader(text)
        try reader.readObject(&keys)
    }

    private mutating func readObject(_ keys: inout BatchKeys) throws(BatchError) {
        try expect("{", "an object")
        // Phones come after all card IDs, whichever member came first.
        var hasCards = false
        var phonesStart: Int?
        repeat {
            let start = skipSpace()
            let name = try readName()
            try expect(":", "':'")
            switch name {
            case "card_ids":
                guard !hasCards else { throw fail("'card_ids' is given twice", at: start) }
                hasCards = true
                try readArray { (key) throws(BatchError) in try keys.appendCard(key) }
            case "phones":
                guard phonesStart == nil else { throw fail("'phones' is given twice", at: start) }
                _ = skipSpace()
                phonesStart = offset
                var count = 0
                try readArray { (_) throws(BatchError) in
                    count += 1
                    guard count <= BatchKeys.countMax else { throw .tooManyKeys }
                }
            default:
                throw fail("only 'card_ids' and 'phones' are members", at: start)
            }
        } while try isFollowedByComma("}")
        _ = skipSpace()
        guard offset == text.count else { throw fail("something follows the object") }
        if let phonesStart {
            offset = phonesStart
            try readArray { (key) throws(BatchError) in try keys.appendPhone(key) }
        }
    }

    private mutating func readArray(
        _ body: (Span<UInt8>) throws(BatchError) -> Void
    ) throws(BatchError) {
        try expect("[", "an array")
        _ = skipSpace()
        if offset < text.count, text[offset] == UInt8(ascii: "]") {
            offset += 1
            return
        }
        repeat {
            _ = skipSpace()
            try readString(body)
        } while try isFollowedByComma("]")
    }

    private mutating func readName() throws(BatchError) -> String {
        var name = ""
        try readString { (bytes) throws(BatchError) in
            name = bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
        }
        return name
    }

    /// The string at `offset`.
    @inline(__always)
    private mutating func readString(
        _ body: (Span<UInt8>) throws(BatchError) -> Void
    ) throws(BatchError) {
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

    private mutating func readUnusualString() throws(BatchError) -> [UInt8] {
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

    private mutating func readEscape(_ bytes: inout [UInt8]) throws(BatchError) {
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

    private mutating func readHex(_ start: Int) throws(BatchError) -> UInt32 {
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
    private mutating func skipSpace() -> Int {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return offset
            }
        }
        return offset
    }

    private mutating func expect(
        _ mark: Unicode.Scalar, _ what: String
    ) throws(BatchError) {
        _ = skipSpace()
        guard offset < text.count, text[offset] == UInt8(ascii: mark) else {
            throw fail("\(what) is expected")
        }
        offset += 1
    }

    /// Takes a comma, and says so, or the mark that ends the list.
    @inline(__always)
    private mutating func isFollowedByComma(_ end: Unicode.Scalar) throws(BatchError) -> Bool {
        _ = skipSpace()
        guard offset < text.count else { throw fail("'\(end)' is missing") }
        let byte = text[offset]
        guard byte == UInt8(ascii: ",") || byte == UInt8(ascii: end) else {
            throw fail("',' or '\(end)' is expected")
        }
        offset += 1
        return byte == UInt8(ascii: ",")
    }

    private func fail(_ what: String, at place: Int? = nil) -> BatchError {
        .malformed(what, offset: place ?? offset)
    }
}
