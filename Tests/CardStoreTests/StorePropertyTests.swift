import CardModel
import CardTesting
import Testing

@testable import CardStore

/// What a card's history promises in memory, held by the files: any order, repetition and split
/// into submissions, commits and processes ends in the same bytes.
struct StorePropertyTests {
    @Test(arguments: UInt64(1)...4)
    func commit_endsInTheSameBytes_whateverTheOrderAndSplit(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let facts = try Self.drawFacts(&random)
        let first = try StoreFixture()
        _ = try first.store.commit([facts])
        let expected = try first.content()
        let histories = try first.histories()
        try first.finish()

        for round in 0..<3 {
            let fixture = try StoreFixture()
            let again = facts.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
            var rest = (facts + again).shuffled(using: &random)[...]
            var changes = 0
            while !rest.isEmpty {
                let submissions = (0..<Int.random(in: 1...3, using: &random)).map { _ in
                    let part = rest.prefix(Int.random(in: 0...12, using: &random))
                    rest = rest.dropFirst(part.count)
                    return Array(part)
                }
                let result = try fixture.store.commit(submissions)
                changes += result.changed.count
                #expect(result.lastSequence == UInt64(changes), "seed \(seed), round \(round)")
                #expect(result.counts.count == submissions.count)
                if Int.random(in: 0..<6, using: &random) == 0 { try fixture.reopen() }
            }
            #expect(try fixture.content() == expected, "seed \(seed), round \(round)")
            #expect(try fixture.histories() == histories, "seed \(seed), round \(round)")
            try Self.expectLookUps(fixture.store, histories)
            #expect(
                try fixture.dump(.changes).map { $0[0] }
                    == (0..<changes).map { SequenceKey.encode(UInt64($0 + 1)) })
            try fixture.finish()
        }
    }

    /// The same at the limit of a history: more events and voids of one card than it keeps.
    @Test(arguments: UInt64(101)...103)
    func commit_endsInTheSameBytes_whenHistoriesOverflow(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var facts = try (0..<600).map { try fact("FULL", $0 * 3) }
        facts += try (0..<200).map { try fact("FULL", $0, isVoid: true) }
        facts += try (0..<3).map { _ in
            try fact("FULL", Int.random(in: 0..<300, using: &random), phone: 5, comment: "c")
        }
        var contents: [StoreFixture.Content] = []
        for _ in 0..<3 {
            facts.shuffle(using: &random)
            let fixture = try StoreFixture()
            var rest = facts[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(Int.random(in: 50...300, using: &random)))
                rest = rest.dropFirst(part.count)
                _ = try fixture.store.commit([part])
            }
            contents.append(try fixture.content())
            try fixture.finish()
        }
        #expect(contents[1] == contents[0], "seed \(seed)")
        #expect(contents[2] == contents[0], "seed \(seed)")
    }

    /// Erasures anywhere among the facts, and again: what is kept is a function of events, voids
    /// and erasures. Each store has a key of its own, and what it keeps of cards does not show it.
    @Test(arguments: UInt64(201)...206)
    func commit_endsInTheSameBytes_whereverTheErasuresCome(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let facts = try Self.drawFacts(&random)
        let erased = try [1, 2, 3].filter { _ in Bool.random(using: &random) }.map {
            ErasureSubject.phone(try phone($0))
        }
        var contents: [StoreFixture.Content] = []
        for round in 0..<4 {
            let fixture = try StoreFixture()
            // All facts first and all erasures behind them, or the other way round, or mixed.
            var steps: [(facts: [CardFact], subject: ErasureSubject?)] = []
            let again = (facts + facts.prefix(9)).shuffled(using: &random)
            var rest = (round == 0 ? facts : again)[...]
            while !rest.isEmpty {
                let part = Array(rest.prefix(Int.random(in: 1...12, using: &random)))
                rest = rest.dropFirst(part.count)
                steps.append((part, nil))
            }
            for subject in erased {
                let place =
                    switch round {
                    case 0: steps.count
                    case 1: 0
                    default: Int.random(in: 0...steps.count, using: &random)
                    }
                steps.insert(([], subject), at: place)
                if round == 3 { steps.append(([], subject)) }
            }
            for step in steps {
                if let subject = step.subject {
                    _ = try StoreErasure(fixture.store).run([subject])
                    #expect(try !fixture.store.hasUnfinishedErasure())
                } else {
                    _ = try fixture.store.commit([step.facts])
                }
                if Int.random(in: 0..<6, using: &random) == 0 { try fixture.reopen() }
            }
            contents.append(try fixture.content())
            try Self.expectLookUps(fixture.store, try fixture.histories())
            for subject in erased {
                guard case .phone(let phone) = subject else { continue }
                #expect(try fixture.store.copies(phone: phone.digits).isEmpty)
            }
            try fixture.finish()
        }
        for content in contents.dropFirst() {
            #expect(content == contents[0], "seed \(seed)")
        }
    }

    /// Few cards, moments, statuses, feeds, references and phones, so that facts meet.
    private static func drawFacts(_ random: inout SeededGenerator) throws -> [CardFact] {
        try (0..<Int.random(in: 5...80, using: &random)).map { _ in
            let event = CardEvent(
                identity: try identity(
                    Int.random(in: 0..<6, using: &random),
                    status: CardStatus.allCases.randomElement(using: &random) ?? .returned,
                    feed: ["a", "b"].randomElement(using: &random) ?? "",
                    reference: ["", "1"].randomElement(using: &random) ?? ""),
                phone: PhoneNumber(digits: UInt64.random(in: 0...3, using: &random)),
                comment: EventText(
                    unchecked: Array(
                        ["", "x", "yy"].randomElement(using: &random)?.utf8 ?? "".utf8)))
            let isVoid = Int.random(in: 0..<5, using: &random) == 0
            return CardFact(
                card: try card("C\(Int.random(in: 0..<5, using: &random))"),
                event: isVoid ? .void(event.identity) : event)
        }
    }

    /// Look-ups by card and by phone, and the scan that fills an index, all say what the
    /// histories say.
    private static func expectLookUps(
        _ store: CardStore, _ histories: [CardID: CardHistory]
    ) throws {
        var wanted: [String: CardCopy] = [:]
        for (id, history) in histories {
            guard let state = history.state else { continue }
            let event = history.events[state.eventIndex]
            wanted[id.text] = CardCopy(
                id.text, Int(state.updatedAt.seconds) - 1_700_000_000,
                phone: state.phone?.digits, status: state.status, comment: event.comment.text,
                reference: event.identity.reference.text)
        }
        for id in histories.keys {
            #expect(try store.copy(id.text) == wanted[id.text])
        }
        for digits in UInt64(1)...3 {
            let holders = wanted.values.filter { $0.phone == digits }.sorted { $0.id < $1.id }
            #expect(try store.copies(phone: digits) == holders)
        }
        var scanned: [CardCopy] = []
        let sequence = try store.forEachCard { scanned.append(CardCopy($0)) }
        #expect(scanned == wanted.values.sorted { $0.id < $1.id })
        #expect(sequence == (try store.lastSequence()))
    }
}
