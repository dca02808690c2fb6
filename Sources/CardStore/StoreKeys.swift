package import CardModel

/// Key in `phones`: the phone's digits (8 bytes, big-endian), then the card ID. The cards of one
/// phone lie together in the order of their IDs.
package enum PhoneKey {
    static let prefixSize = 8

    package static func encode(_ phone: PhoneNumber, _ card: CardID) -> [UInt8] {
        var bytes = prefix(phone)
        card.append(to: &bytes)
        return bytes
    }

    static func prefix(_ phone: PhoneNumber) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(prefixSize + CardID.maxCount)
        bytes.append(bigEndian: phone.digits)
        return bytes
    }

    static func decode(_ key: RawSpan) -> (phone: PhoneNumber, card: CardID)? {
        guard key.byteCount > prefixSize else { return nil }
        let digits = UInt64(
            bigEndian: key.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        let rest = key.extracting(prefixSize..<key.byteCount)
        guard let phone = PhoneNumber(digits: digits),
            let card = CardID(canonical: Span(_bytes: rest))
        else { return nil }
        return (phone, card)
    }
}

/// Key in `times`: when the event occurred (8 bytes, big-endian), status (1), card ID, and the hash
/// of the event's identity (8, big-endian), which tells events of one card and moment apart.
package enum TimeKey {
    package static func encode(_ card: CardID, _ identity: EventIdentity) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(17 + CardID.maxCount)
        bytes.append(bigEndian: UInt64(identity.occurredAt.seconds))
        bytes.append(identity.status.rawValue)
        card.append(to: &bytes)
        bytes.append(bigEndian: identity.stableHash)
        return bytes
    }

    /// The first key that an event of this moment can have, and greater than all before it.
    static func start(_ occurredAt: Timestamp) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: UInt64(occurredAt.seconds))
        return bytes
    }

    /// nil when the key is malformed.
    static func decode(_ key: RawSpan) -> Decoded? {
        let count = key.byteCount
        guard count > 17 else { return nil }
        let seconds = UInt64(
            bigEndian: key.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
        let status = key.unsafeLoad(fromByteOffset: 8, as: UInt8.self)
        let hash = UInt64(
            bigEndian: key.unsafeLoadUnaligned(fromByteOffset: count - 8, as: UInt64.self))
        guard let occurredAt = Timestamp(seconds: Int64(clamping: seconds)),
            let status = CardStatus(rawValue: status),
            let card = CardID(canonical: Span(_bytes: key.extracting(9..<(count - 8))))
        else { return nil }
        return Decoded(occurredAt: occurredAt, status: status, card: card, identityHash: hash)
    }

    struct Decoded {
        let occurredAt: Timestamp
        let status: CardStatus
        let card: CardID
        let identityHash: UInt64
    }
}

/// Key in `changes`: the sequence number, 8 bytes, big-endian.
enum SequenceKey {
    static func encode(_ sequence: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(bigEndian: sequence)
        return bytes
    }

    static func decode(_ key: RawSpan) -> UInt64? {
        guard key.byteCount == 8 else { return nil }
        return UInt64(bigEndian: key.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
    }
}
