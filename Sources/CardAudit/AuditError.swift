internal import Glibc

/// A file of the audit log that cannot be used, and the system's reason.
public struct AuditError: Error, Equatable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String

    init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// From `errno`.
    init(path: String) {
        self.init(path: path, reason: String(cString: strerror(errno)))
    }

    public var description: String { "\(path): \(reason)" }
}
