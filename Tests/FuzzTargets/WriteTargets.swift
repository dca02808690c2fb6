internal import CardAPI
internal import CardModel
internal import CardStore
internal import HTTPFront
internal import JSONStream

/// The body of a write is read as JSON by the letter, as another reader does, and its events are
/// read as the same ones when they are written again.
enum EventsTarget {
    private static let region: PhoneRegion = {
        guard let region = PhoneRegion("AE") else { preconditionFailure("AE is a region") }
        return region
    }()

    private static let feed: FeedID = {
        guard let feed = FeedID("fuzz") else { preconditionFailure("'fuzz' names a feed") }
        return feed
    }()

    @Sendable static func run(_ bytes: [UInt8]) {
        var input = FuzzInput(bytes)
        let purpose = input.choice(of: [EventReader.Purpose.add, .void])
        let reported = input.choice(of: [ReportedFeed.any, .only(feed)])
        let body = input.rest
        body.withExactBytes { text in
            var reader = reader(purpose, reported)
            do throws(EventsError) {
                try reader.read(text.span)
            } catch {
                check(error, text.span)
                return
            }
            precondition(isJSON(text.span), "what is no JSON was read")
            guard reader.problems.count == 0 else {
                precondition(!reader.problems.listed.isEmpty, "a problem is not listed")
                return
            }
            check(reader.facts, purpose)
        }
    }

    private static func reader(_ purpose: EventReader.Purpose, _ feed: ReportedFeed) -> EventReader
    {
        EventReader(purpose, feed: feed, region: region, nowSeconds: 1_700_000_000)
    }

    /// Nothing is refused as malformed that is JSON, but for what this reader has limits for.
    private static func check(_ error: EventsError, _ text: Span<UInt8>) {
        guard case .malformed(let what, let offset) = error else { return }
        precondition((0...text.count).contains(offset), "the problem lies beside the text")
        if what == "an object or an array is expected" { return }
        if what == "values lie too deep in each other" { return }
        precondition(!isJSON(text), "what is JSON was refused: \(what)")
    }

    private static func isJSON(_ text: Span<UInt8>) -> Bool {
        do throws(JSONProblem) {
            _ = try JSONFields([]).read(text)
            return true
        } catch {
            return false
        }
    }

    private static func check(_ facts: [CardFact], _ purpose: EventReader.Purpose) {
        guard !facts.isEmpty else { return }
        var json = ByteBuffer()
        for (place, fact) in facts.enumerated() {
            json.raw(place == 0 ? "[{\"card_id\":" : ",{\"card_id\":")
            append(fact, purpose, to: &json)
        }
        json.raw("]")
        var again = reader(purpose, .any)
        do throws(EventsError) {
            try again.read(json.bytes.span)
        } catch {
            preconditionFailure("what was written cannot be read: \(error)")
        }
        precondition(again.problems.count == 0, "what was written has problems")
        precondition(again.facts == facts, "an event is read as another")
    }

    private static func append(
        _ fact: CardFact, _ purpose: EventReader.Purpose, to json: inout ByteBuffer
    ) {
        let (event, identity) = (fact.event, fact.event.identity)
        json.string(fact.card)
        json.raw(",\"status\":")
        json.string(identity.status)
        json.raw(",\"occurred_at\":")
        json.string(identity.occurredAt)
        json.raw(",\"feed\":")
        json.string("\(identity.feed)")
        json.raw(",\"reference\":")
        json.stringOrNull(identity.reference.bytes.span)
        if purpose == .add {
            json.raw(",\"phone\":")
            json.stringOrNull(event.phone)
            json.raw(",\"comment\":")
            json.stringOrNull(event.comment.bytes.span)
        }
        json.raw("}")
    }
}

/// Any text is written as JSON that is read as the same text.
enum JSONTextTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        guard String(validating: bytes, as: UTF8.self) != nil else { return }
        var json = ByteBuffer()
        bytes.withExactBytes { json.string($0.span) }
        do throws(JSONProblem) {
            let read = try JSONFields([JSONPath("")]).read(json.bytes.span)
            precondition(read == [.text(bytes)], "a text is read as another")
        } catch {
            preconditionFailure("what was written is no JSON: \(error)")
        }
    }
}

/// A cursor is one of ours, and leads to the same place when it is written again, or is refused.
enum CursorTarget {
    @Sendable static func run(_ bytes: [UInt8]) {
        bytes.withExactBytes { text in
            guard let key = HexDigits.bytes(text.span) else {
                precondition(EventCursor(text.span) == nil, "a cursor is digits")
                return
            }
            precondition(Array(HexDigits.text(key).utf8) == bytes, "digits change")
            if let place = EventPosition(key: key) {
                precondition(place.key == key, "a place is another")
            }
            if let cursor = EventCursor(text.span) {
                let again = EventCursor(Array(cursor.text.utf8).span)
                precondition(again?.identity == cursor.identity, "a cursor leads elsewhere")
            }
        }
        // As bytes of a key, which libFuzzer finds sooner than their digits.
        if let place = EventPosition(key: bytes) {
            precondition(place.key == bytes, "a place is another")
        }
        if bytes.count <= HexDigits.bytesMax {
            let cursor = EventCursor(Array(HexDigits.text(bytes).utf8).span)
            if let cursor {
                let again = EventCursor(Array(cursor.text.utf8).span)
                precondition(again?.identity == cursor.identity, "a cursor leads elsewhere")
            }
        }
    }
}
