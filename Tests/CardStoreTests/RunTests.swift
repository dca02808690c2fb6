import LMDBKit
import Testing

@testable import CardStore

/// What is kept about runs of feeds.
struct RunTests {
    private static func run(_ id: UInt64, _ feed: String = "pickup") -> StoredRun {
        StoredRun(id: id, feed: feed, way: .folder, source: "/inbox", requestedAt: 1_700_000_000)
    }

    /// A run with something in every field.
    private static func full(_ id: UInt64) -> StoredRun {
        var run = run(id)
        run.state = .failed
        run.attempts = 2
        run.startedAt = 1_700_000_001
        run.endedAt = 1_700_000_009
        run.totals.bytes = 1
        run.totals.pages = 2
        run.totals.rows = 3
        run.totals.counts.accepted = 4
        run.totals.counts.duplicates = 5
        run.totals.counts.beyondLimit = 6
        run.totals.counts.forgotten = 7
        run.totals.warnings = 8
        run.totals.warningsByReason = ["b": 3, "a": 5]
        run.totals.rejects = 9
        run.totals.rejectsByReason = ["c": 9]
        var file = StoredRun.File(name: "März.csv", sizeBytes: 10, modifiedAt: 11)
        file.rows = 12
        file.failure = "no header"
        run.files = [file, StoredRun.File(name: "", sizeBytes: 0, modifiedAt: -1)]
        run.message = "it failed"
        run.hasFilesToClear = true
        return run
    }

    /// Numbers go up by one, also over a restart, and every field comes back.
    @Test func addRun_numbersRuns_andStoreKeepsEveryField() throws {
        let fixture = try StoreFixture()
        #expect(try fixture.store.addRun { Self.run($0) }.id == 1)
        #expect(try fixture.store.addRun { Self.full($0) }.id == 2)
        try fixture.reopen()
        #expect(try fixture.store.addRun { Self.run($0, "returned") }.id == 3)
        #expect(try fixture.store.run(1) == Self.run(1))
        #expect(try fixture.store.run(2) == Self.full(2))
        #expect(try fixture.store.run(4) == nil)
        try fixture.store.store(RunChange(Self.full(1)))
        #expect(try fixture.store.run(1) == Self.full(1))
        try fixture.finish()
    }

    /// The newest comes first; a page begins behind the one before.
    @Test func forEachRun_goesFromTheNewestOn() throws {
        let fixture = try StoreFixture()
        for _ in 0..<5 { _ = try fixture.store.addRun { Self.run($0) } }
        func ids(before: UInt64?, _ limit: Int) throws -> [UInt64] {
            var ids: [UInt64] = []
            try fixture.store.forEachRun(before: before) {
                ids.append($0.id)
                return ids.count < limit
            }
            return ids
        }
        #expect(try ids(before: nil, 2) == [5, 4])
        #expect(try ids(before: 4, 9) == [3, 2, 1])
        #expect(try ids(before: 9, 1) == [5])
        #expect(try ids(before: 1, 9) == [])
        try fixture.finish()
    }

    /// Files and marks come with their run, replace what was there, and go when they are told to.
    @Test func store_keepsRejectsAndMarks() throws {
        let fixture = try StoreFixture()
        let run = try fixture.store.addRun { Self.run($0) }
        let other = try fixture.store.addRun { Self.run($0) }
        var mark = SourceMark(place: "/inbox/a.csv")
        mark.sizeBytes = 5
        mark.modifiedAt = 6
        mark.entityTag = "\"x\""
        mark.lastModified = "Mon"
        var change = RunChange(run)
        change.rejects = (0..<3).map { RejectsFile(kind: .rejects, name: "file\($0)") }
        change.marks = [mark, SourceMark(place: "/inbox/b.csv")]
        try fixture.store.store(change)
        var second = RunChange(other)
        second.rejects = [RejectsFile(kind: .warnings, name: "other")]
        try fixture.store.store(second)
        #expect(try fixture.store.rejectsFiles(of: run.id) == change.rejects)
        #expect(try fixture.store.mark(of: "pickup", "/inbox/a.csv") == mark)
        #expect(try fixture.store.mark(of: "pick", "/inbox/a.csv") == nil)
        #expect(try fixture.store.marks(of: "pickup").count == 2)

        change.rejects = [RejectsFile(kind: .rejects, name: "again")]
        change.marks = []
        change.forgotten = ["/inbox/a.csv", "/inbox/never.csv"]
        try fixture.store.store(change)
        #expect(try fixture.store.rejectsFiles(of: run.id) == change.rejects)
        #expect(try fixture.store.rejectsFiles(of: other.id) == second.rejects)
        #expect(try fixture.store.marks(of: "pickup").map(\.place) == ["/inbox/b.csv"])
        try fixture.finish()
    }

    /// Runs go by age and by number, with their files, but never one that has something left to do.
    @Test func trimRuns_removesWhatHasEnded() throws {
        let fixture = try StoreFixture()
        for number in 1...6 {
            var run = try fixture.store.addRun { Self.run($0) }
            run.state = number == 2 ? .interrupted : .done
            run.endedAt = Int64(number)
            run.hasFilesToClear = number == 3
            var change = RunChange(run)
            change.rejects = [RejectsFile(kind: .rejects, name: "\(number)")]
            try fixture.store.store(change)
        }
        #expect(try fixture.store.trimRuns(countMax: 9, secondsMin: 2) == ["1"])
        #expect(try fixture.store.trimRuns(countMax: 2, secondsMin: 0) == ["4"])
        var left: [UInt64] = []
        try fixture.store.forEachRun {
            left.append($0.id)
            return true
        }
        #expect(left == [6, 5, 3, 2])
        #expect(try fixture.store.addRun { Self.run($0) }.id == 7)
        try fixture.finish()
    }

    /// One changed bit in any byte of a run's record is found, and no such run is ever given out.
    @Test func check_findsAChangedBit_inEveryByteOfARun() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.addRun { Self.full($0) }
        let key = SequenceKey.encode(1)
        let value = try #require(try fixture.value(key, in: .runs))
        for place in value.indices {
            var damaged = value
            damaged[place] ^= UInt8(1 << (place % 8))
            try fixture.put(damaged, for: key, in: .runs)
            let findings = try fixture.store.check().findings
            #expect(
                findings.first?.description == "runs: entry 1: the checksum does not match",
                "byte \(place)")
            #expect(throws: StoreError.self) { _ = try fixture.store.run(1) }
        }
        let plan = try fixture.store.check().repairPlan
        #expect(plan.losses == ["1 damaged records of 'runs'"])
        try fixture.store.repair(givesUpLosses: true)
        #expect(try fixture.store.run(1) == nil)
        try fixture.finish()
    }

    /// An entry that is gone, and one of `rejects` or `sources` that is none of ours.
    @Test func check_findsLostAndForeignEntries() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.addRun { Self.run($0) }
        try fixture.remove(SequenceKey.encode(1), from: .runs)
        try fixture.put([1], for: [1], in: .rejects)
        try fixture.put([], for: [1], in: .sources)
        let findings = try fixture.store.check().findings.map(\.description)
        #expect(
            findings == [
                "rejects: entry 1: the value has 1 bytes, less than a head",
                "sources: entry 1: the value has 0 bytes, less than a head",
                "runs: 1 entries were written, and 0 are accounted for",
            ])
    }

    /// A store that was written before there were runs gets their databases when it is opened.
    @Test func open_migratesAStoreOfTheFirstSchema() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1)]])
        let databases = fixture.store.databases
        try fixture.store.environment.write { transaction in
            for name in [MetaValue.lastRun] + StoredDatabase.sealed.map(MetaValue.totals) {
                _ = try transaction.remove(Array(name.utf8).span.bytes, from: databases.meta)
            }
            try MetaValue.write(MetaValue.schema, [1], &transaction, databases.meta)
        }
        try fixture.reopen()
        #expect(try fixture.store.addRun { Self.run($0) }.id == 1)
        #expect(try fixture.store.copy("A") != nil)
        try fixture.finish()
    }
}
