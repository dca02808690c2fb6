internal import CardModel
public import HTTPFront

// Between a request's first line and its answer lie its headers, and often other requests. So the
// two questions that are asked most are recognised as soon as they are there, and memory is asked
// for what their answers will need, in the index's two steps.
//
// Nothing is answered from here, and nothing is checked: a key that is escaped or odd, a route that
// the router would not choose, a request without an API key cost or gain some time. What is kept
// is the key itself, so that it is read once.

extension CardAPI {
    private enum Foreseen {
        static let card = 1
        static let phone = 2
    }

    private static let card: StaticString = "/api/cards/"
    private static let phone: StaticString = "/api/cards?"

    /// The server's foresight.
    public func foresee(
        _ step: ForesightStep, _ target: UnsafeBufferPointer<UInt8>, _ hint: inout RequestHint
    ) {
        switch (step, hint.kind) {
        case (.requestLine, _): recognise(target, &hint)
        case (.headers, Foreseen.card): service.prefetchCard(hint.step)
        case (.headers, Foreseen.phone): service.prefetchCard(ofPhone: hint.step)
        case (.headers, _): break
        }
    }

    @inline(__always)
    private func recognise(_ target: UnsafeBufferPointer<UInt8>, _ hint: inout RequestHint) {
        let count = CardAPI.card.utf8CodeUnitCount
        guard target.count > count else { return }
        if CardAPI.begins(target, CardAPI.card) {
            let key = UnsafeBufferPointer(rebasing: target[count...])
            guard let id = CardID(plain: key.span) else { return }
            hint.step = service.prefetch(id)
            hint.words = id.words
            hint.count = id.count
            hint.kind = Foreseen.card
        } else if CardAPI.begins(target, CardAPI.phone) {
            let query = UnsafeBufferPointer(rebasing: target[count...])
            guard let phone = PhoneQuery.phone(query, defaultRegion: defaultRegion)
            else { return }
            hint.step = service.prefetch(phone)
            hint.words.0 = phone.digits
            hint.kind = Foreseen.phone
        }
    }

    /// Whether a target that is longer than both begins with a text of 11 bytes: two words that
    /// overlap.
    @inline(__always)
    private static func begins(
        _ target: UnsafeBufferPointer<UInt8>, _ text: StaticString
    ) -> Bool {
        guard let base = target.baseAddress else { return false }
        let bytes = UnsafeRawPointer(base)
        let expected = UnsafeRawPointer(text.utf8Start)
        return bytes.loadUnaligned(as: UInt64.self) == expected.loadUnaligned(as: UInt64.self)
            && bytes.loadUnaligned(fromByteOffset: 3, as: UInt64.self)
                == expected.loadUnaligned(fromByteOffset: 3, as: UInt64.self)
    }

    /// The card of a request for one, when it was recognised: its ID is the whole rest of the path.
    @inline(__always)
    static func foreseenCard(_ request: borrowing Request) -> CardID? {
        let hint = request.hint
        return hint.kind == Foreseen.card ? CardID(words: hint.words, count: hint.count) : nil
    }

    /// The phone of a request for its cards and nothing else, when it was recognised.
    @inline(__always)
    static func foreseenPhone(_ request: borrowing Request) -> PhoneNumber? {
        let hint = request.hint
        return hint.kind == Foreseen.phone ? PhoneNumber(digits: hint.words.0) : nil
    }
}
