internal import Foundation

/// A directory of its own for one test, removed with everything in it when the test lets go of it.
public final class ScratchDirectory: Sendable {
    public let path: String

    public init() throws {
        // In memory where there is such a place: what tests ask is not about the disk's flushes,
        // and thousands of commits would wait for them.
        let memory = "/dev/shm/"
        let parent =
            FileManager.default.isWritableFile(atPath: memory) ? memory : NSTemporaryDirectory()
        path = parent + "cardstatus-test-" + Self.randomName()
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: false)
    }

    /// Small letters beyond `f` only: a test that changes or looks for a card ID, a number or a
    /// hash in a text with a path must not find it in the path.
    public static func randomName() -> String {
        String((0..<24).map { _ in "ghijklmnopqrstuvwxyz".randomElement() ?? "g" })
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("cannot remove \(path): \(error)")
        }
    }

    /// The path of a file in it, whether there is one or not.
    public func file(_ name: String) -> String { path + "/" + name }

    /// Writes a file, and the folders above it, and gives its path.
    @discardableResult
    public func write(_ bytes: [UInt8], to name: String) throws -> String {
        let url = URL(fileURLWithPath: file(name))
        try FileManager.default.createDirectory(
            at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
        return file(name)
    }

    @discardableResult
    public func write(_ text: String, to name: String) throws -> String {
        try write(Array(text.utf8), to: name)
    }
}
