/// The four partners' files. A raw value is the rank of the status that the file's rows report.
enum PartnerFile: Int, CaseIterable, Sendable {
    case pickup = 0
    case deliveryExceptions = 1
    case delivered = 2
    case returned = 3

    var name: String {
        switch self {
        case .pickup: "Card Status Info - Pickup.csv"
        case .deliveryExceptions: "Card Status Info - Delivery exceptions.csv"
        case .delivered: "Card Status Info - Delivered.csv"
        case .returned: "Card Status Info - Returned.csv"
        }
    }

    var feed: String {
        switch self {
        case .pickup: "pickup"
        case .deliveryExceptions: "delivery-exceptions"
        case .delivered: "delivered"
        case .returned: "returned"
        }
    }

    /// The status as the API names it.
    var status: StaticString {
        switch self {
        case .pickup: "picked_up"
        case .deliveryExceptions: "delivery_exception"
        case .delivered: "delivered"
        case .returned: "returned"
        }
    }

    /// As the partners write them: a space behind `ID`, and two words for the phone's column.
    var header: StaticString {
        switch self {
        case .pickup: "ID,Card ID,User Mobile,Timestamp"
        case .deliveryExceptions, .delivered: "ID ,Card ID,User contact,Timestamp,Comment"
        case .returned: "ID ,Card ID,User contact,Timestamp"
        }
    }

    var hasComments: Bool { self == .deliveryExceptions || self == .delivered }

    /// The forms of the file as a whole, dealt out by the seed: two of the four files have CRLF,
    /// two a byte order mark, and each has another combination of these.
    struct Layout {
        let hasByteOrderMark: Bool
        let lineEnd: StaticString
    }

    func layout(seed: UInt64) -> Layout {
        let form = (UInt64(rawValue) &+ seed) % 4
        return Layout(hasByteOrderMark: form >= 2, lineEnd: form % 2 == 0 ? "\n" : "\r\n")
    }
}
