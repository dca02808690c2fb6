import CardModel
import CardStore
import Foundation
import Testing

@testable import CardAPI

/// Every route against every kind of key.
struct AuthorisationTests {
    /// Who may call what. It is written out, so that a route that nobody decided about fails the
    /// test rather than being open; what is not listed is refused.
    private static let allowed: [String: Set<KeyRole>] = [
        "GET /api/cards/{card_id}": everyRole,
        "GET /api/cards": everyRole,
        "POST /api/cards/batch": everyRole,
        "GET /api/cards/{card_id}/history": [.agent, .admin],
        "GET /api/events": [.agent, .admin],
        "GET /api/get-card-status": everyRole,
        "GET /metrics": everyRole,
        "GET /api/feeds": [.ingest, .admin],
        "POST /api/feeds/{feed_id}/refresh": [.ingest, .admin],
        "POST /api/feeds/{feed_id}/files": [.ingest, .admin],
        "POST /api/refresh-pickup": [.ingest, .admin],
        "POST /api/refresh-delivery-exceptions": [.ingest, .admin],
        "POST /api/refresh-delivered": [.ingest, .admin],
        "POST /api/refresh-returned": [.ingest, .admin],
        "POST /api/ingest": [.ingest, .admin],
        "GET /api/runs": [.ingest, .admin],
        "GET /api/runs/{run_id}": [.ingest, .admin],
        "GET /api/runs/{run_id}/rejects": [.ingest, .admin],
        "POST /api/events": [.ingest, .admin],
        "POST /api/events/void": [.ingest, .admin],
        "GET /api/changes": [.ingest, .admin],
        "POST /api/admin/reload": [.admin],
        "POST /api/admin/backup": [.admin],
        "GET /api/admin/stats": [.admin],
        "GET /api/admin/slow": [.admin],
        "POST /api/admin/slow/reset": [.admin],
        "GET /api/admin/log-level": [.admin],
        "POST /api/admin/log-level": [.admin],
        "GET /api/customers": [.agent, .admin],
        "GET /api/customers/{customer_id}": [.agent, .admin],
    ]
    private static let everyRole = Set(KeyRole.allCases)

    /// What needs no key.
    private static let open: Set<String> = [
        "GET /api/health", "GET /api/ready", "GET /openapi.json",
    ]

    private static func name(_ route: Route) -> String { "\(route.method.name) \(route.pattern)" }

    /// A path of the route.
    private static func target(_ route: Route) -> String {
        route.pattern.replacing(/\{[a-z_]+\}/, with: "1")
    }

    /// A header for the request, and what it should come to.
    private struct Credential {
        var what: String
        var headers: [String]
        /// Nil for one that opens nothing.
        var role: KeyRole?
    }

    private static let past: UInt64 = 1

    private static func stored(
        _ key: APIKey, _ role: KeyRole, expiresAt: UInt64? = nil
    ) -> StoredKey {
        StoredKey(
            hash: key.hash, name: "\(role) \(expiresAt ?? 0)", createdAt: 0, role: role,
            expiresAt: expiresAt)
    }

    /// A server, and every kind of credential with it.
    private static func prepare() throws -> (APIServer, [Credential]) {
        var credentials = [
            Credential(what: "none", headers: []),
            Credential(what: "unknown", headers: ["X-API-Key: \(APIKey().text)"]),
            Credential(what: "empty", headers: ["X-API-Key:"]),
            Credential(what: "junk", headers: ["Authorization: Bearer \u{FF}'\"; --"]),
        ]
        var keys: [(APIKey, KeyRole, UInt64?)] = []
        for role in KeyRole.allCases {
            let (valid, expired, revoked) = (APIKey(), APIKey(), APIKey())
            keys += [(valid, role, nil), (expired, role, past), (revoked, role, 1 << 55)]
            let malformed = ["X-API-Key: \(valid.text)0", "X-API-Key: \(valid.text.dropFirst(3))"]
            credentials += [
                Credential(
                    what: "\(role)", headers: ["Authorization: Bearer \(valid.text)"], role: role),
                Credential(what: "expired \(role)", headers: ["X-API-Key: \(expired.text)"]),
                Credential(what: "revoked \(role)", headers: ["X-API-Key: \(revoked.text)"]),
                Credential(what: "basic \(role)", headers: ["Authorization: Basic \(valid.text)"]),
                Credential(
                    what: "twice \(role)",
                    headers: ["X-API-Key: \(valid.text)", "Authorization: Bearer \(valid.text)"]),
            ]
            credentials += malformed.map {
                Credential(what: "malformed \(role)", headers: [$0])
            }
        }
        let server = try APIServer(try Samples.facts(), access: .keysOnly) { directory in
            let store = try CardStore(directory: directory, create: false)
            for (key, role, expiresAt) in keys {
                try store.addKey(stored(key, role, expiresAt: expiresAt))
                if expiresAt == 1 << 55 { _ = try store.removeKey(hash: key.hash) }
            }
        }
        return (server, credentials)
    }

    /// 401 for who shows no valid key, 403 for a valid key whose role does not do, and neither for
    /// who is expressly allowed.
    @Test func routes_letIn_whoIsExpresslyAllowed() throws {
        let (server, credentials) = try Self.prepare()
        for route in Route.allCases where route != .unmatched {
            let name = Self.name(route)
            let roles = Self.allowed[name]
            #expect((roles != nil) != Self.open.contains(name), "\(name): who may call it?")
            for credential in credentials {
                let status = try server.send(
                    "\(route.method.name)", Self.target(route), credential.headers
                ).status
                let what: Comment = "\(name), \(credential.what): \(status)"
                if Self.open.contains(name) {
                    #expect(![401, 403].contains(status), what)
                } else if let role = credential.role {
                    let isAllowed = roles?.contains(role) ?? false
                    #expect((status != 403) == isAllowed && status != 401, what)
                } else {
                    #expect(status == 401, what)
                }
            }
        }
    }

    /// A key that is bound to a feed is for that one alone, with a body or without.
    @Test func boundKey_isForItsFeed() throws {
        let key = APIKey()
        let server = try APIServer(try Samples.facts(), access: .keysOnly) { directory in
            let store = try CardStore(directory: directory, create: false)
            try store.addKey(
                StoredKey(
                    hash: key.hash, name: "k", createdAt: 0, role: .ingest,
                    feed: FeedID("delivered")))
        }
        let header = ["X-API-Key: \(key.text)", "Content-Type: text/csv"]
        for (method, target, body, isAllowed) in [
            ("POST", "/api/feeds/delivered/refresh", "", true),
            ("POST", "/api/feeds/pickup/refresh", "", false),
            ("POST", "/api/feeds/delivered/files", "a,b", true),
            ("POST", "/api/feeds/pickup/files", "a,b", false),
            ("POST", "/api/feeds/pickup/files", "", false),
            ("POST", "/api/refresh-delivered", "", true),
            ("POST", "/api/refresh-pickup", "", false), ("POST", "/api/ingest", "", false),
            ("GET", "/api/runs", "", false), ("GET", "/api/runs?feed=pickup", "", false),
            ("GET", "/api/runs?feed=delivered", "", true), ("GET", "/api/runs/99999", "", true),
            ("GET", "/api/feeds", "", true), ("GET", "/api/cards/ZYW8827", "", true),
        ] {
            let status = try server.send(method, target, header, body: body).status
            #expect((status != 403) == isAllowed && status != 401, "\(method) \(target) \(status)")
        }
    }

    /// What matches no route, or a route by another method, tells nothing that needs a key.
    @Test func otherTargets_areNotFound() throws {
        let (server, credentials) = try Self.prepare()
        for credential in credentials {
            #expect(try server.send("GET", "/api/nothing", credential.headers).status == 404)
            #expect(try server.send("PATCH", "/api/cards", credential.headers).status == 405)
        }
    }

    /// Each request on a connection is judged by its own key.
    @Test func connection_keepsNoRightsOfAnotherKey() throws {
        let (admin, lookup) = (APIKey(), APIKey())
        let server = try APIServer(try Samples.facts(), access: .keysOnly) { directory in
            let store = try CardStore(directory: directory, create: false)
            try store.addKey(Self.stored(admin, .admin))
            try store.addKey(Self.stored(lookup, .lookup))
        }
        let headers = [admin.text, lookup.text, admin.text, "", admin.text, lookup.text, "x"]
        let connection = try HTTPConnection(port: server.server.boundAddresses[0].port)
        var requests = ""
        for (index, text) in headers.enumerated() {
            let last = index == headers.count - 1
            requests += "GET /api/cards/ZYW8827/history HTTP/1.1\r\nHost: localhost\r\n"
            requests += text.isEmpty ? "" : "X-API-Key: \(text)\r\n"
            requests += last ? "Connection: close\r\n\r\n" : "\r\n"
        }
        try connection.send(requests)
        let text = try connection.text()
        let statuses = text.matches(of: #/HTTP/1\.1 (\d+) /#).map { String($0.output.1) }
        #expect(statuses == ["200", "403", "200", "401", "200", "403", "401"])
    }
}

extension HTTPConnection {
    /// All that the server sends until it closes the connection.
    fileprivate func text() throws -> String {
        String(decoding: try receiveAll(), as: UTF8.self)
    }
}
