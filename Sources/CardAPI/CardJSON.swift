public import CardModel
public import HTTPFront

/// The API's answers about cards. The same bytes come from the server, from `cardstatus get`, and,
/// for events, from `cardstatus export`.
public enum CardJSON {
    /// `{"card_id","phone","status","updated_at","comment","reference"}`; what is absent is null.
    public static func append(_ card: borrowing CardView, to json: inout ByteBuffer) {
        json.write(reserving: byteCountMax(of: card)) { cursor in
            cursor.raw("{\"card_id\":")
            cursor.string(card.id)
            appendState(of: card, to: &cursor)
        }
    }

    /// The same as a result of a batch: with `"found":true` behind the ID.
    static func appendFound(_ card: borrowing CardView, to json: inout ByteBuffer) {
        json.write(reserving: byteCountMax(of: card)) { cursor in
            cursor.raw("{\"card_id\":")
            cursor.string(card.id)
            cursor.raw(",\"found\":true")
            appendState(of: card, to: &cursor)
        }
    }

    /// All behind the ID, up to the end.
    @inline(__always)
    private static func appendState(
        of card: borrowing CardView, to cursor: inout JSONCursor
    ) {
        cursor.raw(",\"phone\":")
        cursor.stringOrNull(card.phone)
        cursor.raw(",\"status\":")
        cursor.string(card.status)
        cursor.raw(",\"updated_at\":")
        cursor.string(card.updatedAt)
        cursor.raw(",\"comment\":")
        cursor.stringOrNull(card.comment)
        cursor.raw(",\"reference\":")
        cursor.stringOrNull(card.reference)
        cursor.raw("}")
    }

    /// Room for a card in any of these shapes.
    @inline(__always)
    private static func byteCountMax(of card: borrowing CardView) -> Int {
        256 &+ JSONCursor.byteCountMax(ofString: card.comment.count &+ card.reference.count)
    }

    /// One entry of `get-card-status`: `{"card_id","user_mobile","status","timestamp","comment"}`.
    static func appendStatusEntry(_ card: borrowing CardView, to json: inout ByteBuffer) {
        json.raw("{\"card_id\":")
        json.string(card.id)
        json.raw(",\"user_mobile\":")
        json.stringOrNull(card.phone)
        json.raw(",\"status\":")
        json.string(card.status)
        json.raw(",\"timestamp\":")
        json.string(card.updatedAt)
        json.raw(",\"comment\":")
        json.stringOrNull(card.comment)
        json.raw("}")
    }

    /// One event of a history:
    /// `{"status","occurred_at","phone","comment","reference","feed","void"}`.
    static func append(_ event: CardEvent, to json: inout ByteBuffer) {
        json.raw("{")
        appendFields(of: event, to: &json)
        json.raw("}")
    }

    /// One event of an export: a history's event with its card in front.
    public static func append(_ event: CardEvent, of card: CardID, to json: inout ByteBuffer) {
        json.raw("{\"card_id\":")
        json.string(card)
        json.raw(",")
        appendFields(of: event, to: &json)
        json.raw("}")
    }

    private static func appendFields(of event: CardEvent, to json: inout ByteBuffer) {
        json.raw("\"status\":")
        json.string(event.identity.status)
        json.raw(",\"occurred_at\":")
        json.string(event.identity.occurredAt)
        json.raw(",\"phone\":")
        json.stringOrNull(event.phone)
        json.raw(",\"comment\":")
        json.stringOrNull(event.comment.bytes.span)
        json.raw(",\"reference\":")
        json.stringOrNull(event.identity.reference.bytes.span)
        json.raw(",\"feed\":")
        json.string(event.identity.feed.description)
        json.raw(",\"void\":")
        json.boolean(event.isVoid)
    }
}
