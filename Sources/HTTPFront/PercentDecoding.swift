/// What is wrong with a percent-encoded text. Offsets count bytes of the encoded text from 0.
public enum PercentDecodingError: Error, Equatable, Sendable {
    /// `%` with fewer than two characters after it.
    case truncatedEscape(offset: Int)
    /// `%` with something after it that is not two hexadecimal digits.
    case invalidEscape(offset: Int)
    /// `%00` or a zero byte: C code on the way would take it for the end of the text.
    case zeroByte(offset: Int)
}

/// How a `+` in a query value is read.
public enum PlusDecoding: Sendable {
    /// As a space, as HTML forms write it.
    case space
    /// As itself, for values such as `+971…` that people type without escaping.
    case plus
}

/// RFC 3986 percent-encoding, undone into a buffer of the caller's so that a request allocates
/// nothing.
public enum PercentDecoding {
    /// Decodes a path segment, in which `+` is a plus. `output` is emptied first, and empty after
    /// an error.
    public static func decode(
        segment: UnsafeBufferPointer<UInt8>, into output: inout [UInt8]
    ) throws(PercentDecodingError) {
        try decode(segment, plus: .plus, into: &output)
    }

    /// Decodes a query value. `output` is emptied first, and empty after an error.
    public static func decode(
        queryValue: UnsafeBufferPointer<UInt8>, plus: PlusDecoding = .space,
        into output: inout [UInt8]
    ) throws(PercentDecodingError) {
        try decode(queryValue, plus: plus, into: &output)
    }

    private static func decode(
        _ input: UnsafeBufferPointer<UInt8>, plus: PlusDecoding, into output: inout [UInt8]
    ) throws(PercentDecodingError) {
        output.removeAll(keepingCapacity: true)
        var offset = 0
        do throws(PercentDecodingError) {
            while offset < input.count {
                output.append(try nextByte(of: input, at: &offset, plus: plus))
            }
        } catch {
            output.removeAll(keepingCapacity: true)
            throw error
        }
    }

    /// The decoded byte at `offset`, which moves past it.
    package static func nextByte(
        of input: UnsafeBufferPointer<UInt8>, at offset: inout Int, plus: PlusDecoding
    ) throws(PercentDecodingError) -> UInt8 {
        let start = offset
        var byte = input[start]
        offset += 1
        if byte == UInt8(ascii: "+"), plus == .space {
            return UInt8(ascii: " ")
        }
        if byte == UInt8(ascii: "%") {
            guard start + 2 < input.count else { throw .truncatedEscape(offset: start) }
            guard let high = hexValue(input[start + 1]), let low = hexValue(input[start + 2]) else {
                throw .invalidEscape(offset: start)
            }
            byte = high << 4 | low
            offset += 2
        }
        guard byte != 0 else { throw .zeroByte(offset: start) }
        return byte
    }

    private static func hexValue(_ digit: UInt8) -> UInt8? {
        switch digit {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
        default: nil
        }
    }
}
