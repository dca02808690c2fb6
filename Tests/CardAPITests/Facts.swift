import CardModel
import Foundation

extension CardFact {
    /// A fact from text as it stands in answers. What is malformed is a mistake of the test.
    init(
        _ card: String, _ status: CardStatus, _ time: String, feed: String, reference: String = "",
        phone: String? = nil, comment: String = "", isVoid: Bool = false
    ) throws {
        let seconds = try Date(time, strategy: .iso8601).timeIntervalSince1970
        guard let occurredAt = Timestamp(seconds: Int64(seconds)), let feed = FeedID(feed) else {
            throw Malformed()
        }
        let identity = EventIdentity(
            occurredAt: occurredAt, status: status, feed: feed,
            reference: try EventText(
                Array(reference.utf8).span, maxCount: EventText.referenceMaxCount))
        let event = CardEvent(
            identity: identity, phone: try phone.map(PhoneNumber.init(e164:)),
            comment: try EventText(
                Array(comment.utf8).span, maxCount: EventText.commentMaxCount),
            isVoid: isVoid)
        self.init(card: try CardID(text: card), event: event)
    }

    struct Malformed: Error {}
}

extension CardID {
    init(text: String) throws {
        self = try CardID.parse(Array(text.utf8).span).id
    }
}

extension PhoneNumber {
    init(e164 text: String) throws {
        guard text.hasPrefix("+"), let digits = UInt64(text.dropFirst()),
            let number = PhoneNumber(digits: digits)
        else { throw CardFact.Malformed() }
        self = number
    }
}

/// The events of the four files in `Samples`, and what the API says of their cards.
enum Samples {
    static func facts() throws -> [CardFact] {
        [
            try CardFact(
                "ZYW8827", .pickedUp, "2023-11-12T19:59:00Z", feed: "pickup", reference: "332",
                phone: "+971585949014"),
            try CardFact(
                "ZYW8890", .pickedUp, "2023-11-11T23:45:00Z", feed: "pickup", reference: "465",
                phone: "+971534534534"),
            try CardFact(
                "ZYW7631", .pickedUp, "2023-11-13T07:02:00Z", feed: "pickup", reference: "878",
                phone: "+971545576586"),
            try CardFact(
                "ZYW8890", .deliveryException, "2023-11-13T10:00:00Z",
                feed: "delivery-exceptions", reference: "A982", phone: "+971534534534",
                comment: "User not available"),
            try CardFact(
                "ZYW7631", .deliveryException, "2023-11-13T12:00:00Z",
                feed: "delivery-exceptions", reference: "A073", phone: "+971545576586",
                comment: "User declined to accept package"),
            try CardFact(
                "ZYW8827", .delivered, "2023-11-13T09:34:56Z", feed: "delivered",
                reference: "A883", phone: "+971585949014", comment: "DELIVERED"),
            try CardFact(
                "ZYW7631", .delivered, "2023-11-14T12:34:56Z", feed: "delivered",
                reference: "A073", phone: "+971545576586", comment: "DELIVERED"),
            try CardFact(
                "ZYW8890", .returned, "2023-11-14T08:00:00Z", feed: "returned",
                reference: "A982"),
        ]
    }

    static let zyw8827 =
        #"{"card_id":"ZYW8827","phone":"+971585949014","status":"delivered","#
        + #""updated_at":"2023-11-13T09:34:56Z","comment":"DELIVERED","reference":"A883"}"#
    static let zyw8890 =
        #"{"card_id":"ZYW8890","phone":"+971534534534","status":"returned","#
        + #""updated_at":"2023-11-14T08:00:00Z","comment":null,"reference":"A982"}"#
    static let zyw7631 =
        #"{"card_id":"ZYW7631","phone":"+971545576586","status":"delivered","#
        + #""updated_at":"2023-11-14T12:34:56Z","comment":"DELIVERED","reference":"A073"}"#

    /// An index over all of one phone's cards: `P001` to `P\(count)`.
    static func family(_ count: Int, phone: String) throws -> [CardFact] {
        try (1...count).map { number in
            let digits = String(number)
            return try CardFact(
                "P" + String(repeating: "0", count: 3 - digits.count) + digits, .pickedUp,
                "2024-02-29T00:00:00Z", feed: "pickup", phone: phone)
        }
    }
}
