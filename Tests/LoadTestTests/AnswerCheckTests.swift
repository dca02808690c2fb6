import Testing

@testable import LoadTest

struct AnswerCheckTests {
    /// A body is right when the key that was asked for stands at its place.
    @Test(arguments: [
        (RequestKind.card, false, "A1", #"{"card_id":"A1","phone""#, true),
        (.card, false, "A1", #"{"card_id":"A12","phone""#, false),
        (.card, false, "A12", #"{"card_id":"A1","phone""#, false),
        (.card, false, "A1", #"{"card_id":"A1"#, false),
        (.card, false, "A1", "", false),
        (.phone, false, "9715", #"{"phone":"+9715","cards":[{"card_id""#, true),
        (.phone, false, "9715", #"{"phone":"+9715","cards":[],"next""#, false),
        (.phone, true, "9715", #"{"phone":"+9715","cards":[],"next""#, true),
        (.phone, true, "9715", #"{"phone":"+9715","cards":[{"card_id""#, false),
        (.phone, false, "9715", #"{"phone":"+9716","cards":[{"card_id""#, false),
        (.batch, false, "A1", #"{"results":[{"card_id":"A1""#, true),
        (.batch, false, "A1", #"{"results":[{"card_id":"B1""#, false),
        (.batch, false, "A1", "A", false),
    ])
    func isRight_tellsTheKey_whateverTheKind(
        _ kind: RequestKind, _ isMissing: Bool, _ key: String, _ body: String, _ expected: Bool
    ) {
        let flight = Flight(kind: kind, isMissing: isMissing)
        let isRight = Array(body.utf8).withUnsafeBufferPointer { body in
            Array(key.utf8).withUnsafeBufferPointer { key in
                AnswerCheck.isRight(body, flight, key: key)
            }
        }
        #expect(isRight == expected)
    }
}
