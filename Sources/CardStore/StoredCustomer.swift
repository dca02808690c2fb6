package import CardModel

/// Keys of `customers` and `customer_marks`. Both begin with the number of the set that the entry
/// belongs to (8 bytes, big-endian); then comes the customer's ID, or a place in the set (8 bytes,
/// big-endian).
enum CustomerKey {
    static let prefixBytes = 8

    static func prefix(_ set: UInt64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(prefixBytes + CustomerID.maxCount)
        bytes.append(bigEndian: set)
        return bytes
    }

    static func encode(_ set: UInt64, _ id: CustomerID) -> [UInt8] { prefix(set) + id.bytes }

    static func encode(_ set: UInt64, mark number: Int) -> [UInt8] {
        var bytes = prefix(set)
        bytes.append(bigEndian: UInt64(number))
        return bytes
    }

    static func set(of key: RawSpan) -> UInt64? {
        guard key.byteCount > prefixBytes else { return nil }
        return UInt64(bigEndian: key.unsafeLoadUnaligned(fromByteOffset: 0, as: UInt64.self))
    }

    static func id(of key: RawSpan) -> CustomerID? {
        guard key.byteCount > prefixBytes else { return nil }
        return CustomerID(
            stored: Span(_bytes: key.extracting(prefixBytes..<key.byteCount)))
    }

    static func mark(of key: RawSpan) -> UInt64? {
        guard key.byteCount == prefixBytes + 8 else { return nil }
        return UInt64(
            bigEndian: key.unsafeLoadUnaligned(fromByteOffset: prefixBytes, as: UInt64.self))
    }
}

/// What is sealed in a record of `customers`, in this order, integers little-endian: u8 flags (1
/// has a date of birth, 2 has a balance), u8 bytes of first name, u8 of last name, u8 of email, u16
/// of address, u64 phone (0 for none), i32 date of birth in days since 1970, i64 balance in
/// hundredths, u32 created at in seconds since 1970 (0 for none), and the texts. What is absent is
/// 0, so that equal customers have equal bytes.
extension Customer {
    private static let dateFlag: UInt8 = 1
    private static let balanceFlag: UInt8 = 2

    package var payload: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(
            (dateOfBirth == nil ? 0 : Self.dateFlag)
                | (accountBalance == nil ? 0 : Self.balanceFlag))
        for text in [firstName, lastName, email] { bytes.append(UInt8(text.bytes.count)) }
        bytes.append(littleEndian: UInt16(address.bytes.count))
        bytes.append(littleEndian: phone?.digits ?? 0)
        bytes.append(littleEndian: dateOfBirth?.days ?? 0)
        bytes.append(littleEndian: accountBalance?.hundredths ?? 0)
        bytes.append(littleEndian: createdAt?.seconds ?? 0)
        for text in [firstName, lastName, email, address] {
            bytes.append(contentsOf: text.bytes)
        }
        return bytes
    }

    /// nil when the payload is not one.
    package init?(_ id: CustomerID, payload: RawSpan) {
        var reader = RecordReader(payload)
        guard let flags = reader.integer(UInt8.self), flags <= 3,
            let firstCount = reader.integer(UInt8.self),
            let lastCount = reader.integer(UInt8.self),
            let emailCount = reader.integer(UInt8.self),
            let addressCount = reader.integer(UInt16.self),
            let phone = reader.integer(UInt64.self), let days = reader.integer(Int32.self),
            let hundredths = reader.integer(Int64.self),
            let createdAt = reader.integer(UInt32.self),
            let first = reader.span(count: Int(firstCount))?.copied,
            let last = reader.span(count: Int(lastCount))?.copied,
            let email = reader.span(count: Int(emailCount))?.copied,
            let address = reader.span(count: Int(addressCount))?.copied, reader.isAtEnd
        else { return nil }
        self.init(id: id)
        firstName = EventText(unchecked: first)
        lastName = EventText(unchecked: last)
        self.email = EventText(unchecked: email)
        self.address = EventText(unchecked: address)
        self.phone = PhoneNumber(digits: phone)
        if flags & Self.dateFlag != 0 { dateOfBirth = CalendarDate(days: days) }
        if flags & Self.balanceFlag != 0 { accountBalance = Amount(hundredths: hundredths) }
        self.createdAt = Timestamp(seconds: Int64(createdAt))
        // Whatever was not valid or not 0 is missing now.
        guard self.payload.span.bytes.hasSameBytes(as: payload) else { return nil }
    }
}
