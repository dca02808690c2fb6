import CardModel
import CardTesting
import Foundation
import LMDBKit
import Synchronization
import Testing

@testable import CardStore

/// Copies of a store in use.
struct BackupTests {
    private static func fixture(cards: Int = 200) throws -> StoreFixture {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([
            try (0..<cards).map { try fact("C\($0)", $0, phone: UInt64(1 + $0 % 7), comment: "c") }
        ])
        try fixture.store.addKey(
            StoredKey(hash: [UInt8](repeating: 7, count: 32), name: "agents", createdAt: 1))
        return fixture
    }

    /// The copy is a store of its own, with everything, for the owner's eyes.
    @Test func backup_makesAStoreWithEverything_inADirectory() throws {
        let fixture = try Self.fixture()
        let scratch = try ScratchDirectory()
        let report = try fixture.store.backup(to: scratch.file("new"), verifies: true)
        #expect(report.path == scratch.file("new") + "/data.mdb")
        #expect(report.isCompacted)
        #expect(report.check?.cards == 200)
        #expect(try Self.mode(report.path) == 0o600)
        #expect(try Self.mode(scratch.file("new")) == 0o700)
        let copy = try CardStore(directory: scratch.file("new"), create: false)
        #expect(try copy.check().findings == [])
        #expect(try copy.keys() == fixture.store.keys())
        #expect(try copy.lastSequence() == 200)
        var histories: [CardID: CardHistory] = [:]
        try copy.forEachHistory { histories[$0] = $1 }
        #expect(try histories == fixture.histories())
    }

    /// What is there stays, unless it may go; the store itself and other kinds of files always do.
    @Test func backup_refusesWhatIsThere() throws {
        let fixture = try Self.fixture()
        let scratch = try ScratchDirectory()
        let path = try scratch.write("old", to: "b.mdb")
        #expect(throws: StoreError.fileExists(path: path)) {
            _ = try fixture.store.backup(to: path)
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: path)) == Data("old".utf8))
        _ = try fixture.store.backup(to: path, replaces: true)
        #expect(try CardStore(stillFile: path).check().findings == [])
        for destination in [fixture.scratch.path, fixture.scratch.path + "/data.mdb"] {
            #expect(throws: StoreError.self) {
                _ = try fixture.store.backup(to: destination, replaces: true)
            }
        }
        #expect(throws: StoreError.self) { _ = try fixture.store.backup(to: "/dev/null") }
        #expect(
            try FileManager.default.contentsOfDirectory(atPath: scratch.path) == ["b.mdb"])
        try fixture.finish()
    }

    /// A copy of a damaged store must not pass for a good backup.
    @Test func backup_failsItsVerification_whenTheStoreIsDamaged() throws {
        let fixture = try Self.fixture()
        try fixture.put([1], for: Array("C5".utf8), in: .cards)
        let scratch = try ScratchDirectory()
        #expect(throws: StoreError.self) {
            _ = try fixture.store.backup(to: scratch.file("b.mdb"), verifies: true)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path) == [])
    }

    /// What a backup that was killed left is taken over; one that is at work is not.
    @Test func backup_takesOverALeftover_butNotAFileInUse() throws {
        let fixture = try Self.fixture()
        let scratch = try ScratchDirectory()
        try scratch.write("left over, and longer than nothing", to: "b.mdb.partial")
        _ = try fixture.store.backup(to: scratch.file("b.mdb"))
        let other = try PartialFile(path: scratch.file("c.mdb"), replaces: false)
        #expect(throws: StoreError.self) {
            _ = try fixture.store.backup(to: scratch.file("c.mdb"))
        }
        withExtendedLifetime(other) {}
    }

    /// Each backup taken while commits go on is one moment's store: sound, and its sequence is
    /// what its cards say.
    @Test func backup_isOneSnapshot_besideCommits() throws {
        let fixture = try Self.fixture()
        let scratch = try ScratchDirectory()
        let store = fixture.store
        let isOver = Atomic<Bool>(false)
        let written = Mutex<Int>(0)
        let failed = Mutex<(any Error)?>(nil)
        let writer = Thread {
            do {
                var second = 1_000
                while !isOver.load(ordering: .relaxed), second < 50_000 {
                    _ = try store.commit([
                        try (0..<20).map { try fact("N\(second % 300 + $0)", second, phone: 9) }
                    ])
                    second += 1
                    written.withLock { $0 += 1 }
                }
            } catch {
                failed.withLock { $0 = error }
            }
            isOver.store(true, ordering: .releasing)
        }
        defer {
            isOver.store(true, ordering: .relaxed)
            while !writer.isFinished { usleep(1_000) }
        }
        writer.start()
        for round in 0..<8 {
            let path = scratch.file("\(round).mdb")
            let report = try store.backup(to: path, verifies: true)
            #expect(report.check?.findings == [])
            let copy = try CardStore(stillFile: path)
            #expect(try copy.lastSequence() == UInt64(copy.check().changes))
            #expect(try copy.lastSequence() <= store.lastSequence())
            // Neither are the snapshots of several threads ever of different commits.
            #expect(try store.check(threads: 4).findings == [])
        }
        #expect(failed.withLock { $0 == nil })
        #expect(written.withLock { $0 } > 0)
    }

    /// A file whose free pages are not all accounted for cannot be compacted; it is copied as it
    /// is. A page more than its meta pages tell of is such a file.
    @Test func backup_isNotCompact_whenPagesHaveLeaked() throws {
        let fixture = try Self.fixture()
        let scratch = try ScratchDirectory()
        let path = scratch.file("leaky/data.mdb")
        _ = try fixture.store.backup(to: scratch.file("leaky"))
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        for page in [UInt64(0), 1] {
            // Behind the page's head: magic, version, address, map size, two databases.
            let place = page * 4_096 + 16 + 24 + 96
            try file.seek(toOffset: place)
            let last = try #require(try file.read(upToCount: 8)).reversed().reduce(UInt64(0)) {
                $0 << 8 | UInt64($1)
            }
            try file.seek(toOffset: place)
            try file.write(contentsOf: withUnsafeBytes(of: last + 1) { Data($0) })
        }
        try file.truncate(atOffset: try file.seekToEnd() + 4_096)
        try file.close()
        let leaky = try CardStore(directory: scratch.file("leaky"), create: false)
        let notes = Mutex<Int>(0)
        let report = try leaky.backup(to: scratch.file("copy"), verifies: true) { progress in
            if case .notCompacting = progress { notes.withLock { $0 += 1 } }
        }
        #expect(!report.isCompacted)
        #expect(report.check?.cards == 200)
        #expect(notes.withLock { $0 } == 1)
    }

    /// Room is asked for before anything is written.
    @Test func require_names_whatIsNeededAndFree() throws {
        try DiskSpace.require(1, in: "/tmp")
        #expect(throws: StoreError.self) { try DiskSpace.require(.max, in: "/tmp") }
    }

    static func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }
}
