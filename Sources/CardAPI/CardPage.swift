public import CardModel
public import HTTPFront

/// A page of the cards of one phone: `{"phone","cards":[…],"next"}`.
public struct CardPage {
    public static let limitMax = 100

    /// Lends the cards of a phone in the order of their IDs, from the first one after `after`, at
    /// most `limit`: a service's look-up or a store's.
    public typealias Source = (
        _ phone: PhoneNumber, _ after: CardID?, _ limit: Int,
        _ body: (borrowing CardView) throws -> Void
    ) throws -> Void

    /// Appends the page as JSON. One card more than the page holds is looked for, which tells
    /// whether there is a next page; `next` is the cursor for it, the last ID of this one, or null.
    public static func append(
        phone: PhoneNumber, after: CardID? = nil, limit: Int = limitMax, from source: Source,
        to json: inout ByteBuffer
    ) throws {
        json.raw("{\"phone\":")
        json.string(phone)
        try appendCards(
            of: phone, after: after, limit: limit, saysFound: false, from: source, to: &json)
    }

    /// The rest of a page, behind the phone: `,"cards":[…],"next":…}`, for a batch with `found` in
    /// front.
    static func appendCards(
        of phone: PhoneNumber, after: CardID? = nil, limit: Int, saysFound: Bool,
        from source: Source, to json: inout ByteBuffer
    ) throws {
        var count = 0
        var last: CardID?
        var hasMore = false
        // What `found` says is known when the first card comes.
        func begin(_ isFound: Bool, _ json: inout ByteBuffer) {
            guard saysFound else { return json.raw(",\"cards\":[") }
            json.raw(",\"found\":")
            json.boolean(isFound)
            json.raw(",\"cards\":[")
        }
        try source(phone, after, limit + 1) { card in
            if count == limit {
                hasMore = true
                return
            }
            if count > 0 { json.raw(",") } else { begin(true, &json) }
            CardJSON.append(card, to: &json)
            count += 1
            last = card.id
        }
        if count == 0 { begin(false, &json) }
        json.raw("],\"next\":")
        if hasMore, let last { json.string(last) } else { json.raw("null") }
        json.raw("}")
    }
}
