import Testing

@testable import CardAPI

/// Paths and methods, whatever the route.
struct RoutingTests {
    private static let targets: [(Route, String)] = [
        (.card, "/api/cards/ZYW8827"), (.cards, "/api/cards?phone=0585949014"),
        (.history, "/api/cards/ZYW8827/history"), (.events, "/api/events?limit=3"),
        (.customers, "/api/customers"),
        (.cardStatus, "/api/get-card-status?card_id=ZYW8827"), (.health, "/api/health"),
        (.ready, "/api/ready"), (.metrics, "/metrics"), (.openAPI, "/openapi.json"),
        (.feeds, "/api/feeds"), (.runs, "/api/runs"),
        (.changes, "/api/changes?since=1"), (.stats, "/api/admin/stats"),
        (.slow, "/api/admin/slow"),
    ]

    /// Those that are not asked with GET, or have nothing to show in a server without any.
    private static let others: Set<Route> = [
        .unmatched, .batch, .addEvents, .voidEvents, .reload, .backup, .customer, .refreshFeed,
        .uploadFile, .refreshPickup, .refreshDeliveryExceptions, .refreshDelivered,
        .refreshReturned, .ingest, .run, .rejects, .resetSlow,
        .logLevel, .setLogLevel,
    ]

    /// Those whose answer tells of what has happened meanwhile.
    private static let changing: Set<Route> = [.metrics, .stats, .feeds]

    private static func withSlash(_ target: String) -> String {
        let parts = target.split(separator: "?", maxSplits: 1)
        return parts[0] + "/" + (parts.count == 2 ? "?" + parts[1] : "")
    }

    /// No route is left out of these tests.
    @Test func targets_areAllRoutes() {
        #expect(Set(Self.targets.map(\.0)).union(Self.others) == Set(Route.allCases))
    }

    /// HEAD answers as GET does, without the body.
    @Test func head_isGetWithoutABody() throws {
        let server = try APIServer(try Samples.facts())
        let more = [
            "/api/cards/UNKNOWN", "/api/cards/bad%20id", "/api/cards", "/api/get-card-status",
            "/nowhere",
        ]
        for target in Self.targets.filter({ !Self.changing.contains($0.0) }).map(\.1) + more {
            let get = try server.get(target)
            let head = try server.send("HEAD", target)
            #expect(head.status == get.status, "\(target)")
            var (expected, found) = (get.headers, head.headers)
            expected["date"] = nil
            found["date"] = nil
            #expect(found == expected, "\(target)")
            #expect(head.headers["content-length"] == "\(get.body.count)", "\(target)")
            #expect(head.body.isEmpty)
        }
        #expect(try server.send("HEAD", "/metrics").status == 200)
        #expect(
            try server.send("HEAD", "/api/cards/ZYW8827", ["If-None-Match: *"]).status == 304)
    }

    /// A slash at the end makes no difference.
    @Test func trailingSlash_isTheSameRoute() throws {
        let server = try APIServer(try Samples.facts())
        for (route, target) in Self.targets where !Self.changing.contains(route) {
            let plain = try server.get(target)
            let slashed = try server.get(Self.withSlash(target))
            #expect(plain.status == 200)
            #expect(slashed.status == 200, "\(route)")
            #expect(slashed.body == plain.body, "\(route)")
        }
        #expect(try server.get("/metrics/").status == 200)
    }

    /// Other methods are told which there are; that takes no key.
    @Test(arguments: ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW", "get"])
    func otherMethods_areNotAllowed(method: String) throws {
        let server = try APIServer([], from: .store, access: .keysOnly)
        for (route, target) in Self.targets where method != "POST" || route != .events {
            let allowed = route == .events ? "GET, HEAD, POST" : "GET, HEAD"
            for target in [target, Self.withSlash(target)] {
                let answer = try server.send(method, target)
                #expect(answer.status == 405, "\(route)")
                #expect(answer.headers["allow"] == allowed)
                #expect(
                    answer.text
                        == #"{"type":"urn:cardstatus:problem:method-not-allowed","#
                        + #""title":"Method not allowed","status":405,"#
                        + #""detail":"This path allows \#(allowed)."}"#)
            }
        }
    }

    /// A path that no route has is not found, by any method; that takes no key either.
    @Test(arguments: [
        "/", "/api", "/api/", "/apis", "/api/card", "/API/cards", "/api/cards//", "//api/cards",
        "/api//cards", "/api/cards/ZYW8827/nothing", "/api/cards/ZYW8827/history/more",
        "/api/cards//history", "/metrics/x", "/openapi.json/x", "/openapi", "/api/health.json",
        "/favicon.ico", "/api/cards/a/b/c", "/?phone=1", "/%61pi/cards", "/api/cards%2FZYW8827",
    ])
    func otherPaths_areUnknownRoutes(target: String) throws {
        let server = try APIServer([], from: .store, access: .keysOnly)
        for method in ["GET", "POST", "BREW"] {
            let answer = try server.send(method, target)
            #expect(answer.status == 404)
            #expect(
                answer.text
                    == #"{"type":"urn:cardstatus:problem:unknown-route","#
                    + #""title":"Unknown route","status":404,"#
                    + #""detail":"There is nothing at this path; /openapi.json lists what there "#
                    + #"is."}"#)
        }
    }

    /// A request target with scheme and host is its path.
    @Test func absoluteTarget_isItsPath() throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
        try connection.send(
            "GET http://localhost/api/cards/ZYW8827 HTTP/1.1\r\nHost: example.com\r\n"
                + "Connection: close\r\n\r\n")
        #expect(try connection.answer().text == Samples.zyw8827)
    }

    /// What is refused before it is read gets a problem, and the connection is closed.
    @Test func refusals_areProblems() throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        let withBody = try server.send("GET", "/api/cards/ZYW8827", body: "x")
        #expect(withBody.status == 400)
        #expect(
            withBody.text
                == #"{"type":"urn:cardstatus:problem:malformed","title":"Malformed request","#
                + #""status":400,"detail":"GET and HEAD requests have no body."}"#)
        let statusCall = try server.send("GET", "/api/get-card-status", body: "x")
        #expect(try statusCall.json()["type"] == .string("urn:cardstatus:problem:malformed"))
        let large = try server.send(
            "POST", "/api/cards", body: String(repeating: "x", count: 65_537))
        #expect(large.status == 413)
        #expect(try large.json()["type"] == .string("urn:cardstatus:problem:body-too-large"))
        #expect(try server.send("POST", "/api/cards", body: "x").status == 405)
    }
}
