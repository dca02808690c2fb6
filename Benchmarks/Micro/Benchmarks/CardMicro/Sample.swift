import CardIndex
import CardModel

/// An index of cards with IDs of 11 bytes, phones, references, and comments that many share.
struct Sample {
    let cards: Int
    let index: CardIndex

    private static let comments = ["Left with the neighbour", "Nobody at home", "Refused", ""].map {
        Array($0.utf8)
    }
    private static let reference = Array("R00000001".utf8)

    init(cards: Int) {
        self.cards = cards
        do {
            index = try CardIndex(capacity: cards)
            for number in 0..<cards { try insert(number) }
        } catch {
            preconditionFailure("\(error)")
        }
    }

    func insert(_ number: Int) throws(CardIndexError) {
        guard let time = Timestamp(seconds: 1_700_000_000 + Int64(number)) else {
            preconditionFailure("the sample's times are in range")
        }
        let comment = Self.comments[number % Self.comments.count]
        let reference = Self.reference
        try index.insert(
            CardView(
                id: Self.id(number), phone: Self.phone(number), status: .delivered,
                updatedAt: time, comment: comment.span, reference: reference.span))
    }

    /// Scattered over the index, the same in every run.
    func drawIDs(_ count: Int) -> [CardID] {
        (0..<count).map { Self.id($0 &* 104_729 % cards) }
    }

    func drawPhones(_ count: Int) -> [PhoneNumber] {
        (0..<count).map { Self.phone($0 &* 104_729 % cards) }
    }

    static func id(_ number: Int) -> CardID {
        var bytes = InlineArray<11, UInt8>(repeating: UInt8(ascii: "Z"))
        var rest = number
        for place in stride(from: 10, through: 2, by: -1) {
            bytes[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        guard let id = CardID(canonical: bytes.span) else {
            preconditionFailure("letters and digits are an ID")
        }
        return id
    }

    private static func phone(_ number: Int) -> PhoneNumber {
        guard let phone = PhoneNumber(digits: 971_500_000_000 + UInt64(number)) else {
            preconditionFailure("the number is not 0")
        }
        return phone
    }
}
