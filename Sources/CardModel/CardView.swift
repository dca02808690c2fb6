/// A card's current state where it lies, in the store's map or the index's memory: the value that
/// answers are written from. The compiler keeps it, and its spans, inside the closure that lends
/// it.
public struct CardView: ~Copyable, ~Escapable {
    public let id: CardID
    public let phone: PhoneNumber?
    public let status: CardStatus
    public let updatedAt: Timestamp
    /// Empty when there is none.
    public let comment: Span<UInt8>
    /// Empty when there is none.
    public let reference: Span<UInt8>

    @_lifetime(copy comment, copy reference)
    public init(
        id: CardID, phone: PhoneNumber?, status: CardStatus, updatedAt: Timestamp,
        comment: Span<UInt8>, reference: Span<UInt8>
    ) {
        self.id = id
        self.phone = phone
        self.status = status
        self.updatedAt = updatedAt
        self.comment = comment
        self.reference = reference
    }
}
