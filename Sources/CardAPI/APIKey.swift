public import CardStore
internal import GnuTLSKit
internal import HTTPFront

/// An API key: `cs_` and 64 hexadecimal digits, which are 32 random bytes. It is shown once; the
/// store only has its SHA-256, from which it cannot be found.
///
/// A fast hash is right here: with 256 random bits there is nothing to guess, which is what a slow
/// one would be against.
public struct APIKey: Sendable {
    private static let prefix: StaticString = "cs_"
    private static let byteCount = 32

    public let text: String

    /// A new key from the system's random source.
    public init() {
        var source = SystemRandomNumberGenerator()
        var text = "\(Self.prefix)"
        for _ in 0..<Self.byteCount {
            let byte = UInt8.random(in: .min ... .max, using: &source)
            text += (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }
        self.text = text
    }

    /// Whether a text, without white space around it, has the shape of a key.
    public static func isKey(_ text: String) -> Bool {
        let key = text.split(whereSeparator: \.isWhitespace)
        guard key.count == 1, key[0].hasPrefix("\(prefix)") else { return false }
        let digits = key[0].dropFirst(3)
        return digits.count == 2 * byteCount
            && digits.allSatisfy { "0123456789abcdef".contains($0) }
    }

    /// What the store keeps.
    public var hash: [UInt8] { SHA256.hash(Array(text.utf8).span) }

    /// The key that a request carries, or nil when it carries none or several.
    static func text(in request: borrowing Request) -> UnsafeBufferPointer<UInt8>? {
        let authorizations = request.headerCount(.authorization)
        guard authorizations + request.headerCount(.apiKey) == 1 else { return nil }
        if authorizations == 0 { return request.header(.apiKey) }
        guard let value = request.header(.authorization) else { return nil }
        // RFC 9110, 11.1: the scheme's case does not matter.
        let scheme: StaticString = "bearer "
        guard value.count > scheme.utf8CodeUnitCount else { return nil }
        for index in 0..<scheme.utf8CodeUnitCount
        where value[index] | 0x20 != scheme.utf8Start[index] { return nil }
        var start = scheme.utf8CodeUnitCount
        while start < value.count, value[start] == UInt8(ascii: " ") { start += 1 }
        return UnsafeBufferPointer(rebasing: value[start...])
    }

    /// What the store keeps of a key.
    static func hash(of text: UnsafeBufferPointer<UInt8>) -> [UInt8] { SHA256.hash(text.span) }
}

extension StoredKey {
    /// A short name for the key, by which it can be revoked: the first 12 digits of its hash.
    public var id: String {
        hash.prefix(6).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }
}
