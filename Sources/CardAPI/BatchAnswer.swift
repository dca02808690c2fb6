internal import CardModel
internal import CardService
internal import HTTPFront

/// The results of a batch, in the order of its keys.
struct BatchAnswer {
    /// No answer is larger, whatever was asked for: a phone may have many cards, and 10,000 of them
    /// would have a million.
    static let byteCountMax = 64 << 20

    /// Between results, and behind the last.
    enum Form {
        case array
        case lines
    }

    let keys: BatchKeys
    let form: Form

    /// Looks for all keys and appends what is found. Card IDs are looked for together.
    func append(from service: CardService, to json: inout ByteBuffer) throws {
        var next = 0
        var written = 0
        if form == .array { json.raw("{\"results\":[") }
        // The keys that are no card IDs and come before the next one.
        func appendOthers(_ json: inout ByteBuffer) throws {
            while next < keys.others.count, keys.others[next].place == written {
                separate(written, &json)
                try append(keys.others[next].key, from: service, to: &json)
                try end(&json)
                next += 1
                written += 1
            }
        }
        try service.withCards(
            keys.cards.span,
            found: { _, card in
                if next < keys.others.count { try appendOthers(&json) }
                separate(written, &json)
                CardJSON.appendFound(card, to: &json)
                try end(&json)
                written += 1
            },
            absent: { index in
                if next < keys.others.count { try appendOthers(&json) }
                separate(written, &json)
                json.write(reserving: 64) { cursor in
                    cursor.raw("{\"card_id\":")
                    cursor.string(keys.cards[index])
                    cursor.raw(",\"found\":false}")
                }
                try end(&json)
                written += 1
            })
        try appendOthers(&json)
        if form == .array { json.raw("]}") }
    }

    @inline(__always)
    private func separate(_ written: Int, _ json: inout ByteBuffer) {
        if form == .array, written > 0 { json.append(UInt8(ascii: ",")) }
    }

    @inline(__always)
    private func end(_ json: inout ByteBuffer) throws {
        if form == .lines { json.append(UInt8(ascii: "\n")) }
        guard json.count <= Self.byteCountMax else { throw BatchError.answerTooLarge }
    }

    private func append(
        _ key: BatchKeys.Other, from service: CardService, to json: inout ByteBuffer
    ) throws {
        switch key {
        case .badCard(let text, let why):
            json.raw("{\"card_id\":")
            json.string(text)
            json.raw(",\"error\":")
            json.string(why)
            json.raw("}")
        case .badPhone(let text, let why):
            json.raw("{\"phone\":")
            json.string(text)
            json.raw(",\"error\":")
            json.string(why)
            json.raw("}")
        case .phone(let phone):
            json.raw("{\"phone\":")
            json.string(phone)
            try CardPage.appendCards(
                of: phone, limit: CardPage.limitMax, saysFound: true, from: service.withCards,
                to: &json)
        }
    }
}
