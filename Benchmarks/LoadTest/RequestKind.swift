/// What a request asks for.
enum RequestKind: Int, CaseIterable, Sendable, Codable {
    /// A path that is always the same.
    case path = 0
    /// `GET /api/cards/{card_id}`
    case card
    /// `GET /api/cards?phone=`
    case phone
    /// `POST /api/cards/batch`
    case batch
    /// `POST /api/events`
    case event

    var name: String { "\(self)" }

    init?(name: some StringProtocol) {
        guard let kind = Self.allCases.first(where: { $0.name == name }) else { return nil }
        self = kind
    }

    /// Whether this status is the right answer.
    @inline(__always)
    func expects(_ status: Int, isMissing: Bool) -> Bool {
        switch self {
        case .path: status < 400
        case .card: status == (isMissing ? 404 : 200)
        case .phone, .batch: status == 200
        case .event: status >= 200 && status < 300
        }
    }
}

/// A request that waits for its reply.
struct Flight {
    /// When it should have been sent. In a closed loop, when it was.
    var dueNs: Int64 = 0
    var sentNs: Int64 = 0
    /// A place in the table of keys that `kind` and `isMissing` name; a batch's first card.
    var key = 0
    var kind = RequestKind.path
    var isMissing = false
}
