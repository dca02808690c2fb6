internal import CCurl

/// An address of `http` or `https`, taken apart by libcurl, which also follows it: two parsers that
/// disagree on where a host ends are a known way to send a secret to the wrong one.
public struct HTTPAddress: Equatable, Sendable {
    /// Whole.
    public let text: String
    public let scheme: String
    public let host: String
    public let port: String
    /// Without query and fragment.
    public let path: String
    /// Whether it has a user or a password in it.
    public let hasCredentials: Bool

    /// nil when the text is no such address.
    ///
    /// - Parameter base: what a relative address is relative to.
    public init?(_ text: String, relativeTo base: HTTPAddress? = nil) {
        guard let url = curl_url() else { preconditionFailure("libcurl has no memory") }
        defer { curl_url_cleanup(url) }
        if let base, curl_url_set(url, CURLUPART_URL, base.text, 0) != CURLUE_OK { return nil }
        guard curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK,
            let whole = Self.part(url, CURLUPART_URL),
            let scheme = Self.part(url, CURLUPART_SCHEME), scheme == "http" || scheme == "https",
            let host = Self.part(url, CURLUPART_HOST), !host.isEmpty,
            let port = Self.part(url, CURLUPART_PORT),
            let path = Self.part(url, CURLUPART_PATH)
        else { return nil }
        self.text = whole
        self.scheme = scheme
        self.host = host.lowercased()
        self.port = port
        self.path = path
        hasCredentials =
            Self.part(url, CURLUPART_USER) != nil || Self.part(url, CURLUPART_PASSWORD) != nil
    }

    private static func part(_ url: OpaquePointer, _ part: CURLUPart) -> String? {
        var text: UnsafeMutablePointer<CChar>?
        let flags = part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0
        guard curl_url_get(url, part, &text, UInt32(flags)) == CURLUE_OK, let text else {
            return nil
        }
        defer { curl_free(text) }
        return String(cString: text)
    }

    /// Whether what is meant for the one may be sent to the other: scheme, host and port are the
    /// same (RFC 6454, 5).
    public func hasSameOrigin(as other: HTTPAddress) -> Bool {
        scheme == other.scheme && host == other.host && port == other.port
    }

    /// The address with a parameter of its query set to a value.
    public func setting(_ name: String, _ value: String) -> HTTPAddress? {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        let encodedName = Self.encoded(name)
        var parameters =
            parts.count == 2 ? parts[1].split(separator: "&").map(String.init) : []
        parameters.removeAll { $0 == encodedName || $0.hasPrefix(encodedName + "=") }
        parameters.append("\(encodedName)=\(Self.encoded(value))")
        return HTTPAddress(parts[0] + "?" + parameters.joined(separator: "&"))
    }

    private static func encoded(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF")
        var encoded = ""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "."),
                UInt8(ascii: "_"), UInt8(ascii: "~"):
                encoded.append(Character(Unicode.Scalar(byte)))
            default:
                encoded += "%\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
            }
        }
        return encoded
    }

    /// For logs and reports: without user, query and fragment, where secrets are kept.
    public var shown: String {
        let isUsual = (scheme == "http" && port == "80") || (scheme == "https" && port == "443")
        return "\(scheme)://\(host)\(isUsual ? "" : ":\(port)")\(path)"
    }
}
