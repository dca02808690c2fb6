public import CardModel
public import HTTPFront

/// A look-up by card ID or phone as its worker leaves it: without references, so that leaving one
/// is a few stores.
public struct LookUpRecord: Sendable {
    public enum Subject: Sendable {
        case card(CardID)
        case phone(PhoneNumber)
    }

    /// When the request came, on the monotonic clock.
    let nanos: UInt64
    /// 0 when no key was needed.
    let keyNumber: UInt64
    /// Nil at a Unix socket.
    let client: ClientAddress?
    /// The route's tag.
    let route: UInt8
    let status: UInt16
    let subject: Subject

    public init(
        nanos: UInt64, keyNumber: UInt64, client: ClientAddress?, route: UInt8, status: UInt16,
        subject: Subject
    ) {
        self.nanos = nanos
        self.keyNumber = keyNumber
        self.client = client
        self.route = route
        self.status = status
        self.subject = subject
    }

    /// - Parameter bootMilliseconds: when the monotonic clock was zero, since 1970.
    func entry(bootMilliseconds: Int64, routeName: String) -> AuditEntry {
        var entry = AuditEntry(
            milliseconds: bootMilliseconds + Int64(nanos / 1_000_000),
            actor: keyNumber == 0 ? .anybody : .key(keyNumber),
            address: client.map(\.description) ?? "unix", deed: .lookUp, what: routeName,
            status: Int(status))
        switch subject {
        case .card(let id): entry.cards = [id]
        case .phone(let phone): entry.phones = [phone]
        }
        return entry
    }
}
