import CardModel
import CardTesting
import Foundation
import Synchronization
import Testing

@testable import CardAudit

/// A folder of an audit log, and what a log tells its owner.
final class AuditFixture: Sendable {
    let scratch: ScratchDirectory
    let folder: AuditFolder
    private let eventList = Mutex<[AuditLog.Event]>([])

    init() throws {
        scratch = try ScratchDirectory()
        folder = try AuditFolder(ofStore: scratch.path)
    }

    var events: [AuditLog.Event] { eventList.withLock { $0 } }

    func log(_ scope: AuditScope = .all, keepDays: Int = 0, workers: Int = 1) -> AuditLog {
        AuditLog(
            folder, scope: scope, keepDays: keepDays, workers: workers,
            context: AuditLog.Context(
                routeName: { "route \($0)" },
                key: { $0 == 1 ? AuditKey(name: "desk \"1\"", role: "agent") : nil },
                onEvent: { event in self.eventList.withLock { $0.append(event) } }))
    }

    /// The bytes of all files, in their order.
    func bytes() throws -> [UInt8] {
        try folder.files().flatMap { name in
            Array(try Data(contentsOf: URL(fileURLWithPath: "\(folder.path)/\(name.text)")))
        }
    }

    func lines() throws -> [[String: any Sendable]] {
        try bytes().split(separator: UInt8(ascii: "\n")).map { line in
            try #require(
                try JSONSerialization.jsonObject(with: Data(line)) as? [String: any Sendable])
        }
    }

    static func card(_ text: String) throws -> CardID {
        try CardID.parse(Array(text.utf8).span).id
    }

    static func phone(_ digits: UInt64) throws -> PhoneNumber {
        try #require(PhoneNumber(digits: digits))
    }

    static func entry(_ what: String, at milliseconds: Int64 = 0) -> AuditEntry {
        AuditEntry(milliseconds: milliseconds, actor: .anybody, deed: .change, what: what)
    }
}
