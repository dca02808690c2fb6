import CardModel
import CardStore
import CardTesting
import Foundation
import Testing

@testable import CardBulk

/// A store that is written anew has what it had, and not a byte of what it had before.
@Suite struct StoreCompactionTests {
    private static let digits: UInt64 = 971_585_949_014
    private static let comment = "left with her brother"

    /// Whether the data file has the phone, as records and keys have it, or the comment.
    private static func hasTraces(_ directory: String) throws -> Bool {
        let data = try Data(contentsOf: URL(fileURLWithPath: directory + "/data.mdb"))
        let forms = [
            withUnsafeBytes(of: digits.littleEndian) { Data($0) },
            withUnsafeBytes(of: digits.bigEndian) { Data($0) }, Data(comment.utf8),
        ]
        return forms.contains { data.range(of: $0) != nil }
    }

    private static func filled() throws -> BulkStore {
        let bulk = try BulkStore()
        try bulk.bulk(
            try (0..<5_000).map { number in
                let isHers = number % 50 == 0
                return BulkStore.Fact(
                    fact: try fact(
                        "C\(number)", number % 7, phone: isHers ? digits : 971_501_111_111,
                        comment: isHers ? comment : String(repeating: "o", count: number % 900)),
                    file: 0)
            })
        return bulk
    }

    @Test func run_leavesNothingOfWhatWasErased() throws {
        let bulk = try Self.filled()
        let phone = try #require(PhoneNumber(digits: Self.digits))
        let outcome = try bulk.withStore { try StoreErasure($0).run([.phone(phone)]) }
        #expect(outcome.cards == 100)
        let before = try bulk.dump()
        #expect(try Self.hasTraces(bulk.directory), "LMDB leaves what it removes where it is")
        let transaction = try bulk.withStore { $0.lastTransactionID }
        let sizes = try StoreCompaction(
            directory: bulk.directory, mapSizeBytes: bulk.mapSizeBytes
        ).run()
        #expect(sizes.after <= sizes.before)
        #expect(try !Self.hasTraces(bulk.directory))
        let isSame = try bulk.dump() == before
        #expect(isSame)
        _ = try bulk.histories()
        #expect(try bulk.withStore { $0.lastTransactionID } > transaction)
        // It goes on as before.
        try bulk.commit([.init(fact: try fact("NEW", 1), file: 0)])
        #expect(try bulk.histories().count == 5_001)
    }

    /// A store without anything, which is a tree without pages too.
    @Test func run_keepsAnEmptyStore() throws {
        let bulk = try BulkStore()
        let before = try bulk.dump()
        _ = try StoreCompaction(directory: bulk.directory, mapSizeBytes: bulk.mapSizeBytes).run()
        #expect(try bulk.dump() == before)
        #expect(try bulk.histories().isEmpty)
    }

    /// Under somebody who has the store open nothing is replaced.
    @Test func run_throws_besideAnOpener() throws {
        let bulk = try Self.filled()
        let opener = try #require(try Opener(bulk.directory))
        defer { opener.close() }
        let compaction = StoreCompaction(directory: bulk.directory, mapSizeBytes: bulk.mapSizeBytes)
        #expect(throws: BulkError.store(.openElsewhere(directory: bulk.directory))) {
            try compaction.run()
        }
    }

    /// Other names of the data file, which killed makers leave, would keep its bytes.
    @Test func run_removesOtherNamesOfTheFile() throws {
        let bulk = try Self.filled()
        for folder in ["making", "restoring"] {
            let path = bulk.directory + "/" + folder
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: false)
            #expect(link(bulk.directory + "/data.mdb", path + "/data.mdb") == 0)
        }
        _ = try StoreCompaction(directory: bulk.directory, mapSizeBytes: bulk.mapSizeBytes).run()
        let names = try FileManager.default.contentsOfDirectory(atPath: bulk.directory)
        #expect(names.sorted() == ["data.mdb", "lock.mdb"])
    }
}
