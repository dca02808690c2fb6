import CardModel
import CardService
import CardStore
import CardTesting
import Glibc
import HTTPFront
import Testing

@testable import CardAPI

/// Keys as requests show them, without a socket.
struct KeyGrantTests {
    /// An agent's and an ingest key include look-ups and not each other; an admin's includes all.
    @Test func role_includes_whatItShould() {
        for (role, included) in [
            (KeyRole.lookup, [KeyRole.lookup]), (.agent, [.lookup, .agent]),
            (.ingest, [.lookup, .ingest]), (.admin, KeyRole.allCases),
        ] {
            #expect(KeyRole.allCases.filter(role.includes) == included)
            let key = StoredKey(
                hash: [UInt8](repeating: 0xAB, count: 32), name: "n", createdAt: 0, role: role)
            let grant = KeyGrant(key)
            #expect(KeyRole.allCases.filter(grant.allows) == included)
            #expect(grant.keyNumber == 0xABAB_ABAB_ABAB)
            #expect(!grant.isBoundToFeed)
        }
    }

    private struct Fixture {
        let scratch = try! ScratchDirectory()
        let store: CardStore
        let check: KeyCheck

        init(_ keys: [StoredKey]) throws {
            store = try CardStore(
                directory: scratch.path, create: true, mapSizeBytes: 16 << 20)
            for key in keys { try store.addKey(key) }
            check = KeyCheck(
                service: try CardService(store: store) { _ in }, access: .keysOnly,
                hosts: LocalHosts([]))
        }

        func ask<R>(
            _ key: APIKey, _ body: (borrowing Request) throws -> R
        ) rethrows -> R {
            try Request.withTesting(
                .get, Array("/".utf8), headers: [(.apiKey, Array(key.text.utf8))]
            ) { request, _ in try body(request) }
        }
    }

    /// A key that is bound to a feed reports for that one; any other for all.
    @Test func feed_isThatOfTheKey() throws {
        let (bound, free) = (APIKey(), APIKey())
        let feed = try #require(FeedID("delivered"))
        let fixture = try Fixture([
            StoredKey(hash: bound.hash, name: "a", createdAt: 0, role: .ingest, feed: feed),
            StoredKey(hash: free.hash, name: "b", createdAt: 0, role: .ingest),
        ])
        func reported(_ key: APIKey) -> ReportedFeed? {
            fixture.ask(key) { request in
                guard case .granted(let grant) = fixture.check.admission(of: request, to: .ingest)
                else { return nil }
                return fixture.check.feed(of: request, grant)
            }
        }
        #expect(reported(bound) == .only(feed))
        #expect(reported(free) == .any)
        #expect(reported(APIKey()) == nil)
    }

    /// What an answer is good for ends with the key, and never lasts longer than some seconds.
    @Test func answer_endsBeforeTheKey() {
        let now = UInt64(time(nil))
        func nanos(_ expiresAt: UInt64?) -> UInt64 {
            KeyCheck.answerNanos(
                StoredKey(
                    hash: [UInt8](repeating: 1, count: 32), name: "n", createdAt: 0,
                    expiresAt: expiresAt), now: now)
        }
        let most = KeyCheck.answerSeconds
        #expect(nanos(nil) == most * 1_000_000_000)
        #expect(nanos(now + most + 1) == most * 1_000_000_000)
        #expect(nanos(now + 3) == 2_000_000_000)
        for over in [now + 1, now, now - 1, 1] { #expect(nanos(over) == 0) }
    }

    /// Expired is told apart from unknown only to who shows the whole key.
    @Test func admission_isThatOfTheKey() throws {
        let (old, good) = (APIKey(), APIKey())
        let fixture = try Fixture([
            StoredKey(hash: old.hash, name: "a", createdAt: 0, role: .admin, expiresAt: 1),
            StoredKey(hash: good.hash, name: "b", createdAt: 0, role: .agent),
        ])
        func admission(_ key: APIKey, _ role: KeyRole) -> Admission {
            fixture.ask(key) { fixture.check.admission(of: $0, to: role) }
        }
        #expect(admission(old, .lookup) == .expiredKey)
        #expect(admission(APIKey(), .lookup) == .noKey)
        #expect(admission(good, .ingest) == .forbidden)
        guard case .granted = admission(good, .agent) else {
            Issue.record("an agent's key opens what is for agents")
            return
        }
    }
}
