internal import CardModel

// What a batch asks for, in the order of its answers: card IDs that are well-formed in one array,
// so that they are looked for together, and all else with its place among the answers.

/// The keys of a batch.
struct BatchKeys {
    /// More are refused.
    static let countMax = 10_000

    enum Other {
        case phone(PhoneNumber)
        /// A key that is none: what was sent, as UTF-8, and why.
        case badCard(String, why: String)
        case badPhone(String, why: String)
    }

    private(set) var cards: [CardID] = []
    private(set) var others: [(place: Int, key: Other)] = []
    private let phones: PhoneParser

    /// - Parameter region: where phones without a country code belong.
    init(region: PhoneRegion) {
        phones = PhoneParser(region: region)
    }

    var count: Int { cards.count + others.count }

    mutating func appendCard(_ text: Span<UInt8>) throws(BatchError) {
        try checkRoom()
        if let id = CardID(plain: text) {
            cards.append(id)
            return
        }
        do throws(CardIDError) {
            cards.append(try CardID.parse(text, allowsCardNumbers: true).id)
        } catch {
            others.append((count, .badCard(Self.shown(text), why: "\(error)")))
        }
    }

    mutating func appendPhone(_ text: Span<UInt8>) throws(BatchError) {
        try checkRoom()
        do throws(PhoneError) {
            others.append((count, .phone(try phones.parse(text))))
        } catch {
            others.append((count, .badPhone(Self.shown(text), why: "\(error)")))
        }
    }

    private func checkRoom() throws(BatchError) {
        guard count < Self.countMax else { throw .tooManyKeys }
    }

    private static func shown(_ text: Span<UInt8>) -> String {
        text.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }

    /// Keys one a line: `+…` or `phone:…` is a phone, anything else a card ID. Empty lines are
    /// nothing, and a line may end with CR LF.
    mutating func read(lines text: Span<UInt8>) throws(BatchError) {
        var start = 0
        while start < text.count {
            var end = start
            while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
            var line = text.extracting(start..<end)
            start = end + 1
            if !line.isEmpty, line[line.count - 1] == UInt8(ascii: "\r") {
                line = line.extracting(0..<(line.count - 1))
            }
            if line.isEmpty { continue }
            if line[0] == UInt8(ascii: "+") {
                try appendPhone(line)
            } else if Self.hasPhonePrefix(line) {
                try appendPhone(line.extracting(6..<line.count))
            } else {
                try appendCard(line)
            }
        }
    }

    private static func hasPhonePrefix(_ line: Span<UInt8>) -> Bool {
        let prefix: StaticString = "phone:"
        guard line.count >= 6 else { return false }
        for index in 0..<6 where line[index] != prefix.utf8Start[index] { return false }
        return true
    }
}

/// Why a batch as a whole is refused.
enum BatchError: Error, Equatable {
    /// `offset` counts bytes of the body from 0.
    case malformed(String, offset: Int)
    case tooManyKeys
    case answerTooLarge
}
