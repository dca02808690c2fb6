import HTTPFront
import Testing

struct RouterTests {
    private static let routes: [Router.Route] = [
        .init(.get, "/", tag: 1),
        .init(.get, "/api/cards", tag: 2),
        .init(.get, "/api/cards/{card_id}", tag: 3),
        .init(.post, "/api/cards/batch", tag: 4),
        .init(.get, "/api/cards/{card_id}/history", tag: 5),
        .init(.post, "/api/feeds/{id}/files/", tag: 6),
        .init(.get, "/api/feeds/{id}/files", tag: 7),
        .init(.options, "/api/cards", tag: 8),
        .init(.get, "/x/{a}/y/{b}", tag: 9),
        .init(.get, "/x/lit/{b}/z", tag: 10),
        .init(.delete, "/api/{anything}", tag: 11),
    ]

    /// With the ways in front of the tree, and without.
    private static let routers = [Router(routes, frequent: [3, 2]), Router(routes)]

    private func match(_ router: Router, _ method: HTTPMethod, _ path: String) -> String {
        let bytes = Array(path.utf8)
        return bytes.withUnsafeBufferPointer { buffer in
            switch router.match(method, buffer) {
            case .notFound: return "404"
            case .methodNotAllowed(let methods): return "405 \(methods.allowHeaderValue)"
            case .route(let tag, let captures):
                let texts = (0..<captures.count).map {
                    String(decoding: buffer[captures[$0]], as: UTF8.self)
                }
                return ([String(tag)] + texts).joined(separator: " ")
            }
        }
    }

    /// Method and path lead to one route and its captures, or to 404, or to 405 with what is
    /// allowed.
    @Test(arguments: [
        (HTTPMethod.get, "/", "1"), (.head, "/", "1"), (.post, "/", "405 GET, HEAD"),
        (.get, "/api/cards", "2"), (.get, "/api/cards/", "2"), (.head, "/api/cards", "2"),
        (.options, "/api/cards", "8"), (.put, "/api/cards", "405 GET, HEAD, DELETE, OPTIONS"),
        (.delete, "/api/cards", "11 cards"), (.get, "/api/other", "405 DELETE"),
        (.get, "/api/cards/ZYW8827", "3 ZYW8827"), (.get, "/api/cards/ZYW8827/", "3 ZYW8827"),
        (.get, "/api/cards/a%2Fb", "3 a%2Fb"), (.head, "/api/cards/x", "3 x"),
        (.post, "/api/cards/batch", "4"), (.get, "/api/cards/batch", "3 batch"),
        (.delete, "/api/cards/batch", "405 GET, HEAD, POST"),
        (.delete, "/api/cards/x", "405 GET, HEAD"), (.other, "/api/cards/x", "405 GET, HEAD"),
        (.get, "/api/cards/x/history", "5 x"), (.get, "/api/cards/x/history/", "5 x"),
        (.get, "/api/cards/x/histor", "404"), (.get, "/api/cards/x/history/y", "404"),
        (.get, "/api/cards/batch/history", "5 batch"),
        (.post, "/api/feeds/f/files", "6 f"), (.get, "/api/feeds/f/files/", "7 f"),
        (.get, "/x/1/y/2", "9 1 2"), (.get, "/x/lit/y/2", "9 lit 2"),
        (.get, "/x/lit/y/z", "10 y"), (.get, "/x/lit/q/z", "10 q"),
        (.get, "//", "404"), (.get, "/api//cards", "404"), (.get, "//api/cards", "404"),
        (.get, "/api/cards//", "404"), (.get, "/api/cards//history", "404"),
        (.get, "/api", "404"), (.get, "/api/", "404"), (.get, "/API/cards", "404"),
        (.get, "", "404"), (.get, "api/cards", "404"), (.options, "*", "404"),
    ])
    func match_findsTheRoute_whenPathIsGiven(method: HTTPMethod, path: String, expected: String) {
        for router in RouterTests.routers { #expect(match(router, method, path) == expected) }
    }

    /// Without routes nothing is found.
    @Test func match_isNotFound_whenThereAreNoRoutes() {
        Array("/".utf8).withUnsafeBufferPointer { bytes in
            #expect(Router([]).match(.get, bytes) == .notFound)
        }
    }
}
