import CardModel
import CardStore
import Foundation
import Synchronization
import Testing

@testable import CardAPI

/// `GET /api/changes`.
struct ChangesRouteTests {
    private func write(_ server: APIServer, _ card: String, second: Int = 5) throws {
        let time = "2024-01-02T03:04:\(second < 10 ? "0" : "")\(second)Z"
        let answer = try server.send(
            "POST", "/api/events",
            body: #"{"card_id":"\#(card)","status":"delivered","occurred_at":"\#(time)"}"#)
        #expect(answer.status == 201)
    }

    private func entries(_ answer: HTTPAnswer) throws -> [String] {
        try answer.json()["changes"]?.elements.map {
            "\(Int($0["sequence"]?.number ?? 0)) \($0["card_id"]?.text ?? "")"
        } ?? []
    }

    /// The log is read from any place on, a page at a time.
    @Test(arguments: APIServer.Source.allCases)
    func changes_areThoseBehindSince(source: APIServer.Source) throws {
        let server = try APIServer(try Samples.facts(), from: source)
        let all = try server.get("/api/changes")
        #expect(try entries(all) == ["1 ZYW7631", "2 ZYW8827", "3 ZYW8890"])
        #expect(try all.json()["next"] == .number(3))
        #expect(try entries(server.get("/api/changes?since=1&limit=1")) == ["2 ZYW8827"])
        let end = try server.get("/api/changes?since=3&wait=0")
        #expect(end.text == #"{"changes":[],"next":3}"#)
    }

    @Test(arguments: ["since=-1", "since=x", "wait=61", "wait=1.5", "limit=0", "limit=1001"])
    func changes_areMalformed(query: String) throws {
        let server = try APIServer([], from: .store)
        #expect(try server.get("/api/changes?\(query)").status == 400)
    }

    /// Who waits is answered when a card changes, whoever changed it, and not before.
    @Test func wait_ends_whenSomethingChanges() throws {
        let server = try APIServer(try Samples.facts())
        let follower = Follower(server, "/api/changes?since=3&wait=30")
        #expect(try wait { server.api.followers.count == 1 ? true : nil } == true)
        #expect(!follower.hasAnswer)
        try write(server, "C1")
        let answer = try #require(follower.join())
        #expect(try entries(answer) == ["4 C1"])
        // It saw the index's state, too.
        #expect(try server.get("/api/cards/C1").status == 200)
        #expect(server.api.followers.count == 0)
    }

    /// A wait without a change ends with an empty page.
    @Test func wait_ends_whenItsTimeIsOver() throws {
        let server = try APIServer(try Samples.facts())
        let answer = try server.get("/api/changes?since=3&wait=1")
        #expect(answer.text == #"{"changes":[],"next":3}"#)
        // The worker takes it off the list at about the time that the answer is here.
        #expect(try wait { server.server.suspendedConnections == 0 ? true : nil } == true)
    }

    /// Hundreds of followers all hear of a change.
    @Test func followers_allHear_whenThereAreHundreds() throws {
        let server = try APIServer(try Samples.facts())
        let followers = (0..<300).map { _ in Follower(server, "/api/changes?since=3&wait=30") }
        #expect(try wait { server.api.followers.count == 300 ? true : nil } == true)
        try write(server, "C1")
        for follower in followers {
            let answer = try #require(follower.join())
            #expect(try entries(answer).first == "4 C1")
        }
        #expect(server.api.followers.count == 0)
    }

    /// The log no longer reaches back, or the client is ahead of it: 410 with where it begins.
    @Test func changes_areGone_whenTheLogDoesNotReach() throws {
        let server = try APIServer([], from: .store)
        var facts: [CardFact] = []
        for number in 0..<30 {
            facts.append(
                try CardFact("C\(number)", .delivered, "2024-01-02T03:04:05Z", feed: "api"))
        }
        _ = try server.store.commit([facts])
        #expect(try server.store.trimChanges(upTo: 20, limit: 100) == 20)
        let gone = try server.get("/api/changes?since=19")
        #expect(gone.status == 410)
        #expect(try gone.json()["oldest"] == .number(21))
        #expect(try entries(server.get("/api/changes?since=20&limit=1")) == ["21 C27"])
        #expect(try server.get("/api/changes?since=31&wait=1").status == 410)
        #expect(try server.get("/api/changes?since=18446744073709551614").status == 410)
    }

    /// Stopping answers those that wait at once.
    @Test func stop_answersFollowers() throws {
        let server = try APIServer(try Samples.facts())
        let follower = Follower(server, "/api/changes?since=3&wait=60")
        #expect(try wait { server.api.followers.count == 1 ? true : nil } == true)
        server.api.stop()
        server.server.stop()
        #expect(follower.join()?.text == #"{"changes":[],"next":3}"#)
    }

    /// The page in memory is that of the store, wherever the log is cut.
    @Test func recent_isTheStoresLog() throws {
        let server = try APIServer([], from: .store)
        var recent = RecentChanges()
        var number = 0
        for count in [1, 5, 9_998, 1, 10_001, 3, 12_000] {
            var facts: [CardFact] = []
            for _ in 0..<count {
                number += 1
                facts.append(
                    try CardFact("C\(number)", .delivered, "2024-01-02T03:04:05Z", feed: "api"))
            }
            _ = try server.store.commit([facts])
            let newest = try server.store.lastSequence()
            for since in [0, newest / 2, newest - min(newest, 10_000), newest - 1, newest] {
                let expected = try server.store.changes(after: since, limit: 1_000)
                #expect(
                    try recent.changes(after: since, limit: 1_000, from: server.store) == expected)
            }
        }
    }
}

/// A request that waits on a thread of its own.
private final class Follower: Sendable {
    private let result = Mutex<HTTPAnswer?>(nil)
    private let done = DispatchSemaphore(value: 0)

    init(_ server: APIServer, _ target: String) {
        Thread.detachNewThread { [self] in
            do {
                let answer = try server.get(target)
                result.withLock { $0 = answer }
            } catch {
                Issue.record("\(error)")
            }
            done.signal()
        }
    }

    var hasAnswer: Bool { result.withLock { $0 != nil } }

    func join() -> HTTPAnswer? {
        guard done.wait(timeout: .now() + 30) == .success else { return nil }
        done.signal()
        return result.withLock { $0 }
    }
}
