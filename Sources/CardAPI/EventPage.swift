internal import CardModel
internal import CardService
internal import CardStore
internal import HTTPFront

/// A page of all cards' events in the order of time: `{"events":[…],"next"}`.
enum EventPage {
    static let limitMax = 1_000
    static let limitDefault = 100

    /// What a request asks for.
    struct Request: CustomStringConvertible {
        let query: EventQuery
        let limit: Int
        let cursor: EventPosition?

        init(_ parameters: RequestParameters) throws(RequestParameters.Failure) {
            var query = EventQuery()
            if let from = try parameters.time("from") { query.from = from }
            query.to = try parameters.time("to")
            if let to = query.to, to < query.from {
                throw RequestParameters.Failure("The parameter 'to' lies before 'from'.")
            }
            query.status = try parameters.status()
            query.feed = try parameters.feed()
            self.query = query
            limit = try parameters.limit(default: limitDefault, max: limitMax)
            guard let text = try parameters.text("cursor") else {
                cursor = nil
                return
            }
            guard let key = HexDigits.bytes(text.span), let cursor = EventPosition(key: key) else {
                throw RequestParameters.Failure("The parameter 'cursor' is not one of ours.")
            }
            self.cursor = cursor
        }

        /// What was asked for, without what a cursor says.
        var description: String {
            var parts = ["from \(query.from)"]
            if let to = query.to { parts.append("to \(to)") }
            if let status = query.status { parts.append("status \(status)") }
            if let feed = query.feed { parts.append("feed \(feed)") }
            if cursor != nil { parts.append("a later page") }
            return parts.joined(separator: ", ")
        }
    }

    /// Appends the page. `next` is null on the last one; before that a page may have fewer events
    /// than its limit, or none: what it looks at is bounded.
    static func append(
        _ request: Request, from service: CardService, limits: EventScanLimits = .page,
        to json: inout ByteBuffer
    ) throws {
        json.raw("{\"events\":[")
        var isFirst = true
        let next = try service.scanEvents(
            request.query, after: request.cursor, limit: request.limit, limits: limits
        ) { card, event in
            if !isFirst { json.raw(",") }
            isFirst = false
            CardJSON.append(event, of: card, to: &json)
        }
        json.raw("],\"next\":")
        if let next {
            json.string(HexDigits.text(next.key))
        } else {
            json.raw("null")
        }
        json.raw("}")
    }
}
