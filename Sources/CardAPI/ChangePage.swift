internal import CardModel
internal import HTTPFront

/// A page of the change log.
struct ChangePage {
    static let limitMax = 1_000
    static let waitSecondsMax = 60

    let changes: [CardID]
    let since: UInt64
    /// The log's first number, when it no longer reaches back, or does not know `since`.
    let oldest: UInt64?

    init(changes: [CardID], since: UInt64) {
        self.changes = changes
        self.since = since
        oldest = nil
    }

    init(oldest: UInt64, since: UInt64) {
        changes = []
        self.since = since
        self.oldest = oldest
    }

    /// `next` is what to ask for next.
    func write(to reply: inout Reply) {
        if let oldest { return Problem.changesGone(oldest: oldest).write(to: &reply) }
        reply.contentType = "application/json"
        reply.addHeader("Cache-Control", "private, no-cache")
        reply.body.raw("{\"changes\":[")
        for (place, card) in changes.enumerated() {
            if place > 0 { reply.body.raw(",") }
            reply.body.raw("{\"sequence\":")
            reply.body.integer(since + UInt64(place) + 1)
            reply.body.raw(",\"card_id\":")
            reply.body.string(card)
            reply.body.raw("}")
        }
        reply.body.raw("],\"next\":")
        reply.body.integer(since + UInt64(changes.count))
        reply.body.raw("}")
    }
}
