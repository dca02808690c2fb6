/// Finds the records of a JSON document that comes in pieces of any size, and certain values beside
/// them, such as a total.
///
/// The records are the elements of one array, which a path leads to. All of the document is held
/// against RFC 8259 but the inside of records: of these it only tracks strings and brackets, hands
/// each one out whole, and leaves it to ``JSONFields`` whether it is right; so a broken record
/// costs itself and not the document, as long as its brackets match. What is held is one record,
/// and never more than `maxRecordBytes` of it.
///
/// How it works: `frames` are the objects and arrays that are open outside of records. Each knows,
/// for every path, how many of its names lead there; a value begins a record when the array around
/// it is the end of the first path.
public struct JSONSplitter {
    /// A record, as `onRecord` gets it.
    public struct Record: ~Copyable, ~Escapable {
        /// From 1, in this document.
        public let number: Int
        /// Its bytes; of one that is too long, the beginning.
        public let bytes: Span<UInt8>
        public let isTooLong: Bool

        @_lifetime(copy bytes)
        init(number: Int, bytes: Span<UInt8>, isTooLong: Bool) {
            self.number = number
            self.bytes = bytes
            self.isTooLong = isTooLong
        }
    }

    /// Names and values outside of records that are looked at have at most this length.
    private static let tokenBytesMax = 8_192
    /// What is kept of a record that is too long.
    private static let shownBytes = 1_024
    /// Members of the document that an error names.
    private static let shownNamesMax = 20

    private struct Frame {
        let isObject: Bool
        /// For each path, how many of its names lead here; -1 when it leads elsewhere.
        let matched: [Int]
        let isRecords: Bool
    }

    private enum Expected {
        case value, valueOrEnd, nameOrEnd, name, colon, commaOrEnd, nothing
    }

    private enum Mode: Equatable {
        case between
        case string(isName: Bool)
        case escape(isName: Bool)
        case hex(isName: Bool, left: Int)
        case atom
        case record
    }

    /// The records' path first, then those of the values.
    private let paths: [JSONPath]
    private let maxRecordBytes: Int
    private var mode = Mode.between
    private var expected = Expected.value
    private var frames: [Frame] = []
    /// What leads to the value that comes next.
    private var matched: [Int]
    /// A name, value or number that is being read.
    private var token: [UInt8] = []
    private var keepsToken = false
    private var offset = 0
    /// Bytes of a mark at the front that were seen.
    private var markBytes = 0

    private var record: [UInt8] = []
    private var recordDepth = 0
    private var isInRecordString = false
    private var isEscapedInRecord = false
    private var isRecordTooLong = false

    public private(set) var recordCount = 0
    /// Whether the array of the records is there.
    public private(set) var hasRecords = false
    /// The values beside the records, by the order of their paths; nil for what is not there, null,
    /// or no scalar.
    public private(set) var values: [String?]
    /// The first members of the document, for an error to name.
    public private(set) var names: [String] = []

    /// - Parameters:
    ///   - records: where the array of the records is.
    ///   - values: places of scalars outside of records.
    public init(records: JSONPath, values: [JSONPath] = [], maxRecordBytes: Int = 1 << 20) {
        paths = [records] + values
        self.maxRecordBytes = maxRecordBytes
        matched = [Int](repeating: 0, count: paths.count)
        self.values = [String?](repeating: nil, count: values.count)
    }

    // MARK: Reading

    /// Reads the next piece of the document.
    ///
    /// - Throws: ``JSONProblem``, and what `onRecord` throws.
    public mutating func read(
        _ bytes: Span<UInt8>, _ onRecord: (borrowing Record) throws -> Void
    ) throws {
        var index = 0
        let base = offset
        defer { offset = base + bytes.count }
        while index < bytes.count {
            if mode == .record {
                index = try readRecord(bytes, from: index, onRecord)
                continue
            }
            offset = base + index
            let byte = bytes[index]
            switch mode {
            case .between: try between(byte)
            case .string(let isName): try string(byte, isName)
            case .escape(let isName): try escape(byte, isName)
            case .hex(let isName, let left): try hex(byte, isName, left)
            case .atom:
                if JSONScanner.isAtomByte(byte) {
                    token.append(byte)
                    guard token.count <= Self.tokenBytesMax else {
                        throw fail("a number is too long")
                    }
                } else {
                    try endAtom()
                    try between(byte)
                }
            case .record: break
            }
            // What begins a record is part of it.
            if mode != .record { index += 1 }
        }
    }

    /// Ends the document.
    ///
    /// - Throws: ``JSONProblem`` when it is not complete, or has no records.
    public mutating func finish() throws(JSONProblem) {
        if mode == .atom { try endAtom() }
        guard mode == .between, expected == .nothing else {
            throw fail(offset == 0 ? "there is nothing" : "the document ends too early")
        }
        guard hasRecords else {
            let path = paths[0].description
            let found =
                names.isEmpty
                ? "" : "; its members are \(names.map { "'\($0)'" }.joined(separator: ", "))"
            throw fail(
                path.isEmpty
                    ? "the document is no array of records\(found)"
                    : "the document has no records at '\(path)'\(found)")
        }
    }

    private func fail(_ what: String) -> JSONProblem { JSONProblem(what, at: offset) }

    // MARK: Outside of records

    private mutating func between(_ byte: UInt8) throws(JSONProblem) {
        switch byte {
        case 0x20, 0x09, 0x0A, 0x0D: return
        default: break
        }
        switch expected {
        case .value: try beginValue(byte)
        case .valueOrEnd:
            if byte == UInt8(ascii: "]") { endFrame() } else { try beginValue(byte) }
        case .nameOrEnd where byte == UInt8(ascii: "}"): endFrame()
        case .name, .nameOrEnd:
            guard byte == UInt8(ascii: "\"") else { throw fail("a member's name is expected") }
            mode = .string(isName: true)
            token = []
            keepsToken = frames.last?.matched.contains { $0 >= 0 } == true
        case .colon:
            guard byte == UInt8(ascii: ":") else { throw fail("':' is expected") }
            expected = .value
        case .commaOrEnd:
            guard let frame = frames.last else { preconditionFailure("something is open") }
            if byte == UInt8(ascii: ",") {
                expected = frame.isObject ? .name : .value
                if !frame.isObject { leadIntoArray(frame) }
            } else if byte == UInt8(ascii: frame.isObject ? "}" : "]") {
                endFrame()
            } else {
                throw fail(frame.isObject ? "',' or '}' is expected" : "',' or ']' is expected")
            }
        case .nothing: throw fail("something follows the document")
        }
    }

    private mutating func beginValue(_ byte: UInt8) throws(JSONProblem) {
        if frames.last?.isRecords == true {
            mode = .record
            recordCount += 1
            record.removeAll(keepingCapacity: true)
            recordDepth = 0
            isInRecordString = false
            isEscapedInRecord = false
            isRecordTooLong = false
            return
        }
        // "Implementations MUST NOT add a byte order mark", and programs do.
        if frames.isEmpty, markBytes < 3, byte == ([0xEF, 0xBB, 0xBF] as [UInt8])[markBytes] {
            markBytes += 1
            return
        }
        guard markBytes % 3 == 0 else { throw fail("a value is expected") }
        let isRecords = matched[0] == paths[0].keys.count
        switch byte {
        case UInt8(ascii: "["):
            if isRecords { hasRecords = true }
            try open(Frame(isObject: false, matched: matched, isRecords: isRecords))
        case UInt8(ascii: "{"):
            if isRecords, !paths[0].keys.isEmpty {
                throw fail("'\(paths[0])' is an object and no array of records")
            }
            try open(Frame(isObject: true, matched: matched, isRecords: false))
        case UInt8(ascii: "\""):
            mode = .string(isName: false)
            token = []
            keepsToken = isValue
        case _ where JSONScanner.isAtomByte(byte):
            mode = .atom
            token = [byte]
        default: throw fail("a value is expected")
        }
    }

    /// Whether the value that comes next is one that is looked for.
    private var isValue: Bool {
        for index in 1..<paths.count where matched[index] == paths[index].keys.count {
            return true
        }
        return false
    }

    private mutating func open(_ frame: Frame) throws(JSONProblem) {
        guard frames.count < JSONScanner.depthMax else {
            throw fail("the nesting is deeper than \(JSONScanner.depthMax)")
        }
        frames.append(frame)
        expected = frame.isObject ? .nameOrEnd : .valueOrEnd
        if !frame.isObject { leadIntoArray(frame) }
    }

    private mutating func leadIntoArray(_ frame: Frame) {
        for index in matched.indices { matched[index] = -1 }
    }

    private mutating func endFrame() {
        frames.removeLast()
        endValue()
    }

    private mutating func endValue() {
        mode = .between
        expected = frames.isEmpty ? .nothing : .commaOrEnd
    }

    private mutating func string(_ byte: UInt8, _ isName: Bool) throws(JSONProblem) {
        switch byte {
        case UInt8(ascii: "\""): try endString(isName)
        case UInt8(ascii: "\\"):
            keep(byte)
            mode = .escape(isName: isName)
        case 0..<0x20: throw fail("a control character must be escaped")
        default: keep(byte)
        }
    }

    /// A name that is too long is none that anybody looks for.
    private mutating func keep(_ byte: UInt8) {
        guard keepsToken else { return }
        if token.count == Self.tokenBytesMax {
            keepsToken = false
            token = []
        } else {
            token.append(byte)
        }
    }

    private mutating func escape(_ byte: UInt8, _ isName: Bool) throws(JSONProblem) {
        keep(byte)
        switch byte {
        case UInt8(ascii: "u"): mode = .hex(isName: isName, left: 4)
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            mode = .string(isName: isName)
        default: throw fail("there is no such escape")
        }
    }

    private mutating func hex(
        _ byte: UInt8, _ isName: Bool, _ left: Int
    ) throws(JSONProblem) {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            break
        default: throw fail("an escape has four hexadecimal digits")
        }
        keep(byte)
        mode = left == 1 ? .string(isName: isName) : .hex(isName: isName, left: left - 1)
    }

    private mutating func endString(_ isName: Bool) throws(JSONProblem) {
        var text: [UInt8]?
        if keepsToken {
            let quoted = [UInt8(ascii: "\"")] + token + [UInt8(ascii: "\"")]
            var scanner = JSONScanner(quoted.span)
            do throws(JSONProblem) {
                text = try scanner.string()
            } catch {
                throw fail(error.what)
            }
        }
        if isName {
            mode = .between
            expected = .colon
            return lead(to: text)
        }
        if let text { setValue(String(decoding: text, as: UTF8.self)) }
        try endScalar(isNull: false)
    }

    /// What leads to the value of a member.
    private mutating func lead(to name: [UInt8]?) {
        guard let frame = frames.last else { preconditionFailure("a name stands in an object") }
        if let name, frames.count == 1, names.count < Self.shownNamesMax {
            names.append(String(decoding: name, as: UTF8.self))
        }
        for index in paths.indices {
            let depth = frame.matched[index]
            let leads =
                depth >= 0 && depth < paths[index].keys.count && paths[index].keys[depth] == name
            matched[index] = leads ? depth + 1 : -1
        }
    }

    private mutating func endAtom() throws(JSONProblem) {
        guard JSONScanner.isAtom(token) else { throw fail("a value is expected") }
        let isNull = token.first == UInt8(ascii: "n")
        if !isNull, isValue { setValue(String(decoding: token, as: UTF8.self)) }
        try endScalar(isNull: isNull)
    }

    /// Null in the records' place is no records; another scalar is not what was said to be there.
    private mutating func endScalar(isNull: Bool) throws(JSONProblem) {
        if matched[0] == paths[0].keys.count {
            guard isNull else {
                throw fail(
                    paths[0].keys.isEmpty
                        ? "the document is no array of records"
                        : "'\(paths[0])' is no array of records")
            }
            hasRecords = true
        }
        endValue()
    }

    private mutating func setValue(_ value: String) {
        for index in 1..<paths.count where matched[index] == paths[index].keys.count {
            values[index - 1] = value
        }
    }

    // MARK: Records

    /// Reads on in a record; gives the place behind it, or behind all bytes.
    private mutating func readRecord(
        _ bytes: Span<UInt8>, from start: Int, _ onRecord: (borrowing Record) throws -> Void
    ) throws -> Int {
        var index = start
        var isComplete = false
        while index < bytes.count, !isComplete {
            let byte = bytes[index]
            if isInRecordString {
                if isEscapedInRecord {
                    isEscapedInRecord = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscapedInRecord = true
                } else if byte == UInt8(ascii: "\"") {
                    isInRecordString = false
                    isComplete = recordDepth == 0
                }
                index += 1
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInRecordString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["): recordDepth += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                if recordDepth == 0 {
                    // The array's end, right behind a number.
                    isComplete = true
                    continue
                }
                recordDepth -= 1
                isComplete = recordDepth == 0
            case UInt8(ascii: ","), 0x20, 0x09, 0x0A, 0x0D:
                if recordDepth == 0 {
                    isComplete = true
                    continue
                }
            default: break
            }
            index += 1
        }
        let part = bytes.extracting(start..<index)
        if isComplete, record.isEmpty, !isRecordTooLong, part.count <= maxRecordBytes {
            // Mostly a record lies whole in the piece.
            endValue()
            try onRecord(Record(number: recordCount, bytes: part, isTooLong: false))
            return index
        }
        keepRecord(part)
        if isComplete {
            endValue()
            let bytes = record
            try onRecord(
                Record(number: recordCount, bytes: bytes.span, isTooLong: isRecordTooLong))
        }
        return index
    }

    private mutating func keepRecord(_ part: Span<UInt8>) {
        var room = isRecordTooLong ? 0 : maxRecordBytes - record.count
        if part.count > room, !isRecordTooLong {
            isRecordTooLong = true
            record.removeLast(max(record.count - Self.shownBytes, 0))
            room = Self.shownBytes - record.count
        }
        let kept = part.extracting(first: min(part.count, room))
        kept.withUnsafeBufferPointer { record.append(contentsOf: $0) }
    }
}
