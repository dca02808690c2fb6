import CardFeeds
import CardStore
import CardTesting
import Foundation
import Testing

/// Files that are uploaded.
struct UploadedFileTests {
    private static func upload(
        _ text: String, _ running: RunningEngine, called name: String = "friday.csv"
    ) throws -> Result<StoredRun, RunRefusal> {
        let file = try UploadedFile(running.engine, feed: "pickup", called: name)
        for byte in text.utf8 {
            #expect([byte].withUnsafeBytes { file.write($0) })
        }
        let answer = Answer<Result<StoredRun, RunRefusal>>()
        file.finish { answer.set($0) }
        return try answer.wait()
    }

    private func names(_ running: RunningEngine) throws -> [String] {
        try FileManager.default.contentsOfDirectory(
            atPath: running.directory.file("data/uploads"))
    }

    /// It becomes a run of its name, and goes when that has ended, also when it failed.
    @Test func upload_becomesARun() throws {
        let running = try RunningEngine(feed("pickup"))
        let run = try running.ended(
            try Self.upload("Card ID,Timestamp\nU1,13-11-2023 14:00\n,\n", running).get().id)
        #expect(run.state == .done)
        #expect(run.way == .upload)
        #expect(run.source == "friday.csv")
        #expect(run.files.map(\.name) == ["friday.csv"])
        #expect(run.totals.counts.accepted == 1)
        #expect(try running.rejects(run.id).contains("\"friday.csv\",3,\"Card ID\""))
        let failed = try running.ended(
            try Self.upload("Colour\n", running, called: "../../etc/\u{1B}passwd").get().id)
        #expect(failed.state == .failed)
        #expect(failed.source == "?passwd")
        #expect(
            failed.message == "?passwd: the file lacks card_id ('Card ID') and occurred_at"
                + " ('Timestamp'); its columns are 'Colour'")
        #expect(try names(running) == [])
        try running.stop()
    }

    /// What is not finished leaves nothing, and what a crash left of it goes with the next start;
    /// an upload whose run waits stays, and is read.
    @Test func upload_leavesNothing_whenItIsAbandoned() throws {
        let scratch = try ScratchDirectory()
        var running: RunningEngine? = try RunningEngine(feed("pickup"), in: scratch)
        if let running {
            let file = try UploadedFile(running.engine, feed: "pickup", called: "x")
            #expect([1, 2].withUnsafeBytes { file.write($0) })
            #expect(try names(running).count == 1)
        }
        #expect(try names(#require(running)) == [])
        try running?.stop()
        let id = try Self.leaveARun(try #require(running?.store))
        running = nil
        try scratch.write("Card ID,Timestamp\nU9,13-11-2023 14:00\n", to: "data/uploads/run-\(id)")
        try scratch.write("half", to: "data/uploads/zzz.part")
        try scratch.write("file,line\n", to: "data/rejects/run-\(id)-pickup.rejects.csv")
        try Self.restart(scratch, id)
    }

    /// As a process that was killed leaves one.
    private static func leaveARun(_ store: CardStore) throws -> UInt64 {
        try store.addRun { id in
            var run = StoredRun(
                id: id, feed: "pickup", way: .upload, source: "y.csv", requestedAt: 1)
            run.files = [StoredRun.File(name: "y.csv", sizeBytes: 1, modifiedAt: 0)]
            run.state = .running
            return run
        }.id
    }

    private static func restart(_ scratch: ScratchDirectory, _ id: UInt64) throws {
        let running = try RunningEngine(feed("pickup"), in: scratch)
        let run = try running.ended(id)
        #expect(run.state == .done)
        #expect(run.totals.counts.accepted == 1)
        for folder in ["uploads", "rejects", "pulls"] {
            let names = try FileManager.default.contentsOfDirectory(
                atPath: scratch.file("data/\(folder)"))
            #expect(names == [], "\(folder)")
        }
        try running.stop()
    }

    @Test func upload_isRefused_forAFeedThatIsNot() throws {
        let running = try RunningEngine(feed("pickup"))
        let file = try UploadedFile(running.engine, feed: "nobody", called: "x")
        let answer = Answer<Result<StoredRun, RunRefusal>>()
        file.finish { answer.set($0) }
        #expect(try answer.wait() == .failure(.unknownFeed("nobody")))
        #expect(try names(running) == [])
        try running.stop()
    }

    /// Pages of rejects are files of their own, at every size of page.
    @Test func page_holdsWholeRows() throws {
        let running = try RunningEngine(feed("pickup"))
        var text = "Card ID,Timestamp\n"
        for number in 0..<40 { text += "\"N\(number)\n\"\"x\",never\n" }
        let run = try running.ended(try Self.upload(text, running).get().id)
        #expect(run.totals.rejects == 40)
        let path = try #require(try running.engine.problemFile(.rejects, ofRun: run.id))
        let whole = try running.rejects(run.id)
        for target in [1, 100, 1_000, 1 << 20] {
            var joined = RunEngine.problemFileHeader
            var next: Int?
            var pages = 0
            repeat {
                let page = try #require(
                    try ProblemFilePage(path: path, from: next, bytesTarget: target))
                let text = String(decoding: page.bytes, as: UTF8.self)
                #expect(text.hasPrefix(RunEngine.problemFileHeader))
                joined += text.dropFirst(RunEngine.problemFileHeader.count)
                next = page.next
                pages += 1
            } while next != nil
            #expect(joined == whole)
            #expect((pages > 1) == (target < 5_000))
        }
        #expect(try ProblemFilePage(path: path, from: 100) == nil)
        #expect(try ProblemFilePage(path: path, from: 1 << 40) == nil)
        try running.stop()
    }
}
