/// A card's identifier in canonical form: 1 to 32 bytes of `A-Z 0-9 - _ .`.
///
/// The type can only hold the canonical form, so two IDs are equal exactly when their bytes are.
public struct CardID: Hashable, Comparable, Sendable {
    public static let maxCount = ShortBytes.maxCount

    @usableFromInline let bytes: ShortBytes

    /// What ``parse(_:allowsCardNumbers:)`` found, and whether it had to mend it.
    public struct Parsed: Sendable {
        public let id: CardID
        /// A spreadsheet had made a number of the ID (`123456.0`), and its tail was taken off.
        public let hadFloatTail: Bool
    }

    /// Reads an ID as people and spreadsheets write it: surrounding white space and quotes go,
    /// letters become upper case, and the tail `.0` of an all-digit ID goes.
    ///
    /// - Parameter allowsCardNumbers: whether 13 to 19 digits that pass the Luhn check are an ID.
    ///   They look like a payment card's number, which must not end up in a store by accident.
    public static func parse(
        _ text: Span<UInt8>, allowsCardNumbers: Bool = false
    ) throws(CardIDError) -> Parsed {
        if let id = plain(text, isCanonical: false) {
            if !allowsCardNumbers && id.looksLikeCardNumber { throw .looksLikeCardNumber }
            return Parsed(id: id, hadFloatTail: false)
        }
        var range = text.trimmedRange(droppingQuotes: true)
        guard !range.isEmpty else { throw .empty }
        let hadFloatTail = hasFloatTail(text, in: range)
        if hadFloatTail {
            range = range.lowerBound..<(range.upperBound - 2)
        }
        guard range.count <= maxCount else { throw .tooLong(count: range.count, limit: maxCount) }

        var bytes = ShortBytes()
        for index in range {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"): bytes.append(byte & 0xDF)
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                bytes.append(byte)
            default: throw .invalidByte(byte, offset: index - range.lowerBound)
            }
        }
        let id = CardID(bytes: bytes)
        if !allowsCardNumbers && id.looksLikeCardNumber { throw .looksLikeCardNumber }
        return Parsed(id: id, hadFloatTail: hadFloatTail)
    }

    /// The ID in text that is canonical already, such as a store's key; nil when it is not.
    public init?(canonical text: Span<UInt8>) {
        // A store's keys are read by the million, and most have no dot.
        if let id = Self.plain(text, isCanonical: true) {
            self = id
            return
        }
        guard !text.isEmpty, text.count <= Self.maxCount else { return nil }
        var bytes = ShortBytes()
        for index in text.indices {
            let byte = text[index]
            switch byte {
            case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                bytes.append(byte)
            default: return nil
            }
        }
        self.init(bytes: bytes)
    }

    private init(bytes: ShortBytes) {
        self.bytes = bytes
    }

    /// The ID in text of 1 to 32 letters, digits, `-` and `_`; nil for all other text, which
    /// ``parse(_:allowsCardNumbers:)`` may still find an ID in. The same as that, several bytes at
    /// a time; it does not ask whether the ID looks like a card number.
    public init?(plain text: Span<UInt8>) {
        guard let id = Self.plain(text, isCanonical: false) else { return nil }
        self = id
    }

    /// - Parameter isCanonical: whether lower-case letters are not plain either.
    @inline(__always)
    private static func plain(_ text: Span<UInt8>, isCanonical: Bool) -> CardID? {
        let count = text.count
        guard count > 0, count <= maxCount else { return nil }
        var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
        let isPlain = text.withUnsafeBytes { bytes in
            readPlain(&words.0, bytes, 0, isCanonical) && readPlain(&words.1, bytes, 8, isCanonical)
                && readPlain(&words.2, bytes, 16, isCanonical)
                && readPlain(&words.3, bytes, 24, isCanonical)
        }
        return isPlain ? CardID(words: words, count: count) : nil
    }

    /// The upper-case form of up to eight bytes from `offset` on, as in ``words``; false when one
    /// of them is not plain. Each test raises the high bit of the bytes that pass it: they are
    /// below 128, so no addition carries into the next byte.
    @inline(__always)
    private static func readPlain(
        _ target: inout UInt64, _ bytes: UnsafeRawBufferPointer, _ offset: Int,
        _ isCanonical: Bool
    ) -> Bool {
        let rest = bytes.count &- offset
        guard rest > 0 else { return true }
        var word: UInt64 = 0
        var required: UInt64 = 0x8080_8080_8080_8080
        if rest >= 8 {
            word = UInt64(
                bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
        } else {
            let unused = UInt64(8 &* (8 &- rest))
            if offset > 0 {
                let last = bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self)
                word = UInt64(bigEndian: last) << unused
            } else {
                for byte in bytes { word = word << 8 | UInt64(byte) }
                word <<= unused
            }
            required <<= unused
        }
        let ones: UInt64 = 0x0101_0101_0101_0101
        let lower = word | ones &* 0x20
        let letters = (lower &+ ones &* (0x80 - 0x61)) & ~(lower &+ ones &* (0x80 - 0x7B))
        let digits = (word &+ ones &* (0x80 - 0x30)) & ~(word &+ ones &* (0x80 - 0x3A))
        let notHyphen = (word ^ (ones &* 0x2D)) &+ ones &* 0x7F
        let notUnderscore = (word ^ (ones &* 0x5F)) &+ ones &* 0x7F
        let plain = letters | digits | ~notHyphen | ~notUnderscore
        guard word & (ones &* 0x80) == 0, plain & required == required else { return false }
        // A lower-case letter's bit 5, as its high bit.
        if isCanonical, letters & word << 2 & (ones &* 0x80) != 0 { return false }
        target = word & ~((letters & (ones &* 0x80)) >> 2)
        return true
    }

    /// An ID out of ``words`` that came from one.
    package init(words: (UInt64, UInt64, UInt64, UInt64), count: Int) {
        bytes = ShortBytes(words: words, count: count)
    }

    /// The bytes in big-endian words, padded with zeros: what an index hashes, compares and packs.
    @inlinable package var words: (UInt64, UInt64, UInt64, UInt64) { bytes.words }

    package subscript(_ index: Int) -> UInt8 { bytes[index] }

    @inlinable public var count: Int { Int(bytes.count) }

    /// Appends the canonical bytes.
    public func append(to output: inout [UInt8]) {
        bytes.append(to: &output)
    }

    /// Writes the canonical bytes to memory, and zeros behind them up to a multiple of eight bytes,
    /// at most 32 in all.
    public func copyBytes(to target: UnsafeMutableRawPointer) { bytes.copyBytes(to: target) }

    /// The canonical bytes as text. A card ID belongs in answers, never in logs or metric labels.
    public var text: String { bytes.text }

    public static func < (a: Self, b: Self) -> Bool { a.bytes < b.bytes }

    private var looksLikeCardNumber: Bool {
        guard Luhn.cardNumberCounts.contains(count) else { return false }
        var luhn = Luhn()
        for place in 0..<count {
            guard luhn.append(bytes[place]) else { return false }
        }
        return luhn.isCardNumber
    }

    private static func hasFloatTail(_ text: Span<UInt8>, in range: Range<Int>) -> Bool {
        guard range.count > 2, text[range.upperBound - 1] == UInt8(ascii: "0"),
            text[range.upperBound - 2] == UInt8(ascii: ".")
        else { return false }
        for index in range.lowerBound..<(range.upperBound - 2) {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(text[index]) else {
                return false
            }
        }
        return true
    }
}

/// Why a text is not a card ID.
public enum CardIDError: Error, Equatable, Sendable, CustomStringConvertible {
    case empty
    case tooLong(count: Int, limit: Int)
    case invalidByte(UInt8, offset: Int)
    case looksLikeCardNumber

    public var description: String {
        switch self {
        case .empty:
            return "the card ID is empty"
        case .tooLong(let count, let limit):
            return "the card ID has \(count) bytes, and \(limit) is the limit"
        case .invalidByte(let byte, let offset):
            let shown =
                (0x20..<0x7F).contains(byte)
                ? "'\(Character(Unicode.Scalar(byte)))'" : "byte 0x\(String(byte, radix: 16))"
            return "the card ID has \(shown) at position \(offset + 1);"
                + " letters, digits, '-', '_' and '.' are allowed"
        case .looksLikeCardNumber:
            return "the card ID looks like a payment card's number"
        }
    }
}
