import CardModel
import Testing

@testable import CardStore

/// Each kind of damage is made by hand, and the check must name it: database, card and what.
struct CheckTests {
    /// Cards A and B with phone 5, C without one, four events, and one API key.
    private static func fixture() throws -> StoreFixture {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([
            [try fact("A", 1, phone: 5, comment: "c"), try fact("B", 1, phone: 5)],
            [try fact("C", 1), try fact("C", 2)],
        ])
        try fixture.store.addKey(
            StoredKey(hash: [UInt8](repeating: 7, count: 32), name: "agents", createdAt: 1))
        return fixture
    }

    private static let keyA = Array("A".utf8)
    private static let keyB = Array("B".utf8)

    /// A sound store has no findings, and the report counts what it holds.
    @Test func check_countsEverything_whenTheStoreIsSound() throws {
        let fixture = try Self.fixture()
        let report = try fixture.store.check()
        #expect(report.findings == [])
        #expect(
            [report.cards, report.events, report.phones, report.changes, report.keys]
                == [3, 4, 2, 3, 1])
    }

    /// Every single byte of a card's record, with one bit changed: found, never a trap, and never a
    /// wrong answer to a look-up.
    @Test func check_findsAChangedBit_inEveryByteOfARecord() throws {
        let fixture = try Self.fixture()
        let value = try #require(try fixture.value(Self.keyA, in: .cards))
        for place in value.indices {
            var damaged = value
            damaged[place] ^= UInt8(1 << (place % 8))
            try fixture.put(damaged, for: Self.keyA, in: .cards)
            let findings = try fixture.store.check().findings
            #expect(
                findings.first?.description == "cards: card A: the checksum does not match",
                "byte \(place)")
            let damage = StoreError.damaged(
                database: "cards", what: "the checksum does not match")
            #expect(throws: damage) { _ = try fixture.store.copy("A") }
            #expect(throws: damage) { _ = try fixture.store.history(of: card("A")) }
            #expect(throws: damage) { _ = try fixture.store.copies(phone: 5) }
            #expect(throws: damage) { try fixture.store.forEachHistory { _, _ in } }
            #expect(throws: damage) { _ = try fixture.store.forEachCard { _ in } }
            #expect(throws: damage) { _ = try fixture.store.commit([[try fact("A", 9)]]) }
        }
        #expect(try fixture.store.copy("B") == CardCopy("B", 1, phone: 5))
        try fixture.put(value, for: Self.keyA, in: .cards)
        try fixture.finish()
    }

    /// A record that is cut short, and one that is empty.
    @Test func check_findsACutRecord() throws {
        let fixture = try Self.fixture()
        let value = try #require(try fixture.value(Self.keyB, in: .cards))
        try fixture.put([], for: Self.keyA, in: .cards)
        try fixture.put(Array(value.dropLast()), for: Self.keyB, in: .cards)
        try fixture.finish(expecting: [
            "cards: card A: the value has 0 bytes, less than a head",
            "cards: card B: the checksum does not match",
            "times: has 4 entries, and 'cards' calls for 2",
            "cards: 3 entries were written, and 1 are accounted for",
            "phones: has 2 entries, and 'cards' calls for 0",
            "phones: 2 entries were written, and 0 are accounted for",
            "times: 4 entries were written, and 2 are accounted for",
        ])
    }

    /// Another card's record under this card's key has a good checksum for the wrong key.
    @Test func check_findsARecordUnderTheWrongKey() throws {
        let fixture = try Self.fixture()
        let other = try #require(try fixture.value(Self.keyB, in: .cards))
        try fixture.put(other, for: Self.keyA, in: .cards)
        let findings = try fixture.store.check().findings
        #expect(findings.first?.card == (try card("A")))
        #expect(findings.first?.what == "the checksum does not match")
    }

    /// An older version of a record, whole in itself: only the digest can tell.
    @Test func check_findsARecordOfThePast() throws {
        let fixture = try Self.fixture()
        let old = try #require(try fixture.value(Self.keyA, in: .cards))
        _ = try fixture.store.commit([[try fact("A", 1, comment: "d")]])
        try fixture.put(old, for: Self.keyA, in: .cards)
        try fixture.finish(expecting: ["cards: the digest of all entries is not what was written"])
        #expect(
            throws: StoreError.damaged(
                database: "cards", what: "the records are not all that were written")
        ) { _ = try fixture.store.forEachCard { _ in } }
    }

    /// A record whose checksum is right and whose content is not: as a faulty program would write.
    @Test func check_findsARecordThatIsNotWhatItsEventsComeTo() throws {
        let fixture = try Self.fixture()
        var value = try #require(try fixture.value(Self.keyA, in: .cards))
        value[16] = 6
        Self.seal(&value, key: Self.keyA)
        try fixture.put(value, for: Self.keyA, in: .cards)
        let findings = try fixture.store.check().findings.map(\.description)
        #expect(
            findings.prefix(2) == [
                "cards: card A: the record is not what its events come to",
                "phones: card A: has an entry for a phone that is not its",
            ])
    }

    /// A card that is gone takes its events and phone with it, and the log remembers it.
    @Test func check_findsALostCard() throws {
        let fixture = try Self.fixture()
        try fixture.remove(Self.keyA, from: .cards)
        try fixture.finish(expecting: [
            "phones: card A: has an entry for a phone that is not its",
            "changes: card A: changed, but there is no such card",
            "times: has 4 entries, and 'cards' calls for 3",
            "cards: 3 entries were written, and 2 are accounted for",
            "phones: has 2 entries, and 'cards' calls for 1",
            "phones: 2 entries were written, and 1 are accounted for",
            "times: 4 entries were written, and 3 are accounted for",
        ])
        #expect(
            throws: StoreError.damaged(
                database: "phones", what: "an entry names a card without a state")
        ) { _ = try fixture.store.copies(phone: 5) }
    }

    /// A key that no card can have.
    @Test func check_findsAKeyThatIsNoCardID() throws {
        let fixture = try Self.fixture()
        try fixture.put([1, 2], for: Array("a b".utf8), in: .cards)
        try fixture.finish(expecting: ["cards: key 4 is no card ID"])
        #expect(throws: StoreError.damaged(database: "cards", what: "a key is no card ID")) {
            try fixture.store.forEachHistory { _, _ in }
        }
    }

    /// A phone's entry that is missing: the card would not be found by its phone.
    @Test func check_findsALostPhoneEntry() throws {
        let fixture = try Self.fixture()
        try fixture.remove(PhoneKey.encode(phone(5), card("A")), from: .phones)
        try fixture.finish(expecting: ["phones: has 1 entries, and 'cards' calls for 2"])
        #expect(
            throws: StoreError.damaged(
                database: "phones", what: "an entry that 'cards' calls for is missing")
        ) { _ = try fixture.store.commit([[try fact("A", 2, phone: 6)]]) }
    }

    /// Entries of `phones` that no card calls for, or that are no entries at all.
    @Test func check_findsStrayPhoneEntries() throws {
        let fixture = try Self.fixture()
        try fixture.put([], for: PhoneKey.encode(phone(6), card("A")), in: .phones)
        try fixture.put([], for: PhoneKey.encode(phone(6), card("NONE")), in: .phones)
        try fixture.put([1], for: PhoneKey.encode(phone(5), card("B")), in: .phones)
        try fixture.put([], for: [1, 2, 3], in: .phones)
        try fixture.finish(expecting: [
            "phones: entry 2 has a value",
            "phones: card A: has an entry for a phone that is not its",
            "phones: card NONE: has an entry for a phone that is not its",
            "phones: key 5 is malformed",
            "phones: has 5 entries, and 'cards' calls for 2",
        ])
        #expect(
            throws: StoreError.damaged(
                database: "phones", what: "an entry has another card's phone")
        ) { _ = try fixture.store.copies(phone: 6) }
    }

    /// A phone's entry in the place of another: the count is right and the entries are not.
    @Test func check_findsAnExchangedPhoneEntry() throws {
        let fixture = try Self.fixture()
        try fixture.remove(PhoneKey.encode(phone(5), card("A")), from: .phones)
        try fixture.put([], for: PhoneKey.encode(phone(6), card("A")), in: .phones)
        try fixture.finish(expecting: [
            "phones: card A: has an entry for a phone that is not its"
        ])
    }

    /// Entries of `times` too many, too few, exchanged, and one with a value.
    @Test func check_findsWrongTimesEntries() throws {
        let fixture = try Self.fixture()
        let stray = TimeKey.encode(try card("A"), try identity(77))
        let own = TimeKey.encode(try card("A"), try identity(1))
        try fixture.put([], for: stray, in: .times)
        try fixture.finish(expecting: ["times: has 5 entries, and 'cards' calls for 4"])
        try fixture.remove(own, from: .times)
        try fixture.finish(expecting: ["times: its entries are not those that 'cards' calls for"])
        try fixture.remove(stray, from: .times)
        try fixture.finish(expecting: ["times: has 3 entries, and 'cards' calls for 4"])
        try fixture.put([1], for: own, in: .times)
        try fixture.finish(expecting: ["times: entry 1 has a value"])
    }

    /// A change that is lost in the log's middle, at its end, or all of them.
    @Test func check_findsHolesInTheLog() throws {
        let fixture = try Self.fixture()
        try fixture.remove(SequenceKey.encode(2), from: .changes)
        try fixture.finish(expecting: [
            "changes: there is a hole between 1 and 3",
            "changes: 3 entries were written, and 2 are accounted for",
        ])
        try fixture.remove(SequenceKey.encode(3), from: .changes)
        try fixture.finish(expecting: [
            "changes: the log ends at 1, and the last sequence is 3",
            "changes: 3 entries were written, and 1 are accounted for",
        ])
        try fixture.remove(SequenceKey.encode(1), from: .changes)
        try fixture.finish(expecting: [
            "changes: the log is empty, and the last sequence is 3",
            "changes: 3 entries were written, and 0 are accounted for",
        ])
    }

    /// Changes that name another card, no card, or have no number.
    @Test func check_findsWrongChanges() throws {
        let fixture = try Self.fixture()
        try fixture.put(Self.keyB, for: SequenceKey.encode(1), in: .changes)
        try fixture.finish(expecting: [
            "changes: the digest of all entries is not what was written"
        ])
        try fixture.put(Array("a".utf8), for: SequenceKey.encode(1), in: .changes)
        try fixture.put(Array("NONE".utf8), for: SequenceKey.encode(2), in: .changes)
        try fixture.put(Self.keyA, for: [0xFF], in: .changes)
        try fixture.finish(expecting: [
            "changes: the entry 1 names no card",
            "changes: card NONE: changed, but there is no such card",
            "changes: key 4 is malformed",
            "changes: 3 entries were written, and 4 are accounted for",
        ])
        #expect(
            throws: StoreError.damaged(database: "changes", what: "an entry is malformed")
        ) { _ = try fixture.store.changes(after: 0, limit: 10) }
    }

    /// Totals that are not what the databases hold.
    @Test(arguments: ["cards", "phones", "times", "changes", "keys"])
    func check_findsWrongTotals(_ name: String) throws {
        let fixture = try Self.fixture()
        let database = try #require(StoredDatabase(rawValue: name))
        let right = try fixture.totals(database)
        let entry = MetaValue.totals(database)
        try fixture.writeMeta(entry, [right.count + 1, right.digest])
        try fixture.finish(expecting: [
            "\(name): \(right.count + 1) entries were written,"
                + " and \(right.count) are accounted for"
        ])
        try fixture.writeMeta(entry, [right.count, right.digest ^ 1])
        try fixture.finish(expecting: [
            "\(name): the digest of all entries is not what was written"
        ])
        try fixture.put([1, 2, 3], for: Array(entry.utf8), in: .meta)
        try fixture.finish(expecting: ["meta: the entry '\(entry)' is not what was written"])
        try fixture.remove(Array(entry.utf8), from: .meta)
        try fixture.finish(expecting: ["meta: there is no entry '\(entry)'"])
    }

    /// Damage in `meta` is a finding like any other, and the rest is still checked.
    @Test(arguments: [MetaValue.sequence, MetaValue.keysVersion])
    func check_findsDamagedMeta_andGoesOn(_ name: String) throws {
        let fixture = try Self.fixture()
        try fixture.put([1, 2, 3], for: Array(name.utf8), in: .meta)
        try fixture.put([1], for: TimeKey.encode(card("A"), identity(1)), in: .times)
        try fixture.finish(expecting: [
            "times: entry 1 has a value", "meta: the entry '\(name)' is not what was written",
        ])
    }

    /// A value of the right size whose bits changed is not taken for another number.
    @Test func meta_isNeverMisread() throws {
        let fixture = try Self.fixture()
        let key = Array(MetaValue.sequence.utf8)
        let value = try #require(try fixture.value(key, in: .meta))
        for place in value.indices {
            var damaged = value
            damaged[place] ^= 1
            try fixture.put(damaged, for: key, in: .meta)
            #expect(throws: StoreError.self) { _ = try fixture.store.lastSequence() }
        }
    }

    /// Gives a record the checksum for its bytes.
    private static func seal(_ value: inout [UInt8], key: [UInt8]) {
        let payload = Array(value.dropFirst(8))
        var head: [UInt8] = []
        head.append(
            littleEndian: StoredDatabase.cards.entryHash(
                key: key.span.bytes, value: payload.span.bytes))
        value = head + payload
    }
}
