internal import HTTPFront

/// What a client says of content codings: `Accept-Encoding` as RFC 9110, 12.5.3 has it, of which
/// only gzip and none at all matter here.
struct AcceptEncoding {
    /// Weights in thousandths; nil for what is not named.
    private var gzip: Int?
    private var identity: Int?
    private var others: Int?

    init(_ request: borrowing Request) {
        guard request.headerCount(.acceptEncoding) > 0 else { return }
        var codings = self
        request.forEachHeader(.acceptEncoding) { codings.read($0) }
        self = codings
    }

    init(_ value: UnsafeBufferPointer<UInt8>) {
        read(value)
    }

    /// Whether the client accepts gzip, and would not rather have none. One that says nothing may
    /// not know what a coding is.
    var prefersGzip: Bool {
        let gzip = gzip ?? others ?? 0
        return gzip > 0 && gzip >= identity ?? others ?? 0
    }

    /// Reads a list. An element that is malformed counts as not there.
    private mutating func read(_ value: UnsafeBufferPointer<UInt8>) {
        for element in value.split(separator: UInt8(ascii: ",")) {
            let parts = element.split(
                separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
            guard let weight = parts.count == 1 ? 1_000 : Self.weight(parts[1]) else { continue }
            switch Self.lowercased(Self.trimmed(parts[0])) {
            // "A recipient SHOULD consider 'x-gzip' to be equivalent to 'gzip'" (8.4.1.3).
            case "gzip", "x-gzip": gzip = max(gzip ?? 0, weight)
            case "identity": identity = weight
            case "*": others = weight
            default: break
            }
        }
    }

    /// The thousandths of `q=…`: 0 to 1 with at most three digits behind the point.
    private static func weight(_ parameter: Slice<UnsafeBufferPointer<UInt8>>) -> Int? {
        let bytes = Array(trimmed(parameter))
        guard bytes.count >= 3, bytes[0] | 0x20 == UInt8(ascii: "q"),
            bytes[1] == UInt8(ascii: "="), bytes.count <= 7,
            bytes.count == 3 || bytes[3] == UInt8(ascii: ".")
        else { return nil }
        var thousandths = 0
        for place in 0..<4 {
            let index = place == 0 ? 2 : place + 3
            let digit = index < bytes.count ? bytes[index] : UInt8(ascii: "0")
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(digit) else { return nil }
            thousandths = 10 * thousandths + Int(digit - UInt8(ascii: "0"))
        }
        return thousandths <= 1_000 ? thousandths : nil
    }

    private static func trimmed(
        _ text: Slice<UnsafeBufferPointer<UInt8>>
    ) -> Slice<UnsafeBufferPointer<UInt8>> {
        func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
        let front = text.drop(while: isSpace)
        guard let last = front.lastIndex(where: { !isSpace($0) }) else { return front.prefix(0) }
        return front[...last]
    }

    private static func lowercased(_ text: Slice<UnsafeBufferPointer<UInt8>>) -> String {
        String(decoding: text, as: UTF8.self).lowercased()
    }
}
