import CardModel
import CardTesting
import Foundation
import LMDBKit
import Testing

@testable import CardStore

struct CardStoreTests {
    /// A store opens beside what an earlier process left, with all of it readable and writable.
    @Test func init_opensWhatWasWritten_whenTheStoreExists() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1, phone: 5)]])
        try fixture.reopen()
        #expect(try fixture.store.copy("A") == CardCopy("A", 1, phone: 5))
        #expect(try fixture.store.lastSequence() == 1)
        _ = try fixture.store.commit([[try fact("A", 2)]])
        #expect(try fixture.store.copy("A") == CardCopy("A", 2, phone: 5))
        try fixture.finish()
    }

    /// A new store is empty and sound.
    @Test func init_makesAnEmptyStore() throws {
        let fixture = try StoreFixture()
        #expect(try fixture.histories().isEmpty)
        #expect(try fixture.store.lastSequence() == 0)
        #expect(try fixture.store.keysVersion() == 0)
        #expect(try fixture.store.changes(after: 0, limit: 10) == .cards([], last: 0))
        #expect(try fixture.store.withCard(card("A")) { CardCopy($0) } == nil)
        #expect(try fixture.store.history(of: card("A")) == nil)
        try fixture.finish()
        let attributes = try FileManager.default.attributesOfItem(
            atPath: fixture.scratch.path + "/data.mdb")
        #expect(attributes[.posixPermissions] as? Int == 0o600)
    }

    /// The directory is made when it is missing, for its owner alone.
    @Test func init_makesTheDirectory_whenAsked() throws {
        let scratch = try ScratchDirectory()
        let directory = scratch.path + "/store"
        do {
            let store = try CardStore(directory: directory, create: true, mapSizeBytes: 1 << 20)
            #expect(store.directory == directory)
        }
        let attributes = try FileManager.default.attributesOfItem(atPath: directory)
        #expect(attributes[.posixPermissions] as? Int == 0o700)
    }

    /// Reading commands say that there is no store, and leave none behind.
    @Test func init_saysThatThereIsNoStore_whenThereIsNone() throws {
        let scratch = try ScratchDirectory()
        for directory in [scratch.path, scratch.path + "/missing"] {
            #expect(throws: StoreError.noStore(directory: directory)) {
                _ = try CardStore(directory: directory, create: false)
            }
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch.path).isEmpty)
        #expect(
            StoreError.noStore(directory: "d").description
                == "there is no store in 'd'; 'cardstatus load' or 'cardstatus serve' makes one")
    }

    /// A file where the directory should be, or a directory whose parent is missing.
    @Test func init_saysWhatIsInaccessible() throws {
        let scratch = try ScratchDirectory()
        let file = scratch.path + "/file"
        try Data("text".utf8).write(to: URL(fileURLWithPath: file))
        #expect(throws: StoreError.inaccessible(path: file, reason: "Not a directory")) {
            _ = try CardStore(directory: file, create: false)
        }
        #expect(throws: StoreError.inaccessible(path: file, reason: "Not a directory")) {
            _ = try CardStore(directory: file, create: true)
        }
        let deep = scratch.path + "/a/b"
        #expect(throws: StoreError.inaccessible(path: deep, reason: "No such file or directory")) {
            _ = try CardStore(directory: deep, create: true)
        }
    }

    /// An environment of another program is not written into.
    @Test(arguments: [false, true])
    func init_refusesAForeignEnvironment(_ create: Bool) throws {
        let scratch = try ScratchDirectory()
        do {
            let other = try Environment(
                path: scratch.path, options: .init(mapSizeBytes: 1 << 20))
            _ = try other.write { try $0.createDatabase("somebody's") }
        }
        #expect(throws: StoreError.foreign(directory: scratch.path)) {
            _ = try CardStore(directory: scratch.path, create: create, mapSizeBytes: 1 << 20)
        }
        let other = try Environment(path: scratch.path, options: .init(mapSizeBytes: 1 << 20))
        #expect(try other.read { try $0.openDatabase("cards") == nil })
    }

    /// An entry where a database of ours should be tells the same.
    @Test func init_refusesAForeignEnvironment_whenANameOfOursIsAnEntry() throws {
        let scratch = try ScratchDirectory()
        do {
            let other = try Environment(
                path: scratch.path, options: .init(mapSizeBytes: 1 << 20))
            let main = try other.read { try $0.openMainDatabase() }
            let key = Array("meta".utf8)
            try other.write { try $0.put(key.span.bytes, for: key.span.bytes, in: main) }
        }
        #expect(throws: StoreError.foreign(directory: scratch.path)) {
            _ = try CardStore(directory: scratch.path, create: true, mapSizeBytes: 1 << 20)
        }
    }

    /// An environment that nobody has written to yet is what a process leaves that was killed while
    /// it made the store: the next one makes it.
    @Test func init_makesTheStore_whenTheEnvironmentIsEmpty() throws {
        let scratch = try ScratchDirectory()
        do {
            _ = try Environment(path: scratch.path, options: .init(mapSizeBytes: 1 << 20))
        }
        #expect(throws: StoreError.noStore(directory: scratch.path)) {
            _ = try CardStore(directory: scratch.path, create: false, mapSizeBytes: 1 << 20)
        }
        let store = try CardStore(directory: scratch.path, create: true, mapSizeBytes: 1 << 20)
        #expect(try store.check().findings == [])
    }

    /// Bytes that are no LMDB file are damage, and stay as they are.
    @Test(arguments: [false, true])
    func init_refusesGarbage(_ create: Bool) throws {
        let scratch = try ScratchDirectory()
        let file = URL(fileURLWithPath: scratch.path + "/data.mdb")
        let garbage = Data(repeating: 0x5A, count: 16_384)
        try garbage.write(to: file)
        #expect(
            throws: StoreError.damaged(database: "data.mdb", what: "it is not an LMDB data file")
        ) {
            _ = try CardStore(directory: scratch.path, create: create)
        }
        #expect(try Data(contentsOf: file) == garbage)
    }

    /// A store of a later version is refused, with what to do, by every kind of open.
    @Test(arguments: [false, true])
    func init_refusesALaterSchema(_ create: Bool) throws {
        let fixture = try StoreFixture()
        try fixture.writeMeta(MetaValue.schema, [5])
        let error = #expect(throws: StoreError.self) {
            try fixture.reopen()
        }
        #expect(error == .schema(found: 5, supported: 4))
        #expect(
            error?.description
                == "the store has schema version 5, and this program reads version 4;"
                + " use the version of cardstatus that wrote it")
    }

    /// A schema entry that is not what was written is damage, not a version.
    @Test func init_refusesADamagedSchemaEntry() throws {
        let fixture = try StoreFixture()
        try fixture.put([1, 2, 3], for: Array("schema".utf8), in: .meta)
        #expect(
            throws: StoreError.damaged(
                database: "meta", what: "the entry 'schema' is not what was written")
        ) { try fixture.reopen() }
    }

    /// The numbers an operator sees.
    @Test func statistics_countWhatIsStored() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([
            [try fact("A", 1, phone: 5), try fact("A", 2), try fact("B", 1)]
        ])
        let statistics = try fixture.store.statistics()
        #expect(statistics.cards == 2)
        #expect(statistics.phones == 1)
        #expect(statistics.events == 3)
        #expect(statistics.changes == 2)
        #expect(statistics.lastSequence == 2)
        #expect(statistics.mapSizeBytes == 64 << 20)
        #expect((4_096..<(64 << 20)).contains(statistics.usedBytes))
        try fixture.finish()
    }
}
