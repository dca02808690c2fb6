@testable import CardModel

/// The definition in CardHistory's header, worked out from the whole set of facts at once: slow,
/// plain, and without an order of arrival that could show.
struct HistoryModel {
    /// Every identity that was ever named, in event order, with all that was said of it.
    private let identities: [CardEvent]
    private let limit: Int

    /// - Parameter erased: phones that were erased, before or after.
    init(facts: [CardEvent], erased: Set<PhoneNumber> = [], limit: Int) {
        identities = Dictionary(grouping: facts, by: \.identity)
            .map { Self.merged($1, identity: $0, erased) }
            .sorted { $0.identity < $1.identity }
        self.limit = limit
    }

    private static func merged(
        _ facts: [CardEvent], identity: EventIdentity, _ erased: Set<PhoneNumber>
    ) -> CardEvent {
        let phones = Set(facts.compactMap(\.phone))
        let isErased = !phones.isDisjoint(with: erased) || phones.count > CardEvent.phonesMax
        let kept = isErased ? [] : phones.sorted()
        let event = CardEvent(
            restoring: identity, phone: kept.last, otherPhones: Array(kept.dropLast()),
            comment: isErased ? .empty : facts.map(\.comment).max() ?? .empty,
            isVoid: facts.contains(where: \.isVoid), isErased: isErased)
        guard let event else { preconditionFailure("the model makes events that can be") }
        return event
    }

    /// What a history must hold.
    var events: [CardEvent] {
        let window = identities.suffix(limit)
        if window.contains(where: Self.bearsPhone) { return Array(window) }

        let before = identities.dropLast(limit)
        let phoneEvent = before.last(where: Self.bearsPhone)
        let voids = before.filter { event in
            event.isVoid && phoneEvent.map { $0.identity < event.identity } ?? true
        }
        var kept: [CardEvent] = []
        if let phoneEvent {
            let event = CardEvent(
                restoring: phoneEvent.identity, phone: phoneEvent.phone,
                otherPhones: phoneEvent.otherPhones, comment: .empty,
                isVoid: phoneEvent.isVoid || voids.count >= limit, isErased: phoneEvent.isErased)
            guard let event else { preconditionFailure("the model makes events that can be") }
            kept.append(event)
        }
        kept += voids.suffix(limit).map { CardEvent.void($0.identity) }
        return kept + window
    }

    /// A phone that was erased was one.
    private static func bearsPhone(_ event: CardEvent) -> Bool {
        event.phone != nil || event.isErased
    }

    /// What becomes of `fact` when everything in `facts` is known.
    static func outcome(
        of fact: CardEvent, after facts: [CardEvent], limit: Int
    ) -> CardHistory.Outcome {
        let before = HistoryModel(facts: facts, limit: limit).events
        let after = HistoryModel(facts: facts + [fact], limit: limit).events
        let known = Set(before.map(\.identity))
        if before == after {
            return known.contains(fact.identity) ? .duplicate : .beyondLimit
        }
        let gone = known.union([fact.identity]).subtracting(after.map(\.identity))
        return .changed(forgotten: gone.count)
    }
}
