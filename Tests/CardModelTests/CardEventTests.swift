import Testing

@testable import CardModel

private func event(
    phone: UInt64? = nil, comment: String = "", isVoid: Bool = false
) throws -> CardEvent {
    CardEvent(
        identity: EventIdentity(
            occurredAt: .min, status: .returned, feed: try #require(FeedID("returned")),
            reference: EventText(unchecked: Array("R-1".utf8))),
        phone: phone.flatMap { PhoneNumber(digits: $0) },
        comment: EventText(unchecked: Array(comment.utf8)), isVoid: isVoid)
}

private func merged(_ a: CardEvent, _ b: CardEvent) -> CardEvent {
    var result = a
    result.merge(b)
    return result
}

struct CardEventTests {
    /// Per field: a phone beats none, the greater phone and comment win, void stays.
    @Test func merge_takesTheGreaterOfEachField() throws {
        #expect(try merged(event(), event(phone: 5)) == event(phone: 5))
        #expect(try merged(event(phone: 5), event()) == event(phone: 5))
        let greater = merged(try event(phone: 5), try event(phone: 40))
        #expect(greater.phone?.digits == 40)
        // The lesser one is remembered: see `CardEvent.otherPhones`.
        #expect(greater.otherPhones.map(\.digits) == [5])
        #expect(greater == merged(try event(phone: 40), try event(phone: 5)))
        #expect(try merged(event(comment: "b"), event(comment: "a")) == event(comment: "b"))
        #expect(try merged(event(comment: "a"), event(comment: "ab")) == event(comment: "ab"))
        #expect(
            try merged(event(phone: 5, comment: "a"), event(isVoid: true))
                == event(phone: 5, comment: "a", isVoid: true))
    }

    /// The laws that make order and repetition meaningless, over all combinations of small values.
    @Test func merge_isCommutativeAssociativeAndIdempotent() throws {
        var events: [CardEvent] = []
        for phone in [nil, 1, 2] as [UInt64?] {
            for comment in ["", "a", "b"] {
                for isVoid in [false, true] {
                    events.append(try event(phone: phone, comment: comment, isVoid: isVoid))
                }
            }
        }
        events.append(merged(events[6], events[12]))
        for isVoid in [false, true] {
            var erased = try event(phone: 1, isVoid: isVoid)
            erased.erase()
            events.append(erased)
        }
        for a in events {
            #expect(merged(a, a) == a)
            for b in events {
                #expect(merged(a, b) == merged(b, a))
                for c in events {
                    #expect(merged(merged(a, b), c) == merged(a, merged(b, c)))
                }
            }
        }
    }

    /// Stores and cursors keep this hash, so the value of one identity is pinned, and every field
    /// changes it: a reference must not be able to pass for a part of the feed.
    @Test func stableHash_neverChanges_andTellsFieldsApart() throws {
        func hash(_ seconds: Int64, _ status: CardStatus, _ feed: String, _ text: String) throws
            -> UInt64
        {
            EventIdentity(
                occurredAt: try #require(Timestamp(seconds: seconds)), status: status,
                feed: try #require(FeedID(feed)),
                reference: EventText(unchecked: Array(text.utf8))
            ).stableHash
        }
        #expect(try hash(1_699_868_096, .delivered, "delivered", "D-42") == 0xC81B_A853_32EF_42DA)
        let hashes = try [
            hash(1_700_000_000, .delivered, "feed", "1"),
            hash(1_700_000_001, .delivered, "feed", "1"),
            hash(1_700_000_000, .returned, "feed", "1"),
            hash(1_700_000_000, .delivered, "feed1", ""),
            hash(1_700_000_000, .delivered, "fee", "d1"),
            hash(1_700_000_000, .delivered, "feed", ""),
            hash(1_700_000_000, .delivered, "feed", "2"),
        ]
        #expect(Set(hashes).count == hashes.count)
    }
}
