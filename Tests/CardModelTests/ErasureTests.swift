import CardTesting
import Testing

@testable import CardModel

struct ErasureTests {
    // MARK: - Tags

    /// The reference's own vectors for 128 bits (vectors.h): a key of 0, 1, 2, …, messages of that
    /// too.
    @Test(arguments: [
        (0, "a3817f04ba25a8e66df67214c7550293"), (1, "da87c1d86b99af44347659119b22fc45"),
        (2, "8177228da4a45dc7fca38bdef60affe4"), (7, "a1f1ebbed8dbc153c0b84aa61ff08239"),
        (8, "3b62a9ba6258f5610f83e264f31497b4"), (9, "264499060ad9baabc47f8b02bb6d71ed"),
        (15, "5493e99933b0a8117e08ec0f97cfc3d9"), (16, "6ee2a4ca67b054bbfd3315bf85230577"),
        (63, "5150d1772f50834a503e069a973fbd7c"),
    ])
    func sipHash_isTheReferences(_ count: Int, _ expected: String) {
        let message = (0..<count).map { UInt8($0) }
        let hash = SipHash.hash(
            message.span.bytes, key0: 0x0706_0504_0302_0100, key1: 0x0F0E_0D0C_0B0A_0908)
        let bytes = [hash.first, hash.second].flatMap { word in
            withUnsafeBytes(of: word.littleEndian) { Array($0) }
        }
        #expect(bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined() == expected)
    }

    /// Stores and exports keep tags: what one key makes of a phone and a customer is for ever.
    @Test func tag_isAsItWas() throws {
        let key = try #require(ErasureKey(words: [1, 2]))
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        let bytes = [1] + withUnsafeBytes(of: phone.digits.bigEndian) { Array($0) }
        let hash = SipHash.hash(bytes.span.bytes, key0: 1, key1: 2)
        let tag = key.tag(of: .phone(phone))
        let again = ErasureTag(bytes: tag.bytes.span)
        #expect(again == tag)
        #expect(
            tag.bytes.prefix(8).elementsEqual(
                withUnsafeBytes(of: hash.first.littleEndian) { Array($0) }))
        let id = try CustomerID(Array("C1".utf8).span)
        #expect(key.tag(of: .customer(id)) != tag)
        #expect(ErasureKey().tag(of: .phone(phone)) != tag)
        let short = ErasureTag(bytes: Array(tag.bytes.dropLast()).span)
        #expect(short == nil)
    }

    // MARK: - The set

    /// One thing that happens to a card.
    private enum Step {
        case fact(CardEvent)
        case erasure(PhoneNumber)
    }

    private static func history(_ steps: [Step], limit: Int) -> CardHistory {
        let key = ErasureKey()
        var erased: [ErasureSubject] = []
        var history = CardHistory(limit: limit)
        for step in steps {
            switch step {
            case .fact(let event):
                _ = history.merge(ErasureList(key: key, of: erased).applied(to: event))
            case .erasure(let phone):
                erased.append(.phone(phone))
                _ = history.erase(ErasureList(key: key, of: erased))
            }
        }
        return history
    }

    /// Events, voids and erasures in any order, with repetitions, over limits so small that the
    /// window overflows all the time: the history holds what the model says of the sets.
    @Test(arguments: UInt64(1)...8)
    func erase_givesWhatTheSetsDefine_inAnyOrder(_ seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for number in 0..<4_000 {
            let draw = FactDraw(&random)
            let erased = FactDraw.phones.filter { _ in Bool.random(using: &random) }
            let expected = HistoryModel(
                facts: draw.facts, erased: Set(erased), limit: draw.limit
            ).events
            for _ in 0..<4 {
                var steps = draw.sequence(&random).map(Step.fact)
                for phone in erased {
                    for _ in 0...Int.random(in: 0...1, using: &random) {
                        let place = Int.random(in: 0...steps.count, using: &random)
                        steps.insert(.erasure(phone), at: place)
                    }
                }
                let history = Self.history(steps, limit: draw.limit)
                if history.events != expected {
                    Issue.record(
                        """
                        seed \(seed), case \(number), limit \(draw.limit): \(steps)
                        gave \(history.events.shown), not \(expected.shown)
                        """)
                    return
                }
            }
        }
    }

    /// Every order of every small set: two identities, two phones of which one is erased, comments
    /// and a void.
    @Test func erase_givesWhatTheSetsDefine_inEveryOrderOfSmallSets() throws {
        let phones = FactDraw.phones
        let comments = ["a", "b"].map { EventText(unchecked: Array($0.utf8)) }
        let identities = try (0..<2).map { try identity(second: $0) }
        let facts = identities.flatMap { identity in
            [
                CardEvent(identity: identity, phone: phones[0], comment: comments[1]),
                CardEvent(identity: identity, phone: phones[1], comment: comments[0]),
                CardEvent(identity: identity, comment: comments[1]), .void(identity),
            ]
        }
        for erased in phones.prefix(2) {
            for a in facts.indices {
                for b in facts.indices.suffix(from: a) {
                    for c in facts.indices.suffix(from: b) {
                        let set = [facts[a], facts[b], facts[c]]
                        let expected = HistoryModel(facts: set, erased: [erased], limit: 1).events
                        let steps = set.map(Step.fact) + [.erasure(erased)]
                        for order in permutations(of: steps) {
                            let history = Self.history(order, limit: 1)
                            try #require(history.events == expected, "\(order)")
                        }
                    }
                }
            }
        }
    }

    // MARK: - Single events

    /// The phone that is not shown is remembered, so that erasing it takes the comment along that
    /// may have been said with it.
    @Test func erase_takesTheEvent_whenItsLesserPhoneIsErased() throws {
        let (lesser, greater) = (FactDraw.phones[0], FactDraw.phones[1])
        let comment = EventText(unchecked: Array("left with her brother".utf8))
        let identity = try identity(second: 1)
        var history = CardHistory()
        _ = history.merge(CardEvent(identity: identity, phone: lesser, comment: comment))
        _ = history.merge(CardEvent(identity: identity, phone: greater))
        #expect(history.state?.phone == greater)
        #expect(history.erase(ErasureList(of: [.phone(lesser)])) == 1)
        #expect(history.state?.phone == nil)
        #expect(history.events[0].comment == .empty)
        #expect(history.erase(ErasureList(of: [.phone(lesser)])) == 0)
        // It is final, as a void is: what is said of the event later changes nothing.
        let again = CardEvent(identity: identity, phone: greater, comment: comment)
        #expect(history.merge(again) == .duplicate)
        #expect(history.merge(.void(identity)) == .changed(forgotten: 0))
        #expect(history.events[0].isVoid && history.events[0].isErased)
    }

    /// An event that says the erased phone again is the one that is there: blank, and a duplicate.
    @Test func applied_givesADuplicate_whenTheEventComesAgain() throws {
        let phone = FactDraw.phones[0]
        let list = ErasureList(of: [.phone(phone)])
        let event = CardEvent(identity: try identity(second: 1), phone: phone)
        var history = CardHistory()
        _ = history.merge(event)
        #expect(history.erase(list) == 1)
        #expect(history.merge(list.applied(to: event)) == .duplicate)
        #expect(history.merge(event) == .duplicate)
        let other = CardEvent(identity: try identity(second: 2), phone: FactDraw.phones[1])
        #expect(list.applied(to: other) == other)
    }

    /// With more phones than can be remembered, the event is erased, in any order.
    @Test func merge_erasesTheEvent_whenItHasTooManyPhones() throws {
        let identity = try identity(second: 1)
        let phones = (1...UInt64(CardEvent.phonesMax + 1)).compactMap { PhoneNumber(digits: $0) }
        for order in [phones, phones.reversed(), phones.shuffled()] {
            var history = CardHistory()
            for phone in order.dropLast() {
                _ = history.merge(CardEvent(identity: identity, phone: phone))
            }
            #expect(history.events[0].phone == order.dropLast().max())
            #expect(history.events[0].otherPhones.count == CardEvent.phonesMax - 1)
            _ = history.merge(CardEvent(identity: identity, phone: order[order.count - 1]))
            #expect(history.events[0].isErased)
            #expect(history.events[0].phone == nil)
        }
    }

    /// Nothing can have been kept so.
    @Test func restoring_givesNil_whenNoEventCanBe() throws {
        let identity = try identity(second: 1)
        let phones = FactDraw.phones
        let comment = EventText(unchecked: [0x61])
        func event(
            _ phone: PhoneNumber?, _ others: [PhoneNumber], _ comment: EventText, isErased: Bool
        ) -> CardEvent? {
            CardEvent(
                restoring: identity, phone: phone, otherPhones: others, comment: comment,
                isVoid: false, isErased: isErased)
        }
        #expect(event(phones[2], Array(phones[..<2]), comment, isErased: false) != nil)
        #expect(event(nil, [], .empty, isErased: true) != nil)
        #expect(event(phones[0], [], .empty, isErased: true) == nil)
        #expect(event(nil, [], comment, isErased: true) == nil)
        #expect(event(nil, [phones[0]], .empty, isErased: false) == nil)
        #expect(event(phones[0], [phones[1]], .empty, isErased: false) == nil)
        #expect(event(phones[2], [phones[1], phones[0]], .empty, isErased: false) == nil)
        #expect(event(phones[2], [phones[0], phones[0]], .empty, isErased: false) == nil)
    }

    // MARK: - In text

    private static func finds(_ phone: PhoneNumber, _ text: String) -> Bool {
        let bytes = Array(text.utf8)
        return PhoneTrace(phone).isIn(bytes.span)
    }

    /// However somebody wrote the number.
    @Test(arguments: [
        "+971585949014", "00971585949014", "0585949014", "585949014", "585949014.0",
        "5.85949014E+08", "9.71585949014e11", "+971 58 594-9014", "(058) 594 9014",
        "\u{0660}\u{0665}\u{0668}\u{0665}\u{0669}\u{0664}\u{0669}\u{0660}\u{0661}\u{0664}",
        "A1,\"0585949014\",x", "call 058\u{A0}594\u{A0}9014 at 10:00", "x=0585949014&y=2",
        "7 0585949014",
    ])
    func phoneTrace_finds(_ text: String) throws {
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        #expect(Self.finds(phone, text))
    }

    @Test(arguments: [
        "", "0585949015", "9.71585E+11", "058594,9014", "058594a9014", "+97158594901", "14-11-2023",
    ])
    func phoneTrace_findsNothing(_ text: String) throws {
        let phone = try #require(PhoneNumber(digits: 971_585_949_014))
        #expect(!Self.finds(phone, text))
    }

    /// Zeros at the end, which scientific notation leaves out; and a number behind much else.
    @Test func phoneTrace_findsRoundAndLateNumbers() throws {
        let round = try #require(PhoneNumber(digits: 971_585_900_000))
        #expect(Self.finds(round, "5.859E+08;"))
        #expect(Self.finds(round, String(repeating: "1 ", count: 200) + "0585900000"))
        // Few national digits are in many a number.
        let short = try #require(PhoneNumber(digits: 376_612_345))
        #expect(short.nationalDigits == "612345")
        #expect(Self.finds(short, "612345"))
        #expect(Self.finds(short, "00376612345"))
        #expect(!Self.finds(short, "96123450"))
    }
}
