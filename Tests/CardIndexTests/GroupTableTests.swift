import CardModel
import CardTesting
import Testing

@testable import CardIndex

struct GroupTableTests {
    /// Hashes of a kind: where they begin their search, and which tags they have.
    enum Hashes: CaseIterable, Sendable {
        /// All in the first group.
        case oneGroup
        /// All in the last group, so that searches go round the end of the table.
        case lastGroup
        /// In one group and with one tag: only the record tells them apart.
        case oneTag
        case random

        func hash(_ draw: UInt64) -> UInt64 {
            switch self {
            case .oneGroup: draw >> 32
            case .lastGroup: draw | 0xFFFF_FFFF_0000_0000
            case .oneTag: draw >> 32 & ~0xFF
            case .random: draw
            }
        }
    }

    /// A search leads to every record that was inserted and to none that was removed, and the
    /// counts stay right, in a table filled to its limit with hashes that collide.
    @Test(arguments: Hashes.allCases)
    func searches_findWhatIsThere_whenHashesCollide(_ hashes: Hashes) throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let table = try GroupTable(capacity: 60)
        defer { table.release() }
        var model: [UInt32: UInt64] = [:]
        var removed: [UInt32: UInt64] = [:]
        var next: UInt32 = 1
        for step in 0..<20_000 {
            let isFilling = step / 500 % 2 == 0
            let isInsert = (random.next() % 4 > 0) == isFilling
            if isInsert, model.count < table.capacity {
                let hash = hashes.hash(random.next())
                table.insert(hash, next)
                model[next] = hash
                next += 1
            } else if let (record, hash) = model.randomElement(using: &random) {
                let place = try #require(table.search(hash) { $0 == record }, "seed \(seed)")
                if step % 3 == 0 {
                    table.replace(place, next)
                    model[next] = hash
                    next += 1
                } else {
                    table.remove(hash, place)
                }
                model[record] = nil
                removed = [record: hash]
            }
            for (record, hash) in removed {
                #expect(table.search(hash) { $0 == record } == nil, "seed \(seed), step \(step)")
                #expect(table.find(hash) { $0 == record } == 0, "seed \(seed), step \(step)")
            }
            guard step % 100 == 0 else { continue }
            for (record, hash) in model {
                #expect(table.search(hash) { $0 == record } != nil, "seed \(seed), step \(step)")
                #expect(table.find(hash) { $0 == record } == record, "seed \(seed), step \(step)")
            }
            var found: Set<UInt32> = []
            for group in 0..<table.groupCount {
                table.forEach(inGroup: group) { found.insert($1) }
            }
            #expect(found == Set(model.keys), "seed \(seed), step \(step)")
            #expect(
                table.problems("table") { model[$0] ?? 0 } == [], "seed \(seed), step \(step)")
        }
    }

    /// The candidate that is fetched ahead is the record that the search will look at first.
    @Test func firstCandidate_isWhatTheSearchMeetsFirst() throws {
        let table = try GroupTable(capacity: 100)
        defer { table.release() }
        var random = SeededGenerator(seed: 3)
        for record in UInt32(1)...100 { table.insert(random.next(), record) }
        random = SeededGenerator(seed: 3)
        var fetched = 0
        for _ in 1...100 {
            let hash = random.next()
            var first: UInt32 = 0
            _ = table.find(hash) { record in
                first = record
                return true
            }
            let candidate = table.firstCandidate(hash)
            #expect(candidate == first || candidate == 0)
            if candidate == first { fetched += 1 }
        }
        #expect(fetched > 80)
    }

    /// A search in a table without an empty place ends.
    @Test func search_ends_whenEveryGroupWasPassed() throws {
        let table = try GroupTable(capacity: 1)
        defer { table.release() }
        for record in UInt32(1)...48 { table.insert(0, record) }
        #expect(table.groupCount == 4)
        #expect(table.search(0) { $0 == 49 } == nil)
        #expect(table.find(0) { $0 == 49 } == 0)
        #expect(table.search(0) { $0 == 48 } != nil)
    }
}

struct KeyHashTests {
    private func drawnHash(_ seed: UInt64) -> KeyHash {
        var random = SeededGenerator(seed: seed)
        return KeyHash(seeds: random.next(), random.next())
    }

    /// Every byte of an ID counts, and so does its length: no two of 200,000 IDs that differ in
    /// little have one hash, nor do their phones, and each has another one under another seed.
    @Test func hash_differs_whenKeysDiffer() throws {
        let hash = drawnHash(11)
        let other = drawnHash(12)
        let ids = makeIDs(0..<100_000)
        #expect(Set(ids.map { hash.hash($0) }).count == ids.count)
        #expect(Set(ids.map { other.hash($0) }).isDisjoint(with: ids.map { hash.hash($0) }))
        let phones = (0..<UInt64(100_000)).compactMap { PhoneNumber(digits: 971_500_000_000 + $0) }
        #expect(Set(phones.map { hash.hash($0) }).count == phones.count)
        #expect(Set(phones.map { other.hash($0) }).isDisjoint(with: phones.map { hash.hash($0) }))
        let bytes = [UInt8](repeating: UInt8(ascii: "A"), count: CardID.maxCount)
        var hashes: Set<UInt64> = []
        for count in 1...CardID.maxCount {
            for place in 0..<count {
                var changed = Array(bytes[..<count])
                changed[place] = UInt8(ascii: "B")
                hashes.insert(hash.hash(makeID(changed)))
            }
        }
        #expect(hashes.count == 32 * 33 / 2)
    }

    /// Keys that follow one another fill a table's groups as evenly as drawn ones would: the
    /// chi-squared statistic of 1,024 groups is at most five deviations above its mean.
    @Test(arguments: UInt64(1)...8)
    func hash_spreadsKeysThatFollowOneAnother(_ seed: UInt64) {
        let hash = drawnHash(seed)
        let ids = (0..<20_000).compactMap { number -> CardID? in
            let bytes = Array("ZY\(100_000_000 + number)".utf8)
            return CardID(canonical: bytes.span)
        }
        let phones = (0..<UInt64(20_000)).compactMap { PhoneNumber(digits: 971_500_000_000 + $0) }
        for hashes in [ids.map { hash.hash($0) }, phones.map { hash.hash($0) }] {
            // The high bits choose the group, the low ones are the tag.
            for buckets in [hashes.map { $0 >> 54 }, hashes.map { $0 & 0x3FF }] {
                var counts = [Double](repeating: 0, count: 1_024)
                for bucket in buckets { counts[Int(bucket)] += 1 }
                let mean = Double(hashes.count) / 1_024
                let sum = counts.reduce(0) { $0 + ($1 - mean) * ($1 - mean) / mean }
                // Mean 1,023, deviation the root of 2,046.
                #expect(sum - 1_023 < 5 * 45.2)
            }
        }
    }
}
