/// What a partner says happened to a card. The raw value is the rank, which decides between events
/// of one moment, and it is what the store keeps: it must never change.
public enum CardStatus: UInt8, CaseIterable, Comparable, Sendable, CustomStringConvertible {
    case pickedUp = 0
    case deliveryException = 1
    case delivered = 2
    case returned = 3

    /// The name in the API, in profiles and in exports.
    public var name: StaticString {
        switch self {
        case .pickedUp: "picked_up"
        case .deliveryException: "delivery_exception"
        case .delivered: "delivered"
        case .returned: "returned"
        }
    }

    /// nil when there is no status of that name.
    public init?(name: String) {
        guard let found = Self.allCases.first(where: { $0.description == name }) else {
            return nil
        }
        self = found
    }

    public var description: String { "\(name)" }

    public static func < (a: Self, b: Self) -> Bool { a.rawValue < b.rawValue }
}
