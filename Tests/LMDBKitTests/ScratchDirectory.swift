import Foundation

/// A directory of its own for one test, removed with everything in it when the test lets go of it.
final class ScratchDirectory {
    let path: String

    init() throws {
        // In memory where there is such a place: what these tests ask is not about the disk's
        // flushes, and thousands of commits would wait for them.
        let memory = "/dev/shm/"
        let parent =
            FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        path = parent + "cardstatus-test-" + UUID().uuidString
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("cannot remove \(path): \(error)")
        }
    }
}
