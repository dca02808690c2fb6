import Glibc

// The headers that anything here asks for. A request's headers are walked once, and only these are
// kept: where they lie, in an array by number. So a request with thirty headers costs no memory,
// and asking for one is a load.

/// A header that requests are asked for.
public enum RequestHeader: Int, Sendable, CaseIterable {
    case host, contentLength, transferEncoding, contentType
    case authorization, apiKey, ifNoneMatch, accept, acceptEncoding, forwardedFor
    case forwarded, origin

    /// In lower case.
    public var name: StaticString {
        switch self {
        case .host: "host"
        case .contentLength: "content-length"
        case .transferEncoding: "transfer-encoding"
        case .contentType: "content-type"
        case .authorization: "authorization"
        case .apiKey: "x-api-key"
        case .ifNoneMatch: "if-none-match"
        case .accept: "accept"
        case .acceptEncoding: "accept-encoding"
        case .forwardedFor: "x-forwarded-for"
        case .forwarded: "forwarded"
        case .origin: "origin"
        }
    }

    /// The header of this name, in any case; nil for all others.
    ///
    /// A name is known by its length, which nearly decides it, and then by words that overlap to
    /// cover all of it.
    init?(name: UnsafeBufferPointer<UInt8>) {
        guard let base = name.baseAddress else { return nil }
        let text = UnsafeRawPointer(base)
        switch name.count {
        case 4 where Self.hasHalf(text, 0, "host"): self = .host
        case 6 where Self.hasHalf(text, 0, "acce") && Self.hasHalf(text, 2, "cept"): self = .accept
        case 6 where Self.hasHalf(text, 0, "orig") && Self.hasHalf(text, 2, "igin"): self = .origin
        case 9 where Self.hasWord(text, 0, "forwarde") && Self.hasWord(text, 1, "orwarded"):
            self = .forwarded
        case 9 where Self.hasWord(text, 0, "x-api-ke") && Self.hasWord(text, 1, "-api-key"):
            self = .apiKey
        case 12 where Self.hasWord(text, 0, "content-") && Self.hasWord(text, 4, "ent-type"):
            self = .contentType
        case 13 where Self.hasWord(text, 0, "authoriz") && Self.hasWord(text, 5, "rization"):
            self = .authorization
        case 13 where Self.hasWord(text, 0, "if-none-") && Self.hasWord(text, 5, "ne-match"):
            self = .ifNoneMatch
        case 14 where Self.hasWord(text, 0, "content-") && Self.hasWord(text, 6, "t-length"):
            self = .contentLength
        case 15 where Self.hasWord(text, 0, "accept-e") && Self.hasWord(text, 7, "encoding"):
            self = .acceptEncoding
        case 15 where Self.hasWord(text, 0, "x-forwar") && Self.hasWord(text, 7, "rded-for"):
            self = .forwardedFor
        case 17
        where Self.hasWord(text, 0, "transfer") && Self.hasWord(text, 8, "-encodin")
            && Self.hasWord(text, 9, "encoding"):
            self = .transferEncoding
        default: return nil
        }
    }

    /// Whether eight bytes are these, letters in either case. The compiler folds all that concerns
    /// `expected` into two constants: a byte with the bit 0x40 is a letter there, not a hyphen, and
    /// only letters may differ by 0x20.
    @inline(__always)
    private static func hasWord(
        _ text: UnsafeRawPointer, _ offset: Int, _ expected: StaticString
    ) -> Bool {
        let word = UnsafeRawPointer(expected.utf8Start).loadUnaligned(as: UInt64.self)
        let caseBits = (word & 0x4040_4040_4040_4040) >> 1
        return text.loadUnaligned(fromByteOffset: offset, as: UInt64.self) | caseBits == word
    }

    @inline(__always)
    private static func hasHalf(
        _ text: UnsafeRawPointer, _ offset: Int, _ expected: StaticString
    ) -> Bool {
        let word = UnsafeRawPointer(expected.utf8Start).loadUnaligned(as: UInt32.self)
        let caseBits = (word & 0x4040_4040) >> 1
        return text.loadUnaligned(fromByteOffset: offset, as: UInt32.self) | caseBits == word
    }
}

/// What is kept of a request's headers: pointers into the connection's pool, valid until the
/// request is completed.
struct HeaderTable: ~Copyable {
    typealias Value = UnsafeBufferPointer<UInt8>

    private var values = InlineArray<12, Value>(repeating: Value(start: nil, count: 0))
    /// One bit for each header that occurs.
    private var present: UInt16 = 0
    /// The further values of headers that occur several times, which is rare.
    private var repeats: [(header: RequestHeader, value: Value)] = []

    @inline(__always)
    private static func bit(_ header: RequestHeader) -> UInt16 {
        1 &<< UInt16(truncatingIfNeeded: header.rawValue)
    }

    @inline(__always)
    mutating func append(_ header: RequestHeader, _ value: Value) {
        let bit = Self.bit(header)
        if present & bit != 0 {
            repeats.append((header, value))
            return
        }
        present |= bit
        values[header.rawValue] = value
    }

    @inline(__always)
    func contains(_ header: RequestHeader) -> Bool { present & Self.bit(header) != 0 }

    /// Whether one says how long a body is.
    @inline(__always)
    var framesBody: Bool {
        present & (Self.bit(.contentLength) | Self.bit(.transferEncoding)) != 0
    }

    /// The first value, as libmicrohttpd gives it.
    func first(_ header: RequestHeader) -> Value? {
        contains(header) ? values[header.rawValue] : nil
    }

    func count(_ header: RequestHeader) -> Int {
        guard contains(header) else { return 0 }
        return repeats.isEmpty ? 1 : repeats.reduce(1) { $0 + ($1.header == header ? 1 : 0) }
    }

    func forEach(_ header: RequestHeader, _ body: (Value) -> Void) {
        guard let first = first(header) else { return }
        body(first)
        guard !repeats.isEmpty else { return }
        for entry in repeats where entry.header == header { body(entry.value) }
    }

    @inline(__always)
    mutating func clear() {
        present = 0
        if !repeats.isEmpty { repeats = [] }
    }

    /// Without the white space that RFC 9112, 5.1 leaves out of a value; libmicrohttpd takes off
    /// only what stands in front.
    static func trimmed(_ value: Value) -> Value {
        var count = value.count
        while count > 0, value[count - 1] == 0x20 || value[count - 1] == 0x09 { count -= 1 }
        return Value(rebasing: value[..<count])
    }
}
