import CardTesting
import Testing

@testable import LMDBKit

struct ReadAheadTests {
    /// An environment with `count` keys, and the leaf page of each, as LMDB's cursor comes to them.
    private static func withKeys(
        _ count: Int,
        _ body: (Environment, borrowing ReadTransaction, [(key: [UInt8], page: UInt64)]) throws ->
            Void
    ) throws {
        let scratch = try ScratchDirectory()
        let environment = try Environment(
            path: scratch.path, options: .init(mapSizeBytes: 64 << 20, isReadAtRandom: true))
        let database = try environment.write { transaction in
            let database = try transaction.createDatabase("keys")
            // In an order in which pages are split.
            for number in 0..<count {
                let key = "key \(number * 7_919 % count)"
                try transaction.put(String(repeating: "x", count: 40), for: key, in: database)
            }
            return database
        }
        try environment.read { transaction in
            var found: [(key: [UInt8], page: UInt64)] = []
            try transaction.withCursor(over: database) { cursor in
                while try cursor.moveToNext() {
                    let address = UInt(bitPattern: cursor.unsafeKey.baseAddress)
                    let page = address & ~UInt(PageLayout.pageBytes - 1)
                    let number = UnsafeRawPointer(bitPattern: page)?.load(as: UInt64.self)
                    found.append((Array(cursor.unsafeKey), try #require(number)))
                }
            }
            try body(environment, transaction, found)
        }
    }

    /// The pages that are asked for are those in which LMDB finds the keys, in trees of all depths.
    @Test(arguments: [0, 1, 100, 1_000, 20_000])
    func request_namesTheLeafPages(_ count: Int) throws {
        try Self.withKeys(count) { environment, transaction, entries in
            var ahead = try ReadAhead(of: "keys", in: environment, transaction)
            #expect(ahead.request(entries.map(\.key)) == entries.map(\.page))
            let shuffled = entries.shuffled()
            #expect(ahead.request(shuffled.map(\.key)) == shuffled.map(\.page))
            // A key that is not there lies where it would be.
            let beyond = ahead.request([Array("l".utf8)])
            #expect(beyond == entries.last.map { [$0.page] } ?? [])
        }
    }

    /// From any key on, the pages come in the order of a cursor, each once.
    @Test(arguments: [1, 100, 1_000, 20_000], [1, 7, 64])
    func sequential_namesAllPagesBehindAKey(_ count: Int, _ atATime: Int) throws {
        try Self.withKeys(count) { environment, transaction, entries in
            for start in [0, count / 3, count - 1] {
                var ahead = try SequentialReadAhead(
                    of: "keys", in: environment, transaction, pagesMax: 4 * atATime)
                ahead.descend(to: start == 0 ? nil : entries[start].key)
                var pages: [UInt64] = []
                while case let next = ahead.requestNext(), !next.isEmpty {
                    #expect(next.count <= atATime)
                    pages += next
                }
                var expected: [UInt64] = []
                for entry in entries[start...] where entry.page != expected.last {
                    expected.append(entry.page)
                }
                // A tree of one page is read with its root.
                #expect(pages == (Set(entries.map(\.page)).count == 1 ? [] : expected))
            }
        }
    }

    /// What is asked for keeps ahead of the reader by no more than it should, to the end.
    @Test func follow_keepsItsDistance() throws {
        try Self.withKeys(20_000) { environment, transaction, entries in
            let database = try #require(try transaction.openDatabase("keys"))
            var ahead = try SequentialReadAhead(
                of: "keys", in: environment, transaction, pagesMax: 16)
            ahead.start(at: nil)
            var last: UInt64?
            var entered = 0
            let pages = Set(entries.map(\.page)).count
            try transaction.withCursor(over: database) { cursor in
                for entry in entries {
                    let isThere = try cursor.moveToNext()
                    #expect(isThere)
                    ahead.follow(cursor)
                    if entry.page != last { entered += 1 }
                    last = entry.page
                    #expect(ahead.ahead <= 16)
                    #expect(ahead.ahead >= min(12, pages - entered))
                }
            }
            #expect(ahead.requestNext() == [])
        }
    }

    /// The keys to divide at are keys of the database, ascending, and no more than were asked for.
    @Test(arguments: [1, 100, 20_000], [1, 2, 7, 500])
    func branchKeys_divideTheDatabase(_ count: Int, _ parts: Int) throws {
        try Self.withKeys(count) { environment, transaction, entries in
            let keys = try environment.branchKeys(of: "keys", count: parts, transaction)
            #expect(keys.count < parts)
            for (key, next) in zip(keys, keys.dropFirst()) {
                #expect(key.lexicographicallyPrecedes(next))
            }
            // There is a key between any two leaf pages.
            if count == 20_000 {
                let pages = Set(entries.map(\.page)).count
                #expect(keys.count == min(parts, pages) - 1)
            }
        }
    }
}
