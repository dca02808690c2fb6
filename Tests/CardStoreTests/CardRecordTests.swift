import CardModel
import CardTesting
import Testing

@testable import CardStore

struct CardRecordTests {
    /// The layout as it lies on disks: every byte of one record. If this changes, so must the
    /// layout version, and what was written before must still be read.
    @Test func encode_givesTheBytesOfLayout1() throws {
        var history = CardHistory()
        _ = history.merge(
            CardEvent(
                identity: try identity(1, status: .pickedUp, feed: "up", reference: "R1"),
                phone: try phone(0x0102_0304)))
        _ = history.merge(
            CardEvent(
                identity: try identity(2, status: .delivered, feed: "d"),
                comment: EventText(unchecked: Array("ok".utf8))))
        _ = history.merge(.void(try identity(3, status: .returned, feed: "r")))
        let key = Array("ZYW8827".utf8)
        let payload: [UInt8] = [
            1, 1, 3, 0,  // layout, has a state, events
            0x02, 0xF1, 0x53, 0x65,  // updated at 1,700,000,002
            0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0,  // phone
            2, 0, 1, 0,  // delivered, 0, event 1
            54, 0, 0, 0,  // at byte 54

            0x01, 0xF1, 0x53, 0x65, 0, 2, 2, 2, 0, 0,
            0x04, 0x03, 0x02, 0x01, 0, 0, 0, 0,
            0x75, 0x70, 0x52, 0x31,

            0x02, 0xF1, 0x53, 0x65, 2, 0, 1, 0, 2, 0,
            0x64, 0x6F, 0x6B,

            0x03, 0xF1, 0x53, 0x65, 3, 1, 1, 0, 0, 0,
            0x72,
        ]
        let record = CardRecord.encode(history, key: key.span.bytes)
        #expect(Array(record.dropFirst(8)) == payload)
        #expect(Array(record.prefix(8)) == [0x87, 0xBB, 0x84, 0x5E, 0x67, 0xFD, 0x7D, 0x89])
    }

    /// What few events have: other phones behind the comment, and the mark of an erasure.
    @Test func encode_givesTheBytesOfOtherPhonesAndErasures() throws {
        var history = CardHistory()
        for digits: UInt64 in [0x0102, 0x0304, 0x0506] {
            _ = history.merge(
                CardEvent(
                    identity: try identity(1, status: .pickedUp, feed: "up"),
                    phone: try phone(digits),
                    comment: EventText(unchecked: Array("ok".utf8))))
        }
        _ = history.merge(CardEvent(identity: try identity(2, feed: "d"), phone: try phone(7)))
        #expect(history.erase(ErasureList(of: [.phone(try phone(7))])) == 1)
        let events: [UInt8] = [
            0x01, 0xF1, 0x53, 0x65, 0, 2 | 4, 2, 0, 2, 0,
            0x06, 0x05, 0, 0, 0, 0, 0, 0,
            0x75, 0x70, 0x6F, 0x6B,
            2, 0x02, 0x01, 0, 0, 0, 0, 0, 0, 0x04, 0x03, 0, 0, 0, 0, 0, 0,

            0x02, 0xF1, 0x53, 0x65, 2, 8, 1, 0, 0, 0,
            0x64,
        ]
        let record = CardRecord.encode(history, key: Array("A".utf8).span.bytes)
        #expect(Array(record.dropFirst(32)) == events)
        #expect(try decode(record, key: "A") == history)
    }

    /// A card without a state has a head of zeros.
    @Test func encode_givesZeros_whenThereIsNoState() throws {
        var history = CardHistory()
        _ = history.merge(.void(try identity(1)))
        let record = CardRecord.encode(history, key: Array("A".utf8).span.bytes)
        #expect(Array(record[8..<32]) == [1, 0, 1, 0] + [UInt8](repeating: 0, count: 20))
        #expect(try decode(record, key: "A") == history)
    }

    /// Random histories come back as they were, view and all; the greatest one too.
    @Test(arguments: UInt64(1)...4)
    func decode_givesTheHistoryBack(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<100 {
            let history = try randomHistory(&random)
            let record = CardRecord.encode(history, key: Array("A".utf8).span.bytes)
            #expect(try decode(record, key: "A") == history, "seed \(seed)")
        }
    }

    /// Bits flipped, bytes cut off, put in and appended: nothing but an error comes of it. A record
    /// of another key is refused too.
    @Test(arguments: UInt64(1)...4)
    func decode_refusesEveryDamage(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for number in 0..<1_000 {
            let history = try randomHistory(&random)
            let record = CardRecord.encode(history, key: Array("A".utf8).span.bytes)
            var damaged = record
            switch number % 4 {
            case 0:
                damaged[Int.random(in: 0..<record.count, using: &random)] ^=
                    UInt8(1 << Int.random(in: 0..<8, using: &random))
            case 1: damaged.removeLast(Int.random(in: 1...record.count, using: &random))
            case 2:
                damaged.insert(
                    UInt8.random(in: 0...255, using: &random),
                    at: Int.random(in: 0...record.count, using: &random))
            default: damaged.append(0)
            }
            #expect(throws: RecordDamage.self, "seed \(seed), \(number)") {
                _ = try decode(damaged, key: "A")
            }
            #expect(throws: RecordDamage.self) { _ = try decode(record, key: "B") }
        }
    }

    /// Even with a checksum made to fit, as by a faulty program, nothing traps and nothing reads
    /// past the end: decoding gives an error or some history.
    @Test(arguments: UInt64(1)...4)
    func decode_neverTraps_whenTheChecksumFits(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let key = Array("A".utf8)
        var refused = 0
        for _ in 0..<2_000 {
            var record = CardRecord.encode(try randomHistory(&random), key: key.span.bytes)
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                record[Int.random(in: 8..<record.count, using: &random)] = UInt8.random(
                    in: 0...255, using: &random)
            }
            if Bool.random(using: &random) {
                record.removeLast(Int.random(in: 0...(record.count - 32), using: &random))
            }
            var sealed: [UInt8] = []
            let payload = Array(record.dropFirst(8))
            sealed.append(
                littleEndian: StoredDatabase.cards.entryHash(
                    key: key.span.bytes, value: payload.span.bytes))
            sealed += payload
            do {
                _ = try decode(sealed, key: "A")
            } catch is RecordDamage {
                refused += 1
            }
            do {
                let record = try CardRecord(verifying: sealed.span.bytes, key: key.span.bytes)
                _ = try record.withView(id: card("A")) { CardCopy($0) }
            } catch is RecordDamage {}
        }
        #expect(refused > 0)
    }

    private func decode(_ record: [UInt8], key: String) throws -> CardHistory {
        let key = Array(key.utf8)
        return try CardRecord(verifying: record.span.bytes, key: key.span.bytes).history()
    }

    private func randomHistory(_ random: inout SeededGenerator) throws -> CardHistory {
        var history = CardHistory()
        for _ in 0..<Int.random(in: 1...6, using: &random) {
            let comment = [UInt8](
                repeating: 0x63, count: Int.random(in: 0...20, using: &random))
            let event = CardEvent(
                identity: try identity(
                    Int.random(in: 0...9, using: &random), feed: "feed",
                    reference: String(
                        repeating: "r", count: Int.random(in: 0...9, using: &random))),
                phone: PhoneNumber(digits: UInt64.random(in: 0...2, using: &random)),
                comment: EventText(unchecked: comment),
                isVoid: Int.random(in: 0..<4, using: &random) == 0)
            _ = history.merge(event)
        }
        if Int.random(in: 0..<3, using: &random) == 0 {
            _ = history.erase(ErasureList(of: [.phone(try phone(1))]))
        }
        return history
    }
}
