/// Finds where HTTP/1.1 replies end, and their status, in bytes that come in any pieces.
///
/// Works line by line in the connection's own buffer: a line that has not come whole is left there
/// and read again when more has come. Bodies are counted off, not kept, but for their first
/// ``captureMax`` bytes, which a caller may look at. Nothing is allocated.
///
/// The lengths of bodies are by RFC 9112, 6.3: none for 1xx, 204 and 304, then chunked, then
/// Content-Length, then up to the connection's end. What is in doubt (two different lengths,
/// another coding than chunked) is malformed.
struct ResponseParser {
    enum Outcome {
        /// More bytes are needed.
        case incomplete
        /// A reply has ended; `status` and `keepsAlive` are its own until the next call.
        case complete
        /// These bytes are no reply. The connection is of no more use.
        case malformed
    }

    private enum Phase {
        case statusLine, header, body, chunkSize, chunkData, chunkEnd, trailer, untilEnd
    }

    static let captureMax = 64

    private var phase = Phase.statusLine
    private(set) var status = 0
    private(set) var keepsAlive = true
    private var isChunked = false
    /// Of the body or the chunk; -1 while no length was given.
    private var rest = -1
    private var capture: UnsafeMutablePointer<UInt8>?
    private(set) var captured = 0

    /// - Parameter capture: room for ``captureMax`` bytes, which the caller owns.
    init(capture: UnsafeMutablePointer<UInt8>? = nil) {
        self.capture = capture
    }

    /// Whether nothing of a reply has been consumed. An unfinished status line may lie in the
    /// buffer.
    var isAtStart: Bool { phase == .statusLine }

    /// Forgets what was read, for another connection.
    mutating func reset() {
        phase = .statusLine
        captured = 0
    }

    /// What the end of the connection means: true when it completes a reply.
    mutating func end() -> Bool {
        guard phase == .untilEnd else { return false }
        phase = .statusLine
        keepsAlive = false
        return true
    }

    /// Reads on from `position`, which is moved behind what was consumed.
    mutating func consume(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ position: inout Int
    ) -> Outcome {
        while true {
            switch phase {
            case .body, .chunkData, .untilEnd:
                if skip(bytes, count, &position) { continue }
                if phase == .body && rest == 0 { return finish() }
                return .incomplete
            default: break
            }
            guard let length = System.lineLength(bytes + position, count - position) else {
                return .incomplete
            }
            let line = bytes + position
            position += length + 1
            // A bare line feed ends a line too (RFC 9112, 2.2).
            let trimmed = length > 0 && line[length - 1] == 0x0D ? length - 1 : length
            switch read(line, trimmed) {
            case .incomplete: continue
            case .complete: return finish()
            case .malformed: return .malformed
            }
        }
    }

    private mutating func finish() -> Outcome {
        phase = .statusLine
        return .complete
    }

    /// Counts off bytes of a body. True when something else follows.
    private mutating func skip(
        _ bytes: UnsafePointer<UInt8>, _ count: Int, _ position: inout Int
    ) -> Bool {
        let available = count - position
        let taken = phase == .untilEnd ? available : min(available, rest)
        if let capture, captured < Self.captureMax {
            let copied = min(taken, Self.captureMax - captured)
            (capture + captured).update(from: bytes + position, count: copied)
            captured += copied
        }
        position += taken
        guard phase != .untilEnd else { return false }
        rest -= taken
        guard phase == .chunkData, rest == 0 else { return false }
        phase = .chunkEnd
        return true
    }

    private mutating func read(_ line: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        switch phase {
        case .statusLine: return readStatus(line, count)
        case .header: return count == 0 ? endHead() : readHeader(line, count)
        case .chunkSize: return readChunkSize(line, count)
        case .chunkEnd:
            phase = .chunkSize
            return count == 0 ? .incomplete : .malformed
        case .trailer: return count == 0 ? .complete : .incomplete
        case .body, .chunkData, .untilEnd: preconditionFailure("a body has no lines")
        }
    }

    // MARK: The head

    private mutating func readStatus(_ line: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        // "HTTP/1.1 200", and perhaps a blank and a reason.
        guard count >= 12, Self.equals(line, "http/1."), line[8] == 0x20,
            count == 12 || line[12] == 0x20
        else { return .malformed }
        var number = 0
        for index in 9..<12 {
            let digit = line[index] &- 0x30
            guard digit <= 9 else { return .malformed }
            number = number &* 10 &+ Int(digit)
        }
        guard number >= 100, number < 600 else { return .malformed }
        status = number
        keepsAlive = line[7] != 0x30
        isChunked = false
        rest = -1
        captured = 0
        phase = .header
        return .incomplete
    }

    /// Whether the bytes begin with a lower-case text, in either case.
    @inline(__always)
    private static func equals(_ bytes: UnsafePointer<UInt8>, _ text: StaticString) -> Bool {
        let expected = text.utf8Start
        for index in 0..<text.utf8CodeUnitCount {
            let byte = bytes[index]
            let isUpper = byte &- 0x41 < 26
            guard (isUpper ? byte | 0x20 : byte) == expected[index] else { return false }
        }
        return true
    }

    @inline(__always)
    private mutating func readHeader(_ line: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        // Only three fields matter, and they begin with two letters.
        switch line[0] | 0x20 {
        case UInt8(ascii: "c"):
            if count > 15, Self.equals(line, "content-length:") {
                return readLength(line + 15, count - 15)
            }
            if count > 11, Self.equals(line, "connection:") {
                readConnection(line + 11, count - 11)
            }
        case UInt8(ascii: "t"):
            if count > 18, Self.equals(line, "transfer-encoding:") {
                let (start, length) = Self.trimmed(line + 18, count - 18)
                guard length == 7, Self.equals(start, "chunked") else { return .malformed }
                isChunked = true
            }
        default: break
        }
        return .incomplete
    }

    private static func trimmed(
        _ bytes: UnsafePointer<UInt8>, _ count: Int
    ) -> (UnsafePointer<UInt8>, Int) {
        func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        var start = 0
        var end = count
        while start < end, isBlank(bytes[start]) { start += 1 }
        while end > start, isBlank(bytes[end - 1]) { end -= 1 }
        return (bytes + start, end - start)
    }

    private mutating func readLength(_ bytes: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        let (digits, length) = Self.trimmed(bytes, count)
        guard length >= 1, length <= 15 else { return .malformed }
        var number = 0
        for index in 0..<length {
            let digit = digits[index] &- 0x30
            guard digit <= 9 else { return .malformed }
            number = number &* 10 &+ Int(digit)
        }
        guard rest < 0 || rest == number else { return .malformed }
        rest = number
        return .incomplete
    }

    private mutating func readConnection(_ bytes: UnsafePointer<UInt8>, _ count: Int) {
        var index = 0
        while index < count {
            var end = index
            while end < count, bytes[end] != UInt8(ascii: ",") { end += 1 }
            let (token, length) = Self.trimmed(bytes + index, end - index)
            if length == 5, Self.equals(token, "close") { keepsAlive = false }
            if length == 10, Self.equals(token, "keep-alive") { keepsAlive = true }
            index = end + 1
        }
    }

    private mutating func endHead() -> Outcome {
        if status < 200 {
            // 101 begins another protocol, which nobody asked for.
            guard status != 101 else { return .malformed }
            phase = .statusLine
            return .incomplete
        }
        if status == 204 || status == 304 { return .complete }
        if isChunked {
            phase = .chunkSize
        } else if rest == 0 {
            return .complete
        } else {
            phase = rest > 0 ? .body : .untilEnd
        }
        return .incomplete
    }

    private mutating func readChunkSize(_ line: UnsafePointer<UInt8>, _ count: Int) -> Outcome {
        var number = 0
        var digits = 0
        while digits < count {
            let byte = line[digits]
            let value: UInt8
            switch byte {
            case 0x30...0x39: value = byte - 0x30
            case 0x41...0x46, 0x61...0x66: value = (byte | 0x20) - 0x61 + 10
            case 0x20, 0x09, UInt8(ascii: ";"): value = 0xFF
            default: return .malformed
            }
            if value == 0xFF { break }
            guard digits < 12 else { return .malformed }
            number = number << 4 | Int(value)
            digits += 1
        }
        guard digits > 0 else { return .malformed }
        rest = number
        phase = number == 0 ? .trailer : .chunkData
        return .incomplete
    }
}
