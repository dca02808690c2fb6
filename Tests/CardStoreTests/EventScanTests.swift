import CardModel
import CardTesting
import Testing

@testable import CardStore

/// Events in the order of time, against the plain list of them.
struct EventScanTests {
    /// An event and where it stands.
    private struct Entry: Equatable {
        let key: [UInt8]
        let card: CardID
        let event: CardEvent
    }

    /// All events that cards keep, in the order of their keys.
    private static func entries(_ store: CardStore) throws -> [Entry] {
        var entries: [Entry] = []
        try store.forEachHistory { card, history in
            entries += history.events.map {
                Entry(key: TimeKey.encode(card, $0.identity), card: card, event: $0)
            }
        }
        return entries.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    }

    private static func matches(_ entry: Entry, _ query: EventQuery) -> Bool {
        let identity = entry.event.identity
        return identity.occurredAt >= query.from
            && query.to.map { identity.occurredAt < $0 } ?? true
            && query.status.map { identity.status == $0 } ?? true
            && query.feed.map { identity.feed == $0 } ?? true
    }

    private static func page(
        _ store: CardStore, _ query: EventQuery, after: EventPosition?, limit: Int,
        _ limits: EventScanLimits
    ) throws -> (entries: [Entry], next: EventPosition?) {
        var entries: [Entry] = []
        let next = try store.scanEvents(query, after: after, limit: limit, limits: limits) {
            entries.append(Entry(key: TimeKey.encode($0, $1.identity), card: $0, event: $1))
        }
        return (entries, next)
    }

    private static func drawFact(_ random: inout SeededGenerator) throws -> CardFact {
        let event = CardEvent(
            identity: try identity(
                Int.random(in: 0..<60, using: &random),
                status: CardStatus.allCases.randomElement(using: &random) ?? .returned,
                feed: ["a", "b", "c-3"].randomElement(using: &random) ?? "",
                reference: ["", "1", "22"].randomElement(using: &random) ?? ""),
            comment: EventText(unchecked: Array("x".utf8)))
        let number = Int.random(in: 0..<40, using: &random)
        return CardFact(
            card: try card(["C\(number)", "C\(number)0", "C\(number)-LONGER"][number % 3]),
            event: Int.random(in: 0..<8, using: &random) == 0 ? .void(event.identity) : event)
    }

    private static func drawQuery(_ random: inout SeededGenerator) throws -> EventQuery {
        var query = EventQuery()
        if Bool.random(using: &random) {
            query.from = try identity(Int.random(in: -2...62, using: &random)).occurredAt
        }
        if Bool.random(using: &random) {
            query.to = try identity(Int.random(in: -2...62, using: &random)).occurredAt
        }
        if Bool.random(using: &random) { query.status = CardStatus.allCases.randomElement() }
        if Int.random(in: 0..<3, using: &random) == 0 { query.feed = FeedID("b") }
        return query
    }

    private static let unlimited = EventScanLimits(
        entries: 1_000_000, records: 1_000_000, recordBytes: 1 << 40, time: .seconds(600))

    private static func drawLimits(_ random: inout SeededGenerator) -> EventScanLimits {
        var limits = unlimited
        switch Int.random(in: 0..<5, using: &random) {
        case 0: limits.entries = Int.random(in: 1...40, using: &random)
        case 1: limits.records = Int.random(in: 1...40, using: &random)
        case 2: limits.recordBytes = Int.random(in: 1...4_000, using: &random)
        case 3: limits.time = .zero
        default: break
        }
        // Then pages are asked for ahead wherever they may be.
        if Bool.random(using: &random) { limits.diskTime = .zero }
        return limits
    }

    /// All pages together are what the filter leaves of the sorted list, whatever ends a page.
    @Test func pages_areTheFilteredList() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([(0..<500).map { _ in try Self.drawFact(&random) }])
        let all = try Self.entries(fixture.store)
        for round in 0..<50 {
            let query = try Self.drawQuery(&random)
            let limits = Self.drawLimits(&random)
            let limit = Int.random(in: 1...50, using: &random)
            var found: [Entry] = []
            var position: EventPosition?
            var pages = 0
            repeat {
                let page = try Self.page(
                    fixture.store, query, after: position, limit: limit, limits)
                #expect(page.entries.count <= limit)
                found += page.entries
                position = page.next
                pages += 1
            } while position != nil && pages <= 2_000
            let expected = all.filter { Self.matches($0, query) }
            #expect(found == expected, "seed \(seed), round \(round), \(query)")
        }
        try fixture.finish()
    }

    /// While somebody writes on both sides of the cursor, the pages show every event that was there
    /// throughout, none twice, and of the new ones those that arrived ahead.
    @Test func pages_stayStable_whileEventsArrive() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        for round in 0..<6 {
            let fixture = try StoreFixture()
            _ = try fixture.store.commit([(0..<300).map { _ in try Self.drawFact(&random) }])
            var expected: [[UInt8]] = try Self.entries(fixture.store).map(\.key)
            var found: [[UInt8]] = []
            var position: EventPosition?
            repeat {
                let page = try Self.page(
                    fixture.store, EventQuery(), after: position,
                    limit: Int.random(in: 1...40, using: &random), Self.drawLimits(&random))
                found += page.entries.map(\.key)
                position = page.next
                guard let position else { break }
                _ = try fixture.store.commit([(0..<5).map { _ in try Self.drawFact(&random) }])
                let ahead = try Self.entries(fixture.store).map(\.key)
                    .filter { position.key.lexicographicallyPrecedes($0) }
                expected = expected.filter { !position.key.lexicographicallyPrecedes($0) } + ahead
            } while true
            #expect(found == expected, "seed \(seed), round \(round)")
            #expect(Set(found).count == found.count)
            try fixture.finish()
        }
    }

    /// What a history no longer keeps is not there either.
    @Test func scan_hasWhatHistoriesKeep() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([try (0..<600).map { try fact("FULL", $0) }])
        let page = try Self.page(
            fixture.store, EventQuery(), after: nil, limit: 1_000, Self.unlimited)
        #expect(page.next == nil)
        #expect(page.entries.count == CardHistory.eventLimit)
        #expect(page.entries.first?.event.identity == (try identity(88)))
        try fixture.finish()
    }

    /// Each bound ends a page at the entry that reaches it.
    @Test(arguments: [
        (EventScanLimits(entries: 7, records: 100, recordBytes: 1 << 20, time: .seconds(60)), 7),
        (EventScanLimits(entries: 100, records: 5, recordBytes: 1 << 20, time: .seconds(60)), 5),
        (EventScanLimits(entries: 100, records: 100, recordBytes: 1, time: .seconds(60)), 1),
        (EventScanLimits(entries: 100, records: 100, recordBytes: 1 << 20, time: .zero), 1),
    ])
    func page_ends_atEachLimit(limits: EventScanLimits, count: Int) throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([try (0..<20).map { try fact("C\($0)", $0) }])
        let page = try Self.page(fixture.store, EventQuery(), after: nil, limit: 50, limits)
        #expect(page.entries.count == count)
        #expect(page.next?.key == page.entries.last?.key)
    }

    /// Entries of another status cost no record.
    @Test func page_readsNoRecord_ofAnotherStatus() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([try (0..<20).map { try fact("C\($0)", $0) }])
        let limits = EventScanLimits(
            entries: 100, records: 1, recordBytes: 1, time: .seconds(60))
        let page = try Self.page(
            fixture.store, EventQuery(status: .returned), after: nil, limit: 1, limits)
        #expect(page.entries == [])
        #expect(page.next == nil)
    }

    /// A place is only what an event can have as its key.
    @Test func position_isNil_whenNoEventHasTheKey() throws {
        let key = TimeKey.encode(try card("C1"), try identity(5))
        #expect(EventPosition(key: key)?.key == key)
        #expect(EventPosition(key: []) == nil)
        #expect(EventPosition(key: Array(key.prefix(17))) == nil)
        #expect(EventPosition(key: [1] + key.dropFirst()) == nil)
        var status = key
        status[8] = 4
        #expect(EventPosition(key: status) == nil)
        var small = key
        small[9] = UInt8(ascii: "c")
        #expect(EventPosition(key: small) == nil)
        #expect(EventPosition(key: key + Array(repeating: UInt8(ascii: "A"), count: 31)) == nil)
    }

    /// Damage is an error where the scan meets it, and what is found before it is not lost.
    @Test func scan_throws_whereAnEntryIsDamaged() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[try fact("A", 1), try fact("B", 2), try fact("C", 3)]])
        let strays: [(key: [UInt8], what: String)] = [
            (TimeKey.encode(try card("NOBODY"), try identity(2)), "an entry names no card"),
            (
                TimeKey.encode(try card("A"), try identity(2)),
                "an entry names an event that its card does not have"
            ),
            (TimeKey.start(try identity(2).occurredAt), "a key is malformed or out of order"),
        ]
        for stray in strays {
            try fixture.put([], for: stray.key, in: .times)
            var seen: [CardID] = []
            #expect(throws: StoreError.damaged(database: "times", what: stray.what)) {
                _ = try fixture.store.scanEvents(EventQuery(), limit: 10) { card, _ in
                    seen.append(card)
                }
            }
            #expect(seen.first == (try card("A")))
            try fixture.remove(stray.key, from: .times)
        }
        var record = try #require(try fixture.value(Array("B".utf8), in: .cards))
        record[record.count - 1] ^= 1
        try fixture.put(record, for: Array("B".utf8), in: .cards)
        #expect(
            throws: StoreError.damaged(database: "cards", what: "the checksum does not match")
        ) {
            _ = try fixture.store.scanEvents(EventQuery(), limit: 10) { _, _ in }
        }
    }
}
