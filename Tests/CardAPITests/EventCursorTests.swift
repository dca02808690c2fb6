import CardModel
import Testing

@testable import CardAPI

struct EventCursorTests {
    private static func identity(
        _ time: Timestamp, _ status: CardStatus, _ feed: String, _ reference: String
    ) throws -> EventIdentity {
        EventIdentity(
            occurredAt: time, status: status, feed: try #require(FeedID(feed)),
            reference: try EventText(
                Array(reference.utf8).span, maxCount: EventText.referenceMaxCount))
    }

    /// A cursor is read back as the identity it came from, at all limits of its fields.
    @Test func cursor_isReadBack() throws {
        for time in [Timestamp.min, Timestamp.max, try #require(Timestamp(seconds: 1 << 31))] {
            for status in CardStatus.allCases {
                for feed in ["a", "delivery-exceptions", String(repeating: "z", count: 32)] {
                    for reference in ["", "A883", "té \"x\"", String(repeating: "r", count: 64)] {
                        let identity = try Self.identity(time, status, feed, reference)
                        let text = Array(EventCursor(identity: identity).text.utf8)
                        #expect(EventCursor(text.span)?.identity == identity)
                        #expect(text.count <= 204)
                    }
                }
            }
        }
    }

    /// The form is fixed: clients may keep a cursor over a restart.
    @Test func cursor_hasAFixedForm() throws {
        let time = try #require(Timestamp(seconds: 0x6553_4A00))
        let identity = try Self.identity(time, .deliveryException, "ab", "Z9")
        #expect(EventCursor(identity: identity).text == "65534a00" + "01" + "02" + "6162" + "5a39")
    }

    /// What is not quite a cursor is none.
    @Test(arguments: [
        "", "6", "zz", "65534a00", "65534a000102", "65534a0001026162f", "65534A00010261625A39",
        // Before 2000, and after 2099.
        "386d437f01026162", "f486570001026162",
        // No such status, no feed, a feed beyond the end, one with a letter that none has.
        "65534a0004026162", "65534a00010061", "65534a0001036162", "65534a00ffff6162",
        "65534a0001026142", "65534a0001026100",
        // A reference that is not UTF-8, has a control character, or is too long.
        "65534a0001026162ff", "65534a0001026162" + "61000061",
        "65534a0001026162" + String(repeating: "61", count: 65),
        String(repeating: "0", count: 1_026), "65534a00 01026162", "+5534a0001026162",
    ])
    func cursor_isNil_whenMalformed(text: String) {
        #expect(EventCursor(Array(text.utf8).span) == nil)
    }

    /// Cutting a cursor anywhere gives none, or one whose reference has been cut.
    @Test func cursor_isNil_whenCutBeforeItsReference() throws {
        let identity = try Self.identity(.min, .returned, "pickup", "A1")
        let text = EventCursor(identity: identity).text
        for count in 0..<text.utf8.count {
            let found = EventCursor(Array(text.utf8.prefix(count)).span)
            let isWhole = count >= 24 && count.isMultiple(of: 2)
            #expect((found != nil) == isWhole, "\(count) digits")
        }
    }
}
