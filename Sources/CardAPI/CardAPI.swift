public import CardModel
public import CardService
public import HTTPFront

/// Answers the requests of section "API" in docs/protocol.md from a service.
///
/// Runs on the workers' threads, several at a time, and keeps nothing between requests but metrics.
public final class CardAPI: Sendable {
    /// Who gets in.
    public enum Access: Sendable {
        /// With a key where the store has any; without where it has none. For servers that listen
        /// on loopback addresses only.
        case keysIfAny
        /// With a key, also where there is none: then nobody.
        case keysOnly
        /// Everybody, whatever keys there are.
        case everybody
    }

    private let service: CardService
    private let defaultRegion: PhoneRegion
    private let access: Access
    private let metrics: Metrics
    private let onProblem: @Sendable (Route, any Error) -> Void
    private let router = Route.router()

    /// - Parameters:
    ///   - defaultRegion: where phones in queries belong that have no country code.
    ///   - onProblem: called on a worker when an answer could not be read; the error names no card.
    public init(
        service: CardService, defaultRegion: PhoneRegion, access: Access, metrics: Metrics,
        onProblem: @escaping @Sendable (Route, any Error) -> Void
    ) {
        self.service = service
        self.defaultRegion = defaultRegion
        self.access = access
        self.metrics = metrics
        self.onProblem = onProblem
    }

    /// The answer to a request, tagged with its ``Route``.
    public func respond(to request: borrowing Request) -> Response {
        let path = request.path
        switch router.match(request.method, path) {
        case .notFound:
            return Problem.unknownRoute.response
        case .methodNotAllowed(let methods):
            var response = Problem.methodNotAllowed(methods.allowHeaderValue).response
            response.addHeader("Allow", methods.allowHeaderValue)
            return response
        case .route(let tag, let captures):
            guard let route = Route(rawValue: tag) else {
                preconditionFailure("the router only knows tags of routes")
            }
            var response = answer(route, captures, path, request)
            response.routeTag = tag
            return response
        }
    }

    /// What a request gets that is refused before it is read: its framing is in doubt, or its body
    /// too large.
    public static func response(toRefused refusal: Refusal) -> Response {
        if refusal.status == 413 { return Problem.bodyTooLarge.response }
        return Problem.malformed("\(refusal.detail)").response
    }

    private func answer(
        _ route: Route, _ captures: Router.Captures, _ path: UnsafeBufferPointer<UInt8>,
        _ request: borrowing Request
    ) -> Response {
        if route.needsKey, !mayPass(request) {
            var response = Problem.noKey.response
            response.addHeader("WWW-Authenticate", "Bearer realm=\"cardstatus\"")
            return response
        }
        do {
            switch route {
            case .unmatched: return Problem.unknownRoute.response
            case .card: return try card(pathSegment(path, captures), request)
            case .cards: return try cards(request)
            case .history: return try history(pathSegment(path, captures), request)
            case .cardStatus: return try cardStatus(request)
            case .health: return json("{\"status\":\"ok\"}")
            case .ready: return ready(request)
            case .metrics: return try metricsText()
            case .openAPI: return json(OpenAPI.document)
            }
        } catch let failure as RequestParameters.Failure {
            if route == .cardStatus { return Self.cardStatusError(failure.message) }
            return Problem.malformed(failure.message).response
        } catch {
            onProblem(route, error)
            return Problem.failed.response
        }
    }

    private func mayPass(_ request: borrowing Request) -> Bool {
        switch access {
        case .everybody: return true
        case .keysIfAny where !service.hasKeys: return true
        case .keysIfAny, .keysOnly:
            return APIKey.hash(in: request).map(service.isKey(hash:)) ?? false
        }
    }

    // MARK: Look-ups

    private func card(_ id: CardID, _ request: borrowing Request) throws -> Response {
        var json = JSONBytes()
        let found: Void? = try service.withCard(id) { CardJSON.append($0, to: &json) }
        guard found != nil else { return Problem.unknownCard.response }
        let tag = EntityTag.of(json.bytes)
        var isKnown = false
        request.forEachHeader("If-None-Match") { value in
            isKnown = isKnown || EntityTag.matches(tag, ifNoneMatch: value)
        }
        // A 304 has its body too, which libmicrohttpd keeps back: RFC 9110, 8.6 allows it no other
        // Content-Length than that of the 200 in its place, and without a body that would be 0.
        var response =
            isKnown
            ? Response(status: 304, body: json.bytes)
            : Response(status: 200, contentType: "application/json", body: json.bytes)
        tag.withUnsafeBufferPointer { response.addHeader("ETag", bytes: $0) }
        response.addHeader("Cache-Control", "private, no-cache")
        return response
    }

    private func cards(_ request: borrowing Request) throws -> Response {
        let parameters = RequestParameters(query: request.query)
        guard let text = try parameters.text("phone") else {
            throw RequestParameters.Failure("The parameter 'phone' is missing.")
        }
        let phone = try parameters.phone(text, called: "phone", defaultRegion: defaultRegion)
        let limit = try parameters.limit(default: CardPage.limitMax, max: CardPage.limitMax)
        var after: CardID?
        if let cursor = try parameters.text("cursor") {
            after = try RequestParameters.card(cursor, called: "cursor")
        }
        let body = try CardPage.json(
            phone: phone, after: after, limit: limit, from: service.withCards)
        return personalJSON(body)
    }

    private func history(_ id: CardID, _ request: borrowing Request) throws -> Response {
        let parameters = RequestParameters(query: request.query)
        let limit = try parameters.limit(
            default: HistoryPage.limitDefault, max: HistoryPage.limitMax)
        var cursor: EventCursor?
        if let text = try parameters.text("cursor") {
            guard let found = EventCursor(text.span) else {
                throw RequestParameters.Failure("The parameter 'cursor' is not one of ours.")
            }
            cursor = found
        }
        guard let history = try service.history(of: id) else {
            return Problem.unknownCard.response
        }
        return personalJSON(HistoryPage.json(of: id, history, after: cursor, limit: limit))
    }

    /// The call that earlier systems offered, with its shape of answers and errors.
    private func cardStatus(_ request: borrowing Request) throws -> Response {
        let parameters = RequestParameters(query: request.query)
        let card = try parameters.text("card_id").map { text in
            try RequestParameters.card(text, called: "card_id")
        }
        let phone = try parameters.text("user_mobile").map { text in
            try parameters.phone(text, called: "user_mobile", defaultRegion: defaultRegion)
        }
        var json = JSONBytes()
        var count = 0
        func append(_ view: borrowing CardView) {
            if count > 0 { json.raw(",") }
            CardJSON.appendStatusEntry(view, to: &json)
            count += 1
        }
        json.raw("{\"status\":\"success\",\"data\":[")
        switch (card, phone) {
        case (nil, nil):
            return Self.cardStatusError("Please provide either card_id or user_mobile.")
        case (let card?, let phone):
            _ = try service.withCard(card) { view in
                if phone == nil || view.phone == phone { append(view) }
            }
        case (nil, let phone?):
            try service.withCards(phone: phone, limit: CardPage.limitMax) { append($0) }
        }
        json.raw("]}")
        return personalJSON(json.bytes)
    }

    private static func cardStatusError(_ message: String) -> Response {
        var json = JSONBytes()
        json.raw("{\"status\":\"error\",\"message\":")
        json.string(message)
        json.raw("}")
        return Response(status: 400, contentType: "application/json", body: json.bytes)
    }

    private func pathSegment(
        _ path: UnsafeBufferPointer<UInt8>, _ captures: Router.Captures
    ) throws -> CardID {
        var decoded: [UInt8] = []
        do {
            let segment = UnsafeBufferPointer(rebasing: path[captures[0]])
            try PercentDecoding.decode(segment: segment, into: &decoded)
        } catch {
            throw RequestParameters.Failure("card_id is not percent-encoded correctly.")
        }
        return try RequestParameters.card(decoded, called: "card_id")
    }

    // MARK: About the server

    private func ready(_ request: borrowing Request) -> Response {
        if request.isDraining { return Problem.notReady("The server is stopping.").response }
        if let reason = service.unreadiness { return Problem.notReady(reason).response }
        var json = JSONBytes()
        json.raw("{\"status\":\"ready\",\"answers_from\":")
        json.raw(service.indexedCards == nil ? "\"store\"}" : "\"memory\"}")
        return Response(status: 200, contentType: "application/json", body: json.bytes)
    }

    private func metricsText() throws -> Response {
        Response(
            status: 200, contentType: "text/plain; version=0.0.4; charset=utf-8",
            body: metrics.text(service: service, statistics: try service.store.statistics()))
    }

    private func json(_ document: StaticString) -> Response {
        let bytes = UnsafeBufferPointer(
            start: document.utf8Start, count: document.utf8CodeUnitCount)
        return Response(status: 200, contentType: "application/json", body: Array(bytes))
    }

    /// Personal data must not stay in a shared cache.
    private func personalJSON(_ body: [UInt8]) -> Response {
        var response = Response(status: 200, contentType: "application/json", body: body)
        response.addHeader("Cache-Control", "private, no-cache")
        return response
    }
}
