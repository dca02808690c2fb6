import CardTesting
import Testing

@testable import CardModel

struct CardHistoryTests {
    // MARK: - State is a function of the set

    /// Any order, any repetition: the history holds what the model says of the set. Each seed draws
    /// many sets, over limits so small that the window overflows all the time.
    @Test(arguments: UInt64(1)...10)
    func merge_givesWhatTheSetDefines_inAnyOrder(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for number in 0..<5_000 {
            let draw = FactDraw(&random)
            let expected = HistoryModel(facts: draw.facts, limit: draw.limit).events
            for _ in 0..<4 {
                let sequence = draw.sequence(&random)
                let history = CardHistory(limit: draw.limit, facts: sequence)
                if history.events != expected {
                    Issue.record(
                        """
                        seed \(seed), case \(number), limit \(draw.limit): \(sequence.shown)
                        gave \(history.events.shown), not \(expected.shown)
                        """
                    )
                    return
                }
            }
        }
    }

    /// Histories made apart, from parts of the set that may overlap, and merged event by event, are
    /// the history of the whole: what replicas and restores rely on.
    @Test(arguments: UInt64(101)...105)
    func merge_givesWhatTheSetDefines_whenHistoriesAreMerged(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for number in 0..<5_000 {
            let draw = FactDraw(&random)
            let expected = HistoryModel(facts: draw.facts, limit: draw.limit).events
            var parts = [[CardEvent]](repeating: [], count: Int.random(in: 2...3, using: &random))
            for fact in draw.sequence(&random) {
                parts[Int.random(in: 0..<parts.count, using: &random)].append(fact)
            }
            let histories = parts.map { CardHistory(limit: draw.limit, facts: $0) }
            let whole = CardHistory(
                limit: draw.limit, facts: histories.flatMap(\.events).shuffled(using: &random))
            if whole.events != expected {
                Issue.record(
                    """
                    seed \(seed), case \(number), limit \(draw.limit): \(parts.map(\.shown))
                    gave \(whole.events.shown), not \(expected.shown)
                    """
                )
                return
            }
        }
    }

    /// Every fact is answered as the sets before and after it differ.
    @Test(arguments: UInt64(201)...205)
    func merge_tellsWhatBecameOfTheFact(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for number in 0..<600 {
            let draw = FactDraw(&random)
            var history = CardHistory(limit: draw.limit)
            var known: [CardEvent] = []
            for fact in draw.sequence(&random) {
                let before = history
                let expected = HistoryModel.outcome(of: fact, after: known, limit: draw.limit)
                let outcome = history.merge(fact)
                known.append(fact)
                let isChange = if case .changed = outcome { true } else { false }
                if outcome != expected || isChange == (history == before) {
                    Issue.record(
                        """
                        seed \(seed), case \(number), limit \(draw.limit): \(known.shown)
                        ended in \(outcome), not \(expected)
                        """
                    )
                    return
                }
            }
        }
    }

    /// Small sets in full: every order of every 4 facts over 3 identities, with a limit of 1, where
    /// void and phone come apart and together.
    @Test func merge_givesWhatTheSetDefines_inEveryOrderOfSmallSets() throws {
        let times = try (0..<3).map { try identity(second: $0) }
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        let facts = times.flatMap { time in
            [
                CardEvent(identity: time, phone: phone), CardEvent(identity: time), .void(time),
            ]
        }
        var count = 0
        for a in facts.indices {
            for b in facts.indices.suffix(from: a) {
                for c in facts.indices.suffix(from: b) {
                    for d in facts.indices.suffix(from: c) {
                        let set = [facts[a], facts[b], facts[c], facts[d]]
                        let expected = HistoryModel(facts: set, limit: 1).events
                        for order in permutations(of: set) {
                            let history = CardHistory(limit: 1, facts: order)
                            // `#require`, since one wrong rule fails thousands of these.
                            try #require(history.events == expected, "\(order.shown)")
                            count += 1
                        }
                    }
                }
            }
        }
        #expect(count == 495 * 24)
    }

    // MARK: - The state

    /// The last event that is not void gives all but the phone, and the last such that
    /// has one gives that.
    @Test func state_isOfTheLastEventsThatAreNotVoid() throws {
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        let other = try #require(PhoneNumber(digits: 971_534_534_534))
        let identities = try (0..<4).map { try identity(second: $0) }
        var history = CardHistory()
        #expect(history.state == nil)
        _ = history.merge(CardEvent(identity: identities[1]))
        #expect(history.state?.phone == nil)
        #expect(history.state?.updatedAt == identities[1].occurredAt)
        _ = history.merge(CardEvent(identity: identities[0], phone: phone))
        #expect(history.state?.phone == phone)
        #expect(history.state?.eventIndex == 1)
        _ = history.merge(CardEvent(identity: identities[2], phone: other))
        #expect(history.state?.phone == other)
        _ = history.merge(.void(identities[2]))
        #expect(history.state?.phone == phone)
        #expect(history.state?.updatedAt == identities[1].occurredAt)
        _ = history.merge(.void(identities[3]))
        #expect(history.state?.eventIndex == 1)
        _ = history.merge(.void(identities[0]))
        #expect(history.state?.phone == nil)
        #expect(history.state != nil)
        _ = history.merge(.void(identities[1]))
        #expect(history.state == nil)
        #expect(history.events.count == 4)
    }

    /// Events of one moment are ordered by status, then feed, then reference.
    @Test func state_followsTheEventOrder_withinOneMoment() throws {
        let order = try [
            identity(second: 0, status: .pickedUp, feed: "b", reference: "2"),
            identity(second: 0, status: .delivered, feed: "a", reference: "2"),
            identity(second: 0, status: .delivered, feed: "b", reference: ""),
            identity(second: 0, status: .delivered, feed: "b", reference: "1"),
            identity(second: 0, status: .delivered, feed: "b", reference: "10"),
            identity(second: 0, status: .delivered, feed: "b", reference: "2"),
            identity(second: 0, status: .returned, feed: "a", reference: ""),
            identity(second: 1, status: .pickedUp, feed: "a", reference: ""),
        ]
        let facts = order.map { CardEvent(identity: $0) }
        let history = CardHistory(limit: CardHistory.eventLimit, facts: facts.shuffled())
        #expect(history.events.map(\.identity) == order)
        #expect(history.state?.eventIndex == order.count - 1)
    }

    // MARK: - At the limit

    /// The 513th event pushes the first one out, and says so.
    @Test func merge_forgetsTheFirst_whenTheWindowIsFull() throws {
        var history = CardHistory()
        for second in 0..<512 {
            let event = CardEvent(identity: try identity(second: second))
            #expect(history.merge(event) == .changed(forgotten: 0))
        }
        #expect(history.events.count == 512)
        #expect(history.events.first?.identity == (try identity(second: 0)))
        let newest = CardEvent(identity: try identity(second: 512))
        #expect(history.merge(newest) == .changed(forgotten: 1))
        #expect(history.events.count == 512)
        #expect(history.events.first?.identity == (try identity(second: 1)))
        #expect(history.merge(CardEvent(identity: try identity(second: 0))) == .beyondLimit)
        #expect(history.merge(newest) == .duplicate)
    }

    /// An event with the only phone stays behind the window, without its comment.
    @Test func merge_keepsThePhoneEvent_whenItLeavesTheWindow() throws {
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        let first = CardEvent(
            identity: try identity(second: 0), phone: phone,
            comment: EventText(unchecked: Array("left at door".utf8)))
        var history = CardHistory()
        _ = history.merge(first)
        for second in 1..<512 {
            _ = history.merge(CardEvent(identity: try identity(second: second)))
        }
        #expect(history.events.first == first)
        let newest = CardEvent(identity: try identity(second: 512))
        #expect(history.merge(newest) == .changed(forgotten: 0))
        #expect(history.events.count == 513)
        #expect(history.events.first == CardEvent(identity: first.identity, phone: phone))
        #expect(history.state?.phone == phone)
        #expect(history.merge(first) == .duplicate)

        // A later phone takes its place, and then nothing lies before the window.
        let later = CardEvent(identity: try identity(second: 100), phone: phone)
        #expect(history.merge(later) == .changed(forgotten: 1))
        #expect(history.events.count == 512)
        #expect(history.merge(first) == .beyondLimit)
    }

    /// The greatest history there is: a phone event, 512 tombstones, 512 events. One void
    /// fewer, and the phone still counts.
    @Test(arguments: [511, 512, 513])
    func merge_countsThePhoneAsVoid_whenTombstonesReachTheLimit(_ voids: Int) throws {
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        var history = CardHistory()
        for second in 2_000..<2_512 {
            _ = history.merge(CardEvent(identity: try identity(second: second)))
        }
        _ = history.merge(CardEvent(identity: try identity(second: 0), phone: phone))
        var forgotten = 0
        for second in 1...voids {
            if case .changed(let count) = history.merge(.void(try identity(second: second))) {
                forgotten += count
            }
        }
        #expect(forgotten == max(0, voids - 512))
        #expect(history.events.count == 1 + min(voids, 512) + 512)
        #expect(history.events[0].isVoid == (voids >= 512))
        #expect(history.state?.phone == (voids >= 512 ? nil : phone))
        #expect(CardHistory(restoring: history.events) == history)
    }

    // MARK: - Restoring

    /// Whatever a history holds can be restored and goes on as it would have.
    @Test(arguments: UInt64(301)...304)
    func restoring_givesTheHistoryBack(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let draw = FactDraw(&random)
        let history = CardHistory(limit: CardHistory.eventLimit, facts: draw.facts)
        #expect(CardHistory(restoring: history.events) == history, "seed \(seed)")
    }

    /// Events that no history can hold are refused: out of order, twice, or kept against the rule.
    @Test func restoring_givesNil_whenNoHistoryCanHaveTheEvents() throws {
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        let window = try (1_000..<1_512).map { CardEvent(identity: try identity(second: $0)) }
        let early = try identity(second: 0)
        let middle = try identity(second: 1)
        let comment = EventText(unchecked: Array("c".utf8))
        let refused: [(String, [CardEvent])] = [
            ("out of order", [window[1], window[0]]),
            ("twice", [window[0], window[0]]),
            ("neither phone nor void", [CardEvent(identity: early)] + window),
            (
                "a phone event's comment",
                [CardEvent(identity: early, phone: phone, comment: comment)] + window
            ),
            (
                "a tombstone's comment",
                [CardEvent(identity: early, comment: comment, isVoid: true)] + window
            ),
            (
                "a tombstone before the phone event",
                [.void(early), CardEvent(identity: middle, phone: phone)] + window
            ),
            (
                "two phone events",
                [
                    CardEvent(identity: early, phone: phone),
                    CardEvent(identity: middle, phone: phone),
                ]
                    + window
            ),
            (
                "a tombstone beside a phone in the window",
                [.void(early)] + window.dropLast()
                    + [CardEvent(identity: window[511].identity, phone: phone)]
            ),
        ]
        for (what, events) in refused {
            #expect(CardHistory(restoring: events) == nil, "\(what)")
        }
        #expect(CardHistory(restoring: [.void(early)] + window) != nil)
        #expect(CardHistory(restoring: []) == CardHistory())
    }
}

// MARK: - Support

/// A random small set of facts, and the limit to apply it with.
struct FactDraw {
    let facts: [CardEvent]
    let limit: Int

    /// Few of everything, so that facts meet. Few statuses and feeds too: most orders are by time.
    init(_ random: inout SeededGenerator) {
        limit = Int.random(in: 1...3, using: &random)
        let seconds = Int.random(in: 1...7, using: &random)
        let voidsIn10 = Int.random(in: 1...6, using: &random)
        let phonesIn10 = Int.random(in: 0...5, using: &random)
        facts = (0..<Int.random(in: 1...12, using: &random)).map { _ in
            let identity = Self.identities[Int.random(in: 0..<seconds, using: &random)]
            if Int.random(in: 0..<10, using: &random) < voidsIn10 { return .void(identity) }
            let hasPhone = Int.random(in: 0..<10, using: &random) < phonesIn10
            return CardEvent(
                identity: identity,
                phone: hasPhone ? Self.phones.randomElement(using: &random) : nil,
                comment: Self.comments.randomElement(using: &random) ?? .empty)
        }
    }

    /// All facts in a random order, some of them again.
    func sequence(_ random: inout SeededGenerator) -> [CardEvent] {
        let again = facts.filter { _ in Int.random(in: 0..<4, using: &random) == 0 }
        return (facts + again).shuffled(using: &random)
    }

    static let phones = (1...3).compactMap { PhoneNumber(digits: $0) }
    private static let comments = ["", "a", "b"].map { EventText(unchecked: Array($0.utf8)) }

    private static let identities: [EventIdentity] = (0..<7).compactMap { number in
        guard let time = Timestamp(seconds: Int64(1_700_000_000 + number / 2)),
            let feed = FeedID("f")
        else { return nil }
        return EventIdentity(
            occurredAt: time, status: number % 2 == 0 ? .pickedUp : .delivered, feed: feed,
            reference: .empty)
    }
}

func identity(
    second: Int, status: CardStatus = .delivered, feed: String = "f", reference: String = ""
) throws -> EventIdentity {
    EventIdentity(
        occurredAt: try #require(Timestamp(seconds: Int64(1_700_000_000 + second))),
        status: status, feed: try #require(FeedID(feed)),
        reference: EventText(unchecked: Array(reference.utf8)))
}

func permutations<T>(of items: [T]) -> [[T]] {
    guard let last = items.last else { return [[]] }
    return permutations(of: items.dropLast()).flatMap { rest in
        (0...rest.count).map { place in
            var order = rest
            order.insert(last, at: place)
            return order
        }
    }
}

extension CardHistory {
    fileprivate init(limit: Int, facts: [CardEvent]) {
        self.init(limit: limit)
        for fact in facts { _ = merge(fact) }
    }
}

extension [CardEvent] {
    /// Short enough to work a failed case out on paper.
    var shown: String {
        let events = map { event in
            var text =
                "\(event.identity.occurredAt.seconds % 100).\(event.identity.status.rawValue)"
            if event.isVoid { text += " void" }
            if let phone = event.phone { text += " phone \(phone.digits)" }
            for phone in event.otherPhones { text += " and \(phone.digits)" }
            if event.isErased { text += " erased" }
            if !event.comment.isEmpty { text += " '\(event.comment.text)'" }
            return text
        }
        return "[" + events.joined(separator: ", ") + "]"
    }
}
