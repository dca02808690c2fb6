internal import CardModel

/// What is looked for in files when something was erased.
struct ErasedText: Sendable {
    private let phones: [PhoneTrace]
    /// How a customer's row begins in a file of rejects, after ``CustomerReading``.
    private let customerRows: [[UInt8]]

    init(phones: [PhoneNumber], customers: [CustomerID]) {
        self.phones = phones.map { PhoneTrace($0) }
        customerRows = customers.map { id in
            let quote = UInt8(ascii: "\"")
            return [quote] + id.bytes.flatMap { $0 == quote ? [$0, $0] : [$0] } + [quote]
        }
    }

    func isIn(_ bytes: Span<UInt8>) -> Bool { phones.contains { $0.isIn(bytes) } }

    /// Whether a raw row, below its header, is of a customer who is erased.
    func isCustomer(_ rawRow: [UInt8], below header: [UInt8]) -> Bool {
        header.starts(with: CustomerField.customerID.rawValue.utf8)
            && customerRows.contains { rawRow.starts(with: $0) }
    }
}
