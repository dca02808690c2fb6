import Foundation

/// A directory of its own for one test, removed with everything in it when the test lets go of it.
final class ScratchDirectory {
    let path: String

    init() throws {
        // In memory where there is such a place: thousands of commits would wait for a disk.
        let memory = "/dev/shm/"
        let parent =
            FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        path = parent + "cardstatus-generator-" + UUID().uuidString
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

    func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: path + "/" + name)))
    }
}
