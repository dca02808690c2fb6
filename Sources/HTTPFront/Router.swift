/// Finds the route of a method and path.
public struct Router: Sendable {
    public struct Route: Sendable {
        public var method: HTTPMethod
        /// Such as `/api/cards/{card_id}/history`.
        public var pattern: String
        /// The caller's number for it.
        public var tag: Int

        public init(_ method: HTTPMethod, _ pattern: String, tag: Int) {
            self.method = method
            self.pattern = pattern
            self.tag = tag
        }
    }

    public enum Match: Sendable, Equatable {
        case route(tag: Int, captures: Captures)
        case notFound
        case methodNotAllowed(HTTPMethodSet)
    }

    /// Where a path's captured segments lie, still percent-encoded.
    public struct Captures: Sendable, Equatable {
        /// At most so many in a pattern.
        public static let capacity = 2

        public private(set) var count = 0

        public subscript(_ index: Int) -> Range<Int> { 0..<0 }
    }

    /// Fails by precondition on a malformed pattern or one given twice: both are bugs of the program.
    public init(_ routes: [Route]) {}

    /// The route of a path (percent-encoded, without query), in a few hundred instructions and without allocation.
    public func match(_ method: HTTPMethod, _ path: UnsafeBufferPointer<UInt8>) -> Match {
        .notFound
    }
}
