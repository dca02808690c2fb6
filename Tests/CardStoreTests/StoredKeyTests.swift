import CardModel
import Testing

@testable import CardStore

private func key(_ byte: UInt8, _ name: String = "agents") -> StoredKey {
    StoredKey(
        hash: [UInt8](repeating: byte, count: StoredKey.hashCount), name: name,
        createdAt: 1_700_000_000)
}

struct StoredKeyTests {
    /// Keys come and go, the version counts, and a reopened store has them.
    @Test func keys_areAddedListedAndRemoved() throws {
        let fixture = try StoreFixture()
        #expect(try fixture.store.keys() == [])
        #expect(try fixture.store.addKey(key(2)))
        #expect(try fixture.store.addKey(key(1, "تجربة")))
        #expect(try fixture.store.keysVersion() == 2)
        try fixture.finish()
        try fixture.reopen()
        #expect(try fixture.store.keys() == [key(1, "تجربة"), key(2)])
        #expect(try fixture.store.removeKey(hash: key(2).hash))
        #expect(try !fixture.store.removeKey(hash: key(2).hash))
        #expect(try fixture.store.keys() == [key(1, "تجربة")])
        #expect(try fixture.store.keysVersion() == 3)
        try fixture.finish()
    }

    /// The first start's key is only made where there is none, and leaves no trace otherwise.
    @Test func addKey_storesNothing_whenItIsNotTheFirst() throws {
        let fixture = try StoreFixture()
        #expect(try fixture.store.addKey(key(1), onlyIfFirst: true))
        #expect(try !fixture.store.addKey(key(2), onlyIfFirst: true))
        #expect(try fixture.store.keys() == [key(1)])
        #expect(try fixture.store.keysVersion() == 1)
        #expect(try fixture.store.removeKey(hash: key(1).hash))
        #expect(try fixture.store.addKey(key(2), onlyIfFirst: true))
        try fixture.finish()
    }

    /// A key that is there already gets its new name, and is still one key.
    @Test func addKey_replaces_whenTheKeyIsThere() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.addKey(key(1, "old"))
        _ = try fixture.store.addKey(key(1, "new"))
        #expect(try fixture.store.keys() == [key(1, "new")])
        try fixture.finish()
        #expect(try fixture.store.removeKey(hash: key(1).hash))
        try fixture.finish()
    }

    /// A damaged key is reported wherever it is met, and never taken for a valid one.
    @Test func keys_reportDamage() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.addKey(key(1))
        var value = try #require(try fixture.value(key(1).hash, in: .keys))
        value[value.count - 1] ^= 1
        try fixture.put(value, for: key(1).hash, in: .keys)
        let damage = StoreError.damaged(
            database: "keys", what: "an API key's record is not what was written")
        #expect(throws: damage) { _ = try fixture.store.keys() }
        #expect(throws: damage) { _ = try fixture.store.removeKey(hash: key(1).hash) }
        try fixture.finish(expecting: [
            "keys: key 1: an API key's record is not what was written",
            "keys: 1 entries were written, and 0 are accounted for",
        ])
    }

    /// Everything that a key is comes back as it was stored.
    @Test func keys_keepRoleExpiryAndFeed() throws {
        let fixture = try StoreFixture()
        let keys = KeyRole.allCases.enumerated().map { index, role in
            StoredKey(
                hash: [UInt8](repeating: UInt8(index), count: StoredKey.hashCount),
                name: String(repeating: "n", count: index == 0 ? 1 : StoredKey.nameMaxCount),
                createdAt: (1 << 56) - 1, role: role,
                expiresAt: index % 2 == 0 ? nil : UInt64.max,
                feed: role == .ingest ? FeedID(String(repeating: "z", count: 32)) : nil)
        }
        for key in keys { try fixture.store.addKey(key) }
        #expect(try fixture.store.keys() == keys)
        try fixture.finish()
    }

    /// What was stored before keys had roles could do everything, and goes on to.
    @Test func keys_areAdmins_whenTheyHaveNoRole() throws {
        let fixture = try StoreFixture()
        try fixture.store.addKey(key(1))
        var payload: [UInt8] = []
        payload.append(littleEndian: UInt64(1_700_000_000))
        payload += Array("agents".utf8)
        var value: [UInt8] = []
        value.append(
            littleEndian: StoredDatabase.keys.entryHash(
                key: key(1).hash.span.bytes, value: payload.span.bytes))
        try fixture.put(value + payload, for: key(1).hash, in: .keys)
        let old = StoredKey(
            hash: key(1).hash, name: "agents", createdAt: 1_700_000_000, role: .admin)
        #expect(try fixture.store.keys() == [old])
    }

    /// A role, a layout or a feed that does not exist is damage, also under a good checksum.
    @Test(arguments: [(7, 2), (8, 3), (25, 1), (25, 200)] as [(Int, UInt8)])
    func keys_reportDamage_whenFieldsMakeNoSense(offset: Int, byte: UInt8) throws {
        let fixture = try StoreFixture()
        try fixture.store.addKey(key(1, "A b"))
        var payload = Array(try #require(try fixture.value(key(1).hash, in: .keys)).dropFirst(8))
        payload[offset] = byte
        var value: [UInt8] = []
        value.append(
            littleEndian: StoredDatabase.keys.entryHash(
                key: key(1).hash.span.bytes, value: payload.span.bytes))
        try fixture.put(value + payload, for: key(1).hash, in: .keys)
        #expect(throws: StoreError.self) { _ = try fixture.store.keys() }
    }

    /// Use is noted where it is later than what is known, and brings no removed key back.
    @Test func noteKeyUse_keepsTheLatest() throws {
        let fixture = try StoreFixture()
        try fixture.store.addKey(key(1))
        try fixture.store.addKey(key(2))
        try fixture.store.noteKeyUse([key(1).hash: 20, key(3).hash: 20])
        try fixture.store.noteKeyUse([key(1).hash: 10])
        #expect(try fixture.store.keys().map(\.lastUsedAt) == [20, nil])
        #expect(try fixture.store.keysVersion() == 2)
        #expect(try fixture.store.removeKey(hash: key(1).hash))
        try fixture.store.noteKeyUse([key(1).hash: 30])
        #expect(try fixture.store.keys() == [key(2)])
        try fixture.finish()
    }
}
