internal import CardFeeds
internal import CardModel
internal import HTTPFront

extension CardAPI {
    /// Whether a request keeps to the feed that its key is bound to: it starts that feed's runs,
    /// sends it files, and sees what became of them. True for keys that are bound to none.
    func isForFeed(
        of grant: KeyGrant, _ request: borrowing Request, _ route: Route,
        _ captures: Router.Captures
    ) throws -> Bool {
        let bound: String
        switch keyCheck.feed(of: request, grant) {
        case .any: return true
        case .noKey: return false
        case .only(let feed): bound = feed.description
        }
        switch route {
        case .refreshFeed, .uploadFile:
            return try textSegment(request.path, captures) == bound
        case .refreshPickup, .refreshDeliveryExceptions, .refreshDelivered, .refreshReturned:
            return route.refreshedFeed == bound
        case .run, .rejects:
            // What there is not is told as to everybody.
            guard let id = UInt64(try textSegment(request.path, captures)),
                let run = try engine.run(id)
            else { return true }
            return run.feed == bound
        case .runs:
            let feed = try RequestParameters(query: request.query).text("feed")
            return feed.map { String(decoding: $0, as: UTF8.self) } == bound
        case .ingest: return false
        default: return true
        }
    }
}
