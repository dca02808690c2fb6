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

    /// Appends the page as JSON. One card more than the page holds is looked for, which tells whether there
    /// is a next page; `next` is the cursor for it, the last ID of this one, or null.
    public static func append(
        phone: PhoneNumber, after: CardID? = nil, limit: Int = limitMax, from source: Source,
        to json: inout ByteBuffer
    ) throws {
        var count = 0
        var last: CardID?
        var hasMore = false
        json.raw("{\"phone\":")
        json.string(phone)
        json.raw(",\"cards\":[")
        try source(phone, after, limit + 1) { card in
            if count == limit {
                hasMore = true
                return
            }
            if count > 0 { json.raw(",") }
            CardJSON.append(card, to: &json)
            count += 1
            last = card.id
        }
        json.raw("],\"next\":")
        if hasMore, let last { json.string(last) } else { json.raw("null") }
        json.raw("}")
    }
}
