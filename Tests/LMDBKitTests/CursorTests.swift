import CardTesting
import Testing

@testable import LMDBKit

/// What a cursor finds over keys b, d, f from each kind of move.
@Test func move_findsTheEntryOrNone() throws {
    try withLetters { cursor in
        try expect(cursor.moveToFirst(), true)
        expect(text(cursor.key) + text(cursor.value), "bB")
        try expect(cursor.moveToNext(), true)
        expect(text(cursor.key), "d")
        try expect(cursor.moveToLast(), true)
        expect(text(cursor.key) + text(cursor.value), "fF")
        try expect(cursor.moveToNext(), false)
        expect(text(cursor.key) + text(cursor.value), "")
    }
}

/// The first entry not before a key: the key itself, the next greater, or none.
@Test(arguments: [("a", "b"), ("b", "b"), ("bb", "d"), ("c", "d"), ("f", "f"), ("g", nil)])
func moveToFirstNotBefore_findsTheLeastKeyNotLess(_ wanted: String, _ found: String?) throws {
    try withLetters { cursor in
        let isFound = try cursor.move(toFirstNotBefore: bytes(wanted).span.bytes)
        #expect(isFound == (found != nil))
        expect(text(cursor.key), found ?? "")
    }
}

/// A cursor that was never moved starts at the first entry.
@Test func moveToNext_findsTheFirst_whenTheCursorIsNew() throws {
    try withLetters { cursor in
        try expect(cursor.moveToNext(), true)
        expect(text(cursor.key), "b")
    }
}

/// An empty database has no entries for any move.
@Test func move_findsNothing_whenTheDatabaseIsEmpty() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("letters") }
        try environment.read { transaction in
            try transaction.withCursor(over: database) { cursor in
                try expect(cursor.moveToFirst(), false)
                try expect(cursor.moveToLast(), false)
                try expect(cursor.moveToNext(), false)
                try expect(cursor.move(toFirstNotBefore: bytes("a").span.bytes), false)
            }
        }
    }
}

/// A write transaction's cursor sees what it has not committed yet.
@Test func cursor_seesUncommittedEntries_whenItBelongsToTheWriter() throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("letters") }
        try environment.write { transaction in
            try transaction.put("B", for: "b", in: database)
            try transaction.withCursor(over: database) { cursor in
                try expect(cursor.moveToFirst(), true)
                expect(text(cursor.key), "b")
            }
        }
    }
}

private func withLetters(_ body: (inout Cursor) throws -> Void) throws {
    let scratch = try ScratchDirectory()
    try withEnvironment(scratch) { environment in
        let database = try environment.write { try $0.createDatabase("letters") }
        try environment.write { transaction in
            for letter in ["d", "b", "f"] {
                try transaction.put(letter.uppercased(), for: letter, in: database)
            }
        }
        try environment.read { try $0.withCursor(over: database, body) }
    }
}
