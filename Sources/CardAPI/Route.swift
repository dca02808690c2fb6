public import CardStore
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
    case customers
    case customer
    case cardStatus
    case health
    case ready
    case metrics
    case openAPI
    case feeds
    case refreshFeed
    case uploadFile
    case refreshPickup
    case refreshDeliveryExceptions
    case refreshDelivered
    case refreshReturned
    case ingest
    case runs
    case run
    case rejects
    case addEvents
    case voidEvents
    case changes
    case reload
    case backup
    case stats
    case slow
    case resetSlow
    case logLevel
    case setLogLevel

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
        case .customers: "/api/customers"
        case .customer: "/api/customers/{customer_id}"
        case .cardStatus: "/api/get-card-status"
        case .health: "/api/health"
        case .ready: "/api/ready"
        case .metrics: "/metrics"
        case .openAPI: "/openapi.json"
        case .feeds: "/api/feeds"
        case .refreshFeed: "/api/feeds/{feed_id}/refresh"
        case .uploadFile: "/api/feeds/{feed_id}/files"
        case .refreshPickup: "/api/refresh-pickup"
        case .refreshDeliveryExceptions: "/api/refresh-delivery-exceptions"
        case .refreshDelivered: "/api/refresh-delivered"
        case .refreshReturned: "/api/refresh-returned"
        case .ingest: "/api/ingest"
        case .runs: "/api/runs"
        case .run: "/api/runs/{run_id}"
        case .rejects: "/api/runs/{run_id}/rejects"
        case .addEvents: "/api/events"
        case .voidEvents: "/api/events/void"
        case .changes: "/api/changes"
        case .reload: "/api/admin/reload"
        case .backup: "/api/admin/backup"
        case .stats: "/api/admin/stats"
        case .slow: "/api/admin/slow"
        case .resetSlow: "/api/admin/slow/reset"
        case .logLevel, .setLogLevel: "/api/admin/log-level"
        }
    }

    /// Method and pattern.
    public var name: String { "\(method.name) \(pattern)" }

    /// HEAD comes with GET.
    var method: HTTPMethod {
        switch self {
        case .batch, .refreshFeed, .uploadFile, .refreshPickup, .refreshDeliveryExceptions,
            .refreshDelivered, .refreshReturned, .ingest, .addEvents, .voidEvents, .reload, .backup,
            .resetSlow, .setLogLevel:
            .post
        default: .get
        }
    }

    /// The feed that a call from before there were several of them refreshes.
    var refreshedFeed: String? {
        switch self {
        case .refreshPickup: "pickup"
        case .refreshDeliveryExceptions: "delivery-exceptions"
        case .refreshDelivered: "delivered"
        case .refreshReturned: "returned"
        default: nil
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

    /// What the key of a request must be for, where keys are in use; nil where none is needed.
    public var role: KeyRole? {
        switch self {
        case .card, .cards, .batch, .cardStatus, .metrics: .lookup
        case .history, .events, .customers, .customer: .agent
        case .feeds, .refreshFeed, .uploadFile, .refreshPickup, .refreshDeliveryExceptions,
            .refreshDelivered, .refreshReturned, .ingest, .runs, .run, .rejects, .addEvents,
            .voidEvents, .changes:
            .ingest
        case .reload, .backup, .stats, .slow, .resetSlow, .logLevel, .setLogLevel: .admin
        case .unmatched, .health, .ready, .openAPI: nil
        }
    }

    /// Whether the route needs a key where keys are in use.
    public var needsKey: Bool { role != nil }

    /// Whether a path is that of the health or the readiness probe.
    static func isProbe(_ path: UnsafeBufferPointer<UInt8>) -> Bool {
        [Route.health, .ready].contains { $0.pattern.utf8.elementsEqual(path) }
    }

    /// The router of all routes.
    static func router() -> Router {
        Router(
            allCases.filter { $0 != .unmatched }
                .map { Router.Route($0.method, $0.pattern, tag: $0.rawValue) },
            frequent: [Route.card.rawValue, Route.cards.rawValue])
    }
}
