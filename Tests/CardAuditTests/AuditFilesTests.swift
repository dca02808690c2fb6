import CardModel
import Foundation
import Testing

@testable import CardAudit

/// The files of the log: their names, their lines, and who may read them.
struct AuditFilesTests {
    // MARK: Names

    @Test(arguments: [
        ("2026-11-25.ndjson", "2026-11-25", 1), ("2026-11-25.2.ndjson", "2026-11-25", 2),
        ("1999-01-01.117.ndjson", "1999-01-01", 117),
    ])
    func name_isRead_whenItIsOurs(text: String, day: String, number: Int) throws {
        let name = try #require(AuditFileName(text))
        #expect(name.day == day && name.number == number && name.text == text)
    }

    @Test(arguments: [
        "", ".ndjson", "phone.key", "2026-11-25", "2026-11-25.1.ndjson", "2026-11-25.0.ndjson",
        "2026-11-25.x.ndjson", "2026-11-25x.ndjson", "2026_11_25.ndjson", "2026-11-25.ndjson.gz",
        "2026-11-2.ndjson", "é026-11-25.ndjson",
    ])
    func name_isRefused_whenItIsNot(text: String) {
        #expect(AuditFileName(text) == nil)
    }

    /// By day, then by number and not by its digits.
    @Test func names_areInOrder() {
        let texts = ["2026-01-02.ndjson", "2026-01-02.9.ndjson", "2026-01-02.10.ndjson"]
        let names = (["2026-01-10.ndjson"] + texts.reversed()).compactMap(AuditFileName.init)
        #expect(names.sorted().map(\.text) == texts + ["2026-01-10.ndjson"])
    }

    // MARK: The clock

    @Test(arguments: [
        (Int64(0), "1970-01-01T00:00:00.000Z"), (951_782_399_007, "2000-02-28T23:59:59.007Z"),
        (1_795_624_897_123, "2026-11-25T16:41:37.123Z"),
    ])
    func time_isWritten(milliseconds: Int64, text: String) {
        #expect(AuditClock.text(milliseconds) == text)
        #expect(AuditClock.day(milliseconds) == text.prefix(10))
    }

    @Test func day_isBefore() {
        #expect(AuditClock.day(951_868_800_000, daysBefore: 1) == "2000-02-29")
    }

    // MARK: Lines

    /// Everything that an entry can have; a phone as its end and a hash.
    @Test func line_saysAll() throws {
        let fixture = try AuditFixture()
        var entry = AuditEntry(
            milliseconds: 1_795_624_897_123, actor: .key(0xAB), address: "192.0.2.1",
            deed: .lookUp, what: "GET /x", status: 200)
        entry.cards = [try AuditFixture.card("A-1"), try AuditFixture.card("B_2")]
        entry.phones = [try AuditFixture.phone(971_585_949_004)]
        entry.customers = [try CustomerID(Array("7\"".utf8).span)]
        entry.detail = "a\nb\u{1}\\"
        entry.count = 3
        var line: [UInt8] = []
        let key = AuditKey(name: "\"desk\"", role: "agent")
        AuditLine.append(entry, key: key, fixture.folder, to: &line)
        let hash = fixture.folder.hash(of: entry.phones[0])
        #expect(
            String(decoding: line, as: UTF8.self)
                == #"{"time":"2026-11-25T16:41:37.123Z","by":"key","key_id":"0000000000ab","#
                + #""key":"\"desk\"","role":"agent","address":"192.0.2.1","did":"look-up","#
                + #""what":"GET /x","status":200,"count":3,"card_ids":["A-1","B_2"],"#
                + #""phones":[{"ends":"04","hash":"\#(hash)"}],"customer_ids":["7\""],"#
                + #""detail":"a\u000ab\u0001\\"}"# + "\n")
        #expect(try JSONSerialization.jsonObject(with: Data(line)) is [String: Any])
    }

    @Test(arguments: [
        (AuditEntry.Actor.anybody, #""by":"anybody""#), (.program, #""by":"program""#),
        (.user("amal"), #""by":"user","user":"amal""#), (.key(1), #""by":"key","key_id":"#),
    ])
    func line_saysWho(actor: AuditEntry.Actor, part: String) throws {
        let fixture = try AuditFixture()
        var line: [UInt8] = []
        let entry = AuditEntry(milliseconds: 0, actor: actor, deed: .change, what: "")
        AuditLine.append(entry, key: nil, fixture.folder, to: &line)
        #expect(String(decoding: line, as: UTF8.self).contains(part))
    }

    // MARK: The key

    /// A phone has one hash for a store for ever, and another in every other store.
    @Test func hash_isTheStores() throws {
        let (fixture, other) = (try AuditFixture(), try AuditFixture())
        let phone = try AuditFixture.phone(971_585_949_014)
        let hash = fixture.folder.hash(of: phone)
        #expect(hash.utf8.count == 32)
        #expect(try AuditFolder(ofStore: fixture.scratch.path).hash(of: phone) == hash)
        #expect(try AuditFolder.existing(ofStore: fixture.scratch.path)?.hash(of: phone) == hash)
        #expect(other.folder.hash(of: phone) != hash)
        #expect(fixture.folder.hash(of: try AuditFixture.phone(971_585_949_015)) != hash)
    }

    @Test func folder_isForTheOwner() throws {
        let fixture = try AuditFixture()
        try fixture.folder.append(AuditFixture.entry("x"))
        func mode(_ path: String) throws -> Int {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            return try #require(attributes[.posixPermissions] as? Int)
        }
        #expect(try mode(fixture.folder.path) == 0o700)
        let names = try FileManager.default.contentsOfDirectory(atPath: fixture.folder.path)
        #expect(names.sorted() == ["1970-01-01.ndjson", "phone.key"])
        for name in names { #expect(try mode("\(fixture.folder.path)/\(name)") == 0o600) }
    }

    /// With another key nobody could find a phone in the log any more.
    @Test(arguments: [0, 31, 33])
    func key_isRefused_whenItIsNone(count: Int) throws {
        let fixture = try AuditFixture()
        let path = "\(fixture.folder.path)/phone.key"
        try Data(count: count).write(to: URL(fileURLWithPath: path))
        #expect(throws: AuditError.self) { try AuditFolder(ofStore: fixture.scratch.path) }
    }

    @Test func folder_isNil_whenNothingWasWritten() throws {
        let fixture = try AuditFixture()
        #expect(try AuditFolder.existing(ofStore: fixture.scratch.file("none")) == nil)
        #expect(!FileManager.default.fileExists(atPath: fixture.scratch.file("none")))
    }

    // MARK: Writing

    private static func names(_ fixture: AuditFixture) throws -> [String] {
        try fixture.folder.files().map(\.text)
    }

    /// A new day and a full file each begin another one; who comes later goes on with the last.
    @Test func appender_beginsAnotherFile() throws {
        let fixture = try AuditFixture()
        var appender = AuditAppender(fixture.folder, fileBytesMax: 8)
        func append(_ text: String, _ day: String) throws {
            var lines = Array(text.utf8)
            try appender.append(&lines, day: day)
            #expect(lines.isEmpty)
        }
        for number in 1...5 { try append("{\"\(number)\":0}\n", "2026-01-01") }
        try append("{\"6\":0}\n", "2026-01-02")
        #expect(
            try Self.names(fixture) == [
                "2026-01-01.ndjson", "2026-01-01.2.ndjson", "2026-01-01.3.ndjson",
                "2026-01-01.4.ndjson", "2026-01-01.5.ndjson", "2026-01-02.ndjson",
            ])
        #expect(try fixture.lines().map { $0.keys.first } == ["1", "2", "3", "4", "5", "6"])
        var other = AuditAppender(fixture.folder, fileBytesMax: 9)
        var line = Array("{\"7\":0}\n".utf8)
        try other.append(&line, day: "2026-01-02")
        #expect(try Self.names(fixture).count == 6)
    }

    /// What a crash left of a line costs that line alone.
    @Test func appender_endsALine_thatWasCutOff() throws {
        let fixture = try AuditFixture()
        let path = "\(fixture.folder.path)/2026-01-01.ndjson"
        try Data("{\"a\":1}\n{\"b\":".utf8).write(to: URL(fileURLWithPath: path))
        var appender = AuditAppender(fixture.folder)
        var lines = Array("{\"c\":1}\n".utf8)
        try appender.append(&lines, day: "2026-01-01")
        #expect(
            try String(contentsOfFile: path, encoding: .utf8)
                == "{\"a\":1}\n{\"b\":\n{\"c\":1}\n")
    }

    /// A file that somebody moves away is begun anew.
    @Test func appender_beginsAgain_whenTheFileIsGone() throws {
        let fixture = try AuditFixture()
        var appender = AuditAppender(fixture.folder)
        for _ in 0..<2 {
            var lines = Array("{}\n".utf8)
            try appender.append(&lines, day: "2026-01-01")
            #expect(try fixture.lines().count == 1)
            try FileManager.default.removeItem(atPath: "\(fixture.folder.path)/2026-01-01.ndjson")
        }
    }

    /// Many processes or threads at a time: every line is whole, and none is missing.
    @Test func lines_areWhole_whenManyWrite() async throws {
        let fixture = try AuditFixture()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for writer in 0..<4 {
                group.addTask {
                    for number in 0..<50 {
                        try fixture.folder.append(
                            AuditFixture.entry(
                                String(repeating: "x", count: writer * 2_000)
                                    + "\(writer) \(number)"))
                    }
                }
            }
            try await group.waitForAll()
        }
        let seen = try fixture.lines().compactMap { $0["what"] as? String }
        #expect(seen.count == 200 && Set(seen).count == 200)
    }
}
