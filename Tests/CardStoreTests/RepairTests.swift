import CardModel
import CardTesting
import Foundation
import Testing

@testable import CardStore

/// Each kind of damage that `check` finds, and what a repair makes of it.
struct RepairTests {
    private static func fixture() throws -> StoreFixture {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([
            [try fact("A", 1, phone: 5, comment: "c"), try fact("B", 1, phone: 5)],
            [try fact("C", 1), try fact("C", 2)],
        ])
        try fixture.store.addKey(
            StoredKey(hash: [UInt8](repeating: 7, count: 32), name: "agents", createdAt: 1))
        return fixture
    }

    private static let keyA = Array("A".utf8)

    /// Ways to damage what follows from the cards.
    enum Damage: String, CaseIterable {
        case lostPhone, strayPhone, exchangedPhone, malformedPhone, phoneWithValue
        case lostTime, strayTime, malformedTime, timeWithValue
        case hole, emptyLog, strayChange, changeOfNoCard, malformedChange
        case wrongCount, unreadableTotals, sequence, keysVersion, head

        func make(_ fixture: StoreFixture) throws {
            let phoneA = PhoneKey.encode(try phone(5), try card("A"))
            let time = TimeKey.encode(try card("A"), try identity(1))
            switch self {
            case .lostPhone: try fixture.remove(phoneA, from: .phones)
            case .strayPhone:
                try fixture.put([], for: PhoneKey.encode(phone(6), card("NONE")), in: .phones)
            case .exchangedPhone:
                try fixture.remove(phoneA, from: .phones)
                try fixture.put([], for: PhoneKey.encode(phone(6), card("A")), in: .phones)
            case .malformedPhone: try fixture.put([], for: [1, 2, 3], in: .phones)
            case .phoneWithValue: try fixture.put([1], for: phoneA, in: .phones)
            case .lostTime: try fixture.remove(time, from: .times)
            case .strayTime:
                try fixture.put([], for: TimeKey.encode(card("A"), identity(77)), in: .times)
            case .malformedTime: try fixture.put([], for: [9], in: .times)
            case .timeWithValue: try fixture.put([1], for: time, in: .times)
            case .hole: try fixture.remove(SequenceKey.encode(2), from: .changes)
            case .emptyLog:
                for number in UInt64(1)...3 {
                    try fixture.remove(SequenceKey.encode(number), from: .changes)
                }
            case .strayChange:
                try fixture.put(Array("B".utf8), for: SequenceKey.encode(1), in: .changes)
            case .changeOfNoCard:
                try fixture.put(Array("X".utf8), for: SequenceKey.encode(1), in: .changes)
            case .malformedChange:
                try fixture.put(Array("A".utf8), for: [255], in: .changes)
                try fixture.put(
                    Array("A".utf8), for: [UInt8](repeating: 255, count: 8), in: .changes)
            case .wrongCount:
                try fixture.writeMeta(MetaValue.totals(.times), [77, 1])
                try fixture.writeMeta(MetaValue.totals(.phones), [77, 1])
            case .unreadableTotals:
                for database in StoredDatabase.totalled {
                    let name = Array(MetaValue.totals(database).utf8)
                    try fixture.put([1, 2, 3], for: name, in: .meta)
                }
            case .sequence:
                try fixture.put([1], for: Array(MetaValue.sequence.utf8), in: .meta)
            case .keysVersion:
                try fixture.remove(Array(MetaValue.keysVersion.utf8), from: .meta)
            case .head:
                var value = try #require(try fixture.value(RepairTests.keyA, in: .cards))
                value[16] = 6
                RepairTests.seal(&value, key: RepairTests.keyA)
                try fixture.put(value, for: RepairTests.keyA, in: .cards)
            }
        }
    }

    /// Afterwards a check has nothing to say, and cards, phones and times are what they were.
    @Test(arguments: Damage.allCases)
    func repair_makesEverythingAsItWas_whenRecordsAreWhole(_ damage: Damage) throws {
        let fixture = try Self.fixture()
        let before = try fixture.content()
        try damage.make(fixture)
        let report = try fixture.store.check()
        #expect(report.findings != [])
        #expect(report.repairPlan.losses == [])
        #expect(report.repairPlan.steps != [])
        try fixture.store.repair(givesUpLosses: false)
        try fixture.finish()
        #expect(try fixture.content() == before)
        #expect(try fixture.store.lastSequence() >= 3)
        #expect(try fixture.store.keys().count == 1)
        // The store takes what it is told again.
        _ = try fixture.store.commit([[try fact("A", 9, phone: 8), try fact("D", 1)]])
        try fixture.finish()
    }

    /// All damage at once, in a store larger than one batch, several times over.
    @Test(arguments: UInt64(1)...4)
    func repair_makesEverythingAsItWas_whenDamageIsRandom(_ seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([
            try (0..<600).map {
                try fact("C\($0 % 250)", $0, phone: $0 % 3 == 0 ? UInt64(1 + $0 % 90) : nil)
            }
        ])
        let before = try fixture.content()
        for database in [StoredDatabase.phones, .times, .changes] {
            for entry in try fixture.dump(database) where Int.random(in: 0..<3, using: &random) == 0
            {
                switch Int.random(in: 0..<3, using: &random) {
                case 0: try fixture.remove(entry[0], from: database)
                case 1:
                    var key = entry[0]
                    key[Int.random(in: 0..<key.count, using: &random)] ^= 1
                    try fixture.put(entry[1], for: key, in: database)
                default: try fixture.put([1, 2], for: entry[0], in: database)
                }
            }
        }
        try fixture.store.repair(givesUpLosses: false)
        try fixture.finish()
        #expect(try fixture.content() == before, "seed \(seed)")
    }

    /// A damaged record is never given up unasked; then it is kept in a file, and only it is gone.
    @Test func repair_givesUpDamagedRecords_onlyWhenToldTo() throws {
        let fixture = try Self.fixture()
        var value = try #require(try fixture.value(Self.keyA, in: .cards))
        value[40] ^= 1
        try fixture.put(value, for: Self.keyA, in: .cards)
        try fixture.put([1], for: [UInt8](repeating: 9, count: 32), in: .keys)
        let findings = try fixture.store.check().findings
        #expect(try fixture.store.check().repairPlan.losses.count == 2)
        #expect(throws: StoreError.self) { try fixture.store.repair(givesUpLosses: false) }
        #expect(try fixture.store.check().findings == findings)
        try fixture.store.repair(givesUpLosses: true)
        try fixture.finish()
        #expect(try fixture.histories().keys.map(\.text).sorted() == ["B", "C"])
        let path = fixture.scratch.file(CardStore.damagedFileName)
        let hex = value.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        #expect(
            try String(contentsOfFile: path, encoding: .utf8)
                == "{\"damage\":\"the checksum does not match\",\"key\":\"41\","
                + "\"value\":\"\(hex)\"}\n")
        #expect(try BackupTests.mode(path) == 0o600)
        // What was said of the card can be said again.
        _ = try fixture.store.commit([[try fact("A", 1, phone: 5, comment: "c")]])
        try fixture.finish()
    }

    /// Records that are gone without a trace, or are those of the past, are losses as well.
    @Test(arguments: [false, true])
    func repair_doesNotTakeWhatIsThereForAllThereWas_unlessToldTo(_ isOld: Bool) throws {
        let fixture = try Self.fixture()
        let old = try #require(try fixture.value(Self.keyA, in: .cards))
        _ = try fixture.store.commit([[try fact("A", 1, comment: "d")]])
        if isOld {
            try fixture.put(old, for: Self.keyA, in: .cards)
        } else {
            try fixture.remove(Self.keyA, from: .cards)
        }
        #expect(try fixture.store.check().repairPlan.losses.count == 1)
        #expect(throws: StoreError.self) { try fixture.store.repair(givesUpLosses: false) }
        try fixture.store.repair(givesUpLosses: true)
        try fixture.finish()
    }

    /// A sound store is left alone.
    @Test func repair_writesNothing_whenNothingIsWrong() throws {
        let fixture = try Self.fixture()
        let id = fixture.store.lastTransactionID
        try fixture.store.repair(givesUpLosses: true)
        #expect(fixture.store.lastTransactionID == id)
    }

    static func seal(_ value: inout [UInt8], key: [UInt8]) {
        let payload = Array(value.dropFirst(8))
        var head: [UInt8] = []
        head.append(
            littleEndian: StoredDatabase.cards.entryHash(
                key: key.span.bytes, value: payload.span.bytes))
        value = head + payload
    }
}
