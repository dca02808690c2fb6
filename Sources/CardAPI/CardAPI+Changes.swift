internal import Dispatch
internal import HTTPFront

/// Writes, and following them.
extension CardAPI {
    func write(
        _ purpose: EventReader.Purpose, _ note: AuditNote?, _ request: borrowing Request,
        _ reply: inout Reply
    ) throws {
        guard case .granted(let grant) = keyCheck.admission(of: request, to: .ingest) else {
            return reply.use(prepared.noKey, worker: request.worker)
        }
        let feed = keyCheck.feed(of: request, grant)
        if feed == .noKey { return reply.use(prepared.noKey, worker: request.worker) }
        let region = try RequestParameters(query: request.query).region() ?? defaultRegion
        guard case .json? = MediaType(request.header(.contentType)) else {
            return Problem.onlyJSON.write(to: &reply)
        }
        if !intake.take(purpose, feed: feed, region: region, note, request, &reply) {
            reply.use(prepared.busy, worker: request.worker)
        }
    }

    func changes(_ request: borrowing Request, _ reply: inout Reply) throws {
        let parameters = RequestParameters(query: request.query)
        let since = try parameters.whole("since", in: 0...UInt64.max - 1) ?? 0
        let wait = try parameters.whole("wait", in: 0...UInt64(ChangePage.waitSecondsMax)) ?? 0
        let limit = try parameters.limit(
            default: ChangePage.limitMax, max: ChangePage.limitMax)
        let page = try followers.page(since: since, limit: limit)
        if !page.changes.isEmpty || page.oldest != nil || wait == 0 || request.isDraining {
            return page.write(to: &reply)
        }
        // Some time longer than the wait: the answer then comes from the followers' list.
        guard let later = request.deferReply(timeoutMs: Int(wait) * 1_000 + 30_000) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        let deadline = DispatchTime.now().uptimeNanoseconds + wait * 1_000_000_000
        let added = followers.add(
            .init(since: since, limit: limit, deadlineNanos: deadline, later: later))
        switch added {
        case .waits: return
        case .tooMany: later.answer { Problem.busy.write(to: &$0) }
        case .mayNot:
            let page = try followers.page(since: since, limit: limit)
            later.answer { page.write(to: &$0) }
        }
    }
}
