/// A partner's words: trimmed UTF-8 without control characters, ordered by its bytes.
///
/// Swift's `String` compares by canonical equivalence, under which different bytes can be equal.
/// Merging needs an order in which only the same bytes are.
public struct EventText: Hashable, Comparable, Sendable {
    /// Limits in bytes of UTF-8.
    public static let commentMaxCount = 1_024
    public static let referenceMaxCount = 64

    public static let empty = EventText(unchecked: [])

    public let bytes: [UInt8]

    /// Trims and checks a text from a partner. An empty text is a text.
    public init(_ text: Span<UInt8>, maxCount: Int) throws(EventTextError) {
        let trimmed = text.extracting(try Self.checkedRange(of: text, maxCount: maxCount))
        self.bytes = [UInt8](unsafeUninitializedCapacity: trimmed.count) { buffer, count in
            for index in trimmed.indices {
                buffer.initializeElement(at: index, to: trimmed[index])
            }
            count = trimmed.count
        }
    }

    /// Where in `text` the trimmed text lies, which was checked as ``init(_:maxCount:)`` does.
    public static func checkedRange(
        of text: Span<UInt8>, maxCount: Int
    ) throws(EventTextError) -> Range<Int> {
        let range = text.trimmedRange()
        guard range.count <= maxCount else {
            throw .tooLong(count: range.count, limit: maxCount)
        }
        let trimmed = text.extracting(range)
        if isPlain(trimmed) { return range }
        do {
            _ = try UTF8Span(validating: trimmed)
        } catch {
            throw .notUTF8(offset: range.lowerBound + error.byteOffsets.lowerBound)
        }
        if let offset = Self.firstControlCharacter(in: trimmed) {
            throw .controlCharacter(offset: range.lowerBound + offset)
        }
        return range
    }

    /// Bytes that were checked before, such as those of a record whose checksum holds.
    public init(unchecked bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var isEmpty: Bool { bytes.isEmpty }

    public var text: String { String(decoding: bytes, as: UTF8.self) }

    public static func < (a: Self, b: Self) -> Bool {
        a.bytes.lexicographicallyPrecedes(b.bytes)
    }

    /// Whether there is nothing but ASCII without control characters: the usual case, and cheap.
    private static func isPlain(_ text: Span<UInt8>) -> Bool {
        text.withUnsafeBytes { bytes in
            let count = bytes.count
            var isPlain = true
            guard count >= 8 else {
                for byte in bytes { isPlain = isPlain && byte >= 0x20 && byte < 0x7F }
                return isPlain
            }
            // Eight at a time; the last eight overlap those before.
            var marks: UInt64 = 0
            var offset = 0
            while offset < count {
                let place = min(offset, count &- 8)
                marks |= notPlain(
                    bytes.loadUnaligned(fromByteOffset: place, as: UInt64.self))
                offset &+= 8
            }
            return marks == 0
        }
    }

    /// The high bit of some byte, if any of a word is below 0x20 or above 0x7E. As long as all are
    /// below 0x80 no addition carries and no subtraction borrows; else their high bits tell.
    @inline(__always)
    private static func notPlain(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let high = ones &* 0x80
        let control = ~((word | high) &- ones &* 0x20)
        return (word | control | (word &+ ones)) & high
    }

    /// C0, DEL and C1 (which UTF-8 writes as C2 80 to C2 9F).
    private static func firstControlCharacter(in text: Span<UInt8>) -> Int? {
        for index in text.indices {
            let byte = text[index]
            if byte < 0x20 || byte == 0x7F { return index }
            if byte == 0xC2, text[index + 1] < 0xA0 { return index }
        }
        return nil
    }
}

/// Why a text cannot be a comment or a reference.
public enum EventTextError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLong(count: Int, limit: Int)
    case notUTF8(offset: Int)
    case controlCharacter(offset: Int)

    public var description: String {
        switch self {
        case .tooLong(let count, let limit):
            "the text has \(count) bytes, and \(limit) is the limit"
        case .notUTF8(let offset):
            "the text is not UTF-8 at byte \(offset + 1)"
        case .controlCharacter(let offset):
            "the text has a control character at byte \(offset + 1)"
        }
    }
}
