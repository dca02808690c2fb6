/// Turns text in another encoding into UTF-8, a chunk at a time.
///
/// How the input is cut into chunks never changes what comes out: a pair of bytes, or of
/// surrogates, that a chunk's end cuts is carried over. A byte order mark at the very start is not
/// part of the text.
///
/// What is no text must not turn into some: a surrogate without its other half becomes the three
/// bytes that UTF-8 would have for it, and an odd byte at the end of UTF-16 becomes FF. Neither is
/// valid UTF-8, so whoever checks the text finds it; U+FFFD would pass as a partner's own.
public struct UTF8Transcoder {
    /// How much input is turned at a time: what bounds the output held, which is at most twice that
    /// (one byte of Latin-1 becomes two, two of UTF-16 become three, four become four).
    private static let pieceBytes = 1 << 15

    private let encoding: TextEncoding
    /// The first byte of a unit of UTF-16 whose second has not come yet.
    private var firstByte: UInt8?
    /// A surrogate that waits for its other half.
    private var highSurrogate: UInt16?
    private var isAtStart = true
    private var text: [UInt8] = []

    public init(from encoding: TextEncoding) {
        self.encoding = encoding
        text.reserveCapacity(2 * Self.pieceBytes + 4)
    }

    /// Turns the stream's next bytes into UTF-8 and lends it to `onText`, in pieces.
    public mutating func read<E: Error>(
        _ chunk: Span<UInt8>, _ onText: (Span<UInt8>) throws(E) -> Void
    ) throws(E) {
        if encoding == .utf8 {
            try onText(chunk)
            return
        }
        var start = 0
        while start < chunk.count {
            let end = min(start + Self.pieceBytes, chunk.count)
            turn(chunk.extracting(start..<end))
            start = end
            try onText(text.span)
            text.removeAll(keepingCapacity: true)
        }
    }

    /// Ends the stream, with what was cut off there.
    public mutating func finish<E: Error>(_ onText: (Span<UInt8>) throws(E) -> Void) throws(E) {
        appendLoneSurrogate()
        if firstByte != nil { text.append(0xFF) }
        firstByte = nil
        if !text.isEmpty { try onText(text.span) }
        text = []
    }

    private mutating func turn(_ bytes: Span<UInt8>) {
        switch encoding {
        case .utf8: preconditionFailure("UTF-8 is passed on as it is")
        case .latin1:
            for index in bytes.indices { append(UInt32(bytes[index])) }
        case .utf16LittleEndian, .utf16BigEndian:
            let isBigEndian = encoding == .utf16BigEndian
            for index in bytes.indices {
                let byte = bytes[index]
                guard let first = firstByte else {
                    firstByte = byte
                    continue
                }
                firstByte = nil
                let (high, low) = isBigEndian ? (first, byte) : (byte, first)
                take(UInt16(high) << 8 | UInt16(low))
            }
        }
    }

    private mutating func take(_ unit: UInt16) {
        if isAtStart {
            isAtStart = false
            if unit == 0xFEFF { return }
        }
        if unit & 0xFC00 == 0xDC00, let high = highSurrogate {
            highSurrogate = nil
            append(0x10000 + (UInt32(high & 0x3FF) << 10 | UInt32(unit & 0x3FF)))
            return
        }
        appendLoneSurrogate()
        if unit & 0xFC00 == 0xD800 { highSurrogate = unit } else { append(UInt32(unit)) }
    }

    private mutating func appendLoneSurrogate() {
        if let high = highSurrogate { append(UInt32(high)) }
        highSurrogate = nil
    }

    /// Appends a scalar, or a surrogate in what would be its form, as UTF-8 (RFC 3629) has it.
    @inline(__always)
    private mutating func append(_ value: UInt32) {
        func tail(_ shift: UInt32) -> UInt8 { 0x80 | UInt8(value >> shift & 0x3F) }
        switch value {
        case 0..<0x80:
            text.append(UInt8(value))
        case 0x80..<0x800:
            text.append(0xC0 | UInt8(value >> 6))
            text.append(tail(0))
        case 0x800..<0x10000:
            text.append(0xE0 | UInt8(value >> 12))
            text.append(tail(6))
            text.append(tail(0))
        default:
            text.append(0xF0 | UInt8(value >> 18))
            text.append(tail(12))
            text.append(tail(6))
            text.append(tail(0))
        }
    }
}
