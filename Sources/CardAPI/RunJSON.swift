internal import CardFeeds
internal import CardModel
internal import CardStore
internal import HTTPFront

/// Runs and feeds as the API shows them.
enum RunJSON {
    static func append(_ run: StoredRun, to json: inout ByteBuffer) {
        json.raw("{\"id\":")
        json.integer(run.id)
        json.raw(",\"feed\":")
        json.string(run.feed)
        json.raw(",\"kind\":")
        json.string(run.way.description)
        json.raw(",\"source\":")
        json.string(run.source)
        json.raw(",\"state\":")
        json.string(run.state.description)
        json.raw(",\"attempts\":")
        json.integer(run.attempts)
        json.raw(",\"requested_at\":")
        appendTime(run.requestedAt, to: &json)
        json.raw(",\"started_at\":")
        appendTime(run.startedAt, to: &json)
        json.raw(",\"ended_at\":")
        appendTime(run.endedAt, to: &json)
        json.raw(",\"totals\":")
        append(run.totals, to: &json)
        json.raw(",\"files\":[")
        for (index, file) in run.files.enumerated() {
            json.raw(index == 0 ? "{\"name\":" : ",{\"name\":")
            json.string(file.name)
            json.raw(",\"bytes\":")
            json.integer(file.sizeBytes)
            json.raw(",\"rows\":")
            json.integer(file.rows)
            json.raw(",\"failure\":")
            json.stringOrNull(Array(file.failure.utf8).span)
            json.raw("}")
        }
        json.raw("],\"message\":")
        json.stringOrNull(Array(run.message.utf8).span)
        json.raw("}")
    }

    private static func append(_ totals: StoredRun.Totals, to json: inout ByteBuffer) {
        json.raw("{\"bytes\":")
        json.integer(totals.bytes)
        json.raw(",\"documents\":")
        json.integer(totals.pages)
        json.raw(",\"rows\":")
        json.integer(totals.rows)
        json.raw(",\"accepted\":")
        json.integer(totals.counts.accepted)
        json.raw(",\"duplicates\":")
        json.integer(totals.counts.duplicates)
        json.raw(",\"beyond_limit\":")
        json.integer(totals.counts.beyondLimit)
        json.raw(",\"forgotten\":")
        json.integer(totals.counts.forgotten)
        json.raw(",\"warnings\":")
        json.integer(totals.warnings)
        json.raw(",\"warnings_by_reason\":")
        append(totals.warningsByReason, to: &json)
        json.raw(",\"rejects\":")
        json.integer(totals.rejects)
        json.raw(",\"rejects_by_reason\":")
        append(totals.rejectsByReason, to: &json)
        json.raw("}")
    }

    private static func append(_ counts: [String: Int], to json: inout ByteBuffer) {
        json.raw("{")
        for (index, entry) in counts.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { json.raw(",") }
            json.string(entry.key)
            json.raw(":")
            json.integer(entry.value)
        }
        json.raw("}")
    }

    /// What is beyond the times of this century can only be a clock that was never set.
    private static func appendTime(_ seconds: Int64?, to json: inout ByteBuffer) {
        guard let time = seconds.flatMap({ Timestamp(seconds: $0) }) else {
            return json.raw("null")
        }
        json.string(time)
    }

    static func append(_ feed: FeedStatus, to json: inout ByteBuffer) {
        json.raw("{\"id\":")
        json.string(feed.id)
        json.raw(",\"title\":")
        json.string(feed.title)
        json.raw(",\"status\":")
        json.stringOrNull(Array((feed.status ?? "").utf8).span)
        json.raw(",\"kind\":")
        json.string(feed.way.description)
        json.raw(",\"source\":")
        json.string(feed.source)
        json.raw(",\"every_seconds\":")
        if let seconds = feed.everySeconds {
            json.append(Array("\(seconds)".utf8))
        } else {
            json.raw("null")
        }
        json.raw(",\"running\":")
        if let run = feed.running { json.integer(run.id) } else { json.raw("null") }
        json.raw(",\"queued\":[")
        for (index, run) in feed.queued.enumerated() {
            if index > 0 { json.raw(",") }
            json.integer(run.id)
        }
        json.raw("],\"last_success_at\":")
        appendTime(feed.counts.lastSuccessSeconds, to: &json)
        json.raw("}")
    }

    /// The answer to who asked for a run.
    static func appendAccepted(_ run: StoredRun, to json: inout ByteBuffer) {
        json.raw("{\"status\":\"success\",\"message\":")
        let what =
            switch run.way {
            case .folder: "The folder of '\(run.feed)' is going to be read."
            case .pull: "'\(run.feed)' is going to be pulled."
            case .upload: "The file is going to be read as '\(run.feed)'."
            }
        json.string(what)
        json.raw(",\"run_id\":")
        json.integer(run.id)
        json.raw("}")
    }
}
