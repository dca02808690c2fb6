// The TZif file format of RFC 9636 (and RFC 8536): a header, a block with 32-bit times, and from
// version 2 on a second header, a block with 64-bit times and a footer. Readers of version 2 and
// later skip the first block. Nothing in the bytes is trusted; all counts are checked against
// what is left before memory is taken for them.

/// Why bytes are not a usable TZif file.
public enum TZifError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file does not begin with `TZif`.
    case notTZif
    /// The file ends before its data does.
    case truncated
    /// Something in the file contradicts RFC 9636; the text says what.
    case malformed(String)
    /// The footer is not a POSIX TZ string.
    case invalidFooter(String)
    /// The file counts leap seconds, as those under `right/` do.
    case countsLeapSeconds

    public var description: String {
        switch self {
        case .notTZif:
            "not a time zone file: it does not begin with TZif"
        case .truncated:
            "time zone file is truncated"
        case .malformed(let what):
            "time zone file is malformed: \(what)"
        case .invalidFooter(let footer):
            "time zone file has an unusable footer: \(String(reflecting: footer))"
        case .countsLeapSeconds:
            "time zone file counts leap seconds; use the one that does not (outside of right/)"
        }
    }
}

/// The parts of a TZif file that decide about offsets.
struct TZifFile {
    struct LocalTimeType: Equatable {
        var offsetSeconds: Int32
        var isDaylight: Bool
    }

    /// UTC seconds, strictly ascending.
    private(set) var transitions: [Int64] = []
    /// For each transition the index in `types` of what begins with it.
    private(set) var transitionTypes: [UInt8] = []
    /// At least one.
    private(set) var types: [LocalTimeType] = []
    /// What holds after the last transition; nil in version 1 and where the footer is empty.
    private(set) var footer: PosixZone?

    init(_ bytes: [UInt8]) throws(TZifError) {
        var reader = ByteReader(bytes: bytes)
        let first = try Header(&reader)
        guard first.hasSecondBlock else {
            try readBlock(first, timeSize: 4, from: &reader)
            return
        }
        try reader.skip(first.blockSize(timeSize: 4))
        let second = try Header(&reader)
        try readBlock(second, timeSize: 8, from: &reader)
        try readFooter(from: &reader)
    }

    private mutating func readBlock(
        _ header: Header, timeSize: Int, from reader: inout ByteReader
    ) throws(TZifError) {
        try header.check()
        guard header.blockSize(timeSize: timeSize) <= reader.remaining else { throw .truncated }
        try readTransitions(header, timeSize: timeSize, from: &reader)
        types.reserveCapacity(header.typeCount)
        for _ in 0..<header.typeCount {
            let offset = Int32(truncatingIfNeeded: try reader.bigEndian(4))
            let isDaylight = try reader.bigEndian(1)
            let designation = try reader.bigEndian(1)
            guard ZoneHistory.offsetRange.contains(offset) else {
                throw .malformed("an offset from UTC of \(offset) seconds")
            }
            guard isDaylight <= 1 else { throw .malformed("a daylight saving flag above 1") }
            guard designation < header.characterCount else {
                throw .malformed("a designation outside its table")
            }
            types.append(LocalTimeType(offsetSeconds: offset, isDaylight: isDaylight == 1))
        }
        // Designations and the two arrays of indicators say nothing about offsets.
        try reader.skip(
            header.characterCount + header.standardIndicatorCount + header.utIndicatorCount)
    }

    private mutating func readTransitions(
        _ header: Header, timeSize: Int, from reader: inout ByteReader
    ) throws(TZifError) {
        // Times before -2^59 predate the universe (RFC 9636, section 3.2, advises against them);
        // with this bound no sum with an offset can overflow.
        let limit = Int64(1) << 59
        transitions.reserveCapacity(header.transitionCount)
        for _ in 0..<header.transitionCount {
            let bits = try reader.bigEndian(timeSize)
            let time = timeSize == 4 ? Int64(Int32(truncatingIfNeeded: bits)) : bits
            guard time >= -limit, time <= limit else {
                throw .malformed("a transition at \(time) seconds")
            }
            if let last = transitions.last, last >= time {
                throw .malformed("transitions that do not ascend")
            }
            transitions.append(time)
        }
        transitionTypes.reserveCapacity(header.transitionCount)
        for _ in 0..<header.transitionCount {
            let type = try reader.bigEndian(1)
            guard type < header.typeCount else {
                throw .malformed("a transition to a type that is not there")
            }
            transitionTypes.append(UInt8(type))
        }
    }

    /// The footer lies between two newlines. What follows it belongs to no known version.
    private mutating func readFooter(from reader: inout ByteReader) throws(TZifError) {
        let newline = Int64(UInt8(ascii: "\n"))
        guard try reader.bigEndian(1) == newline else {
            throw .malformed("no newline before the footer")
        }
        var text: [UInt8] = []
        while case let byte = try reader.bigEndian(1), byte != newline {
            text.append(UInt8(byte))
        }
        if text.isEmpty { return }
        guard let zone = PosixZone(parsing: text) else {
            throw .invalidFooter(String(decoding: text.prefix(80), as: UTF8.self))
        }
        footer = zone
    }
}

// MARK: - Header

/// The 44 bytes before a block: magic, version, 15 unused bytes and six counts.
private struct Header {
    let hasSecondBlock: Bool
    let utIndicatorCount: Int
    let standardIndicatorCount: Int
    let leapCount: Int
    let transitionCount: Int
    let typeCount: Int
    let characterCount: Int

    init(_ reader: inout ByteReader) throws(TZifError) {
        for byte in "TZif".utf8 {
            guard try reader.bigEndian(1) == Int64(byte) else { throw .notTZif }
        }
        // Zero is version 1. Later versions keep the layout of version 2 (RFC 9636, section 3.1,
        // adds only what a reader of offsets may ignore), so an unknown one is not refused.
        hasSecondBlock = try reader.bigEndian(1) != 0
        try reader.skip(15)
        utIndicatorCount = Int(try reader.bigEndian(4))
        standardIndicatorCount = Int(try reader.bigEndian(4))
        leapCount = Int(try reader.bigEndian(4))
        transitionCount = Int(try reader.bigEndian(4))
        typeCount = Int(try reader.bigEndian(4))
        characterCount = Int(try reader.bigEndian(4))
    }

    /// Six 32-bit counts times at most 12 bytes: no overflow in 64 bits.
    func blockSize(timeSize: Int) -> Int {
        transitionCount * (timeSize + 1) + typeCount * 6 + characterCount
            + leapCount * (timeSize + 4) + standardIndicatorCount + utIndicatorCount
    }

    func check() throws(TZifError) {
        guard leapCount == 0 else { throw .countsLeapSeconds }
        guard (1...256).contains(typeCount) else { throw .malformed("\(typeCount) types") }
        guard characterCount > 0 else { throw .malformed("no designations") }
        guard standardIndicatorCount == 0 || standardIndicatorCount == typeCount,
            utIndicatorCount == 0 || utIndicatorCount == typeCount
        else { throw .malformed("counts of indicators that do not match the types") }
    }
}

private struct ByteReader {
    let bytes: [UInt8]
    private(set) var position = 0

    init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    var remaining: Int { bytes.count - position }

    mutating func skip(_ count: Int) throws(TZifError) {
        guard count <= remaining else { throw .truncated }
        position += count
    }

    /// The next 1 to 8 bytes as an integer; 8 bytes are two's complement, fewer are unsigned.
    mutating func bigEndian(_ count: Int) throws(TZifError) -> Int64 {
        guard count <= remaining else { throw .truncated }
        var value: Int64 = 0
        for index in position..<position + count {
            value = value << 8 | Int64(bytes[index])
        }
        position += count
        return value
    }
}
