import CardTesting
import Testing

@testable import CardStore

@Suite struct ServerLockTests {
    /// One at a time, seen by those who ask, free again with its holder; asking takes nothing.
    @Test func lock_isHeldByOne_andSeenByOthers() throws {
        let scratch = try ScratchDirectory()
        #expect(!ServerLock.isHeld(in: scratch.path))
        do {
            let lock = try ServerLock(directory: scratch.path)
            #expect(ServerLock.isHeld(in: scratch.path))
            #expect(ServerLock.isHeld(in: scratch.path))
            #expect(throws: StoreError.self) { try ServerLock(directory: scratch.path) }
            withExtendedLifetime(lock) {}
        }
        #expect(!ServerLock.isHeld(in: scratch.path))
        let again = try ServerLock(directory: scratch.path)
        withExtendedLifetime(again) {}
    }

    /// The directory's absence is an error that names the file.
    @Test func init_namesTheFile_whenItCannotBeMade() {
        #expect(throws: StoreError.self) { try ServerLock(directory: "/nonexistent/directory") }
    }
}
