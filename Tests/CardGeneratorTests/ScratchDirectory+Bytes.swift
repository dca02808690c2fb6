import CardTesting
import Foundation

extension ScratchDirectory {
    /// What is in a file of it.
    func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: URL(fileURLWithPath: file(name))))
    }
}
