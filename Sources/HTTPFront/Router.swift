// Layout: the patterns form a tree of path segments, kept in one array of nodes. A node knows its
// first child and its next sibling by index; siblings stand with literal segments before the
// captured one, so the first route found is the most literal. Literal bytes of all nodes lie in one
// array. Built once, read by all workers, never changed.
//
// A path that a literal pattern has with another method only may still be a captured segment of
// another pattern: with `POST /cards/batch` and `GET /cards/{id}`, a GET of /cards/batch asks for
// the card "batch". So the walk goes on until path and method both fit, and collects the methods
// that it saw for a 405.

/// Finds the route of a method and path.
///
/// A trailing slash is the same route, an empty segment (`//`) matches nothing, and HEAD matches
/// wherever GET does. Literal segments are compared with the encoded path, byte by byte.
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

    /// Where a path's captured segments lie, still percent-encoded, in the order of the pattern.
    public struct Captures: Sendable, Equatable {
        /// At most so many in a pattern.
        public static let capacity = 2

        public private(set) var count = 0
        private var first = 0..<0
        private var second = 0..<0

        public subscript(_ index: Int) -> Range<Int> {
            precondition(index >= 0 && index < count, "the pattern has no such capture")
            return index == 0 ? first : second
        }

        fileprivate func appending(_ range: Range<Int>) -> Captures {
            var extended = self
            if count == 0 { extended.first = range } else { extended.second = range }
            extended.count += 1
            return extended
        }
    }

    private struct Node {
        /// Where the segment's bytes lie in `literals`; nil for a capture.
        var literal: Range<Int>?
        var firstChild = -1
        var nextSibling = -1
        /// The methods with a route that ends here, HEAD with GET.
        var methods: HTTPMethodSet = []
        /// Tags by method; meaningful where `methods` says so.
        var tags = InlineArray<8, Int>(repeating: 0)
    }

    private var nodes = [Node(literal: 0..<0)]
    private var literals: [UInt8] = []

    /// Fails by precondition on a malformed pattern or one given twice: both are bugs of the
    /// program.
    public init(_ routes: [Route]) {
        for route in routes { insert(route) }
    }

    /// The route of a path (percent-encoded, without query). Allocates nothing; its cost grows with
    /// the number of siblings at each segment, not with the number of routes.
    public func match(_ method: HTTPMethod, _ path: UnsafeBufferPointer<UInt8>) -> Match {
        guard path.first == UInt8(ascii: "/") else { return .notFound }
        // Without the slash in front, and without one at the end.
        let end = path.count > 1 && path.last == UInt8(ascii: "/") ? path.count - 1 : path.count
        var allowed: HTTPMethodSet = []
        let found =
            path.count == 1
            ? leaf(0, method, Captures(), &allowed)
            : descend(0, method, path, 1..<end, Captures(), &allowed)
        return found ?? (allowed.isEmpty ? .notFound : .methodNotAllowed(allowed))
    }

    /// The match below `parent` for the segments in `rest`, of which there is at least one.
    private func descend(
        _ parent: Int, _ method: HTTPMethod, _ path: UnsafeBufferPointer<UInt8>,
        _ rest: Range<Int>, _ captures: Captures, _ allowed: inout HTTPMethodSet
    ) -> Match? {
        var end = rest.lowerBound
        while end < rest.upperBound, path[end] != UInt8(ascii: "/") { end += 1 }
        guard end > rest.lowerBound else { return nil }
        let segment = rest.lowerBound..<end
        var child = nodes[parent].firstChild
        while child >= 0 {
            defer { child = nodes[child].nextSibling }
            var extended = captures
            if let literal = nodes[child].literal {
                guard isEqual(literal, path, segment) else { continue }
            } else {
                extended = captures.appending(segment)
            }
            let match =
                end == rest.upperBound
                ? leaf(child, method, extended, &allowed)
                : descend(child, method, path, end + 1..<rest.upperBound, extended, &allowed)
            if let match { return match }
        }
        return nil
    }

    private func leaf(
        _ node: Int, _ method: HTTPMethod, _ captures: Captures, _ allowed: inout HTTPMethodSet
    ) -> Match? {
        let methods = nodes[node].methods
        if methods.contains(HTTPMethodSet(method)) {
            return .route(tag: nodes[node].tags[Int(method.rawValue)], captures: captures)
        }
        allowed.formUnion(methods)
        return nil
    }

    private func isEqual(
        _ literal: Range<Int>, _ path: UnsafeBufferPointer<UInt8>, _ segment: Range<Int>
    ) -> Bool {
        guard literal.count == segment.count else { return false }
        for offset in 0..<literal.count
        where literals[literal.lowerBound + offset] != path[segment.lowerBound + offset] {
            return false
        }
        return true
    }
}

// MARK: - Building

extension Router {
    private mutating func insert(_ route: Route) {
        precondition(route.method != .other, "a route has a method with a name")
        precondition(route.pattern.hasPrefix("/"), "a pattern begins with a slash")
        var node = 0
        var captures = 0
        let segments = route.pattern.dropFirst().split(
            separator: "/", omittingEmptySubsequences: false)
        for (index, segment) in segments.enumerated() {
            if segment.isEmpty {
                precondition(index == segments.count - 1, "a pattern has no empty segment")
                break
            }
            let isCapture = segment.hasPrefix("{")
            precondition(isCapture == segment.hasSuffix("}"), "a capture is a whole segment")
            captures += isCapture ? 1 : 0
            node = child(of: node, isCapture ? nil : Array(segment.utf8))
        }
        precondition(captures <= Captures.capacity, "a pattern has too many captures")
        set(route.method, at: node, tag: route.tag)
        if route.method == .get { set(.head, at: node, tag: route.tag) }
    }

    private mutating func set(_ method: HTTPMethod, at node: Int, tag: Int) {
        let isNew = nodes[node].methods.insert(HTTPMethodSet(method)).inserted
        precondition(isNew, "a method and pattern are given once; HEAD comes with GET")
        nodes[node].tags[Int(method.rawValue)] = tag
    }

    /// The child for a segment, added when it is new: literals in front, the capture last.
    private mutating func child(of parent: Int, _ literal: [UInt8]?) -> Int {
        var last = -1
        var index = nodes[parent].firstChild
        while index >= 0 {
            if nodes[index].literal.map({ Array(literals[$0]) }) == literal { return index }
            last = index
            index = nodes[index].nextSibling
        }
        var node = Node()
        if let literal {
            node.literal = literals.count..<literals.count + literal.count
            literals += literal
            node.nextSibling = nodes[parent].firstChild
        }
        nodes.append(node)
        if literal != nil || last < 0 {
            nodes[parent].firstChild = nodes.count - 1
        } else {
            nodes[last].nextSibling = nodes.count - 1
        }
        return nodes.count - 1
    }
}
