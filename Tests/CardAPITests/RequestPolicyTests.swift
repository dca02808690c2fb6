import CardStore
import HTTPFront
import Testing

@testable import CardAPI

/// Whom the API answers, beside what keys say.
struct RequestPolicyTests {
    private static func server(
        access: CardAPI.Access = .keysIfAny, _ change: (inout RequestPolicy) -> Void = { _ in }
    ) throws -> APIServer {
        var policy = RequestPolicy()
        change(&policy)
        return try APIServer(try Samples.facts(), from: .store, access: access, policy: policy)
    }

    private static let card = "/api/cards/ZYW8827"

    // MARK: Hosts

    /// Without keys, only names are answered that no web page can give itself.
    @Test(arguments: [
        ("localhost", 200), ("LOCALHOST:8080", 200), ("a.localhost:1", 200), ("127.0.0.1", 200),
        ("127.0.0.1:8080", 200), ("192.0.2.1:80", 200), ("[::1]", 200), ("[::1]:8080", 200),
        ("cards.internal", 200), ("Cards.Internal:443", 200), ("", 200),
        ("evil.example", 421), ("evil.example:8080", 421), ("localhost.evil.example", 421),
        ("127.0.0.1.evil.example", 421), ("127.0.0.1.nip.io", 421), ("notlocalhost", 421),
        ("xcards.internal", 421), ("cards.internal.evil.example", 421), ("0x7f000001", 421),
    ])
    func host_isAnswered_whenItIsOurs(host: String, status: Int) throws {
        let server = try Self.server { $0.hosts = ["cards.internal"] }
        #expect(try server.get(Self.card, "Host: \(host)").status == status)
        #expect(try server.get("/api/health", "Host: \(host)").status == 200)
    }

    /// An absolute target says it instead of `Host`.
    @Test func host_isThatOfTheTarget() throws {
        let server = try Self.server()
        func status(_ target: String, _ host: String) throws -> Int {
            let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
            try connection.send(
                "GET \(target) HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
            return try connection.answer().status
        }
        #expect(try status("http://evil.example" + Self.card, "localhost") == 421)
        #expect(try status("http://x@localhost" + Self.card, "localhost") == 421)
        #expect(try status("http://localhost" + Self.card, "evil.example") == 200)
    }

    /// Where a key is needed, the name does not matter: no page has the key.
    @Test func host_isFree_whenKeysAreNeeded() throws {
        let server = try Self.server(access: .keysOnly)
        #expect(try server.get(Self.card, "Host: evil.example").status == 401)
        let open = try Self.server(access: .everybody)
        #expect(try open.get(Self.card, "Host: evil.example").status == 200)
    }

    // MARK: Other origins

    /// By default no page may read anything.
    @Test func origin_isNotAllowed_byDefault() throws {
        let server = try Self.server()
        let answer = try server.get(Self.card, "Origin: https://desk.example")
        #expect(answer.status == 200 && answer.headers["access-control-allow-origin"] == nil)
        #expect(
            try server.send("OPTIONS", Self.card, ["Origin: https://desk.example"]).status == 405)
    }

    /// A page on the list may read what anybody would get, and no other page.
    @Test func origin_isAllowed_whenItIsListed() throws {
        let origin = "https://desk.example"
        let server = try Self.server { $0.corsOrigins = [origin, "http://127.0.0.1:3000"] }
        for (target, status) in [(Self.card, 200), ("/api/cards/X", 404), ("/api/cards", 400)] {
            let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
            try connection.send(
                "GET \(target) HTTP/1.1\r\nHost: localhost\r\nOrigin: \(origin)\r\n"
                    + "Connection: close\r\n\r\n")
            let answer = try connection.answer()
            #expect(answer.status == status)
            #expect(answer.headers["access-control-allow-origin"] == origin)
            #expect(answer.headers["vary"]?.contains("Origin") == true)
            let plain = try server.get(target)
            #expect(plain.body == answer.body && plain.headers["etag"] == answer.headers["etag"])
        }
        for other in ["https://desk.example.evil", "http://desk.example", "null", "*", ""] {
            let answer = try server.get(Self.card, "Origin: \(other)")
            #expect(answer.headers["access-control-allow-origin"] == nil, "\(other)")
        }
    }

    /// Every kind of answer may be read: those that all share, those that come later, packed ones,
    /// refusals of the server's own. None says who may twice.
    @Test func origin_isAllowed_inEveryKindOfAnswer() throws {
        let origin = "https://desk.example"
        let key = APIKey()
        var policy = RequestPolicy()
        policy.corsOrigins = [origin]
        policy.perKey = RateLimit(perSecond: 1_000, burst: 1_000)
        let server = try APIServer(
            try Samples.facts() + Samples.family(100, phone: "+971501234567"), access: .keysOnly,
            policy: policy, hasBackups: true
        ) { directory in
            let store = try CardStore(directory: directory, create: false)
            try store.addKey(
                StoredKey(hash: key.hash, name: "k", createdAt: 0, role: .admin))
        }
        let event =
            #"{"card_id":"A1","status":"delivered","occurred_at":"2024-01-01T00:00:00Z"}"#
        let large = "[" + [String](repeating: event, count: 200).joined(separator: ",") + "]"
        let tooLarge = String(repeating: "x", count: 70_000)
        // Method, target, body, status, and whether the answer comes with a key.
        let calls: [(String, String, String, Int, Bool)] = [
            ("GET", Self.card, "", 200, true), ("HEAD", Self.card, "", 200, true),
            ("GET", Self.card, "", 401, false), ("GET", "/api/cards/NOSUCH", "", 404, true),
            ("GET", "/api/nothing", "", 404, true), ("PATCH", Self.card, "", 405, true),
            ("GET", "/api/cards?phone=%2B971501234567", "", 200, true),
            ("GET", "/api/events", "", 200, true), ("GET", "/api/events?from=x", "", 400, true),
            ("GET", "/api/health", "", 200, false), ("GET", "/api/ready", "", 200, false),
            ("GET", "/openapi.json", "", 200, false), ("GET", "/metrics", "", 200, true),
            ("GET", "/api/get-card-status", "", 400, true),
            ("GET", "/api/changes", "", 200, true),
            ("GET", "/api/changes?since=999", "", 410, true),
            ("GET", "/api/changes?since=103&wait=1", "", 200, true),
            ("GET", "/api/feeds", "", 200, true), ("GET", "/api/runs", "", 200, true),
            ("POST", "/api/refresh-pickup", "", 202, true),
            ("POST", "/api/feeds/delivered/files", "a,b", 202, true),
            ("POST", "/api/feeds/delivered/files", "a,b", 401, false),
            ("POST", "/api/events", event, 201, true), ("POST", "/api/events", large, 200, true),
            ("POST", "/api/events", "[]x", 400, true),
            ("POST", "/api/events", tooLarge, 401, false),
            ("POST", "/api/cards/batch", #"{"card_ids":["A1"]}"#, 200, true),
            ("POST", "/api/admin/reload?scope=keys", tooLarge, 413, true),
            ("POST", "/api/admin/reload?scope=keys", "", 200, true),
            ("POST", "/api/admin/reload?scope=certs", "", 422, true),
            ("POST", "/api/admin/backup?name=a", "", 201, true),
            ("GET", "/api/admin/stats", "", 200, true), ("GET", "/api/customers", "", 200, true),
        ]
        for (method, target, body, status, hasKey) in calls {
            for isPacked in [false, true] where !isPacked || method == "GET" {
                for (asked, isAllowed) in [(origin, true), ("https://evil.example", false)] {
                    // A backup's name is taken after the first.
                    let target = target.replacing("name=a", with: "name=\(isAllowed)")
                    var headers = ["Origin: \(asked)"]
                    if hasKey { headers.append("X-API-Key: \(key.text)") }
                    if isPacked { headers.append("Accept-Encoding: gzip") }
                    let answer = try Self.ask(server, method, target, headers, body)
                    let what: Comment = "\(method) \(target) \(asked): \(answer.status)"
                    let isAgain = status == 201 && answer.status == 200
                    #expect(answer.status == status || isAgain, what)
                    #expect(
                        answer.headers["access-control-allow-origin"] == (isAllowed ? origin : nil),
                        what)
                    #expect(
                        answer.headers["vary"]?.contains("Origin") ?? false == isAllowed, what)
                }
            }
        }
    }

    /// As ``APIServer/send(_:_:_:body:sourceLocation:)``, for answers that no contract has.
    private static func ask(
        _ server: APIServer, _ method: String, _ target: String, _ headers: [String],
        _ body: String
    ) throws -> HTTPAnswer {
        var lines = ["\(method) \(target) HTTP/1.1", "Host: localhost", "Connection: close"]
        lines += headers
        if !body.isEmpty {
            let type = target.hasSuffix("/files") ? "text/csv" : "application/json"
            lines += ["Content-Length: \(body.utf8.count)", "Content-Type: \(type)"]
        }
        let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
        try connection.send((lines + ["", body]).joined(separator: "\r\n"))
        return try connection.answer(isHead: method == "HEAD")
    }

    /// A browser is told not to guess what personal data are, whatever kind of answer they come in,
    /// and no cache keeps them.
    @Test func personalData_areNotGuessedNorKept() throws {
        let server = try APIServer(
            try Samples.facts() + Samples.family(100, phone: "+971501234567"))
        for target in [
            "/api/cards?phone=%2B971501234567", "/api/cards/ZYW8827/history", "/api/events",
            "/api/customers", "/api/get-card-status?card_id=ZYW8827", "/api/runs",
        ] {
            for coding in ["identity", "gzip"] {
                let answer = try server.get(target, "Accept-Encoding: \(coding)")
                #expect(answer.headers["cache-control"] == "private, no-cache", "\(target)")
                #expect(answer.headers["x-content-type-options"] == "nosniff", "\(target)")
            }
        }
        let card = try server.get(Self.card)
        #expect(card.headers["cache-control"] == "private, no-cache")
        #expect(card.headers["content-type"] == "application/json")
    }

    /// Before a page sends a key its browser asks whether it may.
    @Test func preflight_isAnswered() throws {
        let server = try Self.server(access: .keysOnly) {
            $0.corsOrigins = ["https://desk.example"]
        }
        let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
        try connection.send(
            "OPTIONS \(Self.card) HTTP/1.1\r\nHost: localhost\r\n"
                + "Origin: https://desk.example\r\nAccess-Control-Request-Method: GET\r\n"
                + "Connection: close\r\n\r\n")
        let text = try connection.receiveAll()
        let answer = String(decoding: text, as: UTF8.self)
        #expect(answer.hasPrefix("HTTP/1.1 204 "))
        #expect(answer.contains("Access-Control-Allow-Origin: https://desk.example\r\n"))
        #expect(answer.contains("Access-Control-Allow-Headers: Authorization, X-API-Key"))
    }

    // MARK: Rates

    /// What is beyond a client's rate is 429 and says when to ask again; probes are not counted.
    @Test func client_isRefused_beyondItsRate() throws {
        let server = try Self.server { $0.perClient = RateLimit(perSecond: 1, burst: 3) }
        var statuses: [Int] = []
        for _ in 0..<8 {
            let answer = try server.get(Self.card)
            statuses.append(answer.status)
            #expect(try server.get("/api/health").status == 200)
            guard answer.status == 429 else { continue }
            #expect(answer.headers["retry-after"] == "1")
            #expect(answer.headers["ratelimit-limit"] == "3")
        }
        #expect(statuses.prefix(3) == [200, 200, 200] && statuses.contains(429))
        #expect(server.api.rateRefusals.perClient == statuses.count { $0 == 429 })
        let later: Bool? = try wait { try server.get(Self.card).status == 200 ? true : nil }
        #expect(later == true)
    }

    /// Behind a trusted proxy each of its clients has a rate of its own.
    @Test func client_isTheProxys() throws {
        let server = try Self.server {
            $0.perClient = RateLimit(perSecond: 1, burst: 1)
            $0.trustedProxies = TrustedProxies(
                [AddressRange("127.0.0.0/8")].compactMap(\.self), header: .xForwardedFor)
        }
        for client in 1...20 {
            let answer = try server.get(Self.card, "X-Forwarded-For: 6.6.6.6, 192.0.2.\(client)")
            #expect(answer.status == 200)
        }
    }

    /// Each key has a rate of its own, on whatever connection; who has none is not counted.
    @Test func key_isRefused_beyondItsRate() throws {
        let (first, second) = (APIKey(), APIKey())
        var policy = RequestPolicy()
        policy.perKey = RateLimit(perSecond: 1, burst: 2)
        let server = try APIServer(
            try Samples.facts(), from: .store, access: .keysOnly, policy: policy
        ) { directory in
            let store = try CardStore(directory: directory, create: false)
            for key in [first, second] {
                try store.addKey(StoredKey(hash: key.hash, name: "k", createdAt: 0))
            }
        }
        func status(_ key: APIKey) throws -> Int {
            try server.get(Self.card, "X-API-Key: \(key.text)").status
        }
        var statuses: [Int] = []
        for _ in 0..<6 { statuses.append(try status(first)) }
        #expect(statuses.prefix(2) == [200, 200] && statuses.contains(429))
        #expect(try status(second) == 200)
        for _ in 0..<5 { #expect(try status(APIKey()) == 401) }
        #expect(try server.get("/api/health", "X-API-Key: \(first.text)").status == 200)
    }
}
