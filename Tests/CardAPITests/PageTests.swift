import CardModel
import HTTPFront
import Testing

@testable import CardAPI

/// Pages of cards and of events, without a store.
struct PageTests {
    private static func page(
        of card: CardID, _ history: CardHistory, after cursor: EventCursor?, limit: Int
    ) throws -> JSON {
        var bytes = ByteBuffer()
        HistoryPage.append(card, history, after: cursor, limit: limit, to: &bytes)
        return try JSON(parsing: Array(bytes.bytes))
    }

    /// Calls a closure with the made-up cards `C00`, `C01`, … as a store would.
    private static func source(_ count: Int) -> CardPage.Source {
        { phone, after, limit, body in
            var lent = 0
            for number in 0..<count where lent < limit {
                let id = try CardID(text: number < 10 ? "C0\(number)" : "C\(number)")
                guard after.map({ id > $0 }) ?? true else { continue }
                lent += 1
                try body(
                    CardView(
                        id: id, phone: phone, status: .delivered, updatedAt: .min,
                        comment: [UInt8]().span, reference: [UInt8]().span))
            }
        }
    }

    /// Walking the pages gives every card once and in order, for every limit and number of cards;
    /// only the last page has no cursor.
    @Test func cardPages_giveEveryCardOnce_atEveryLimit() throws {
        let phone = try PhoneNumber(e164: "+971585949014")
        for count in 0...13 {
            for limit in 1...15 {
                var ids: [String] = []
                var after: CardID?
                var pages = 0
                repeat {
                    var bytes = ByteBuffer()
                    try CardPage.append(
                        phone: phone, after: after, limit: limit, from: Self.source(count),
                        to: &bytes)
                    let page = try JSON(parsing: Array(bytes.bytes))
                    let cards = page["cards"]?.elements ?? []
                    #expect(page["phone"] == .string("+971585949014"))
                    ids += cards.compactMap { $0["card_id"]?.text }
                    pages += 1
                    after = try page["next"]?.text.map(CardID.init(text:))
                    #expect(after == nil || (cards.count == limit && after?.text == ids.last))
                } while after != nil && pages < 20
                #expect(ids == (0..<count).map { $0 < 10 ? "C0\($0)" : "C\($0)" })
                #expect(pages == max(1, (count + limit - 1) / limit), "\(count) by \(limit)")
            }
        }
    }

    private static func history(_ count: Int) throws -> CardHistory {
        var history = CardHistory()
        for number in 0..<count {
            // Half of them at one moment, where feed and reference tell them apart.
            let fact = try CardFact(
                "C1", .delivered, "2024-01-01T00:00:0\(number % 2)Z", feed: "f",
                reference: "R\(number)", isVoid: number % 3 == 0)
            _ = history.merge(fact.event)
        }
        return history
    }

    /// As for cards: every event once and in order, voided ones too.
    @Test func historyPages_giveEveryEventOnce_atEveryLimit() throws {
        let card = try CardID(text: "C1")
        for count in 0...9 {
            let history = try Self.history(count)
            let references = history.events.map(\.identity.reference.text)
            for limit in 1...11 {
                var found: [String] = []
                var cursor: EventCursor?
                var pages = 0
                repeat {
                    let page = try Self.page(of: card, history, after: cursor, limit: limit)
                    let events = page["events"]?.elements ?? []
                    found += events.compactMap { $0["reference"]?.text }
                    pages += 1
                    cursor = (page["next"]?.text).flatMap { EventCursor(Array($0.utf8).span) }
                    #expect(cursor == nil || events.count == limit)
                } while cursor != nil && pages < 20
                #expect(found == references, "\(count) by \(limit)")
                #expect(pages == max(1, (count + limit - 1) / limit))
            }
        }
    }

    /// A cursor whose event is gone goes on after the place where it was.
    @Test func historyPage_goesOn_whenTheCursorsEventIsGone() throws {
        let card = try CardID(text: "C1")
        let history = try Self.history(4)
        let gone = try CardFact(
            "C1", .delivered, "2024-01-01T00:00:00Z", feed: "f", reference: "R1")
        let page = try Self.page(
            of: card, history, after: EventCursor(identity: gone.event.identity), limit: 9)
        #expect(page["events"]?.elements.map { $0["reference"]?.text } == ["R2", "R1", "R3"])
    }
}
