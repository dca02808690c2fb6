internal import CardAudit
public import CardFeeds
public import CardModel
public import CardService
public import HTTPFront

/// Answers the requests of section "API" in docs/protocol.md from a service.
///
/// Runs on the workers' threads, several at a time, and keeps nothing between requests but metrics.
/// What takes longer than a look-up may wait for is answered later, by two threads of its own.
public final class CardAPI: Sendable {
    /// Who gets in.
    public enum Access: Sendable {
        /// With a key where the store has any; without where it has none. For servers that listen
        /// on loopback addresses and Unix sockets only.
        case keysIfAny
        /// With a key, also where there is none: then nobody.
        case keysOnly
        /// Everybody, whatever keys there are.
        case everybody
    }

    let service: CardService
    let engine: RunEngine
    let defaultRegion: PhoneRegion
    let keyCheck: KeyCheck
    let trustedProxies: TrustedProxies?
    private let crossOrigin: CrossOrigin
    private let perKey: RateLimiter?
    private let perClient: RateLimiter?
    /// Whether any of these is there, so that a request whom they do not concern asks once.
    private let hasPolicy: Bool
    private let limitsKeys: Bool
    let metrics: Metrics
    let records: ServerRecords
    /// Whose look-ups the audit log has.
    let auditedGrants: UInt64
    let onProblem: @Sendable (Route, any Error) -> Void
    let intake: EventIntake
    let followers: ChangeFollowers
    private let router = Route.router()
    let prepared: PreparedProblems
    private let cardReply: ReplyTemplate
    private let notModified: ReplyTemplate
    let packer = BodyPacker()
    let tasks = CardAPI.makeTasks()
    private let packedContract = BodyPacker.packed(OpenAPI.document)

    /// - Parameters:
    ///   - defaultRegion: where phones in queries belong that have no country code.
    ///   - policy: whom it answers beside what `access` says.
    ///   - records: where it is written down what requests did.
    ///   - onProblem: called on a worker, or a thread of the API's, when an answer could not be
    ///     read; the error names no card.
    public init(
        service: CardService, engine: RunEngine, defaultRegion: PhoneRegion, access: Access,
        policy: RequestPolicy = RequestPolicy(), metrics: Metrics,
        records: ServerRecords = ServerRecords(),
        onProblem: @escaping @Sendable (Route, any Error) -> Void
    ) {
        self.service = service
        self.engine = engine
        self.defaultRegion = defaultRegion
        keyCheck = KeyCheck(
            service: service, access: access, hosts: LocalHosts(policy.hosts))
        trustedProxies = policy.trustedProxies
        crossOrigin = CrossOrigin(policy.corsOrigins)
        perKey = policy.perKey.map { RateLimiter($0, bucketCount: policy.rateBuckets) }
        perClient = policy.perClient.map { RateLimiter($0, bucketCount: policy.rateBuckets) }
        hasPolicy = policy.perClient != nil || !policy.corsOrigins.isEmpty
        limitsKeys = policy.perKey != nil
        self.metrics = metrics
        self.records = records
        auditedGrants = Self.auditedGrants(records.audit?.scope)
        self.onProblem = onProblem
        intake = EventIntake(service: service, onProblem: onProblem)
        followers = ChangeFollowers(service: service) { onProblem(.changes, $0) }
        prepared = PreparedProblems(workers: metrics.workers, policy: policy)
        cardReply = CardAPI.template(200, "application/json", workers: metrics.workers)
        notModified = CardAPI.template(304, nil, workers: metrics.workers)
    }

    private static func template(
        _ status: Int, _ contentType: StaticString?, workers: Int
    ) -> ReplyTemplate {
        ReplyTemplate(
            workers: workers, status: status, contentType: contentType,
            headers: [("Cache-Control", "private, no-cache")], varying: "ETag",
            valueCount: EntityTag.byteCount)
    }

    /// Answers those that wait for changes, so that they need not be waited for.
    public func stop() {
        followers.stop()
    }

    /// Answers a request; the reply is tagged with its ``Route``.
    public func respond(to request: borrowing Request, _ reply: inout Reply) {
        if hasPolicy { return respondByPolicy(to: request, &reply) }
        respondAnyway(to: request, &reply)
    }

    @inline(never)
    private func respondByPolicy(to request: borrowing Request, _ reply: inout Reply) {
        if request.method == .options, let origin = request.header(.origin),
            crossOrigin.allows(origin)
        {
            return crossOrigin.allowCalls(&reply)
        }
        respondWithinRate(to: request, &reply)
    }

    /// Lets a web page read an answer, if it is one of those that may. Nil when there is none.
    public var onOrigin: HTTPServer.OriginHook? {
        guard !crossOrigin.isOff else { return nil }
        return { [crossOrigin] origin, reply in
            if crossOrigin.allows(origin) { crossOrigin.allow(origin, &reply) }
        }
    }

    private func respondWithinRate(to request: borrowing Request, _ reply: inout Reply) {
        // Whoever asks whether the server is well must not be told that it is because others ask
        // too much.
        if let perClient, !Route.isProbe(request.path),
            let client = request.client(trusting: trustedProxies),
            !perClient.admits(client.network, nowNanos: request.startNanos)
        {
            return reply.use(prepared.clientRate, worker: request.worker)
        }
        respondAnyway(to: request, &reply)
    }

    /// Requests that were refused for their rate.
    public var rateRefusals: (perKey: Int, perClient: Int) {
        (perKey?.refused ?? 0, perClient?.refused ?? 0)
    }

    @inline(__always)
    private func respondAnyway(to request: borrowing Request, _ reply: inout Reply) {
        let path = request.path
        switch router.match(request.method, path) {
        case .notFound:
            Problem.unknownRoute.write(to: &reply)
        case .methodNotAllowed(let methods):
            Problem.methodNotAllowed(methods.allowHeaderValue).write(to: &reply)
            reply.addHeader("Allow", text: methods.allowHeaderValue)
        case .route(let tag, let captures):
            guard let route = Route(rawValue: tag) else {
                preconditionFailure("the router only knows tags of routes")
            }
            reply.routeTag = tag
            answer(route, captures, path, request, &reply)
            // A look-up is answered at once, however long its comment; the contract is packed.
            if route != .card, route != .openAPI { pack(&reply, for: request) }
        }
    }

    /// What is done with a request's body. Who needs a key and has none is told before a large body
    /// is read; a small one is read all the same, since an answer before its end may be lost to a
    /// client that is still sending.
    public func plan(for request: borrowing Request, _ reply: inout Reply) -> BodyPlan {
        let path = request.path
        guard case .route(let tag, let captures) = router.match(request.method, path),
            let route = Route(rawValue: tag)
        else { return .kept(maxBytes: Route.ignoredBodyBytesMax) }
        reply.routeTag = tag
        let isSmall = request.bodyLength.map { $0 <= Route.ignoredBodyBytesMax } ?? false
        guard !isSmall || route == .uploadFile else { return .kept(maxBytes: route.bodyBytesMax) }
        // An upload does not come to the handler, so it counts here.
        let isUpload = route == .uploadFile
        guard let grant = self.grant(to: request, for: route, isCounted: isUpload, &reply) else {
            guard isSmall else { return .answered }
            reply.reset()
            return .kept(maxBytes: route.bodyBytesMax)
        }
        if isUpload {
            do {
                guard try isForFeed(of: grant, request, route, captures) else {
                    reply.use(prepared.forbidden, worker: request.worker)
                    return .answered
                }
                return try upload(
                    to: textSegment(path, captures), changeNote(route, grant, request), request,
                    &reply)
            } catch {
                write(error, of: route, to: &reply)
                return .answered
            }
        }
        return .kept(maxBytes: route.bodyBytesMax)
    }

    /// What a request gets that the server answers itself: its framing is in doubt, its body too
    /// large, or its answer did not come.
    public static func refuse(_ refusal: Refusal, _ reply: inout Reply) {
        switch refusal {
        case .bodyTooLarge:
            Problem.bodyTooLarge.write(to: &reply)
        case .busy:
            Problem.busy.write(to: &reply)
        case .overdue, .stopping:
            Problem.late("\(refusal.detail)").write(to: &reply)
        case .unanswered:
            Problem.failed.write(to: &reply)
        default:
            Problem.malformed("\(refusal.detail)").write(to: &reply)
        }
    }

    private func answer(
        _ route: Route, _ captures: Router.Captures, _ path: UnsafeBufferPointer<UInt8>,
        _ request: borrowing Request, _ reply: inout Reply
    ) {
        guard let grant = self.grant(to: request, for: route, isCounted: true, &reply) else {
            return
        }
        do {
            if grant.isBoundToFeed, try !isForFeed(of: grant, request, route, captures) {
                return reply.use(prepared.forbidden, worker: request.worker)
            }
            switch route {
            case .unmatched: Problem.unknownRoute.write(to: &reply)
            case .card:
                let id = try Self.foreseenCard(request) ?? pathSegment(path, captures)
                try card(id, request, &reply)
                if grant.isAmong(auditedGrants) {
                    note(.card(id), of: route, grant, request, status: reply.status)
                }
            case .cards:
                let phone = try cards(request, &reply)
                if grant.isAmong(auditedGrants) {
                    note(.phone(phone), of: route, grant, request, status: reply.status)
                }
            case .batch: try batch(lookUpNote(route, grant, request), request, &reply)
            case .history:
                let id = try pathSegment(path, captures)
                try history(id, request, &reply)
                if grant.isAmong(auditedGrants) {
                    note(.card(id), of: route, grant, request, status: reply.status)
                }
            case .events: try events(lookUpNote(route, grant, request), request, &reply)
            case .customers: try customers(lookUpNote(route, grant, request), request, &reply)
            case .customer:
                try customer(
                    textSegment(path, captures), lookUpNote(route, grant, request), &reply)
            case .cardStatus: try cardStatus(lookUpNote(route, grant, request), request, &reply)
            case .health: Self.json("{\"status\":\"ok\"}", &reply)
            case .ready: ready(request, &reply)
            case .metrics: try metricsText(&reply)
            case .addEvents:
                try write(.add, changeNote(route, grant, request), request, &reply)
            case .voidEvents:
                try write(.void, changeNote(route, grant, request), request, &reply)
            case .changes: try changes(request, &reply)
            case .reload: try reload(changeNote(route, grant, request), request, &reply)
            case .backup: try backup(changeNote(route, grant, request), request, &reply)
            case .stats: try stats(&reply)
            case .slow: slowRequests(&reply)
            case .resetSlow: resetSlow(changeNote(route, grant, request), &reply)
            case .logLevel: logLevel(&reply)
            case .setLogLevel:
                try setLogLevel(changeNote(route, grant, request), request, &reply)
            case .openAPI: contract(request, &reply)
            case .feeds: feeds(&reply)
            case .refreshFeed:
                refresh(
                    try textSegment(path, captures), changeNote(route, grant, request), request,
                    &reply)
            case .refreshPickup, .refreshDeliveryExceptions, .refreshDelivered, .refreshReturned:
                refresh(
                    route.refreshedFeed ?? "", changeNote(route, grant, request), request, &reply)
            case .uploadFile:
                // A body goes to the file and not here, so there was none.
                try uploadNothing(
                    to: textSegment(path, captures), changeNote(route, grant, request), request,
                    &reply)
            case .ingest: ingest(changeNote(route, grant, request), request, &reply)
            case .runs: try runs(request, &reply)
            case .run, .rejects:
                guard let id = UInt64(try textSegment(path, captures)) else {
                    return Problem.unknownRun.write(to: &reply)
                }
                if route == .run { return try run(id, &reply) }
                try rejects(of: id, lookUpNote(route, grant, request), request, &reply)
            }
        } catch {
            write(error, of: route, to: &reply)
        }
    }

    /// Says what is wrong with a request, or that the server failed.
    private func write(_ error: any Error, of route: Route, to reply: inout Reply) {
        switch error {
        case let failure as RequestParameters.Failure:
            if route == .cardStatus { return Self.cardStatusError(failure.message, &reply) }
            Problem.malformed(failure.message).write(to: &reply)
        case let error as BatchError: Problem(error).write(to: &reply)
        default:
            onProblem(route, error)
            Problem.failed.write(to: &reply)
        }
    }

    /// What the request may do, when its key is for the route and within its rate; if not, nil, and
    /// the reply says so.
    ///
    /// - Parameter isCounted: whether this is the one time that the request counts.
    @inline(__always)
    private func grant(
        to request: borrowing Request, for route: Route, isCounted: Bool, _ reply: inout Reply
    ) -> KeyGrant? {
        guard let role = route.role else { return .everything }
        switch keyCheck.admission(of: request, to: role) {
        case .granted(let grant):
            let isWithin = !limitsKeys || !isCounted || isWithinRate(grant, request, &reply)
            return isWithin ? grant : nil
        case .foreignHost: reply.use(prepared.foreignHost, worker: request.worker)
        case .noKey: reply.use(prepared.noKey, worker: request.worker)
        case .expiredKey: reply.use(prepared.expiredKey, worker: request.worker)
        case .forbidden: reply.use(prepared.forbidden, worker: request.worker)
        }
        return nil
    }

    @inline(never)
    private func isWithinRate(
        _ grant: KeyGrant, _ request: borrowing Request, _ reply: inout Reply
    ) -> Bool {
        guard let perKey, grant.keyNumber != 0,
            !perKey.admits(grant.keyNumber, nowNanos: request.startNanos)
        else { return true }
        reply.use(prepared.keyRate, worker: request.worker)
        return false
    }

    // MARK: Look-ups

    @inline(__always)
    private func card(
        _ id: CardID, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let isFound = try service.lendCard(id) { CardJSON.append($0, to: &reply.body) }
        guard isFound else {
            return reply.use(prepared.unknownCard, worker: request.worker)
        }
        tag(&reply, request)
    }

    /// Gives a whole answer its entity tag, or makes a 304 of it when the client has it.
    @inline(__always)
    private func tag(_ reply: inout Reply, _ request: borrowing Request) {
        let hash = EntityTag.hash(of: reply.body.bytes)
        // A 304 has its body too, which libmicrohttpd keeps back: RFC 9110, 8.6 allows it no other
        // Content-Length than that of the 200 in its place, and without a body that would be 0.
        // Two calls: choosing an object first would count a reference to what all workers share.
        if request.headerCount(.ifNoneMatch) > 0, Self.isKnown(hash, request) {
            reply.use(notModified, worker: request.worker) { EntityTag.write(hash, to: $0) }
        } else {
            reply.use(cardReply, worker: request.worker) { EntityTag.write(hash, to: $0) }
        }
    }

    /// As ``tag(_:_:)``, for what may be long enough to be packed.
    private func tagPage(_ reply: inout Reply, _ request: borrowing Request) {
        guard reply.body.count >= BodyPacker.byteCountMin else { return tag(&reply, request) }
        let isPacked = AcceptEncoding(request).prefersGzip
        let tag = EntityTag.of(reply.body.bytes, isPacked: isPacked)
        if request.headerCount(.ifNoneMatch) > 0, Self.isKnown(tag, request) { reply.status = 304 }
        tag.withUnsafeBufferPointer { reply.addHeader("ETag", bytes: $0) }
        if reply.status == 304 {
            reply.addHeader("Cache-Control", "private, no-cache")
        } else {
            Self.personalJSON(&reply)
        }
    }

    private static func isKnown(_ hash: UInt64, _ request: borrowing Request) -> Bool {
        isKnown(EntityTag.of(hash), request)
    }

    private static func isKnown(_ tag: [UInt8], _ request: borrowing Request) -> Bool {
        var isKnown = false
        request.forEachHeader(.ifNoneMatch) { value in
            isKnown = isKnown || EntityTag.matches(tag, ifNoneMatch: value)
        }
        return isKnown
    }

    /// - Returns: the phone that was asked for.
    private func cards(_ request: borrowing Request, _ reply: inout Reply) throws -> PhoneNumber {
        if let phone = Self.foreseenPhone(request)
            ?? PhoneQuery.phone(request.query.bytes, defaultRegion: defaultRegion)
        {
            try CardPage.append(phone: phone, from: service.withCards, to: &reply.body)
            tagPage(&reply, request)
            return phone
        }
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
        try CardPage.append(
            phone: phone, after: after, limit: limit, from: service.withCards, to: &reply.body)
        tagPage(&reply, request)
        return phone
    }

    private func batch(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let region = try RequestParameters(query: request.query).region() ?? defaultRegion
        var keys = BatchKeys(region: region)
        let body = request.body.span
        let form: BatchAnswer.Form
        switch MediaType(request.header(.contentType)) {
        case .json:
            form = .array
            try BatchReader.read(body, into: &keys)
        case .text:
            form = .lines
            try keys.read(lines: body)
        case nil:
            return Problem.unsupportedMediaType.write(to: &reply)
        }
        try BatchAnswer(keys: keys, form: form).append(from: service, to: &reply.body)
        Self.personalJSON(&reply)
        if form == .lines { reply.contentType = "application/x-ndjson" }
        guard var note else { return }
        keys.subjects(of: &note.entry)
        note.end(status: reply.status)
    }

    private func history(
        _ id: CardID, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
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
            return reply.use(prepared.unknownCard, worker: request.worker)
        }
        HistoryPage.append(id, history, after: cursor, limit: limit, to: &reply.body)
        Self.personalJSON(&reply)
    }

    private func events(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let page = try EventPage.Request(RequestParameters(query: request.query))
        var note = note
        note?.entry.detail = page.description
        answerLater(.events, noting: note, request, &reply) { [service] reply in
            try EventPage.append(page, from: service, to: &reply.body)
            Self.personalJSON(&reply)
        }
    }

    /// The call that earlier systems offered, with its shape of answers and errors.
    private func cardStatus(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let parameters = RequestParameters(query: request.query)
        let card = try parameters.text("card_id").map { text in
            try RequestParameters.card(text, called: "card_id")
        }
        let phone = try parameters.text("user_mobile").map { text in
            try parameters.phone(text, called: "user_mobile", defaultRegion: defaultRegion)
        }
        // A wrong one is told also where no phone has need of it.
        _ = try parameters.region()
        var count = 0
        func append(_ view: borrowing CardView, to json: inout ByteBuffer) {
            if count > 0 { json.raw(",") }
            CardJSON.appendStatusEntry(view, to: &json)
            count += 1
        }
        reply.body.raw("{\"status\":\"success\",\"data\":[")
        switch (card, phone) {
        case (nil, nil):
            return Self.cardStatusError(
                "Please provide either card_id or user_mobile.", &reply)
        case (let card?, let phone):
            _ = try service.withCard(card) { view in
                if phone == nil || view.phone == phone { append(view, to: &reply.body) }
            }
        case (nil, let phone?):
            try service.withCards(phone: phone, limit: CardPage.limitMax) {
                append($0, to: &reply.body)
            }
        }
        reply.body.raw("]}")
        Self.personalJSON(&reply)
        guard var note else { return }
        note.entry.cards = [card].compactMap(\.self)
        note.entry.phones = [phone].compactMap(\.self)
        note.end(status: reply.status)
    }

    private static func cardStatusError(_ message: String, _ reply: inout Reply) {
        reply.reset()
        reply.status = 400
        reply.contentType = "application/json"
        reply.body.raw("{\"status\":\"error\",\"message\":")
        reply.body.string(message)
        reply.body.raw("}")
    }

    /// Nearly all IDs are written without escapes, and then they are read where they lie.
    @inline(__always)
    private func pathSegment(
        _ path: UnsafeBufferPointer<UInt8>, _ captures: Router.Captures
    ) throws -> CardID {
        let segment = UnsafeBufferPointer(rebasing: path[captures[0]])
        if let id = CardID(plain: segment.span) { return id }
        return try Self.unusualCard(segment)
    }

    /// A captured segment of which nothing but its text is known.
    func textSegment(
        _ path: UnsafeBufferPointer<UInt8>, _ captures: Router.Captures
    ) throws -> String {
        var decoded: [UInt8] = []
        do {
            try PercentDecoding.decode(
                segment: UnsafeBufferPointer(rebasing: path[captures[0]]), into: &decoded)
        } catch {
            throw RequestParameters.Failure("The path is not percent-encoded correctly.")
        }
        return String(decoding: decoded, as: UTF8.self)
    }

    private static func unusualCard(_ segment: UnsafeBufferPointer<UInt8>) throws -> CardID {
        var decoded: [UInt8] = []
        do {
            try PercentDecoding.decode(segment: segment, into: &decoded)
        } catch {
            throw RequestParameters.Failure("card_id is not percent-encoded correctly.")
        }
        return try RequestParameters.card(decoded, called: "card_id")
    }

    // MARK: About the server

    private func ready(_ request: borrowing Request, _ reply: inout Reply) {
        if request.isDraining {
            return Problem.notReady("The server is stopping.").write(to: &reply)
        }
        if let reason = service.unreadiness {
            return Problem.notReady(reason).write(to: &reply)
        }
        reply.contentType = "application/json"
        reply.body.raw("{\"status\":\"ready\",\"answers_from\":")
        if service.indexedCards == nil {
            reply.body.raw("\"store\"")
        } else {
            reply.body.raw("\"memory\"")
        }
        reply.body.fill(service.fillProgress)
        reply.body.raw("}")
    }

    private func contract(_ request: borrowing Request, _ reply: inout Reply) {
        reply.addHeader("Vary", "Accept-Encoding")
        guard AcceptEncoding(request).prefersGzip else {
            return Self.json(OpenAPI.document, &reply)
        }
        reply.contentType = "application/json"
        reply.addHeader("Content-Encoding", "gzip")
        reply.body.append(packedContract)
    }

    private func metricsText(_ reply: inout Reply) throws {
        reply.contentType = "text/plain; version=0.0.4; charset=utf-8"
        reply.addHeader("X-Content-Type-Options", "nosniff")
        reply.body.append(
            metrics.text(
                service: service, statistics: try service.store.statistics(),
                feeds: engine.feeds, rateRefusals: rateRefusals, audit: records.audit?.statistics))
    }

    private static func json(_ document: StaticString, _ reply: inout Reply) {
        reply.contentType = "application/json"
        reply.body.append(document)
    }

    /// Personal data must not stay in a shared cache.
    static func personalJSON(_ reply: inout Reply) {
        reply.contentType = "application/json"
        reply.addHeader("Cache-Control", "private, no-cache")
        reply.addHeader("X-Content-Type-Options", "nosniff")
    }
}
