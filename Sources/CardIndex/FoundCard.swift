public import CardModel

/// A card where it lies in the index, lent for a read: each field is read when it is asked for.
public struct FoundCard: ~Copyable {
    private let record: IndexRecord

    @inline(__always)
    init(_ record: IndexRecord) { self.record = record }

    public var phone: PhoneNumber? { record.phone }
    public var status: CardStatus { record.status }
    public var updatedAt: Timestamp { record.updatedAt }
}
