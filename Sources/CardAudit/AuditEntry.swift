public import CardModel

/// What the audit log says of one request or command: who did what, when, from where, to whose
/// data, and what came of it.
public struct AuditEntry: Sendable {
    public enum Actor: Equatable, Sendable {
        /// The holder of an API key: the first 48 bits of the key's hash.
        case key(UInt64)
        /// Whoever asked a server that needs no key.
        case anybody
        /// A user of the machine, by a command.
        case user(String)
        /// The program itself.
        case program
    }

    public enum Deed: String, Sendable {
        case lookUp = "look-up"
        case change
        /// Entries that there was no room for.
        case lost
    }

    /// Since 1970, UTC.
    public var milliseconds: Int64
    public var actor: Actor
    /// The client's address as text; nil for a command.
    public var address: String?
    public var deed: Deed
    /// The route, such as `GET /api/cards/{card_id}`, or the command.
    public var what: String
    /// Of the answer; nil for a command, and when nobody heard an answer.
    public var status: Int?
    public var cards: [CardID] = []
    public var phones: [PhoneNumber] = []
    public var customers: [CustomerID] = []
    /// What else there is to say, without personal data.
    public var detail = ""
    /// Of the entries that are lost.
    public var count: Int?

    public init(
        milliseconds: Int64 = AuditClock.milliseconds(), actor: Actor, address: String? = nil,
        deed: Deed, what: String, status: Int? = nil
    ) {
        self.milliseconds = milliseconds
        self.actor = actor
        self.address = address
        self.deed = deed
        self.what = what
        self.status = status
    }

    /// Cards, phones and customers that it names.
    var subjectCount: Int { cards.count + phones.count + customers.count }
}
