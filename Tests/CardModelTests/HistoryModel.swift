@testable import CardModel

/// The definition in CardHistory's header, worked out from the whole set of facts at once: slow,
/// plain, and without an order of arrival that could show.
struct HistoryModel {
    /// Every identity that was ever named, in event order, with all that was said of it.
    private let identities: [CardEvent]
    private let limit: Int

    init(facts: [CardEvent], limit: Int) {
        var merged: [EventIdentity: CardEvent] = [:]
        for fact in facts {
            let known = merged[fact.identity] ?? CardEvent(identity: fact.identity)
            merged[fact.identity] = CardEvent(
                identity: fact.identity,
                phone: [known.phone, fact.phone].compactMap { $0 }.max(),
                comment: max(known.comment, fact.comment),
                isVoid: known.isVoid || fact.isVoid)
        }
        identities = merged.values.sorted { $0.identity < $1.identity }
        self.limit = limit
    }

    /// What a history must hold.
    var events: [CardEvent] {
        let window = identities.suffix(limit)
        if window.contains(where: { $0.phone != nil }) { return Array(window) }

        let before = identities.dropLast(limit)
        let phoneEvent = before.last { $0.phone != nil }
        let voids = before.filter { event in
            event.isVoid && phoneEvent.map { $0.identity < event.identity } ?? true
        }
        var kept: [CardEvent] = []
        if let phoneEvent {
            kept.append(
                CardEvent(
                    identity: phoneEvent.identity, phone: phoneEvent.phone,
                    isVoid: phoneEvent.isVoid || voids.count >= limit))
        }
        kept += voids.suffix(limit).map { CardEvent.void($0.identity) }
        return kept + window
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
