import CardModel
import CardTesting
import Testing

@testable import CardStore

/// The scan in place against the decoder: what passes the one is sound for the other, and calls for
/// the same entries.
struct CardRecordScanTests {
    /// Every history within the limit passes, with just the entries that it calls for.
    @Test func scan_callsForWhatTheHistoryCallsFor() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let scan = CardRecordScan()
        for _ in 0..<500 {
            let (id, history) = try Self.draw(&random)
            let key = id.bytes
            let record = CardRecord.encode(history, key: key.span.bytes)
            let found = scan.scan(record.span.bytes, key: key.span.bytes)
            let card = try #require(found, "seed \(seed)")
            var times = DatabaseTotals()
            for event in history.events {
                let time = TimeKey.encode(id, event.identity)
                times.add(StoredDatabase.times.entryHash(key: time.span.bytes))
            }
            let phone = history.state?.phone.map { phone in
                let entry = PhoneKey.encode(phone, id)
                return StoredDatabase.phones.entryHash(key: entry.span.bytes)
            }
            #expect(card.times == times, "seed \(seed)")
            #expect(card.phoneHash == phone, "seed \(seed)")
            #expect(card.events == history.events.count, "seed \(seed)")
        }
    }

    /// Bytes changed under a checksum made to fit: the scan never vouches for what the decoder
    /// does not, whatever is claimed of lengths and numbers.
    @Test func scan_neverPasses_whatDoesNotEncodeToItself() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let scan = CardRecordScan()
        var passed = 0
        for _ in 0..<5_000 {
            let (id, history) = try Self.draw(&random)
            let key = id.bytes
            var record = CardRecord.encode(history, key: key.span.bytes)
            for _ in 0..<Int.random(in: 1...2, using: &random) {
                let place = Int.random(in: 8..<record.count, using: &random)
                record[place] = UInt8.random(in: 0...255, using: &random)
            }
            if Int.random(in: 0..<8, using: &random) == 0, record.count > 33 { record.removeLast() }
            RepairTests.seal(&record, key: key)
            guard scan.scan(record.span.bytes, key: key.span.bytes) != nil else { continue }
            passed += 1
            let again = try CardRecord(verifying: record.span.bytes, key: key.span.bytes).history()
            #expect(CardRecord.encode(again, key: key.span.bytes) == record, "seed \(seed)")
        }
        #expect(passed > 0, "seed \(seed)")
    }

    private static func draw(
        _ random: inout SeededGenerator
    ) throws -> (CardID, CardHistory) {
        var history = CardHistory()
        for _ in 0..<Int.random(in: 0...6, using: &random) {
            let identity = try identity(
                Int.random(in: 0..<4, using: &random),
                status: CardStatus.allCases.randomElement(using: &random) ?? .returned,
                feed: ["a", "ab", "b-9"].randomElement(using: &random) ?? "a",
                reference: ["", "1", "12", "é"].randomElement(using: &random) ?? "")
            _ = history.merge(
                CardEvent(
                    identity: identity,
                    phone: PhoneNumber(digits: UInt64.random(in: 0...2, using: &random)),
                    comment: EventText(
                        unchecked: Array(repeating: 120, count: .random(in: 0...40, using: &random))
                    ),
                    isVoid: Int.random(in: 0..<4, using: &random) == 0))
        }
        if Int.random(in: 0..<3, using: &random) == 0 {
            _ = history.erase(ErasureList(of: [.phone(try phone(1))]))
        }
        let name = ["A", "ZYW8827", String(repeating: "9", count: 32)]
        return (try card(name.randomElement(using: &random) ?? "A"), history)
    }
}
