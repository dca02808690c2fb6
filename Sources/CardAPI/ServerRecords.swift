public import CardAudit
public import HTTPFront

/// What is written down about requests and about the server.
public struct ServerRecords: Sendable {
    /// Who looked at whose data, and who changed what; nil when nothing is audited.
    public var audit: AuditLog?
    /// Nil when no request is slow.
    public var slow: SlowLog?
    /// Nil where nobody may change it.
    public var logLevel: LogLevel?

    public init(audit: AuditLog? = nil, slow: SlowLog? = nil, logLevel: LogLevel? = nil) {
        self.audit = audit
        self.slow = slow
        self.logLevel = logLevel
    }

    /// What a server calls for a slow request; nil when none is.
    public var onSlow: HTTPServer.SlowHook? {
        guard let slow else { return nil }
        return { slow.note($0) }
    }
}
