/// A GET to make.
public struct HTTPRequest: Sendable {
    /// A header's name and value.
    public struct Header: Sendable {
        public let name: String
        public let value: String

        public init(_ name: String, _ value: String) {
            self.name = name
            self.value = value
        }

        /// Whether libcurl can send it: no line may end inside, or a value could add headers.
        public var isSendable: Bool {
            !name.isEmpty
                && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
                && value.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F || $0 == 0x09 }
        }
    }

    public var address: HTTPAddress
    public var headers: [Header] = []
    /// Headers that only the address's own origin may see.
    public var secrets: [Header] = []
    public var limits = Limits()
    /// Certificates to trust instead of the system's; a file of PEM.
    public var trustedCertificates: String?

    /// What a server may take.
    public struct Limits: Equatable, Sendable {
        public var connectTimeoutMs = 10_000
        /// For the whole of one answer.
        public var totalTimeoutMs = 600_000
        /// An answer that is slower than this for `lowSpeedSeconds` is given up.
        public var lowSpeedBytesPerSecond = 1
        public var lowSpeedSeconds = 30
        public var redirectsMax = 5
        /// Of one answer, unpacked.
        public var bodyBytesMax = 1 << 30

        public init() {}
    }

    public init(_ address: HTTPAddress) {
        self.address = address
    }
}

/// The answer to a request; its body went elsewhere.
public struct HTTPResponse: Sendable {
    public let status: Int
    /// Where it came from, behind all redirects.
    public let address: HTTPAddress
    /// Names in lower case.
    let headers: [String: [String]]
    public let bodyBytes: Int

    /// All values of a header.
    public func values(_ name: String) -> [String] { headers[name] ?? [] }

    public func value(_ name: String) -> String? { headers[name]?.last }

    /// The target of the `Link` header's `rel=next` (RFC 8288), as it stands there.
    public var nextLink: String? {
        for value in values("link") {
            for link in Self.parts(value[...], between: ",") {
                guard let end = link.firstIndex(of: ">"), link.first == "<" else { continue }
                let target = link[link.index(after: link.startIndex)..<end]
                let parameters = Self.parts(link[link.index(after: end)...], between: ";")
                let isNext = parameters.contains { parameter in
                    let parts = parameter.split(separator: "=", maxSplits: 1)
                        .map { $0.filter { $0 != " " && $0 != "\t" || $0 == "\"" } }
                    guard parts.count == 2, parts[0].lowercased() == "rel" else { return false }
                    let relations = parameter.drop { $0 != "=" }.dropFirst()
                        .filter { $0 != "\"" }.split(separator: " ")
                    return relations.contains { $0.lowercased() == "next" }
                }
                if isNext { return String(target) }
            }
        }
        return nil
    }

    /// Links stand with commas between, their parameters with semicolons; what is within `<…>` and
    /// quotes is part of one.
    private static func parts(_ value: Substring, between separator: Character) -> [Substring] {
        var parts: [Substring] = []
        var start = value.startIndex
        var isInTarget = false
        var isQuoted = false
        for index in value.indices {
            switch value[index] {
            case "<" where !isQuoted: isInTarget = true
            case ">" where !isQuoted: isInTarget = false
            case "\"" where !isInTarget: isQuoted.toggle()
            case separator where !isInTarget && !isQuoted:
                parts.append(value[start..<index])
                start = value.index(after: index)
            default: break
            }
        }
        parts.append(value[start...])
        return parts.map { $0.drop { $0 == " " || $0 == "\t" } }
    }
}

/// Why there is no whole answer.
public struct HTTPFailure: Error, Equatable, Sendable, CustomStringConvertible {
    public enum Kind: String, CaseIterable, Sendable {
        /// No connection: refused, no such host, no agreement on TLS.
        case connect
        case timeout
        /// The connection ended before the answer did.
        case cutOff = "cut_off"
        case tooLarge = "too_large"
        case redirect
        /// It is no HTTP, or is packed in a way that cannot be unpacked.
        case malformed
        /// Whoever asked has no use for it any more.
        case stopped
    }

    public let kind: Kind
    /// Names no query and no header.
    public let what: String

    public init(_ kind: Kind, _ what: String) {
        self.kind = kind
        self.what = what
    }

    public var description: String { what }

    /// Whether the same request may well succeed a little later.
    public var isPassing: Bool {
        switch kind {
        case .connect, .timeout, .cutOff: true
        case .tooLarge, .redirect, .malformed, .stopped: false
        }
    }
}
