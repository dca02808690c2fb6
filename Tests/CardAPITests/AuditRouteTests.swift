import CardAudit
import CardModel
import CardStore
import Foundation
import HTTPFront
import Testing

@testable import CardAPI

/// Which requests are in the audit log, and what it says of them.
struct AuditRouteTests {
    private struct Fixture {
        let server: APIServer
        let keys: [KeyRole: APIKey]

        init(_ scope: AuditScope, hasBackups: Bool = false) throws {
            let keys = Dictionary(uniqueKeysWithValues: KeyRole.allCases.map { ($0, APIKey()) })
            self.keys = keys
            server = try APIServer(
                try Samples.facts(), access: .keysOnly, hasBackups: hasBackups, auditScope: scope
            ) { directory in
                let store = try CardStore(directory: directory, create: false)
                for (role, key) in keys {
                    try store.addKey(
                        StoredKey(
                            hash: key.hash, name: "the \(role)", createdAt: 0, role: role))
                }
            }
        }

        @discardableResult
        func send(
            _ role: KeyRole, _ method: String, _ target: String, body: String = "",
            _ headers: String...
        ) throws -> HTTPAnswer {
            let key = try #require(keys[role])
            return try server.send(
                method, target, headers + ["X-API-Key: \(key.text)"], body: body)
        }
    }

    private static let phone = "%2B971585949014"

    /// Every look-up of an agent: what was asked, from where, and what came of it.
    @Test func lookUps_areNoted_ofPeople() throws {
        let fixture = try Fixture(.agents)
        let batch = #"{"card_ids":["ZYW8827","?","Z9"],"phones":["+971585949014","none"]}"#
        let calls: [(String, String, String, Int)] = [
            ("GET", "/api/cards/zyw8827", "", 200), ("GET", "/api/cards/NOSUCH", "", 404),
            ("GET", "/api/cards?phone=\(Self.phone)", "", 200),
            ("GET", "/api/cards?phone=\(Self.phone)&limit=1", "", 200),
            ("POST", "/api/cards/batch", batch, 200),
            ("GET", "/api/cards/ZYW8827/history", "", 200),
            ("GET", "/api/cards/NOSUCH/history", "", 404),
            ("GET", "/api/events?status=delivered&limit=1", "", 200),
            ("GET", "/api/customers?limit=3", "", 200), ("GET", "/api/customers/17", "", 404),
            ("GET", "/api/get-card-status?card_id=ZYW8827&user_mobile=0585949014", "", 200),
        ]
        for (number, (method, target, body, status)) in calls.enumerated() {
            let answer = try fixture.send(.agent, method, target, body: body)
            #expect(answer.status == status, "\(target)")
            // One after the other, so that their order is known.
            _ = try fixture.server.audited(number + 1)
        }
        let entries = try fixture.server.audited(calls.count)
        #expect(entries.count == calls.count)
        for (entry, (method, target, _, status)) in zip(entries, calls) {
            #expect(entry["key"] == .string("the agent") && entry["role"] == .string("agent"))
            #expect(entry["by"] == .string("key") && entry["key_id"]?.text?.utf8.count == 12)
            #expect(entry["address"] == .string("127.0.0.1") && entry["did"] == .string("look-up"))
            #expect(entry["status"]?.number == Double(status), "\(target)")
            #expect(entry["what"]?.text?.hasPrefix(method + " /api/") == true)
        }
        #expect(entries[0]["what"] == .string("GET /api/cards/{card_id}"))
        for index in [0, 5, 10] { #expect(entries[index]["card_ids"] == ["ZYW8827"]) }
        #expect(entries[1]["card_ids"] == ["NOSUCH"])
        #expect(entries[4]["card_ids"] == ["ZYW8827", "Z9"])
        let phone = try #require(entries[2]["phones"]?.elements.first)
        #expect(phone["ends"] == .string("14") && phone["hash"]?.text?.utf8.count == 32)
        for index in [3, 4, 10] { #expect(entries[index]["phones"]?.elements == [phone]) }
        #expect(entries[7]["detail"]?.text?.contains("status delivered") == true)
        #expect(entries[8]["detail"] == .string("page 1 of 3"))
        #expect(entries[9]["customer_ids"] == ["17"])
        for entry in entries { #expect(!"\(entry)".contains("585949014")) }
        #expect(fixture.server.problems == [])
        let metrics = try fixture.send(.admin, "GET", "/metrics").text
        #expect(metrics.contains("cardstatus_audit_entries_total \(calls.count)\n"))
        #expect(metrics.contains("cardstatus_audit_entries_lost_total 0\n"))
    }

    /// Look-ups of services, and what was refused, malformed or about nobody, are not noted unless
    /// all look-ups are; an admin's are.
    @Test(arguments: [AuditScope.agents, .all])
    func lookUps_areNoted_accordingToScope(scope: AuditScope) throws {
        let fixture = try Fixture(scope)
        for role in [KeyRole.lookup, .ingest, .admin] {
            try fixture.send(role, "GET", "/api/cards/ZYW8827")
            try fixture.send(role, "GET", "/api/cards?phone=\(Self.phone)")
        }
        try fixture.send(.agent, "GET", "/api/cards/%3F")
        try fixture.send(.agent, "GET", "/api/cards?phone=1")
        try fixture.send(.agent, "GET", "/api/events?status=lost")
        try fixture.send(.agent, "GET", "/api/customers?page=0")
        try fixture.send(.agent, "GET", "/api/get-card-status")
        try fixture.send(.agent, "POST", "/api/cards/batch", body: "{")
        try fixture.send(.agent, "GET", "/api/feeds")
        try fixture.send(.agent, "GET", "/metrics")
        try fixture.send(.lookup, "GET", "/api/cards/ZYW8827/history")
        _ = try fixture.server.get("/api/cards/ZYW8827")
        try fixture.send(.admin, "GET", "/api/customers/last")
        let entries = try fixture.server.audited(scope == .all ? 7 : 3)
        let roles = entries.compactMap { $0["role"]?.text }
        #expect(
            roles.sorted()
                == (scope == .all
                    ? ["admin", "admin", "admin", "ingest", "ingest", "lookup", "lookup"]
                    : ["admin", "admin", "admin"]))
    }

    /// Every change, whoever made it, with what became of it.
    @Test func changes_areNoted() throws {
        let fixture = try Fixture(.agents, hasBackups: true)
        func event(_ card: String, _ day: Int) -> String {
            #"{"card_id":"\#(card)","status":"delivered","#
                + #""occurred_at":"2024-01-0\#(day)T00:00:00Z"}"#
        }
        let many =
            "[" + (1...9).map { event("Z9", $0) }.joined(separator: ",") + ","
            + event("A1", 1) + "]"
        let large = "[" + (0..<300).map { event("L\($0)", 1) }.joined(separator: ",") + "]"
        let calls: [(KeyRole, String, String, Int)] = [
            (.ingest, "/api/events", many, 201), (.ingest, "/api/events", event("A1", 1), 200),
            (.ingest, "/api/events", large, 201),
            (
                .admin, "/api/events/void",
                #"{"card_id":"A1","status":"delivered","occurred_at":"2024-01-01T00:00:00Z"}"#, 201
            ),
            (.ingest, "/api/refresh-pickup", "", 202),
            (.ingest, "/api/feeds/nothing/refresh", "", 404),
            (.ingest, "/api/feeds/delivered/files?name=x", "a,b", 202),
            (.admin, "/api/admin/reload?scope=keys", "", 200),
            (.admin, "/api/admin/reload?scope=certs", "", 422),
            (.admin, "/api/admin/backup?name=b1", "", 201), (.ingest, "/api/ingest", "", 200),
        ]
        for (number, (role, target, body, status)) in calls.enumerated() {
            let answer = try fixture.send(role, "POST", target, body: body)
            #expect(answer.status == status, "\(target): \(answer.text)")
            _ = try fixture.server.audited(number + 1)
        }
        try fixture.send(.ingest, "POST", "/api/events", body: "[]x")
        try fixture.send(.agent, "POST", "/api/events", body: event("A1", 1))
        let entries = try fixture.server.audited(calls.count)
        #expect(entries.count == calls.count)
        for (entry, (role, target, _, status)) in zip(entries, calls) {
            #expect(entry["did"] == .string("change") && entry["role"] == .string("\(role)"))
            #expect(entry["status"]?.number == Double(status), "\(target)")
        }
        #expect(entries[0]["card_ids"] == ["A1", "Z9"])
        #expect(entries[0]["detail"]?.text?.hasPrefix("10 accepted, 0 known") == true)
        #expect(entries[1]["detail"]?.text?.hasPrefix("0 accepted, 1 known") == true)
        #expect(entries[2]["card_ids"]?.elements.count == 300)
        #expect(entries[3]["what"] == .string("POST /api/events/void"))
        #expect(entries[4]["detail"]?.text?.contains("of 'pickup'") == true)
        #expect(entries[7]["detail"] == .string("keys"))
        #expect(entries[9]["detail"] == .string("b1"))
    }

    /// A server without keys notes changes; its look-ups are nobody's.
    @Test func anybody_isNoted_whenThereAreNoKeys() throws {
        let server = try APIServer(try Samples.facts(), auditScope: .agents)
        _ = try server.get("/api/cards/ZYW8827")
        _ = try server.send("POST", "/api/refresh-pickup")
        let entries = try server.audited(1)
        #expect(entries.count == 1 && entries[0]["by"] == .string("anybody"))
        #expect(entries[0]["key_id"] == nil && entries[0]["address"] == .string("127.0.0.1"))
    }

    /// Behind a trusted proxy the address is that of its client.
    @Test func address_isTheProxysClients() throws {
        var policy = RequestPolicy()
        policy.trustedProxies = TrustedProxies(
            [AddressRange("127.0.0.0/8")].compactMap(\.self), header: .xForwardedFor)
        let server = try APIServer(try Samples.facts(), policy: policy, auditScope: .all)
        _ = try server.get("/api/cards/ZYW8827", "X-Forwarded-For: 192.0.2.9")
        #expect(try server.audited(1)[0]["address"] == .string("192.0.2.9"))
    }
}

extension JSON: ExpressibleByArrayLiteral {
    init(arrayLiteral elements: String...) {
        self = .array(elements.map(JSON.string))
    }
}
