import Foundation
import Testing

@testable import CardAPI
@testable import HTTPFront

/// Requests that took long.
struct SlowLogTests {
    private static func request(
        _ route: Route, millis: UInt64, waitedMillis: UInt64? = nil
    ) -> SlowRequest {
        SlowRequest(
            routeTag: route.rawValue, method: .get, status: 200, bodyBytes: 0, replyBytes: 1,
            nanos: millis * 1_000_000, waitedNanos: waitedMillis.map { $0 * 1_000_000 })
    }

    /// The latest are kept, as many as there is room for, and of each route the slowest.
    @Test func log_keepsTheLatestAndTheSlowest() throws {
        let log = SlowLog(thresholdMicros: 1_000, length: 3)
        for millis: UInt64 in [5, 90, 7, 8, 2] { log.note(Self.request(.events, millis: millis)) }
        log.note(Self.request(.batch, millis: 50))
        #expect(log.all.count == 6)
        #expect(log.all.latest.map(\.number).sorted() == [3, 4, 5])
        var json = ByteBuffer()
        log.append(to: &json)
        let all = try JSON(parsing: json.bytes)
        #expect(all["latest"]?.elements.map { $0["number"]?.number } == [5, 4, 3])
        let slowest = try #require(all["slowest"]?.elements)
        #expect(slowest.map { $0["total_us"]?.number } == [90_000, 50_000])
        #expect(slowest.map { $0["count"]?.number } == [5, 1])
        #expect(slowest.map { $0["route"]?.text } == ["/api/events", "/api/cards/batch"])
        log.reset()
        #expect(log.all.count == 0 && log.all.latest.isEmpty && log.all.worst.isEmpty)
    }

    /// Who waits for changes has asked to wait.
    @Test func log_leavesOut_waitingForChanges() {
        let log = SlowLog(thresholdMicros: 10_000, length: 3)
        log.note(Self.request(.changes, millis: 60_000, waitedMillis: 59_995))
        #expect(log.all.count == 0)
        log.note(Self.request(.changes, millis: 60_000, waitedMillis: 59_000))
        log.note(Self.request(.ingest, millis: 60_000, waitedMillis: 59_995))
        #expect(log.all.count == 2)
    }

    /// What the route shows: the pattern, sizes and parts of the time, and nothing that was asked.
    @Test func route_showsRequests_withoutWhatTheyAsked() throws {
        let server = try APIServer(try Samples.facts(), slowMicros: 1)
        let event =
            #"{"card_id":"SECRET","status":"delivered","occurred_at":"2024-01-01T00:00:00Z"}"#
        _ = try server.get("/api/cards/ZYW8827")
        _ = try server.get("/api/events?feed=secret")
        #expect(try server.send("POST", "/api/events", body: event).status == 201)
        _ = try server.send("POST", "/api/cards/batch", body: #"{"card_ids":["SECRET"]}"#)
        let answer: HTTPAnswer? = try wait {
            let answer = try server.get("/api/admin/slow")
            return try answer.json()["slowest"]?.elements.count ?? 0 >= 4 ? answer : nil
        }
        let json = try #require(try answer?.json())
        #expect(answer?.text.contains("SECRET") == false && answer?.text.contains("ZYW") == false)
        #expect(json["threshold_us"] == .number(1) && json["length"] == .number(4))
        #expect(json["latest"]?.elements.count == 4)
        func slowest(_ method: String, _ route: String) throws -> JSON {
            try #require(
                json["slowest"]?.elements.first {
                    $0["route"] == .string(route) && $0["method"] == .string(method)
                })
        }
        func parts(_ entry: JSON) -> [Double?] {
            ["received_us", "handled_us", "waited_us", "sent_us"].map { entry[$0]?.number }
        }
        func isDivided(_ entry: JSON) -> Bool {
            let sum = parts(entry).compactMap(\.self).reduce(0, +)
            let total = entry["total_us"]?.number ?? 0
            return total > 0 && sum <= total && sum >= total - 4
        }
        let card = try slowest("GET", "/api/cards/{card_id}")
        #expect(parts(card) == [nil, nil, nil, nil] && card["reply_bytes"]?.number ?? 0 > 100)
        let page = try slowest("GET", "/api/events")
        #expect(parts(page).map { $0 != nil } == [false, true, true, true] && isDivided(page))
        let write = try slowest("POST", "/api/events")
        #expect(parts(write).map { $0 != nil } == [true, true, true, true] && isDivided(write))
        #expect(write["request_bytes"]?.number == Double(event.utf8.count))
        let batch = try slowest("POST", "/api/cards/batch")
        #expect(parts(batch).map { $0 != nil } == [true, true, false, true] && isDivided(batch))

        #expect(try server.send("POST", "/api/admin/slow/reset").status == 200)
        // The reset itself may be slow.
        #expect(try server.get("/api/admin/slow").json()["count"]?.number ?? 9 <= 2)
    }

    /// Without a threshold nothing is slow.
    @Test func route_isEmpty_whenNothingIsSlow() throws {
        let server = try APIServer(try Samples.facts(), from: .store)
        _ = try server.get("/api/cards/ZYW8827")
        let json = try server.get("/api/admin/slow").json()
        #expect(json["threshold_us"] == .null && json["latest"]?.elements.isEmpty == true)
        #expect(try server.send("POST", "/api/admin/slow/reset").status == 200)
    }

    /// A request that is faster than the threshold is not there.
    @Test func route_hasNone_thatIsFaster() throws {
        let server = try APIServer(try Samples.facts(), slowMicros: 3_600_000_000)
        _ = try server.get("/api/events")
        #expect(try server.get("/api/admin/slow").json()["count"] == .number(0))
    }
}
