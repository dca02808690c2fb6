internal import HTTPFront

/// What the server answers. The raw value is the tag that travels with a response to the metrics; 0
/// is what matched no route.
public enum Route: Int, CaseIterable, Sendable {
    case unmatched = 0
    case card
    case cards
    case batch
    case history
    case events
    case cardStatus
    case health
    case ready
    case metrics
    case openAPI
    case addEvents
    case voidEvents
    case changes
    case reload
    case backup
    case stats

    /// Who may call a route. Until keys have roles, every key has all.
    public enum Role: Sendable {
        /// Asks for the state of cards.
        case lookup
        /// Sees what was said of cards, and whose they are.
        case agent
        /// Says what happened to cards.
        case ingest
        /// Runs the server.
        case admin
    }

    /// The pattern in the router, the OpenAPI document and metric labels; never a path itself,
    /// which may hold a card ID.
    public var pattern: String {
        switch self {
        case .unmatched: "unmatched"
        case .card: "/api/cards/{card_id}"
        case .cards: "/api/cards"
        case .batch: "/api/cards/batch"
        case .history: "/api/cards/{card_id}/history"
        case .events: "/api/events"
        case .cardStatus: "/api/get-card-status"
        case .health: "/api/health"
        case .ready: "/api/ready"
        case .metrics: "/metrics"
        case .openAPI: "/openapi.json"
        case .addEvents: "/api/events"
        case .voidEvents: "/api/events/void"
        case .changes: "/api/changes"
        case .reload: "/api/admin/reload"
        case .backup: "/api/admin/backup"
        case .stats: "/api/admin/stats"
        }
    }

    /// HEAD comes with GET.
    var method: HTTPMethod {
        switch self {
        case .batch, .addEvents, .voidEvents, .reload, .backup: .post
        default: .get
        }
    }

    /// The largest body that is read. Routes that read none take a small one and let it be.
    var bodyBytesMax: Int {
        switch self {
        case .batch, .addEvents, .voidEvents: 4 << 20
        default: Self.ignoredBodyBytesMax
        }
    }

    static let ignoredBodyBytesMax = 64 << 10

    /// Who may call it where keys are in use; nil is everybody.
    public var role: Role? {
        switch self {
        case .unmatched, .health, .ready, .openAPI: nil
        case .card, .cards, .batch, .cardStatus, .metrics: .lookup
        case .history, .events: .agent
        case .addEvents, .voidEvents, .changes: .ingest
        case .reload, .backup, .stats: .admin
        }
    }

    /// Whether the route needs a key where keys are in use.
    public var needsKey: Bool { role != nil }

    /// The router of all routes.
    static func router() -> Router {
        Router(
            allCases.filter { $0 != .unmatched }
                .map { Router.Route($0.method, $0.pattern, tag: $0.rawValue) },
            frequent: Route.card.rawValue)
    }
}
