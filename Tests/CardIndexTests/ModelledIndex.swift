import CardModel
import CardTesting

@testable import CardIndex

/// An index, and beside it a Dictionary to which the same is done.
struct ModelledIndex {
    let index: CardIndex
    let shape: CardShape
    private(set) var versions: [CardID: UInt32] = [:]
    private var holders: [PhoneNumber: Set<CardID>] = [:]
    private(set) var crowds: Set<PhoneNumber> = []
    private var lastVersion: UInt32 = 0

    /// Hashes with seeds of the test's choice, so that the same happens again.
    init(seed: UInt64, capacity: Int = 0, _ shape: CardShape) throws {
        index = try CardIndex(capacity: capacity, hash: KeyHash(seeds: seed &* 31, seed ^ 0x5EED))
        self.shape = shape
    }

    private func card(_ id: CardID) -> DrawnCard? {
        versions[id].map { DrawnCard(id, version: $0, shape) }
    }

    mutating func insert(_ id: CardID) throws {
        lastVersion += 1
        let new = DrawnCard(id, version: lastVersion, shape)
        let oldPhone = card(id)?.phone
        try new.insert(into: index)
        versions[id] = lastVersion
        guard oldPhone != new.phone else { return }
        if let phone = new.phone {
            holders[phone, default: []].insert(id)
            if holders[phone, default: []].count > CardIndex.listedMax { crowds.insert(phone) }
        }
        leave(oldPhone, id)
    }

    mutating func remove(_ id: CardID) {
        index.remove(id)
        let old = card(id)
        versions[id] = nil
        leave(old?.phone, id)
    }

    private mutating func leave(_ phone: PhoneNumber?, _ id: CardID) {
        guard let phone else { return }
        holders[phone, default: []].remove(id)
        if holders[phone, default: []].isEmpty {
            holders[phone] = nil
            // A crowd that has shrunk stays one until its last card goes.
            crowds.remove(phone)
        }
    }

    /// One random change and one random look-up.
    ///
    /// - Returns: what the look-up found that the model does not know; nil when they agree.
    mutating func step(
        _ random: inout SeededGenerator, _ ids: [CardID], percentInserts: Int
    ) throws -> String? {
        let draw = random.next()
        let id = ids[Int(draw >> 32) % ids.count]
        if Int(draw % 100) < percentInserts { try insert(id) } else { remove(id) }
        // Half of the look-ups ask for what was just changed.
        return difference(draw & 0x80 == 0 ? id : ids[Int(draw >> 20 & 0xFFFFF) % ids.count])
    }

    /// How the index's answer for a card differs from the model's.
    func difference(_ id: CardID) -> String? {
        let expected = card(id)
        let isEqual = index.withCard(id) { expected?.isEqual($0) ?? false }
        switch (expected, isEqual) {
        case (nil, nil), (.some, true): return nil
        case (nil, .some): return "\(id.text) is found, and was removed"
        case (.some, nil): return "\(id.text) is lost"
        case (.some, .some): return "\(id.text) differs"
        }
    }

    // MARK: The whole

    /// Every way in which the index differs from the model, or from itself.
    func problems(_ random: inout SeededGenerator, _ ids: [CardID]) -> [String] {
        var problems = index.checkInvariants()
        if index.count != versions.count { problems.append("\(index.count) cards are counted") }
        problems += ids.compactMap { difference($0) }
        problems += batchProblems(ids, count: Int.random(in: 1...100, using: &random))
        let phones = (0...shape.phones).map { shape.phoneBase + UInt64($0) }
        for digits in phones.count < 100 ? phones : Array(phones.shuffled(using: &random)[..<100]) {
            guard let phone = PhoneNumber(digits: digits) else { continue }
            problems += pageProblems(phone, &random, ids)
        }
        if index.statistics.crowds != crowds.count { problems.append("crowds are miscounted") }
        return problems
    }

    private func pageProblems(
        _ phone: PhoneNumber, _ random: inout SeededGenerator, _ ids: [CardID]
    ) -> [String] {
        let found = page(index, phone)
        guard !crowds.contains(phone) else {
            return found == nil ? [] : ["a crowd is listed"]
        }
        let expected = holders[phone, default: []].sorted()
        guard found == expected else { return ["a phone lists other cards, or in another order"] }
        let after = ids[Int.random(in: 0..<ids.count, using: &random)]
        let limit = Int.random(in: 0...4, using: &random)
        let rest = Array(expected.filter { $0 > after }.prefix(limit))
        return page(index, phone, after: after, limit: limit) == rest ? [] : ["a page differs"]
    }

    /// Asks for all IDs, so many at a time: each must be answered once, in order.
    private func batchProblems(_ ids: [CardID], count: Int) -> [String] {
        var problems: [String] = []
        for start in stride(from: 0, to: ids.count, by: count) {
            let batch = Array(ids[start..<min(start + count, ids.count)])
            var next = 0
            index.withCards(batch.span) { place, view in
                if place != next { problems.append("a batch answers out of order") }
                next = place + 1
                if card(batch[place])?.isEqual(view) != true {
                    problems.append("a batch finds something else")
                }
            } absent: { place in
                if place != next { problems.append("a batch answers out of order") }
                next = place + 1
                if versions[batch[place]] != nil { problems.append("a batch loses a card") }
            }
            if next != batch.count { problems.append("a batch is not answered whole") }
        }
        return problems
    }
}
