/// A request method. Names are case-sensitive (RFC 9110, 9.1); all that the router cannot name is
/// `other`.
public enum HTTPMethod: UInt8, Sendable, CaseIterable {
    case get, head, post, put, delete, patch, options, other

    /// The method of this name. Takes the bytes without a terminator.
    public init(_ name: UnsafeBufferPointer<UInt8>) {
        // Most requests are a GET, and this is on the way of each.
        if name.count == 3, name[0] == 0x47, name[1] == 0x45, name[2] == 0x54 {
            self = .get
            return
        }
        for method in HTTPMethod.allCases where method.hasName(name) {
            self = method
            return
        }
        self = .other
    }

    /// The name as it stands in a request line; empty for `other`.
    public var name: StaticString {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .delete: "DELETE"
        case .patch: "PATCH"
        case .options: "OPTIONS"
        case .other: ""
        }
    }

    private func hasName(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        let name = self.name
        guard name.utf8CodeUnitCount == bytes.count, self != .other else { return false }
        for index in 0..<bytes.count where name.utf8Start[index] != bytes[index] { return false }
        return true
    }
}

/// Which methods a resource has.
public struct HTTPMethodSet: OptionSet, Sendable, Hashable {
    public let rawValue: UInt8

    public init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    public init(_ method: HTTPMethod) {
        rawValue = 1 << method.rawValue
    }

    /// The value of an `Allow` header, such as `GET, HEAD`. Allocates: only refusals need it.
    public var allowHeaderValue: String {
        HTTPMethod.allCases
            .filter { $0 != .other && contains(HTTPMethodSet($0)) }
            .map { "\($0.name)" }
            .joined(separator: ", ")
    }
}
