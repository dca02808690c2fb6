import Foundation
import Testing

@testable import HTTPFront

/// What libmicrohttpd complains of, and what the log hears of it.
struct ComplaintsTests {
    /// After a burst only some lines a second get through, and the rest are counted and told of.
    @Test func lines_areLeftOut_whenTheyAreMany() {
        let log = Recorder<String>()
        let complaints = Complaints { log.append($0) }
        var now: UInt64 = 1_000_000_000_000
        for number in 0..<100 { complaints.add("\(number)", nowNanos: now) }
        #expect(log.elements == (0..<Complaints.burst).map(String.init))
        #expect(complaints.leftOut == 100 - Complaints.burst)
        complaints.tellLeftOut(nowNanos: now)
        #expect(log.elements.count == Complaints.burst)

        now += 1_000_000_000 / UInt64(Complaints.perSecond)
        complaints.tellLeftOut(nowNanos: now)
        #expect(log.elements.last == "libmicrohttpd: 80 more lines were left out")
        complaints.tellLeftOut(nowNanos: now + 3_600_000_000_000)
        #expect(log.elements.count == Complaints.burst + 1)

        now += 1_000_000_000
        for number in 0..<10 { complaints.add("again \(number)", nowNanos: now) }
        #expect(log.elements.suffix(5).first == "again 0")
        #expect(log.elements.count == Complaints.burst + 1 + Complaints.perSecond)
    }

    /// A clock of another thread that is behind, and one that stood still for years.
    @Test func lines_areLimited_whateverTheClock() {
        let log = Recorder<String>()
        let complaints = Complaints { log.append($0) }
        for now: UInt64 in [.max, 0, 5, .max, 1] {
            for _ in 0..<100 { complaints.add("x", nowNanos: now) }
        }
        #expect(log.elements.count == Complaints.burst)
    }

    /// Clients that send nonsense again and again do not fill the log, and it says that there were
    /// more.
    @Test func log_isNotFlooded_byClients() throws {
        let server = try TestServer()
        let count = 300
        for _ in 0..<count {
            let client = try server.client()
            try client.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n")
            _ = try client.rest()
        }
        let isTold = Poll.until {
            server.log.elements.contains { $0.hasSuffix("more lines were left out") }
        }
        #expect(isTold)
        let lines = server.log.elements
        #expect(server.server.complaintsLeftOut > 0)
        let logged = lines.count { !$0.hasSuffix("left out") }
        #expect(logged + server.server.complaintsLeftOut >= count)
        #expect(logged < count, "\(lines.prefix(3))")
    }

    /// A client that goes away while it is answered is complained of without its path.
    @Test func log_hasNoPath_whenAnAnswerCannotBeSent() throws {
        let (hasBegun, isReset) = (DispatchSemaphore(value: 0), DispatchSemaphore(value: 0))
        let server = try TestServer(handler: { _, reply in
            hasBegun.signal()
            isReset.wait()
            reply.body.append([UInt8](repeating: 0x78, count: 100_000))
        })
        let client = try server.client()
        try client.send("GET /secret-path?q=secret-query HTTP/1.1\r\nHost: x\r\n\r\n")
        hasBegun.wait()
        client.reset()
        isReset.signal()
        let isTold = Poll.until { server.log.elements.contains { $0.contains("Failed to send") } }
        #expect(isTold, "\(server.log.elements)")
        #expect(!server.log.elements.contains { $0.contains("secret") }, "\(server.log.elements)")
    }
}

/// Waits for what other threads do, for 20 seconds at most.
private enum Poll {
    static func until(_ condition: () -> Bool) -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while !condition() {
            if ContinuousClock.now > deadline { return false }
            usleep(2_000)
        }
        return true
    }
}
