internal import CardFeeds
internal import CardStore
internal import Dispatch
internal import HTTPFront

/// The calls about feeds and their runs. Those that write, or read files, are answered later, so
/// that the worker is free meanwhile.
extension CardAPI {
    /// For an answer that waits for a commit.
    private static let commitTimeoutMs = 30_000
    /// For an answer that waits for upstreams. A run goes on when nobody waits any more.
    private static let ingestTimeoutMs = 900_000
    private static let runsLimitDefault = 50
    private static let runsLimitMax = 500
    private static let uploadNameBytesMax = 255

    // MARK: Feeds

    func feeds(_ reply: inout Reply) {
        reply.body.raw("{\"feeds\":[")
        for (index, feed) in engine.feeds.enumerated() {
            if index > 0 { reply.body.raw(",") }
            RunJSON.append(feed, to: &reply.body)
        }
        reply.body.raw("]}")
        Self.personalJSON(&reply)
    }

    func refresh(
        _ feed: String, _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) {
        guard let later = request.deferReply(timeoutMs: Self.commitTimeoutMs) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        engine.ask(feed) { result in
            later.answer(noting: note?.naming(result)) { Self.answer(result, &$0) }
        }
    }

    private static func answer(_ result: Result<StoredRun, RunRefusal>, _ reply: inout Reply) {
        switch result {
        case .success(let run):
            reply.status = 202
            reply.addHeader("Location", text: "/api/runs/\(run.id)")
            RunJSON.appendAccepted(run, to: &reply.body)
            personalJSON(&reply)
        case .failure(let refusal):
            Problem(refusal).write(to: &reply)
            if case .tooManyUploads = refusal { reply.addHeader("Retry-After", "5") }
        }
    }

    /// Pulls every feed that has an address, and answers when all have ended.
    func ingest(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) {
        guard let later = request.deferReply(timeoutMs: Self.ingestTimeoutMs) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        engine.pullAll { result in
            later.answer(noting: note) { reply in
                switch result {
                case .success(let runs): Self.answer(runs, &reply)
                case .failure(let refusal): Problem(refusal).write(to: &reply)
                }
            }
        }
    }

    private static func answer(_ runs: [StoredRun], _ reply: inout Reply) {
        let failed = runs.filter { $0.state != .done }
        guard failed.isEmpty else {
            let names = failed.map { "'\($0.feed)' (run \($0.id)): \($0.message)" }
            return Problem.upstreamFailed(
                "These feeds could not be pulled to the end: \(names.joined(separator: "; "))."
            )
            .write(to: &reply)
        }
        reply.body.raw("{\"status\":\"success\",\"records_processed\":")
        reply.body.integer(runs.reduce(0) { $0 + $1.totals.rows })
        reply.body.raw("}")
        personalJSON(&reply)
    }

    // MARK: Uploads

    /// Where the body of an upload goes.
    func upload(
        to feed: String, _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws -> BodyPlan {
        guard let file = try uploadedFile(feed, request, &reply) else { return .answered }
        return .streamed(
            maxBytes: RunLimits.uploadBytesMax,
            to: BodySink(
                write: { file.write($0) },
                finish: { Self.finish(file, note, $0) },
                // The file goes with the last reference.
                abandon: { withExtendedLifetime(file) {} }))
    }

    /// An upload without a body, which is a file without a byte.
    func uploadNothing(
        to feed: String, _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        guard let file = try uploadedFile(feed, request, &reply) else { return }
        guard let later = request.deferReply(timeoutMs: Self.commitTimeoutMs) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        DispatchQueue.global(qos: .utility).async { Self.finish(file, note, later) }
    }

    private static func finish(_ file: UploadedFile, _ note: AuditNote?, _ later: DeferredReply) {
        file.finish { result in
            later.answer(noting: note?.naming(result)) { answer(result, &$0) }
        }
    }

    /// nil, with the reply written, when the feed takes none.
    private func uploadedFile(
        _ feed: String, _ request: borrowing Request, _ reply: inout Reply
    ) throws -> UploadedFile? {
        let parameters = RequestParameters(query: request.query)
        let name = try parameters.text("name").map { String(decoding: $0, as: UTF8.self) }
        if let name, name.utf8.count > Self.uploadNameBytesMax {
            throw RequestParameters.Failure(
                "The parameter 'name' has more than \(Self.uploadNameBytesMax) bytes.")
        }
        guard engine.feeds.contains(where: { $0.id == feed }) else {
            Problem(RunRefusal.unknownFeed(feed)).write(to: &reply)
            return nil
        }
        return try UploadedFile(engine, feed: feed, called: name ?? "upload")
    }

    // MARK: Runs

    func runs(_ request: borrowing Request, _ reply: inout Reply) throws {
        let parameters = RequestParameters(query: request.query)
        let limit = try parameters.limit(default: Self.runsLimitDefault, max: Self.runsLimitMax)
        let before = try parameters.number("cursor")
        let feed = try parameters.text("feed").map { String(decoding: $0, as: UTF8.self) }
        var state: StoredRun.State?
        if let text = try parameters.text("state") {
            let name = String(decoding: text, as: UTF8.self)
            guard let found = StoredRun.State(name: name) else {
                let names = StoredRun.State.allCases.map(\.description).joined(separator: ", ")
                throw RequestParameters.Failure(
                    "The parameter 'state' must be one of \(names).")
            }
            state = found
        }
        let (runs, hasMore) = try engine.runs(of: feed, in: state, before: before, limit: limit)
        reply.body.raw("{\"runs\":[")
        for (index, run) in runs.enumerated() {
            if index > 0 { reply.body.raw(",") }
            RunJSON.append(run, to: &reply.body)
        }
        reply.body.raw("],\"next\":")
        if hasMore, let last = runs.last {
            // A string, as every cursor: what is in it is nobody's concern.
            reply.body.string("\(last.id)")
        } else {
            reply.body.raw("null")
        }
        reply.body.raw("}")
        Self.personalJSON(&reply)
    }

    func run(_ id: UInt64, _ reply: inout Reply) throws {
        guard let run = try engine.run(id) else { return Problem.unknownRun.write(to: &reply) }
        RunJSON.append(run, to: &reply.body)
        Self.personalJSON(&reply)
    }

    /// The rejected rows of a run, or those with warnings, as a file that can be mended and loaded.
    func rejects(
        of id: UInt64, _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let parameters = RequestParameters(query: request.query)
        let offset = try parameters.number("cursor").map { Int(clamping: $0) }
        let kind = try rejectsKind(parameters)
        guard try engine.run(id) != nil else { return Problem.unknownRun.write(to: &reply) }
        guard let path = try engine.problemFile(kind, ofRun: id) else {
            reply.body.append(Array(RunEngine.problemFileHeader.utf8))
            return Self.csv(&reply)
        }
        guard let later = request.deferReply(timeoutMs: Self.commitTimeoutMs) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        let onProblem = onProblem
        var named = note
        named?.entry.detail = "run \(id), \(kind == .rejects ? "rejects" : "warnings")"
        let note = named
        // The disk may be slow.
        DispatchQueue.global(qos: .utility).async {
            let page = Result { () throws(FileError) in
                try ProblemFilePage(path: path, from: offset)
            }
            later.answer(noting: note) { reply in
                switch page {
                case .success(let page?):
                    reply.body.append(page.bytes)
                    if let next = page.next {
                        let query = kind == .rejects ? "" : "kind=warnings&"
                        reply.addHeader(
                            "Link",
                            text: "</api/runs/\(id)/rejects?\(query)cursor=\(next)>; rel=\"next\"")
                    }
                    Self.csv(&reply)
                case .success(nil):
                    Problem.malformed("The parameter 'cursor' is not one of ours.")
                        .write(to: &reply)
                case .failure(let error):
                    onProblem(.rejects, error)
                    Problem.failed.write(to: &reply)
                }
            }
        }
    }

    private func rejectsKind(
        _ parameters: RequestParameters
    ) throws(RequestParameters.Failure) -> RejectsFile.Kind {
        switch try parameters.text("kind").map({ String(decoding: $0, as: UTF8.self) }) {
        case nil, "rejects": .rejects
        case "warnings": .warnings
        default:
            throw RequestParameters.Failure(
                "The parameter 'kind' must be rejects or warnings.")
        }
    }

    private static func csv(_ reply: inout Reply) {
        reply.contentType = "text/csv; charset=utf-8"
        reply.addHeader("Cache-Control", "private, no-cache")
        reply.addHeader("X-Content-Type-Options", "nosniff")
    }
}

extension AuditNote {
    /// With the run that was begun, if one was.
    fileprivate func naming(_ result: Result<StoredRun, RunRefusal>) -> AuditNote {
        var note = self
        if case .success(let run) = result { note.entry.detail = "run \(run.id) of '\(run.feed)'" }
        return note
    }
}

extension Problem {
    static let unknownRun = Problem(
        status: 404, type: "urn:cardstatus:problem:unknown-run", title: "Unknown run",
        detail: "There is no run of this number, or it is so old that it was forgotten.")

    static func upstreamFailed(_ what: String) -> Problem {
        Problem(
            status: 502, type: "urn:cardstatus:problem:upstream-failed", title: "A feed failed",
            detail: what)
    }

    init(_ refusal: RunRefusal) {
        switch refusal {
        case .unknownFeed:
            self.init(
                status: 404, type: "urn:cardstatus:problem:unknown-feed", title: "Unknown feed",
                detail: "The configuration has no feed of this name; /api/feeds lists them.")
        case .tooManyUploads(let count):
            self.init(
                status: 503, type: "urn:cardstatus:problem:busy", title: "Busy",
                detail: "\(count) uploads of the feed wait to be read; send this one later.")
        case .stopping: self = .notReady("The server is stopping.")
        case .full:
            self.init(
                status: 507, type: "urn:cardstatus:problem:no-room", title: "No room",
                detail: "There is no room for it now; look-ups go on.")
        case .store: self = .failed
        }
    }
}
