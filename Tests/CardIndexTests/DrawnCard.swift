import CardIndex
import CardModel
import CardTesting
import Foundation
import Testing

/// What a test's cards are drawn from.
struct CardShape: Sendable {
    /// Phones are `phoneBase + 1` to `phoneBase + phones`, the first ones much the likelier.
    var phones = 100
    var phoneBase: UInt64 = 971_500_000_000
    var percentWithoutPhone = 12
    /// Of a hundred comments, how many are of any length up to the longest, 1,024 bytes.
    var percentLong = 2
}

/// A card whose fields all follow from its ID, its version and the shape. So a model need keep only
/// versions, a card that was found says itself what it should be (its time is its version), and a
/// mixture of two versions does not fit either.
struct DrawnCard: Sendable {
    let id: CardID
    let version: UInt32
    let phone: PhoneNumber?
    let status: CardStatus
    /// Places in ``text``.
    let comment: Range<Int>
    let reference: Range<Int>

    private static let firstSecond: UInt32 = 1_000_000_000

    /// Letters that every comment and reference is a part of.
    static let text: [UInt8] = {
        var random = SeededGenerator(seed: 99)
        return (0..<8_192).map { _ in UInt8.random(in: 0x20...0x7E, using: &random) }
    }()

    init(_ id: CardID, version: UInt32, _ shape: CardShape) {
        self.id = id
        self.version = version
        let words = id.words
        var random = SeededGenerator(
            seed: words.0 ^ words.1 &* 3 ^ words.2 &* 5 ^ words.3 &* 7 ^ UInt64(version) << 20)
        let draw = random.next()
        phone = Self.phone(draw, shape)
        status = CardStatus(rawValue: UInt8(version % 4)) ?? .pickedUp
        comment = Self.comment(random.next(), shape)
        let start = Int(draw >> 40 % 8_000)
        reference = start..<start + (draw % 4 == 0 ? 0 : Int(draw >> 34 % 65))
    }

    /// The card that a lent one says it is.
    init(like view: borrowing CardView, _ shape: CardShape) {
        self.init(view.id, version: view.updatedAt.seconds &- Self.firstSecond, shape)
    }

    private static func phone(_ draw: UInt64, _ shape: CardShape) -> PhoneNumber? {
        guard shape.phones > 0, Int(draw >> 56) % 100 >= shape.percentWithoutPhone else {
            return nil
        }
        // The product of two draws: the first phone of 300 has 2 of 100 cards, the last one none.
        let count = UInt64(shape.phones)
        let rank = (draw & 0xFFFF) % count * ((draw >> 16 & 0xFFFF) % count) / count
        return PhoneNumber(digits: shape.phoneBase + 1 + rank)
    }

    private static func comment(_ draw: UInt64, _ shape: CardShape) -> Range<Int> {
        let rest = draw >> 16
        let start = Int(rest % 7_000)
        if Int(draw & 0xFF) * 100 / 256 < shape.percentLong {
            return start..<start + Int(rest >> 20 % 1_025)
        }
        switch draw >> 8 & 7 {
        case 0, 1: return 0..<0
        case 2, 3: return start..<start + Int(rest >> 20 % 30)
        default:
            // One of 24 that many cards share, of 0 to 69 bytes.
            let kind = Int(rest % 24)
            return kind * 100..<kind * 100 + kind * 3
        }
    }

    func insert(into index: CardIndex) throws(CardIndexError) {
        let text = Self.text
        try index.insert(view(of: text.span))
    }

    func lend(to body: (borrowing CardView) throws -> Void) throws {
        let text = Self.text
        try body(view(of: text.span))
    }

    @_lifetime(copy text)
    private func view(of text: Span<UInt8>) -> CardView {
        guard let time = Timestamp(seconds: Int64(Self.firstSecond) + Int64(version)) else {
            preconditionFailure("there are fewer versions than seconds in a century")
        }
        return CardView(
            id: id, phone: phone, status: status, updatedAt: time,
            comment: text.extracting(comment), reference: text.extracting(reference))
    }

    /// Whether a lent card is this one, byte for byte.
    func isEqual(_ view: borrowing CardView) -> Bool {
        view.id == id && view.phone == phone && view.status == status
            && view.updatedAt.seconds == Self.firstSecond + version
            && Self.isEqual(view.comment, comment) && Self.isEqual(view.reference, reference)
    }

    private static func isEqual(_ bytes: Span<UInt8>, _ place: Range<Int>) -> Bool {
        guard bytes.count == place.count else { return false }
        guard !place.isEmpty else { return true }
        return bytes.withUnsafeBytes { bytes in
            text.withUnsafeBytes { text in
                guard let bytes = bytes.baseAddress, let text = text.baseAddress else {
                    return false
                }
                return memcmp(bytes, text + place.lowerBound, place.count) == 0
            }
        }
    }
}

func makeID(_ bytes: [UInt8]) -> CardID {
    guard let id = CardID(canonical: bytes.span) else {
        preconditionFailure("a test's ID is canonical")
    }
    return id
}

/// IDs of every length from 1 to 32 bytes that differ in their first bytes, or in their last.
func makeIDs(_ numbers: Range<Int>) -> [CardID] {
    numbers.map { number in
        let digits = Array(String(number, radix: 36, uppercase: true).utf8)
        let count = max(digits.count, 1 + (number &* 7_919 >> 3) % CardID.maxCount)
        let filler = [UInt8](repeating: UInt8(ascii: "."), count: count - digits.count)
        return makeID(number % 2 == 0 ? digits + filler : filler + digits)
    }
}

/// The cards that the index lists under a phone; nil when it is a crowd.
func page(
    _ index: CardIndex, _ phone: PhoneNumber, after: CardID? = nil, limit: Int = .max
) -> [CardID]? {
    var ids: [CardID] = []
    let isListed = index.withCards(phone: phone, after: after, limit: limit) { card in
        ids.append(card.id)
        if card.phone != phone { Issue.record("a card of another phone") }
    }
    if !isListed { #expect(ids == [], "a crowd lends nothing") }
    return isListed ? ids : nil
}
