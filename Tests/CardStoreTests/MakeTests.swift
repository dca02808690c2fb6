import CardTesting
import Foundation
import Testing

@testable import CardStore

/// How a store comes to be where there is none.
@Suite struct MakeTests {
    /// A process that was killed while it made a store leaves a folder that is in nobody's way.
    @Test(arguments: [[], ["data.mdb"], ["data.mdb", "lock.mdb"]])
    func init_makesTheStore_whenAnEarlierMakingWasCutOff(left: [String]) throws {
        let directory = try ScratchDirectory()
        try FileManager.default.createDirectory(
            atPath: directory.file("making"), withIntermediateDirectories: false)
        // Half of the pages that LMDB begins with.
        for name in left {
            try directory.write([UInt8](repeating: 1, count: 4_096), to: "making/\(name)")
        }
        let store = try CardStore(directory: directory.path, create: true)
        #expect(try store.check().findings == [])
        #expect(!FileManager.default.fileExists(atPath: directory.file("making")))
    }

    /// One that was killed after the store had its name has not made it durable; the store stays.
    @Test func init_keepsTheStore_whenTheFolderOfItsMakingIsLeft() throws {
        let directory = try ScratchDirectory()
        do {
            let store = try CardStore(directory: directory.path, create: true)
            try store.addKey(
                StoredKey(hash: [UInt8](repeating: 7, count: 32), name: "kept", createdAt: 1))
        }
        try directory.write("", to: "making/data.mdb")
        let store = try CardStore(directory: directory.path, create: true)
        #expect(try store.keys().map(\.name) == ["kept"])
        #expect(!FileManager.default.fileExists(atPath: directory.file("making")))
    }

    /// What cannot be made leaves no data file behind that would be refused ever after.
    @Test func init_leavesNoDataFile_whenItCannotMakeTheStore() throws {
        let directory = try ScratchDirectory()
        try directory.write("in the way", to: "making")
        #expect(throws: StoreError.self) {
            _ = try CardStore(directory: directory.path, create: true)
        }
        #expect(!FileManager.default.fileExists(atPath: directory.file("data.mdb")))
    }
}
