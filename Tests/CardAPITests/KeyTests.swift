import CardStore
import Testing

@testable import CardAPI

/// Who gets in.
struct KeyTests {
    private static let guarded = [
        "/api/cards/ZYW8827", "/api/cards?phone=0585949014", "/api/cards/ZYW8827/history",
        "/api/get-card-status?card_id=ZYW8827", "/metrics",
    ]
    private static let open = ["/api/health", "/api/ready", "/openapi.json"]

    private static func add(_ key: APIKey, to store: CardStore) throws {
        try store.addKey(StoredKey(hash: key.hash, name: "test", createdAt: 0, role: .agent))
    }

    /// A server with one key.
    private static func server(
        _ key: APIKey, access: CardAPI.Access = .keysIfAny, from source: APIServer.Source = .store
    ) throws -> APIServer {
        try APIServer(try Samples.facts(), from: source, access: access) { directory in
            try add(key, to: try CardStore(directory: directory, create: false))
        }
    }

    /// Without any key, everybody gets in where that is allowed, and nobody where it is not.
    @Test func access_isAsConfigured_whenThereIsNoKey() throws {
        for (access, status) in [
            (CardAPI.Access.keysIfAny, 200), (.everybody, 200), (.keysOnly, 401),
        ] {
            let server = try APIServer(try Samples.facts(), from: .store, access: access)
            for target in Self.guarded {
                #expect(try server.get(target).status == status, "\(access) \(target)")
                let header = "X-API-Key: " + APIKey().text
                #expect(try server.get(target, header).status == status)
            }
            for target in Self.open { #expect(try server.get(target).status == 200) }
        }
    }

    /// With a key, only its holders get in, unless everybody does.
    @Test func access_isAsConfigured_whenThereIsAKey() throws {
        let key = APIKey()
        for (access, status) in [
            (CardAPI.Access.keysIfAny, 401), (.keysOnly, 401), (.everybody, 200),
        ] {
            let server = try Self.server(key, access: access)
            for target in Self.guarded {
                #expect(try server.get(target).status == status, "\(access) \(target)")
                #expect(try server.get(target, "X-API-Key: " + APIKey().text).status == status)
                #expect(try server.get(target, "X-API-Key: " + key.text).status == 200)
                #expect(try server.get(target, "Authorization: Bearer " + key.text).status == 200)
            }
            for target in Self.open {
                #expect(try server.get(target).status == 200)
                #expect(try server.get(target, "X-API-Key: wrong").status == 200)
            }
        }
    }

    /// The answer to whoever has no key is the same for every card, known or not, good or bad.
    @Test func refusal_tellsNothing() throws {
        let server = try Self.server(APIKey())
        for target in Self.guarded + [
            "/api/cards/UNKNOWN", "/api/cards/bad%20id", "/api/cards/%zz", "/api/cards",
            "/api/get-card-status", "/api/cards/UNKNOWN/history?limit=0",
        ] {
            let answer = try server.get(target, "If-None-Match: *")
            #expect(answer.status == 401)
            #expect(answer.headers["www-authenticate"] == #"Bearer realm="cardstatus""#)
            #expect(
                answer.text
                    == #"{"type":"urn:cardstatus:problem:unauthorized","#
                    + #""title":"API key required","status":401,"detail":"Send a valid API key as "#
                    + #"'Authorization: Bearer KEY' or 'X-API-Key: KEY'."}"#)
        }
        #expect(try server.send("HEAD", "/api/cards/ZYW8827").status == 401)
    }

    /// The header's name and its scheme are of any case; the key is as it is, and one is enough.
    @Test func headers_areRead() throws {
        let key = APIKey()
        let server = try Self.server(key)
        let text = key.text
        for (headers, status) in [
            (["Authorization: Bearer \(text)"], 200), (["authorization: bearer \(text)"], 200),
            (["AUTHORIZATION: BEARER \(text)"], 200), (["Authorization: bEaReR   \(text)"], 200),
            (["x-api-key: \(text)"], 200), (["X-API-KEY:\(text)"], 200),
            (["Authorization: \(text)"], 401), (["Authorization: Bearer"], 401),
            (["Authorization: Bearer "], 401), (["Authorization: Bearer\(text)"], 401),
            (["Authorization: Basic \(text)"], 401), (["Authorization: Bearers \(text)"], 401),
            (["Authorization: Bearer \(text)x"], 401), (["Authorization: Bearer \(text) x"], 401),
            (["Authorization: Bearer \(text.dropLast())"], 401),
            (["Authorization: Bearer \(text.dropFirst(3))"], 401),
            (["Authorization: Bearer \(text.uppercased())"], 401),
            (["X-API-Key: Bearer \(text)"], 401),
            (["X-API-Key:"], 401), (["X-API-Key: x"], 401),
            (["X-API-Key: \(text) \t"], 200),
            (["X-API-Key: \(text)", "X-API-Key: \(text)"], 401),
            (["Authorization: Bearer \(text)", "Authorization: Bearer \(text)"], 401),
            (["Authorization: Bearer \(text)", "X-API-Key: \(text)"], 401),
            (["Authorization: Bearer \(text)", "X-API-Key: wrong"], 401),
            (["Authorization: Basic eDp5", "X-API-Key: \(text)"], 401),
            (["Cookie: key=\(text)", "Proxy-Authorization: Bearer \(text)"], 401),
        ] {
            let answer = try server.send("GET", "/api/cards/ZYW8827", headers)
            #expect(answer.status == status, "\(headers)")
        }
        #expect(try server.get("/api/cards/ZYW8827?api_key=\(text)").status == 401)
    }

    /// A running server notices a key that is made or revoked beside it, while other keys stay
    /// good; when the last one has gone, the rule for a server without keys holds again.
    @Test func keys_areNoticed_whileTheServerRuns() throws {
        let server = try APIServer(try Samples.facts(), access: .keysIfAny)
        let (first, second) = (APIKey(), APIKey())
        func status(_ headers: String...) throws -> Int {
            try server.send("GET", "/api/cards/ZYW8827", headers).status
        }
        func becomes(_ expected: Int, _ headers: String...) throws -> Bool {
            try wait {
                let answer = try server.send("GET", "/api/cards/ZYW8827", headers)
                return answer.status == expected ? true : nil
            } == true
        }
        #expect(try status() == 200)
        try Self.add(first, to: server.store)
        #expect(try becomes(401))
        try Self.add(second, to: server.store)
        #expect(try becomes(200, "X-API-Key: \(second.text)"))
        #expect(try server.store.removeKey(hash: first.hash))
        #expect(try becomes(401, "X-API-Key: \(first.text)"))
        #expect(try status("X-API-Key: \(second.text)") == 200)
        #expect(try server.store.removeKey(hash: second.hash))
        #expect(try becomes(200))
    }
}
