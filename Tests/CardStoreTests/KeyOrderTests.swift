import CardModel
import CardTesting
import Foundation
import Testing

@testable import CardStore

/// The order of keys within a page, which no record's checksum covers.
struct KeyOrderTests {
    /// A page whose first two cards have changed places is damage to whoever walks the cards, and
    /// not taken for their order.
    @Test func forEachCard_throws_whenKeysAreOutOfOrder() throws {
        let fixture = try StoreFixture()
        _ = try fixture.store.commit([[fact("A", 1), fact("B", 1), fact("C", 1)]])
        var bytes = [UInt8](
            try Data(contentsOf: URL(fileURLWithPath: fixture.scratch.file("data.mdb"))))
        #expect(Self.exchangeFirstCards(&bytes) > 0)
        let damaged = try ScratchDirectory()
        try damaged.write(bytes, to: "data.mdb")
        let store = try CardStore(directory: damaged.path, create: false, mapSizeBytes: 64 << 20)
        #expect(
            throws: StoreError.damaged(database: "cards", what: "the keys are out of order")
        ) {
            _ = try store.forEachCard { _ in }
        }
    }

    /// LMDB's leaf pages: flags at 10, the end of the list of nodes at 12, the list from 16 on; a
    /// node's key has its length at 6 and begins at 8.
    private static func exchangeFirstCards(_ bytes: inout [UInt8]) -> Int {
        func word(_ place: Int) -> Int { Int(bytes[place]) | Int(bytes[place + 1]) << 8 }
        var count = 0
        for page in stride(from: 0, to: bytes.count, by: 4_096)
        where word(page + 10) == 2 && word(page + 12) >= 20 {
            let first = page + word(page + 16)
            let second = page + word(page + 18)
            guard [first, second].allSatisfy({ $0 + 9 <= page + 4_096 && word($0 + 6) == 1 }),
                bytes[first + 8] == UInt8(ascii: "A"), bytes[second + 8] == UInt8(ascii: "B")
            else { continue }
            for offset in 16..<18 { bytes.swapAt(page + offset, page + offset + 2) }
            count += 1
        }
        return count
    }
}
