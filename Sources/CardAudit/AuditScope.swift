/// Of which requests the audit log tells.
public enum AuditScope: String, CaseIterable, Sendable {
    /// Every look-up and every change.
    case all
    /// Every change, and look-ups with the keys of people: of the roles agent and admin.
    case agents
    /// Nothing.
    case off
}
