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
}
