// Layout: the patterns form a tree of path segments, kept in one array of nodes. A node knows its
// first child and its next sibling by index; siblings stand with literal segments before the
// captured one, so the first route found is the most literal. Literal bytes of all nodes lie in one
// array. Built once, read by all workers, never changed.
//
// A request for one thing by its name is the commonest, so a GET of `literal/…/{capture}` has a way
// of its own in front of the tree, and so has a GET of one literal path: see `Shortcut`. Both are
// found in the tree at the building, so there is one table of routes, and a path that does not fit
// them exactly goes through the tree.
//
// A path that a literal pattern has with another method only may still be a captured segment of
// another pattern: with `POST /cards/batch` and `GET /cards/{id}`, a GET of /cards/batch asks for
// the card "batch". So the walk goes on until path and method both fit, and collects the methods
// that it saw for a 405.

import Glibc

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

        fileprivate init() {}

        fileprivate init(_ only: Range<Int>) {
            count = 1
            first = only
        }

        public subscript(_ index: Int) -> Range<Int> {
            precondition(index >= 0 && index < count, "the pattern has no such capture")
            return index == 0 ? first : second
        }

        fileprivate mutating func append(_ range: Range<Int>) {
            if count == 0 { first = range } else { second = range }
            count += 1
        }

        /// What is beyond `count` is cleared, so that equal captures are equal.
        fileprivate mutating func removeLast() {
            if count == 1 { first = 0..<0 } else { second = 0..<0 }
            count -= 1
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

    /// A pattern for GET and HEAD whose only capture is its last segment, such as
    /// `/api/cards/{card_id}`, or that has none. The former is chosen only if no GET route has
    /// another literal in the place of the capture, which the tree would prefer.
    private struct Shortcut {
        /// The literal bytes, or those in front of the capture, 8 to 16 of them, as two words that
        /// overlap.
        var first: UInt64 = 0
        var last: UInt64 = 0
        /// 0 when there is no shortcut.
        var count = 0
        var tag = 0

        init() {}

        init(_ literal: some Collection<UInt8>, tag: Int) {
            guard (8...16).contains(literal.count) else { return }
            Array(literal).withUnsafeBytes { bytes in
                first = bytes.loadUnaligned(as: UInt64.self)
                last = bytes.loadUnaligned(fromByteOffset: bytes.count - 8, as: UInt64.self)
            }
            count = literal.count
            self.tag = tag
        }

        /// Whether a path that has as many bytes begins with the literal ones.
        @inline(__always)
        func begins(_ path: UnsafeRawPointer) -> Bool {
            path.loadUnaligned(as: UInt64.self) == first
                && path.loadUnaligned(fromByteOffset: count &- 8, as: UInt64.self) == last
        }
    }

    private var capturing = Shortcut()
    private var literal = Shortcut()
    private var nodes = [Node(literal: 0..<0)]
    private var literals: [UInt8] = []

    /// Fails by precondition on a malformed pattern or one given twice: both are bugs of the
    /// program.
    ///
    /// - Parameter frequent: the tags of routes whose GET is to be found fastest. They may be any,
    ///   but only the first that has 8 to 16 literal bytes and one capture at its end gains, and
    ///   the first that has so many and no capture.
    public init(_ routes: [Route], frequent: [Int] = []) {
        for route in routes { insert(route) }
        for tag in frequent {
            guard let route = routes.first(where: { $0.tag == tag && $0.method == .get })
            else { continue }
            if route.pattern.contains("{") {
                if capturing.count == 0 { capturing = shortcut(to: route) }
            } else if literal.count == 0, !route.pattern.hasSuffix("/") {
                literal = Shortcut(route.pattern.utf8, tag: tag)
            }
        }
    }

    /// The route of a path (percent-encoded, without query). Allocates nothing; its cost grows with
    /// the number of siblings at each segment, not with the number of routes.
    public func match(_ method: HTTPMethod, _ path: UnsafeBufferPointer<UInt8>) -> Match {
        if method == .get || method == .head, let base = path.baseAddress {
            if path.count > capturing.count, capturing.count > 0, capturing.begins(base),
                let capture = lastSegment(path)
            {
                return .route(tag: capturing.tag, captures: Captures(capture))
            }
            if path.count == literal.count, literal.begins(base) {
                return .route(tag: literal.tag, captures: Captures())
            }
        }
        guard path.first == UInt8(ascii: "/") else { return .notFound }
        return nodes.withUnsafeBufferPointer { nodes in
            literals.withUnsafeBufferPointer { literals in
                // Without a slash at the end.
                let hasSlash = path.count > 1 && path[path.count - 1] == UInt8(ascii: "/")
                var walk = Walk(
                    nodes: nodes, literals: literals, method: method, path: path,
                    end: hasSlash ? path.count - 1 : path.count)
                let found = path.count == 1 ? walk.leaf(0) : walk.descend(0, from: 1)
                if found >= 0 {
                    return .route(
                        tag: nodes[found].tags[Int(method.rawValue)], captures: walk.captures)
                }
                return walk.allowed.isEmpty ? .notFound : .methodNotAllowed(walk.allowed)
            }
        }
    }

    /// What lies behind the literal bytes of the shortcut with a capture, when it is one segment.
    @inline(__always)
    private func lastSegment(_ path: UnsafeBufferPointer<UInt8>) -> Range<Int>? {
        let range = capturing.count..<path.count
        for index in range where path[index] == UInt8(ascii: "/") { return nil }
        return range
    }

    /// One match on its way; results are node indexes, -1 where there is none.
    private struct Walk {
        let nodes: UnsafeBufferPointer<Node>
        let literals: UnsafeBufferPointer<UInt8>
        let method: HTTPMethod
        let path: UnsafeBufferPointer<UInt8>
        let end: Int
        var captures = Captures()
        var allowed: HTTPMethodSet = []

        /// The match below `parent` for the segments from `start` on, of which there is at least
        /// one.
        mutating func descend(_ parent: Int, from start: Int) -> Int {
            var child = nodes[parent].firstChild
            while child >= 0 {
                let segmentEnd = endOfSegment(child, start)
                if segmentEnd >= 0 {
                    let isCapture = nodes[child].literal == nil
                    if isCapture { captures.append(start..<segmentEnd) }
                    let found =
                        segmentEnd == end ? leaf(child) : descend(child, from: segmentEnd + 1)
                    if found >= 0 { return found }
                    if isCapture { captures.removeLast() }
                }
                child = nodes[child].nextSibling
            }
            return -1
        }

        mutating func leaf(_ node: Int) -> Int {
            let methods = nodes[node].methods
            if methods.contains(HTTPMethodSet(method)) { return node }
            allowed.formUnion(methods)
            return -1
        }

        /// Where the segment at `start` ends if the node fits it, else -1.
        private func endOfSegment(_ node: Int, _ start: Int) -> Int {
            guard start < end, let base = path.baseAddress else { return -1 }
            let slash = UInt8(ascii: "/")
            if let literal = nodes[node].literal {
                let segmentEnd = start + literal.count
                guard segmentEnd <= end, segmentEnd == end || path[segmentEnd] == slash,
                    let bytes = literals.baseAddress,
                    memcmp(bytes + literal.lowerBound, base + start, literal.count) == 0
                else { return -1 }
                return segmentEnd
            }
            guard path[start] != slash else { return -1 }
            guard let found = memchr(base + start, Int32(slash), end - start) else { return end }
            return UnsafeRawPointer(base).distance(to: UnsafeRawPointer(found))
        }
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

    private func shortcut(to route: Route) -> Shortcut {
        let segments = route.pattern.dropFirst().split(separator: "/")
        guard let capture = segments.last, capture.hasPrefix("{") else { return Shortcut() }
        var node = 0
        for segment in segments.dropLast() {
            let literal = Array(segment.utf8)
            var child = nodes[node].firstChild
            while child >= 0, nodes[child].literal.map({ Array(literals[$0]) }) != literal {
                child = nodes[child].nextSibling
            }
            guard child >= 0 else { return Shortcut() }
            node = child
        }
        var child = nodes[node].firstChild
        while child >= 0 {
            let isRival = !nodes[child].methods.isDisjoint(with: [.init(.get), .init(.head)])
            if nodes[child].literal != nil, isRival { return Shortcut() }
            child = nodes[child].nextSibling
        }
        return Shortcut(route.pattern.utf8.dropLast(capture.utf8.count), tag: route.tag)
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
