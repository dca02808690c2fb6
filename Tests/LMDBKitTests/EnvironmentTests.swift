import CardTesting
import Foundation
import Testing

@testable import LMDBKit

/// A read transaction must not end what it opened: handles live as long as the environment.
@Test func openDatabase_givesALastingHandle_whenOpenedInAReadTransaction() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        try environment.write { transaction in
            let database = try transaction.createDatabase("numbers")
            try transaction.put("one", for: "1", in: database)
        }
    }
    try withEnvironment(scratch) { environment in
        let found = try environment.read { try $0.openDatabase("numbers") }
        let database = try #require(found)
        try expect(environment.read { try $0.text(of: "1", in: database) }, "one")
        try environment.write { try $0.put("two", for: "2", in: database) }
        try expect(environment.read { try $0.text(of: "2", in: database) }, "two")
    }
}

/// What a write transaction opens for the first time lasts as well.
@Test func openDatabase_givesALastingHandle_whenOpenedInAWriteTransaction() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        _ = try environment.write { try $0.createDatabase("numbers") }
    }
    try withEnvironment(scratch) { environment in
        let found = try environment.write { try $0.openDatabase("numbers") }
        let database = try #require(found)
        try expect(environment.read { try $0.text(of: "1", in: database) }, nil)
    }
}

/// A name that no database has is an answer, not an error.
@Test func openDatabase_givesNil_whenThereIsNone() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        try expect(environment.read { try $0.openDatabase("numbers") == nil }, true)
        try expect(environment.write { try $0.openDatabase("numbers") == nil }, true)
    }
}

/// An error thrown by the closure leaves everything as it was and comes out unchanged.
@Test func write_rollsBack_whenTheClosureThrows() throws {
    struct Refusal: Error {}
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("numbers") }
        try environment.write { try $0.put("one", for: "1", in: database) }
        let before = environment.lastTransactionID

        #expect(throws: Refusal.self) {
            try environment.write { transaction in
                try transaction.put("changed", for: "1", in: database)
                try transaction.put("two", for: "2", in: database)
                throw Refusal()
            }
        }

        #expect(environment.lastTransactionID == before)
        try environment.read { transaction in
            try expect(transaction.text(of: "1", in: database), "one")
            try expect(transaction.text(of: "2", in: database), nil)
            try expect(transaction.entryCount(of: database), 1)
        }
        // The next writer must not wait for a lock that the refused one left behind.
        try environment.write { try $0.put("two", for: "2", in: database) }
        #expect(environment.lastTransactionID == before + 1)
    }
}

/// A write sees its own changes; a snapshot opened before does not.
@Test func read_keepsItsSnapshot_whenAWriteCommitsMeanwhile() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("numbers") }
        try environment.write { try $0.put("one", for: "1", in: database) }
        try environment.read { snapshot in
            try environment.write { transaction in
                try transaction.put("changed", for: "1", in: database)
                try expect(transaction.text(of: "1", in: database), "changed")
                expect(transaction.id, snapshot.id + 1)
            }
            try expect(snapshot.text(of: "1", in: database), "one")
        }
        try expect(environment.read { try $0.text(of: "1", in: database) }, "changed")
    }
}

/// Removing says whether there was something to remove.
@Test func remove_tellsWhetherThereWasAnEntry() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("numbers") }
        try environment.write { transaction in
            try transaction.put("one", for: "1", in: database)
            try expect(transaction.remove(bytes("1").span.bytes, from: database), true)
            try expect(transaction.remove(bytes("1").span.bytes, from: database), false)
            try expect(transaction.text(of: "1", in: database), nil)
        }
    }
}

/// An empty value is an entry, and not the same as none.
@Test func value_isEmptyAndNotNil_whenTheStoredValueIsEmpty() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("numbers") }
        try environment.write { try $0.put("", for: "1", in: database) }
        try expect(environment.read { try $0.text(of: "1", in: database) }, "")
    }
}

/// An error says which C function gave it and what LMDB calls it.
@Test func errors_nameTheCallAndLMDBsText() throws {
    let scratch = try ScratchDirectory()
    let missing = #expect(throws: LMDBError.self) {
        _ = try Environment(
            path: scratch.path + "/missing", options: .init(mapSizeBytes: 1 << 20))
    }
    #expect(missing?.rawValue == ENOENT)
    #expect(missing?.description == "mdb_env_open: No such file or directory")

    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("numbers") }
        let emptyKey = #expect(throws: LMDBError.self) {
            try environment.write { try $0.put("x", for: "", in: database) }
        }
        #expect(
            emptyKey?.description
                == "mdb_put: MDB_BAD_VALSIZE: Unsupported size of key/DB name/data, "
                + "or wrong DUPFIXED size"
        )
        let longKey = String(repeating: "k", count: 512)
        #expect(throws: LMDBError.self) {
            try environment.write { try $0.put("x", for: longKey, in: database) }
        }
    }
}

/// Named codes compare by code, whichever call gave them.
@Test func errors_areEqual_whenTheirCodesAre() {
    #expect(LMDBError(rawValue: LMDBError.mapFull.rawValue, call: "mdb_put") == .mapFull)
    #expect(LMDBError.mapFull != .readersFull)
}

/// A full map refuses the write, and what was there stays readable and writable.
@Test func write_failsWithMapFullAndRollsBack_whenTheMapHasNoRoom() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch, mapSizeBytes: 16 * 4_096) { environment in
        let database = try environment.write { try $0.createDatabase("numbers") }
        try environment.write { try $0.put("one", for: "1", in: database) }
        let big = String(repeating: "x", count: 32 * 4_096)
        let error = #expect(throws: LMDBError.self) {
            try environment.write { try $0.put(big, for: "2", in: database) }
        }
        #expect(error == .mapFull)
        try expect(environment.read { try $0.text(of: "1", in: database) }, "one")
        try environment.write { try $0.put("two", for: "2", in: database) }
        try expect(environment.read { try $0.text(of: "2", in: database) }, "two")
        #expect(environment.usedBytes <= environment.mapSizeBytes)
    }
}

/// Reader slots come back with the end of their transactions: there are only so many.
@Test func read_freesItsSlot_whenItEnds() throws {
    let scratch = try ScratchDirectory()
    let options = Environment.Options(mapSizeBytes: 1 << 20, maxReaders: 2)
    let environment = try Environment(path: scratch.path, options: options)
    for _ in 0..<10 {
        try environment.read { _ in try environment.read { _ in } }
    }
    let error = #expect(throws: LMDBError.self) {
        try environment.read { _ in
            try environment.read { _ in try environment.read { _ in } }
        }
    }
    #expect(error == .readersFull)
    try environment.read { _ in }
}

/// A living process's slots are not stale.
@Test func clearStaleReaders_freesNothing_whenTheReaderLives() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        try environment.read { _ in
            try expect(environment.clearStaleReaders(), 0)
        }
    }
}

/// Everything an environment holds is private to its owner.
@Test func files_areForTheOwnerAlone() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { _ in }
    for name in ["data.mdb", "lock.mdb"] {
        let attributes = try FileManager.default.attributesOfItem(
            atPath: scratch.path + "/" + name)
        #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
    }
}

/// Opening an environment twice in one process would lose its locks, and traps instead.
@Test func init_traps_whenTheEnvironmentIsOpenAlready() async {
    await #expect(processExitsWith: .failure) {
        let scratch = try ScratchDirectory()
        let first = try Environment(path: scratch.path, options: .init(mapSizeBytes: 1 << 20))
        let second = try Environment(
            path: scratch.path + "/.", options: .init(mapSizeBytes: 1 << 20))
        withExtendedLifetime((first, second)) {}
    }
}

/// Closed, it can be opened again.
@Test func init_opensAgain_whenTheEnvironmentWasClosed() throws {
    let scratch = try ScratchDirectory()
    for _ in 0..<2 {
        _ = try Environment(path: scratch.path, options: .init(mapSizeBytes: 1 << 20))
    }
}

// MARK: Support

/// As `#expect(found == wanted)`, which cannot take borrowed values apart.
func expect<T: Equatable>(
    _ found: T, _ wanted: T, sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(found == wanted, sourceLocation: sourceLocation)
}

func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }

func text(_ span: RawSpan) -> String {
    span.withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
}

/// Opens an environment for the closure's duration: a process may have it open once only.
func withEnvironment<R>(
    _ scratch: ScratchDirectory, mapSizeBytes: Int = 1 << 20,
    _ body: (Environment) throws -> R
) throws -> R {
    let environment = try Environment(
        path: scratch.path, options: .init(mapSizeBytes: mapSizeBytes))
    return try body(environment)
}

extension Transaction where Self: ~Copyable {
    func text(of key: String, in database: Database) throws -> String? {
        let key = bytes(key)
        guard let value = try value(of: key.span.bytes, in: database) else { return nil }
        return LMDBKitTests.text(value)
    }
}

extension WriteTransaction {
    mutating func put(_ value: String, for key: String, in database: Database) throws {
        let key = bytes(key)
        let value = bytes(value)
        try put(value.span.bytes, for: key.span.bytes, in: database)
    }
}
