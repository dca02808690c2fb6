/// What the log says of an API key beside its id.
public struct AuditKey: Equatable, Sendable {
    public let name: String
    public let role: String

    public init(name: String, role: String) {
        self.name = name
        self.role = role
    }
}
