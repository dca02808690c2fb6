import Glibc

/// Where a request's body begins and ends must be beyond doubt: a proxy in front that reads it
/// otherwise would take part of one client's request for the beginning of another's. libmicrohttpd
/// 0.9.75 lets `Transfer-Encoding` win over `Content-Length`, takes the first of several lengths,
/// and reads an unknown encoding to the end of the connection; so the rules of RFC 9112, 3.2 and
/// 6.3, are checked here before anything is answered.
enum Framing {
    /// What one header alone may break; called for each in order, until one does.
    @inline(__always)
    static func refusal(
        ofHeader header: RequestHeader?, _ name: UnsafeBufferPointer<UInt8>,
        _ value: UnsafeBufferPointer<UInt8>, before headers: borrowing HeaderTable
    ) -> Refusal? {
        guard isFieldText(value) else { return .invalidHeaderValue }
        // A name that we know is a token.
        guard let header else { return isToken(name) ? nil : .invalidHeaderName }
        switch header {
        case .contentLength:
            if headers.contains(.contentLength) { return .repeatedContentLength }
            return number(value) == nil ? .invalidContentLength : nil
        case .transferEncoding:
            let isFirst = !headers.contains(.transferEncoding)
            return isFirst && isChunked(value) ? nil : .unsupportedTransferEncoding
        case .host:
            return headers.contains(.host) || !isHost(value) ? .invalidHost : nil
        default:
            return nil
        }
    }

    /// The first rule that the headers break together, when none breaks one alone.
    @inline(__always)
    static func refusal(
        method: HTTPMethod, version: UnsafePointer<CChar>, headers: borrowing HeaderTable
    ) -> Refusal? {
        if !headers.contains(.host), strcmp(version, "HTTP/1.0") != 0 { return .invalidHost }
        guard headers.framesBody else { return nil }
        return bodyRefusal(method, version, headers)
    }

    private static func bodyRefusal(
        _ method: HTTPMethod, _ version: UnsafePointer<CChar>, _ headers: borrowing HeaderTable
    ) -> Refusal? {
        if headers.contains(.transferEncoding) {
            if strcmp(version, "HTTP/1.0") == 0 { return .unsupportedTransferEncoding }
            if headers.contains(.contentLength) { return .contentLengthWithTransferEncoding }
        }
        let hasBody = bodyLength(headers) != 0
        return hasBody && (method == .get || method == .head) ? .unexpectedBody : nil
    }

    /// The length of the body that is announced: 0 when there is none, nil when only its end will
    /// tell.
    static func bodyLength(_ headers: borrowing HeaderTable) -> Int? {
        if headers.contains(.transferEncoding) { return nil }
        return headers.first(.contentLength).flatMap(number) ?? 0
    }

    /// RFC 9110, 5.6.2. Nearly all names are letters and hyphens, which are tested eight at a time.
    static func isToken(_ name: UnsafeBufferPointer<UInt8>) -> Bool {
        if name.count >= 8, allWords(of: name, satisfy: isLettersAndHyphens) { return true }
        if name.count >= 4, name.count < 8 {
            let bytes = UnsafeRawBufferPointer(name)
            let first = bytes.loadUnaligned(as: UInt32.self)
            let last = bytes.loadUnaligned(fromByteOffset: name.count - 4, as: UInt32.self)
            if isLettersAndHyphens(UInt64(first) << 32 | UInt64(last)) { return true }
        }
        // One bit for each ASCII character: !#$%&'*+-. and digits; A-Z ^_` a-z |~
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        for byte in name {
            let word = byte < 64 ? low : high
            guard byte < 128, (word &>> UInt64(byte & 63)) & 1 == 1 else { return false }
        }
        return !name.isEmpty
    }

    /// A header's value (RFC 9110, 5.5): no control character but the tab. One that a proxy takes
    /// for the end of a line would make two headers of one.
    static func isFieldText(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        if value.count >= 8, allWords(of: value, satisfy: isPrintable) { return true }
        for byte in value where byte < 0x20 && byte != 0x09 || byte == 0x7F { return false }
        return true
    }

    /// A host and perhaps a port: what stands in names and addresses. Empty is allowed, for targets
    /// that have no authority (RFC 9112, 3.2).
    static func isHost(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        // One bit for each ASCII character: -.: and digits, A-Z, [ and ], _, a-z
        let low: UInt64 = 0x07FF_6000_0000_0000
        let high: UInt64 = 0x07FF_FFFE_AFFF_FFFE
        for byte in HeaderTable.trimmed(value) {
            let word = byte < 64 ? low : high
            guard byte < 128, (word &>> UInt64(byte & 63)) & 1 == 1 else { return false }
        }
        return true
    }

    /// Whether a test holds for every eight bytes of at least eight; the last eight overlap those
    /// before, so that nothing outside is read.
    @inline(__always)
    private static func allWords(
        of text: UnsafeBufferPointer<UInt8>, satisfy test: (UInt64) -> Bool
    ) -> Bool {
        let bytes = UnsafeRawBufferPointer(text)
        var offset = 0
        while offset < text.count - 8 {
            guard test(bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) else {
                return false
            }
            offset += 8
        }
        return test(bytes.loadUnaligned(fromByteOffset: text.count - 8, as: UInt64.self))
    }

    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// Works on bytes below 128, in which an addition carries into the high bit and no farther.
    @inline(__always)
    private static func isLettersAndHyphens(_ word: UInt64) -> Bool {
        guard word & highBits == 0 else { return false }
        let lowercased = word | (ones &* 0x20)
        let notBelowA = lowercased &+ ones &* (0x80 - 0x61)
        let aboveZ = lowercased &+ ones &* (0x7F - 0x7A)
        let notHyphen = (word ^ (ones &* 0x2D)) &+ ones &* 0x7F
        return ((notBelowA & ~aboveZ) | ~notHyphen) & highBits == highBits
    }

    /// ASCII without control characters, spaces included.
    @inline(__always)
    private static func isPrintable(_ word: UInt64) -> Bool {
        let notControl = word &+ ones &* (0x80 - 0x20)
        let notDelete = (word ^ (ones &* 0x7F)) &+ ones &* 0x7F
        return word & highBits == 0 && notControl & notDelete & highBits == highBits
    }

    /// ASCII without spaces and control characters. Bytes from 128 on are allowed, but rare enough
    /// to be left to the slow way.
    @inline(__always)
    private static func isVisible(_ word: UInt64) -> Bool {
        let aboveSpace = word &+ ones &* (0x80 - 0x21)
        let notDelete = (word ^ (ones &* 0x7F)) &+ ones &* 0x7F
        return word & highBits == 0 && aboveSpace & notDelete & highBits == highBits
    }

    /// A plain decimal number that fits; no sign, no list, no space.
    private static func number(_ text: UnsafeBufferPointer<UInt8>) -> Int? {
        guard !text.isEmpty, text.count <= 18 else { return nil }
        var value = 0
        for byte in text {
            guard byte >= 0x30, byte <= 0x39 else { return nil }
            value = value * 10 + Int(byte - 0x30)
        }
        return value
    }

    private static func isChunked(_ value: UnsafeBufferPointer<UInt8>) -> Bool {
        hasText(value, "chunked")
    }

    /// Whether a text is this one, letters in either case.
    private static func hasText(
        _ text: UnsafeBufferPointer<UInt8>, _ expected: StaticString
    ) -> Bool {
        guard text.count == expected.utf8CodeUnitCount, let base = text.baseAddress else {
            return false
        }
        return strncasecmp(
            Reply.characters(base), Reply.characters(expected.utf8Start), text.count) == 0
    }

    /// No space and no control character: either would let a target be read as two parts of the
    /// request line.
    static func isTarget(_ target: UnsafeBufferPointer<UInt8>) -> Bool {
        if target.count >= 8, allWords(of: target, satisfy: isVisible) { return true }
        for byte in target where byte <= 0x20 || byte == 0x7F { return false }
        return !target.isEmpty
    }

    /// Where the path lies in a target: before `?`, and after the authority of an absolute target,
    /// which a server must accept (RFC 9112, 3.2.2).
    static func path(of target: UnsafeBufferPointer<UInt8>) -> Range<Int> {
        var start = 0
        if let first = target.first, first != UInt8(ascii: "/"), first != UInt8(ascii: "*") {
            start = authorityEnd(target)
        }
        guard let base = target.baseAddress,
            let mark = memchr(base + start, Int32(UInt8(ascii: "?")), target.count - start)
        else { return start..<target.count }
        return start..<UnsafeRawPointer(base).distance(to: UnsafeRawPointer(mark))
    }

    private static func authorityEnd(_ target: UnsafeBufferPointer<UInt8>) -> Int {
        for scheme in ["http://", "https://"] as [StaticString] {
            let count = scheme.utf8CodeUnitCount
            guard target.count > count else { continue }
            let candidate = UnsafeBufferPointer(rebasing: target[..<count])
            guard hasText(candidate, scheme) else { continue }
            var end = count
            while end < target.count, target[end] != UInt8(ascii: "/"),
                target[end] != UInt8(ascii: "?")
            {
                end += 1
            }
            return end
        }
        return 0
    }
}
