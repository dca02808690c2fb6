import CardFeeds
import CardStore
import CardTesting
import Foundation
import Testing

/// Files that are put into folders.
struct FolderRunTests {
    private static let folder = "settle: 20ms"
    private static let rows = """
        Card ID,Timestamp,User Mobile
        A1,13-11-2023 14:00,0585949014
        A2,13-11-2023 14:01,
        A3,nonsense,
        A1,13-11-2023 14:00,0585949014

        """

    /// Written as a careful program does: under another name first.
    private static func put(_ text: String, _ path: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path + ".part"))
        try FileManager.default.moveItem(atPath: path + ".part", toPath: path)
    }

    private static func names(_ path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    }

    /// A file that comes is read, counted, and moved; its rejects are kept with their raw rows.
    @Test func file_isTaken_whenItComes() throws {
        let running = try RunningEngine(feed("pickup", Self.folder))
        _ = try waitFor { FileManager.default.fileExists(atPath: running.inbox("")) ? true : nil }
        try Self.put(Self.rows, running.inbox("friday.csv"))
        let run = try running.nextRun(of: "pickup")
        #expect(run.state == .done)
        #expect(run.way == .folder)
        #expect(run.files.map(\.name) == ["friday.csv"])
        #expect(run.files.map(\.rows) == [4])
        #expect(run.totals.rows == 4)
        #expect(run.totals.bytes == Self.rows.utf8.count)
        #expect(run.totals.counts.accepted == 2)
        #expect(run.totals.counts.duplicates == 1)
        #expect(run.totals.rejectsByReason == ["timestamp_format": 1])
        #expect(
            try running.states() == [
                "A1|picked_up|2023-11-13T10:00:00Z|+971585949014",
                "A2|picked_up|2023-11-13T10:01:00Z|",
            ])
        let rejects = try running.rejects(run.id)
        #expect(rejects.hasSuffix("\"A3,nonsense,\"\n"))
        #expect(rejects.contains("\"\(running.inbox("friday.csv"))\",4,\"Timestamp\""))
        #expect(try Self.names(running.inbox("")) == ["done"])
        #expect(try Self.names(running.inbox("done")) == ["friday.csv"])
        try running.stop()
    }

    /// One that cannot be read goes to the failed, says why, and stops nothing; a second one of a
    /// name gets another.
    @Test func file_goesToTheFailed_whenItCannotBeRead() throws {
        let running = try RunningEngine(feed("pickup", Self.folder))
        try FileManager.default.createDirectory(
            atPath: running.inbox(""), withIntermediateDirectories: true)
        try Self.put("Colour\nred\n", running.inbox("a.csv"))
        try Self.put(Self.rows, running.inbox("b.csv"))
        let run = try running.refresh("pickup")
        #expect(run.state == .failed)
        #expect(run.message.contains("a.csv: the file lacks card_id"))
        #expect(run.totals.counts.accepted == 2)
        #expect(try Self.names(running.inbox("failed")) == ["a.csv"])
        #expect(try Self.names(running.inbox("done")) == ["b.csv"])
        try Self.put("Colour\nred\n", running.inbox("a.csv"))
        let second = try running.nextRun(of: "pickup", after: run.id)
        #expect(second.state == .failed)
        #expect(
            try Self.names(running.inbox("failed")) == ["a.csv", "run-\(second.id)-a.csv"])
        try running.stop()
    }

    /// A file that stays is read once, and again when it has changed; what was taken is remembered
    /// over a restart.
    @Test func file_isReadOnce_whenItStays() throws {
        let scratch = try ScratchDirectory()
        let path = try scratch.write(Self.rows, to: "in/a.csv")
        let yaml = feed(
            "pickup", Self.folder, "path: \(scratch.file("in"))", "after: mark", "scan: 100ms")
        var running: RunningEngine? = try RunningEngine(yaml, in: scratch)
        let first = try #require(try running?.nextRun(of: "pickup"))
        #expect(first.totals.rows == 4)
        #expect(try running?.refresh("pickup").files == [])
        try running?.stop()
        running = nil
        running = try RunningEngine(yaml, in: scratch)
        let again = try #require(try running?.refresh("pickup"))
        #expect(again.files == [])
        try Data((Self.rows + "A9,13-11-2023 15:00,\n").utf8).write(to: URL(fileURLWithPath: path))
        let third = try #require(try running?.nextRun(of: "pickup", after: again.id))
        #expect(third.totals.counts.accepted == 1)
        #expect(try Self.names(scratch.file("in")) == ["a.csv"])
        try running?.stop()
    }

    /// A file that is still being written is left until it has settled.
    @Test func file_isLeft_whileItGrows() throws {
        let running = try RunningEngine(feed("pickup", "settle: 300ms"))
        try FileManager.default.createDirectory(
            atPath: running.inbox(""), withIntermediateDirectories: true)
        let path = running.inbox("slow.csv")
        try Data("Card ID,Timestamp\n".utf8).write(to: URL(fileURLWithPath: path))
        let handle = try #require(FileHandle(forWritingAtPath: path))
        let writer = Thread {
            for number in 0..<10 {
                usleep(100_000)
                handle.seekToEndOfFile()
                handle.write(Data("B\(number),13-11-2023 14:00\n".utf8))
            }
        }
        writer.start()
        let run = try running.nextRun(of: "pickup")
        #expect(run.totals.rows == 10)
        #expect(try running.engine.runs(limit: 9).runs.allSatisfy { $0.totals.rows == 10 })
        try running.stop()
    }

    /// In the folder of several feeds a file's name tells its feed; one that is nobody's stays, and
    /// is told of once.
    @Test func file_goesToItsFeed_inASharedFolder() throws {
        let running = try RunningEngine(
            Configuration.builtInYAML.replacing(
                "    time_zone", with: "    settle: 20ms\n    time_zone"))
        try FileManager.default.createDirectory(
            atPath: running.inbox(""), withIntermediateDirectories: true)
        for path in [
            "Samples/Sample Card Status Info - Pickup.csv",
            "Samples/Sample Card Status Info - Returned.csv",
        ] {
            let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
                .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
                    path)
            let text = try String(contentsOf: source, encoding: .utf8)
            try Self.put(text, running.inbox(source.lastPathComponent))
        }
        try Self.put("x\n", running.inbox("holiday.txt"))
        #expect(try running.nextRun(of: "pickup").state == .done)
        #expect(try running.nextRun(of: "returned").state == .done)
        #expect(try running.engine.runs(of: "delivered", limit: 1).runs == [])
        _ = try running.refresh("pickup")
        let told = running.events.all.filter { $0.contains("holiday.txt") }
        #expect(told.count == 1)
        #expect(try Self.names(running.inbox("")) == ["done", "holiday.txt"])
        try running.stop()
    }

    /// A run of nothing is a run, and a folder that is not there fails it.
    @Test func refresh_ofAnEmptyFolder_isARun() throws {
        let running = try RunningEngine(feed("pickup", Self.folder))
        let run = try running.refresh("pickup")
        #expect(run.state == .done)
        #expect(run.totals == StoredRun.Totals())
        guard case .failure(.unknownFeed("nobody")) = try running.ask("nobody") else {
            Issue.record("there is no such feed")
            return
        }
        try running.stop()
        let gone = try RunningEngine(feed("pickup", Self.folder, "path: /nowhere/at/all"))
        let failed = try gone.refresh("pickup")
        #expect(failed.state == .failed)
        #expect(failed.message.contains("/nowhere/at/all"))
        try gone.stop()
    }

    /// JSON and XML lie in folders too.
    @Test func file_mayBeADocument() throws {
        let running = try RunningEngine(
            feed("pickup", format: "json", Self.folder, "records: items"))
        try FileManager.default.createDirectory(
            atPath: running.inbox(""), withIntermediateDirectories: true)
        try Self.put(
            #"{"items":[{"id":"J1","at":1700000000,"who":{"phone":585949014.0}},"#
                + #"{"id":"","at":"x"}]}"#,
            running.inbox("a.json"))
        let run = try running.refresh("pickup")
        #expect(run.totals.rejectsByReason == ["card_id_empty": 1])
        #expect(try running.states() == ["J1|picked_up|2023-11-14T22:13:20Z|+971585949014"])
        #expect(try running.rejects(run.id).contains("a.json\",2,\"card_id\",\"card_id_empty\""))
        try running.stop()
    }

    /// A file of rejects that was mended is read as such, and rows of other feeds are not.
    @Test func file_mayBeOneOfRejects() throws {
        let running = try RunningEngine(feed("pickup", Self.folder))
        try FileManager.default.createDirectory(
            atPath: running.inbox(""), withIntermediateDirectories: true)
        try Self.put(Self.rows, running.inbox("friday.csv"))
        let run = try running.refresh("pickup")
        let mended = try running.rejects(run.id).replacing(
            "A3,nonsense", with: "A3,13-11-2023 16:00")
        try Self.put(mended, running.inbox("mended.csv"))
        let second = try running.nextRun(of: "pickup", after: run.id)
        #expect(second.totals.counts.accepted == 1)
        #expect(try running.states().count == 3)
        try running.stop()
    }

    /// Where the store has no room, the file waits where it is, and goes on when there is some.
    @Test func file_waits_whileTheStoreIsFull() throws {
        let scratch = try ScratchDirectory()
        let yaml = feed("pickup", Self.folder)
        var rows = "Card ID,Timestamp\n"
        for number in 0..<60_000 { rows += "FULL\(number),13-11-2023 14:00\n" }
        let path = try scratch.write(rows, to: "data/inbox/many.csv")
        var running: RunningEngine? = try RunningEngine(yaml, in: scratch, mapSizeBytes: 6 << 20)
        let run = try #require(try running?.nextRun(of: "pickup"))
        #expect(run.state == .failed)
        #expect(run.message.contains("map is full"), "\(run.message)")
        #expect(running?.engine.feeds[0].counts.failures == ["store": 1])
        #expect(FileManager.default.fileExists(atPath: path))
        try running?.stop()
        running = nil
        running = try RunningEngine(yaml, in: scratch)
        let again = try #require(try running?.nextRun(of: "pickup", after: run.id))
        #expect(again.state == .done)
        #expect(again.totals.rows == 60_000)
        #expect(try running?.states().count == 60_000)
        #expect(!FileManager.default.fileExists(atPath: path))
        try running?.stop()
    }
}
