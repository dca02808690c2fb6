import CardModel
import Foundation
import HTTPFront
import Testing

@testable import CardAudit

/// From what is told to what is on the disk.
struct AuditLogTests {
    private static func record(
        _ number: Int, key: UInt64 = 0, client: ClientAddress? = nil
    ) throws -> LookUpRecord {
        LookUpRecord(
            nanos: AuditClock.monotonicNanos(), keyNumber: key, client: client, route: 3,
            status: 404, subject: .card(try AuditFixture.card("C\(number)")))
    }

    /// Waits until the log has written so many entries.
    private static func wait(for count: Int, _ log: AuditLog) -> Bool {
        let deadline = ContinuousClock.now + .seconds(20)
        while log.statistics.written < count {
            if ContinuousClock.now > deadline { return false }
            usleep(2_000)
        }
        return true
    }

    /// Records and entries are written while the log runs, in the order of their times.
    @Test func entries_areWritten() throws {
        let fixture = try AuditFixture()
        let log = fixture.log()
        log.start()
        defer { log.stop() }
        let client = try #require(ClientAddress("192.0.2.7"))
        log.note(try Self.record(1, key: 1, client: client), worker: 0)
        log.note(AuditFixture.entry("later", at: AuditClock.milliseconds() + 60_000))
        log.note(try Self.record(2), worker: 0)
        log.note(AuditFixture.entry("earlier", at: 1_000))
        #expect(Self.wait(for: 4, log))
        let lines = try fixture.lines()
        #expect(
            lines.compactMap { $0["what"] as? String } == [
                "earlier", "route 3", "route 3", "later",
            ])
        #expect(
            lines[1]["key"] as? String == "desk \"1\"" && lines[1]["role"] as? String == "agent")
        #expect(lines[1]["address"] as? String == "192.0.2.7")
        #expect(lines[1]["card_ids"] as? [String] == ["C1"] && lines[1]["status"] as? Int == 404)
        #expect(lines[2]["by"] as? String == "anybody" && lines[2]["address"] as? String == "unix")
        #expect(log.statistics == .init(written: 4, lost: 0, isFailing: false))
    }

    /// What was told before the stop is on the disk after it.
    @Test func entries_areWritten_atTheStop() throws {
        let fixture = try AuditFixture()
        let log = fixture.log(workers: 3)
        log.start()
        for worker in 0..<3 {
            for number in 0..<5_000 { log.note(try Self.record(number), worker: worker) }
        }
        log.note(AuditFixture.entry("last"))
        log.stop()
        #expect(try fixture.lines().count == 15_001)
    }

    /// A time is that of the request, not of the writing.
    @Test func time_isThatOfTheRequest() throws {
        let fixture = try AuditFixture()
        let before = AuditClock.text(AuditClock.milliseconds() - 3_600_000)
        let record = LookUpRecord(
            nanos: AuditClock.monotonicNanos() - 3_600_000_000_000, keyNumber: 0, client: nil,
            route: 0, status: 200, subject: .phone(try AuditFixture.phone(971_585_949_014)))
        let log = fixture.log()
        log.start()
        log.note(record, worker: 0)
        log.stop()
        let time = try #require(try fixture.lines()[0]["time"] as? String)
        #expect(
            time.prefix(15) >= before.prefix(15)
                && time < AuditClock.text(AuditClock.milliseconds() - 3_500_000))
    }

    /// A full ring loses the newest, counts them, and the log says how many.
    @Test func ring_loses_whatHasNoRoom() throws {
        let fixture = try AuditFixture()
        let log = fixture.log()
        let count = AuditRing.capacity + 7
        for number in 0..<count { log.note(try Self.record(number), worker: 0) }
        #expect(log.statistics.lost == 7)
        log.start()
        log.stop()
        let lines = try fixture.lines()
        #expect(lines.count == AuditRing.capacity + 1)
        let last = try #require(lines.last)
        #expect(last["did"] as? String == "lost" && last["count"] as? Int == 7)
        #expect(last["by"] as? String == "program")
    }

    /// The queue is bounded by its entries and by what they name.
    @Test func queue_loses_whatHasNoRoom() throws {
        let fixture = try AuditFixture()
        let log = fixture.log()
        for _ in 0..<AuditLog.queuedEntriesMax + 3 { log.note(AuditFixture.entry("x")) }
        #expect(log.statistics.lost == 3)
        let other = fixture.log()
        var entry = AuditFixture.entry("large")
        let card = try AuditFixture.card("A")
        entry.cards = Array(repeating: card, count: AuditLog.queuedSubjectsMax / 2)
        for _ in 0..<3 { other.note(entry) }
        #expect(other.statistics.lost == 1)
    }

    /// One thread fills a ring while another empties it: all that is not lost comes out, in order.
    @Test func ring_keepsOrder_betweenThreads() async throws {
        let fixture = try AuditFixture()
        let log = fixture.log()
        let count = 200_000
        let card = try AuditFixture.card("A")
        let writer = Thread {
            for number in 1...count {
                log.note(
                    LookUpRecord(
                        nanos: UInt64(number), keyNumber: UInt64(number), client: nil, route: 0,
                        status: 200, subject: .card(card)), worker: 0)
            }
        }
        writer.start()
        var (seen, last) = (0, UInt64(0))
        while seen + log.statistics.lost < count {
            log.takeRecords { record in
                if record.keyNumber <= last || record.nanos != record.keyNumber {
                    Issue.record("\(record) after \(last)")
                }
                (seen, last) = (seen + 1, record.keyNumber)
            }
        }
        #expect(seen + log.statistics.lost == count && seen >= AuditRing.capacity)
    }

    /// While nothing can be written entries wait, the owner is told once, and later they are there.
    @Test func log_recovers() throws {
        let fixture = try AuditFixture()
        let log = fixture.log()
        let path = fixture.folder.path
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        log.start()
        log.note(AuditFixture.entry("x"))
        let deadline = ContinuousClock.now + .seconds(20)
        while !log.statistics.isFailing, ContinuousClock.now < deadline { usleep(2_000) }
        #expect(log.statistics.isFailing && log.statistics.written == 0)
        try FileManager.default.moveItem(atPath: path + ".away", toPath: path)
        #expect(Self.wait(for: 1, log))
        log.stop()
        #expect(try fixture.lines().count == 1)
        #expect(!log.statistics.isFailing)
        let names = fixture.events.map { "\($0)".prefix(7) }
        #expect(names == ["failing", "recover"])
    }

    /// What could not be written to the end is told of.
    @Test func log_tells_whatTheStopLost() throws {
        let fixture = try AuditFixture()
        let log = fixture.log()
        let path = fixture.folder.path
        try FileManager.default.moveItem(atPath: path, toPath: path + ".away")
        log.note(AuditFixture.entry("x"))
        log.note(AuditFixture.entry("y"))
        log.start()
        log.stop()
        guard case .lost(let count)? = fixture.events.last else {
            Issue.record("\(fixture.events)")
            return
        }
        #expect(count == 2)
    }

    /// Files of days that are over long since go; of today's, and of others in the folder, none.
    @Test func files_areRemoved_whenTheyAreOld() throws {
        let fixture = try AuditFixture()
        let now = AuditClock.milliseconds()
        let old = [40, 31].map { AuditClock.day(now, daysBefore: $0) + ".ndjson" }
        let kept = [30, 1].map { AuditClock.day(now, daysBefore: $0) + ".2.ndjson" }
        for name in old + kept + ["notes.txt"] {
            try fixture.scratch.write([], to: "audit/\(name)")
        }
        let log = fixture.log(keepDays: 30)
        log.start()
        log.note(AuditFixture.entry("x", at: now))
        log.stop()
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path)
        #expect(Set(names).isDisjoint(with: old) && Set(names).isSuperset(of: kept))
        #expect(names.contains("notes.txt") && names.contains("phone.key"))
        guard case .removed(2)? = fixture.events.first else {
            Issue.record("\(fixture.events)")
            return
        }
    }
}
