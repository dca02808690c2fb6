import CardGenerator
import Foundation

/// Texts behind one another, found by number.
///
/// `@unchecked Sendable`: nothing is written after `init`, so threads may share it.
final class KeyTable: @unchecked Sendable {
    private let bytes: UnsafeMutablePointer<UInt8>
    private let ends: UnsafeMutablePointer<Int>
    let count: Int
    let longestCount: Int

    /// Takes texts out of an array of bytes and their ends.
    init(bytes source: [UInt8], ends sourceEnds: [Int]) {
        bytes = .allocate(capacity: max(source.count, 1))
        bytes.initialize(from: source, count: source.count)
        ends = .allocate(capacity: sourceEnds.count + 1)
        ends[0] = 0
        (ends + 1).initialize(from: sourceEnds, count: sourceEnds.count)
        count = sourceEnds.count
        var longest = 0
        for index in 0..<count { longest = max(longest, ends[index + 1] - ends[index]) }
        longestCount = longest
    }

    deinit {
        bytes.deallocate()
        ends.deallocate()
    }

    @inline(__always)
    subscript(_ index: Int) -> UnsafeBufferPointer<UInt8> {
        precondition(index >= 0 && index < count, "no such key")
        return UnsafeBufferPointer(
            start: bytes + ends[index], count: ends[index + 1] - ends[index])
    }
}

/// Collects texts for a ``KeyTable``.
struct KeyList {
    private var bytes: [UInt8] = []
    private var ends: [Int] = []

    var count: Int { ends.count }

    mutating func append(_ text: some Collection<UInt8>) {
        bytes.append(contentsOf: text)
        ends.append(bytes.count)
    }

    /// The table, in an order of its own for each seed: a zipf draw prefers the first places, which
    /// must not be neighbours in the server.
    func table(seed: UInt64) -> KeyTable {
        var random = Random(seed: seed, stream: 0)
        var order = Array(0..<count)
        for index in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(index, random.below(index + 1))
        }
        var shuffled = KeyList()
        shuffled.bytes.reserveCapacity(bytes.count)
        shuffled.ends.reserveCapacity(ends.count)
        for index in order {
            shuffled.append(bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]])
        }
        return KeyTable(bytes: shuffled.bytes, ends: shuffled.ends)
    }
}

/// What is asked for: cards and phones that the server has, and some that it has not. Phones are
/// E.164 digits, without the plus.
struct Keys: Sendable {
    let cards: KeyTable
    let phones: KeyTable
    let missingCards: KeyTable
    let missingPhones: KeyTable

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let missingCount = 65_536

    /// The cards of `cardstatus generate --cards CARDS --seed SEED`.
    init(cards count: Int, seed: UInt64) {
        var source = CardKeys(CardGenerator.Options(cards: count, seed: seed))
        var cards = KeyList()
        var phones = KeyList()
        var missing = KeyList()
        for number in 0..<count {
            source.withCard(number) { id, phone in
                cards.append(id)
                if phone != 0 { phones.append("\(phone)".utf8) }
            }
        }
        for number in 0..<Self.missingCount {
            source.withMissingCard(number) { missing.append($0) }
        }
        self.init(cards, phones, missing, seed: seed)
    }

    /// A key a line: `+` and digits are a phone, anything else is a card's ID. Empty lines are
    /// passed over.
    init(file: String, seed: UInt64) throws {
        var cards = KeyList()
        var phones = KeyList()
        let data = try Data(contentsOf: URL(fileURLWithPath: file), options: .mappedIfSafe)
        var number = 0
        for line in data.split(separator: 0x0A, omittingEmptySubsequences: false) {
            number += 1
            let key = line.last == 0x0D ? line.dropLast() : line
            guard let first = key.first else { continue }
            if first == UInt8(ascii: "+") {
                let digits = key.dropFirst()
                guard digits.count >= 1, digits.count <= 15, digits.allSatisfy(Self.isDigit) else {
                    throw Failure(description: "\(file):\(number): not a phone, + and digits")
                }
                phones.append(digits)
            } else {
                guard key.count <= 32, key.allSatisfy(Self.isOfID) else {
                    throw Failure(
                        description: "\(file):\(number): not a card ID, 1 to 32 bytes of"
                            + " A-Z a-z 0-9 - _ .")
                }
                cards.append(key)
            }
        }
        var missing = KeyList()
        for number in 0..<Self.missingCount {
            missing.append("NO.SUCH-CARD_\(10_000_000 + number)".utf8)
        }
        self.init(cards, phones, missing, seed: seed)
    }

    private init(_ cards: KeyList, _ phones: KeyList, _ missing: KeyList, seed: UInt64) {
        self.cards = cards.table(seed: seed)
        self.phones = phones.table(seed: seed)
        missingCards = missing.table(seed: seed)
        var missingPhones = KeyList()
        // The Emirates have no mobile numbers that begin with 53.
        for number in 0..<Self.missingCount {
            missingPhones.append("\(971_530_000_000 + number)".utf8)
        }
        self.missingPhones = missingPhones.table(seed: seed)
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 <= 9 }

    private static func isOfID(_ byte: UInt8) -> Bool {
        isDigit(byte) || (byte | 0x20) &- 0x61 < 26 || byte == UInt8(ascii: "-")
            || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
    }
}
