public import HTTPFront

/// Whom the API answers, beside what keys say.
public struct RequestPolicy: Sendable {
    /// Requests with one key; nil is without a limit.
    public var perKey: RateLimit?
    /// Requests of one client; nil is without a limit.
    public var perClient: RateLimit?
    /// Keys or clients that are told apart at a time.
    public var rateBuckets = Limits().rateBuckets
    /// Whose word on a client's address counts.
    public var trustedProxies: TrustedProxies?
    /// The web pages whose scripts may read answers, as `https://host[:port]`; none by default.
    public var corsOrigins: [String] = []
    /// Names under which a server without keys is asked, beside `localhost` and addresses.
    public var hosts: [String] = []

    public init() {}
}

/// The web pages whose scripts may read answers. A browser asks with `Origin`, and keeps an answer
/// from a page that is not named in it.
struct CrossOrigin: Sendable {
    private let origins: [[UInt8]]

    init(_ origins: [String]) {
        self.origins = origins.map { Array($0.utf8) }
    }

    var isOff: Bool { origins.isEmpty }

    func allows(_ origin: UnsafeBufferPointer<UInt8>) -> Bool {
        origins.contains { $0.elementsEqual(origin) }
    }

    /// The answer to a browser that asks what it may ask.
    func allowCalls(_ reply: inout Reply) {
        reply.status = 204
        reply.addHeader("Access-Control-Allow-Methods", "GET, HEAD, POST")
        reply.addHeader(
            "Access-Control-Allow-Headers", "Authorization, X-API-Key, Content-Type, If-None-Match")
        reply.addHeader("Access-Control-Max-Age", "600")
    }

    /// Lets the page read the answer.
    func allow(_ origin: UnsafeBufferPointer<UInt8>, _ reply: inout Reply) {
        reply.addHeader("Access-Control-Allow-Origin", bytes: origin)
        reply.addHeader("Vary", "Origin")
        reply.addHeader("Access-Control-Expose-Headers", "ETag, Location, Retry-After")
    }
}

/// Names under which a server that asks for no key is asked.
///
/// Any web page can have its own name resolve to 127.0.0.1 (DNS rebinding), and then the browser of
/// whoever looks at it takes this server for the page's. The browser still says the page's name in
/// `Host`; so only names that cannot be anybody else's are answered.
struct LocalHosts: Sendable {
    private let names: [[UInt8]]

    init(_ names: [String]) {
        self.names = names.map { Array($0.lowercased().utf8) }
    }

    func contain(_ authority: UnsafeBufferPointer<UInt8>?) -> Bool {
        // HTTP/1.0 may go without, and browsers do not speak it.
        guard let authority, !authority.isEmpty else { return true }
        // An address cannot be made to mean another one. No host's name ends in a number (RFC 1123,
        // 2.1), and none begins with a bracket.
        if authority[0] == UInt8(ascii: "[") { return true }
        var end = 0
        var isAddress = true
        while end < authority.count, authority[end] != UInt8(ascii: ":") {
            let byte = authority[end]
            let isDigit = byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
            isAddress = isAddress && (isDigit || byte == UInt8(ascii: "."))
            end += 1
        }
        return isAddress || isName(UnsafeBufferPointer(start: authority.baseAddress, count: end))
    }

    private func isName(_ host: UnsafeBufferPointer<UInt8>) -> Bool {
        let localhost: StaticString = "localhost"
        let name = UnsafeBufferPointer(
            start: localhost.utf8Start, count: localhost.utf8CodeUnitCount)
        if host.count >= name.count,
            Self.isSame(UnsafeBufferPointer(rebasing: host.suffix(name.count)), name)
        {
            // Itself, or a name below it.
            if host.count == name.count { return true }
            if host[host.count - name.count - 1] == UInt8(ascii: ".") { return true }
        }
        for name in names {
            if name.withUnsafeBufferPointer({ Self.isSame(host, $0) }) { return true }
        }
        return false
    }

    /// Whether a host is a name, which is in small letters.
    private static func isSame(
        _ host: UnsafeBufferPointer<UInt8>, _ name: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        guard host.count == name.count else { return false }
        var index = 0
        while index < name.count {
            let byte = host[index]
            let isCapital = byte >= 0x41 && byte <= 0x5A
            if (isCapital ? byte | 0x20 : byte) != name[index] { return false }
            index += 1
        }
        return true
    }
}
