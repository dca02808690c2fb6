/// A customer as the issuer's own service describes them. Only the ID is always there.
public struct Customer: Hashable, Sendable {
    /// Limits in bytes of UTF-8.
    public static let nameMaxCount = 128
    public static let emailMaxCount = 254
    public static let addressMaxCount = 512

    public let id: CustomerID
    /// Texts are empty when there is none.
    public var firstName = EventText.empty
    public var lastName = EventText.empty
    public var email = EventText.empty
    public var phone: PhoneNumber?
    public var address = EventText.empty
    public var dateOfBirth: CalendarDate?
    public var accountBalance: Amount?
    public var createdAt: Timestamp?

    public init(id: CustomerID) {
        self.id = id
    }
}

/// What a customer is called in the service that they come from: 1 to 64 bytes of UTF-8 without
/// control characters, ordered by its bytes. Upper and lower case differ.
public struct CustomerID: Hashable, Comparable, Sendable, CustomStringConvertible {
    public static let maxCount = 64

    private let text: EventText

    /// Trims and checks an ID.
    public init(_ text: Span<UInt8>) throws(CustomerIDError) {
        do throws(EventTextError) {
            self.text = try EventText(text, maxCount: Self.maxCount)
        } catch {
            throw .text(error)
        }
        if self.text.isEmpty { throw .empty }
    }

    /// The ID in bytes that are one already, such as those of a store's key; nil when they are not.
    public init?(stored bytes: Span<UInt8>) {
        do throws(CustomerIDError) {
            try self.init(bytes)
        } catch {
            return nil
        }
        if text.bytes.count != bytes.count { return nil }
    }

    public var bytes: [UInt8] { text.bytes }

    public var description: String { text.text }

    public static func < (a: Self, b: Self) -> Bool { a.text < b.text }
}

/// Why a text is no customer's ID.
public enum CustomerIDError: Error, Equatable, Sendable, CustomStringConvertible {
    case empty
    case text(EventTextError)

    public var description: String {
        switch self {
        case .empty: "the customer ID is empty"
        case .text(let error): error.description
        }
    }
}
