import CardTesting
import Foundation
import Testing

@testable import LMDBKit

/// Three databases with entries of all sizes, some of them removed again, in several commits.
private func makeFile(_ scratch: ScratchDirectory) throws {
    var random = SeededGenerator(seed: 7)
    try withEnvironment(scratch, mapSizeBytes: 1 << 24) { environment in
        for round in 0..<4 {
            try environment.write { transaction in
                for name in ["a", "b", "c"] {
                    let database = try transaction.createDatabase(name)
                    for number in 0..<400 {
                        let key = "key \(Int.random(in: 0..<2_000, using: &random))"
                        if round > 1, number % 3 == 0 {
                            _ = try transaction.remove(bytes(key).span.bytes, from: database)
                            continue
                        }
                        let size = number % 50 == 0 ? 9_000 : number % 7 * 40
                        try transaction.put(
                            String(repeating: "x", count: size), for: key, in: database)
                    }
                }
            }
        }
    }
}

/// Every key of the three databases, in order.
private func keys(_ scratch: ScratchDirectory) throws -> [String] {
    var keys: [String] = []
    try withEnvironment(scratch, mapSizeBytes: 1 << 24) { environment in
        try environment.read { transaction in
            for name in ["a", "b", "c"] {
                guard let database = try transaction.openDatabase(name) else { continue }
                try transaction.withCursor(over: database) { cursor in
                    while try cursor.moveToNext() { keys.append(text(cursor.key)) }
                }
            }
        }
    }
    return keys
}

private func damage(_ scratch: ScratchDirectory) throws -> [PageDamage] {
    var damage: [PageDamage] = []
    try withEnvironment(scratch, mapSizeBytes: 1 << 24) { damage = try $0.auditPages() }
    return damage
}

/// What LMDB writes is as it writes it.
@Test func auditPages_findsNothing_inWhatLMDBWrites() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch, mapSizeBytes: 1 << 24) { _ in }
    let first = try damage(scratch)
    #expect(first == [])
    try makeFile(scratch)
    let found = try damage(scratch)
    #expect(found == [])
}

/// A flipped bit is found, or has left the tree of pages as it was: every entry is still reached.
@Test func auditPages_findsAFlippedBit_orItChangesNoTree() throws {
    let scratch = try ScratchDirectory()
    try makeFile(scratch)
    let whole = try keys(scratch).count
    let url = URL(fileURLWithPath: scratch.file("data.mdb"))
    let content = try Data(contentsOf: url)
    let seed = SeededGenerator.newSeed()
    var random = SeededGenerator(seed: seed)
    var found = 0
    for flip in 0..<600 {
        var changed = content
        let page = Int.random(in: 2..<(content.count / 4_096), using: &random)
        // The head of a page and its pointers more often than the rest.
        let byte = Int.random(in: 0..<(flip % 3 == 0 ? 4_096 : 40), using: &random)
        changed[page * 4_096 + byte] ^= 1 << UInt8(flip % 8)
        try changed.write(to: url)
        if try damage(scratch).isEmpty {
            #expect(try keys(scratch).count == whole, "seed \(seed), page \(page), byte \(byte)")
        } else {
            found += 1
        }
    }
    #expect(found > 50, "seed \(seed)")
}

/// A file that somebody cut short is described, not read beyond its end.
@Test func auditPages_findsThatTheFileEnds() throws {
    let scratch = try ScratchDirectory()
    try makeFile(scratch)
    let url = URL(fileURLWithPath: scratch.file("data.mdb"))
    let content = try Data(contentsOf: url)
    try content.prefix(content.count / 4_096 / 2 * 4_096).write(to: url)
    let damage = try damage(scratch)
    #expect(!damage.isEmpty)
    #expect(damage.allSatisfy { !$0.description.isEmpty })
}
