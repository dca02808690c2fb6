internal import CardService
internal import CardStore
internal import HTTPFront

/// Calls for who runs the server.
extension CardAPI {
    /// After which a client hears 503 and the work goes on: a hundred million cards take minutes.
    private static let adminTimeoutMs = 3_600_000

    func reload(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let parameters = RequestParameters(query: request.query)
        let text = try parameters.text("scope") ?? Array("all".utf8)
        guard let scope = ReloadScope(String(decoding: text, as: UTF8.self)) else {
            throw RequestParameters.Failure(
                "The parameter 'scope' is one of config, keys, certs, index and all.")
        }
        guard let later = request.deferReply(timeoutMs: Self.adminTimeoutMs) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        var named = note
        named?.entry.detail = String(decoding: text, as: UTF8.self)
        let note = named
        do throws(ReloadError) {
            try service.reload(scope) { result in
                later.answer(noting: note) { reply in
                    switch result {
                    case .success(let report): Self.append(report, to: &reply)
                    case .failure(let error): Problem(error).write(to: &reply)
                    }
                }
            }
        } catch {
            later.answer(noting: note) { Problem(error).write(to: &$0) }
        }
    }

    private static func append(_ report: ReloadReport, to reply: inout Reply) {
        reply.contentType = "application/json"
        reply.body.object { json in
            json.array("steps", of: report.steps) { step, json in
                json.member("name", step.name.rawValue)
                json.member("milliseconds", tenthsOf: step.milliseconds)
                json.member("detail", step.detail)
                json.member("cards", step.cards)
                json.member("bytes", step.bytes)
            }
            let sum = report.steps.reduce(0) { $0 + $1.milliseconds }
            json.member("milliseconds", tenthsOf: sum)
        }
    }

    func backup(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        let parameters = RequestParameters(query: request.query)
        guard let text = try parameters.text("name") else {
            throw RequestParameters.Failure("The parameter 'name' is missing.")
        }
        guard let name = BackupName(text) else {
            throw RequestParameters.Failure(
                "The parameter 'name' is 1 to \(BackupName.countMax) of A-Z, a-z, 0-9, '-', '_' and"
                    + " '.', begins with a letter or a digit, and does not end in '.mdb'.")
        }
        let verifies = try parameters.flag("verify", default: true)
        guard let later = request.deferReply(timeoutMs: Self.adminTimeoutMs) else {
            return reply.use(prepared.busy, worker: request.worker)
        }
        var named = note
        named?.entry.detail = name.text
        let note = named
        do throws(BackupError) {
            try service.backUp(as: name, verifies: verifies) { [self] result in
                switch result {
                case .success(let made):
                    later.answer(noting: note) { Self.append(made, to: &$0) }
                case .failure(let error):
                    if case .failed(let error) = error { onProblem(.backup, error) }
                    later.answer(noting: note) { Problem(error).write(to: &$0) }
                }
            }
        } catch {
            later.answer(noting: note) { Problem(error).write(to: &$0) }
        }
    }

    private static func append(_ made: MadeBackup, to reply: inout Reply) {
        reply.status = 201
        reply.contentType = "application/json"
        reply.body.object { json in
            json.member("name", made.name.text)
            json.member("path", made.report.path)
            json.member("bytes", made.report.sizeBytes)
            json.member("milliseconds", tenthsOf: made.milliseconds)
            json.member("compacted", made.report.isCompacted)
            json.member("verified", made.report.check != nil)
        }
    }

    // MARK: Slow requests

    func slowRequests(_ reply: inout Reply) {
        reply.contentType = "application/json"
        if let slow = records.slow { return slow.append(to: &reply.body) }
        reply.body.object { json in
            json.member("threshold_us", nil as Int?)
            json.member("length", 0)
            json.member("count", 0)
            json.array("latest", of: [Int]()) { _, _ in }
            json.array("slowest", of: [Int]()) { _, _ in }
        }
    }

    func resetSlow(_ note: AuditNote?, _ reply: inout Reply) {
        records.slow?.reset()
        reply.contentType = "application/json"
        reply.body.raw("{\"status\":\"success\"}")
        note?.end(status: reply.status)
    }

    // MARK: The log's level

    func logLevel(_ reply: inout Reply) {
        guard let level = records.logLevel else { return Problem.noLogLevel.write(to: &reply) }
        reply.contentType = "application/json"
        reply.body.object { $0.member("level", level.name) }
    }

    func setLogLevel(
        _ note: AuditNote?, _ request: borrowing Request, _ reply: inout Reply
    ) throws {
        guard let level = records.logLevel else { return Problem.noLogLevel.write(to: &reply) }
        let text = try RequestParameters(query: request.query).text("level")
        let name = String(decoding: text ?? [], as: UTF8.self)
        let previous = level.name
        guard level.set(name) else {
            throw RequestParameters.Failure(
                "The parameter 'level' is one of \(LogLevel.names.joined(separator: ", ")).")
        }
        logLevel(&reply)
        guard var note else { return }
        note.entry.detail = "\(name), was \(previous)"
        note.end(status: reply.status)
    }

    /// What memory, store and index hold.
    func stats(_ reply: inout Reply) throws {
        let store = try service.store.statistics()
        reply.contentType = "application/json"
        reply.body.object { json in
            metrics.appendMemory(to: &json)
            json.object("store") { json in
                json.member("cards", store.cards)
                json.member("events", store.events)
                json.member("phones", store.phones)
                json.member("last_sequence", Int(clamping: store.lastSequence))
                json.member("changes", store.changes)
                json.member("used_bytes", store.usedBytes)
                json.member("map_bytes", store.mapSizeBytes)
            }
            if let index = service.indexStatistics {
                json.object("index") { json in
                    json.member("cards", index.cards)
                    json.member("table_bytes", index.tableBytes)
                    json.member("record_bytes", index.recordBytes)
                    json.member("free_bytes", index.freeBytes)
                    json.member("retired_bytes", index.retiredBytes)
                }
            } else {
                json.member("index", nil as Int?)
            }
            json.fill(service.fillProgress)
            json.object("writer") { json in
                json.member("queued", service.writer.queuedFacts)
                json.member("queue_limit", service.writer.queueFactsMax)
                json.member("failure", service.writer.failure.map { "\($0)" })
            }
            metrics.appendConnections(to: &json)
        }
    }
}

extension ByteBuffer {
    /// How far the filling of an index is; null when none is filled.
    mutating func fill(_ progress: FillProgress?) {
        guard let progress else { return member("fill", nil as Int?) }
        object("fill") { json in
            json.member("cards", progress.cards)
            json.member("cards_total", progress.cardsTotal)
            json.member("seconds", tenthsOf: progress.seconds)
            json.member("seconds_left", tenthsOf: progress.secondsLeft)
        }
    }
}
