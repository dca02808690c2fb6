import Foundation
import Glibc

/// A short-named folder for socket files, whose paths must be short; it goes with its last
/// reference.
final class ScratchFolder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/cardstatus-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else {
            throw TestClient.Failure(call: "mkdtemp", code: errno)
        }
        path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit {
        do {
            try FileManager.default.removeItem(atPath: path)
        } catch {
            print("cannot remove \(path): \(error)")
        }
    }

    func file(_ name: String) -> String { path + "/" + name }

    /// What lies in it.
    var names: [String] {
        get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() }
    }
}
