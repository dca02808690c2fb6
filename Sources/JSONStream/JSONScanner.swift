/// Reads one JSON value that lies in memory whole, by RFC 8259 to the letter.
///
/// It builds no tree: whoever reads says what to do with each scalar. Nesting is bounded, so that
/// no input can use up the stack.
struct JSONScanner: ~Copyable, ~Escapable {
    static let depthMax = 64

    private let text: Span<UInt8>
    private(set) var offset = 0

    @_lifetime(copy text)
    init(_ text: Span<UInt8>) {
        self.text = text
    }

    var isAtEnd: Bool { offset == text.count }

    func fail(_ what: String, at place: Int? = nil) -> JSONProblem {
        JSONProblem(what, at: place ?? offset)
    }

    /// The byte that the next thing begins with; nil at the end.
    mutating func next() -> UInt8? {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            default: return text[offset]
            }
        }
        return nil
    }

    mutating func take() { offset += 1 }

    /// The bytes from a place up to here.
    func bytes(from start: Int) -> [UInt8] {
        let part = text.extracting(start..<offset)
        return [UInt8](unsafeUninitializedCapacity: part.count) { buffer, count in
            for index in part.indices { buffer.initializeElement(at: index, to: part[index]) }
            count = part.count
        }
    }

    /// The string whose opening quote is next, without escapes.
    mutating func string() throws(JSONProblem) -> [UInt8] {
        let start = offset
        offset += 1
        var bytes: [UInt8] = []
        var isASCII = true
        while true {
            guard offset < text.count else { throw fail("the string does not end", at: start) }
            let byte = text[offset]
            switch byte {
            case UInt8(ascii: "\""):
                guard isASCII || String(validating: bytes, as: UTF8.self) != nil else {
                    throw fail("the string is not UTF-8", at: start)
                }
                offset += 1
                return bytes
            case UInt8(ascii: "\\"):
                try escape(&bytes)
            // An escape gives whole characters, but a broken one may stand beside them.
            case 0..<0x20:
                throw fail("a control character must be escaped")
            default:
                isASCII = isASCII && byte < 0x80
                bytes.append(byte)
                offset += 1
            }
        }
    }

    private mutating func escape(_ bytes: inout [UInt8]) throws(JSONProblem) {
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
            var value = try hex(start)
            if (0xD800..<0xDC00).contains(value) {
                guard offset + 1 < text.count, text[offset] == UInt8(ascii: "\\"),
                    text[offset + 1] == UInt8(ascii: "u")
                else { throw fail("half of a surrogate pair", at: start) }
                offset += 2
                let low = try hex(start)
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

    private mutating func hex(_ start: Int) throws(JSONProblem) -> UInt32 {
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

    /// The number, `true`, `false` or `null` that is next, as it is written.
    mutating func atom() throws(JSONProblem) -> [UInt8] {
        let start = offset
        while offset < text.count, Self.isAtomByte(text[offset]) { offset += 1 }
        let bytes = bytes(from: start)
        guard Self.isAtom(bytes) else { throw fail("a value is expected", at: start) }
        return bytes
    }

    static func isAtomByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
            UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "-"), UInt8(ascii: "+"),
            UInt8(ascii: "."):
            true
        default: false
        }
    }

    static func isAtom(_ bytes: [UInt8]) -> Bool {
        switch bytes.first {
        case UInt8(ascii: "t"): bytes == Array("true".utf8)
        case UInt8(ascii: "f"): bytes == Array("false".utf8)
        case UInt8(ascii: "n"): bytes == Array("null".utf8)
        default: isNumber(bytes)
        }
    }

    /// RFC 8259, 6: `[ minus ] int [ frac ] [ exp ]`, without zeros in front.
    private static func isNumber(_ bytes: [UInt8]) -> Bool {
        var rest = bytes[...]
        func digits() -> Int {
            let count = rest.prefix { (0x30...0x39).contains($0) }.count
            rest = rest.dropFirst(count)
            return count
        }
        if rest.first == UInt8(ascii: "-") { rest = rest.dropFirst() }
        let hasZero = rest.first == UInt8(ascii: "0")
        let whole = digits()
        guard whole > 0, !hasZero || whole == 1 else { return false }
        if rest.first == UInt8(ascii: ".") {
            rest = rest.dropFirst()
            guard digits() > 0 else { return false }
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest = rest.dropFirst()
            if rest.first == UInt8(ascii: "+") || rest.first == UInt8(ascii: "-") {
                rest = rest.dropFirst()
            }
            guard digits() > 0 else { return false }
        }
        return rest.isEmpty
    }
}
