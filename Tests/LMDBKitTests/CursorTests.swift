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

/// Page by page comes what entry by entry does, from any entry on, and up to where the reader ends
/// it: with values of all sizes, some on pages of their own.
@Test(arguments: [1, 2, 40, 3_000])
func moveThroughPage_lendsWhatMovesFind(_ count: Int) throws {
    let scratch = try ScratchDirectory()
    let environment = try Environment(path: scratch.path, options: .init(mapSizeBytes: 64 << 20))
    let database = try environment.write { transaction in
        let database = try transaction.createDatabase("values")
        for number in 0..<count {
            let order = number * 7_919 % count
            let size = order % 50 == 7 ? 5_000 : order * 31 % 600
            try transaction.put(
                String(repeating: "v", count: size), for: "key \(order)", in: database)
        }
        return database
    }
    try environment.read { transaction in
        typealias Entry = (key: [UInt8], value: [UInt8])
        var all: [Entry] = []
        try transaction.withCursor(over: database) { cursor in
            while try cursor.moveToNext() {
                all.append((Array(cursor.unsafeKey), Array(cursor.unsafeValue)))
            }
        }
        for start in Set([0, 1, count / 3, count / 2, count - 1]) where start < count {
            for limit in Set([1, 2, 17, count - start]) where limit <= count - start {
                var found: [Entry] = []
                let first = all[start].key
                try transaction.withCursor(over: database) { cursor in
                    var isThere = try cursor.move(toFirstNotBefore: first.span.bytes)
                    while isThere, found.count < limit {
                        isThere = try cursor.moveThroughPage { key, value in
                            guard found.count < limit else { return false }
                            found.append((Array(key), Array(value)))
                            return true
                        }
                    }
                    expect(isThere, limit < count - start)
                }
                let wanted = all[start..<(start + limit)]
                #expect(found.map(\.key) == wanted.map(\.key))
                #expect(found.map(\.value) == wanted.map(\.value))
            }
        }
    }
}
