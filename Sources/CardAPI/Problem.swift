internal import HTTPFront

/// An error answer as RFC 9457 has it. `type` is what a client decides by; docs/protocol.md lists
/// them.
struct Problem {
    let status: Int
    let type: StaticString
    let title: StaticString
    let detail: String
    /// When it is worth while to try again.
    var retryAfterSeconds: Int?
    /// What is wrong with the items of a write.
    var errors: ItemProblems?
    /// The first number that the change log still has.
    var oldest: UInt64?

    init(status: Int, type: StaticString, title: StaticString, detail: String) {
        self.status = status
        self.type = type
        self.title = title
        self.detail = detail
    }

    static func malformed(_ what: String) -> Problem {
        Problem(
            status: 400, type: "urn:cardstatus:problem:malformed", title: "Malformed request",
            detail: what)
    }

    static let noKey = Problem(
        status: 401, type: "urn:cardstatus:problem:unauthorized", title: "API key required",
        detail: "Send a valid API key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.")

    static let expiredKey = Problem(
        status: noKey.status, type: noKey.type, title: "API key expired",
        detail: "The API key was valid once. Ask whoever gave it to you for a new one.")

    static let forbidden = Problem(
        status: 403, type: "urn:cardstatus:problem:forbidden", title: "Not allowed",
        detail: "The API key is valid, but its role does not include this call.")

    static let foreignHost = Problem(
        status: 421, type: "urn:cardstatus:problem:foreign-host", title: "Foreign host",
        detail: "Without API keys this server answers as localhost, by its address, and by the"
            + " names that it was given with --host.")

    static let unknownCard = Problem(
        status: 404, type: "urn:cardstatus:problem:unknown-card", title: "Unknown card",
        detail: "Nothing that counts has been reported about this card.")

    static let unknownCustomer = Problem(
        status: 404, type: "urn:cardstatus:problem:unknown-customer", title: "Unknown customer",
        detail: "The latest complete pull of customers had none with this ID.")

    static func invalidParameter(_ what: String) -> Problem {
        Problem(
            status: 422, type: "urn:cardstatus:problem:invalid-parameter",
            title: "Invalid parameter", detail: what)
    }

    static let unknownRoute = Problem(
        status: 404, type: "urn:cardstatus:problem:unknown-route", title: "Unknown route",
        detail: "There is nothing at this path; /openapi.json lists what there is.")

    static func methodNotAllowed(_ allowed: String) -> Problem {
        Problem(
            status: 405, type: "urn:cardstatus:problem:method-not-allowed",
            title: "Method not allowed", detail: "This path allows \(allowed).")
    }

    static let noLogLevel = Problem(
        status: 422, type: "urn:cardstatus:problem:invalid", title: "No log",
        detail: "This server's log has no level that could be changed.")

    static let bodyTooLarge = Problem(
        status: 413, type: "urn:cardstatus:problem:body-too-large", title: "Body too large",
        detail: "The request's body is larger than the server accepts.")

    init(_ error: BatchError) {
        switch error {
        case .malformed(let what, let offset):
            self = .malformed("The body is no batch: at byte \(offset), \(what).")
        case .tooManyKeys:
            self = .tooLarge("A batch has at most \(BatchKeys.countMax) keys.")
        case .answerTooLarge:
            self = .tooLarge(
                "The answer would have more than \(BatchAnswer.byteCountMax >> 20) MiB; ask for"
                    + " fewer phones at a time.")
        }
    }

    static func tooLarge(_ what: String) -> Problem {
        Problem(
            status: bodyTooLarge.status, type: bodyTooLarge.type, title: bodyTooLarge.title,
            detail: what)
    }

    static let unsupportedMediaType = Problem(
        status: 415, type: "urn:cardstatus:problem:unsupported-media-type",
        title: "Unsupported media type",
        detail: "Content-Type must be application/json or text/plain, in UTF-8.")

    static let onlyJSON = Problem(
        status: 415, type: unsupportedMediaType.type, title: unsupportedMediaType.title,
        detail: "Content-Type must be application/json, in UTF-8.")

    static let failed = Problem(
        status: 500, type: "urn:cardstatus:problem:failed", title: "The server failed",
        detail: "The answer could not be read from the store; the server's log says why.")

    static func notReady(_ reason: String) -> Problem {
        Problem(
            status: 503, type: "urn:cardstatus:problem:not-ready", title: "Not ready",
            detail: reason)
    }

    static let tooManyRequests = Problem(
        status: 429, type: "urn:cardstatus:problem:too-many-requests", title: "Too many requests",
        detail: "This client asks more often than it may; Retry-After says when to ask again.")

    static let busy: Problem = {
        var problem = Problem(
            status: 503, type: "urn:cardstatus:problem:busy", title: "Busy",
            detail: "The server has more work than it can take; Retry-After says when to ask"
                + " again.")
        problem.retryAfterSeconds = 1
        return problem
    }()

    /// Says the problem instead of whatever the reply said before.
    func write(to reply: inout Reply) {
        reply.reset()
        reply.status = status
        reply.contentType = "application/problem+json"
        reply.addHeader("X-Content-Type-Options", "nosniff")
        reply.body.raw("{\"type\":\"")
        reply.body.raw(type)
        reply.body.raw("\",\"title\":\"")
        reply.body.raw(title)
        reply.body.raw("\",\"status\":")
        reply.body.integer(status)
        reply.body.raw(",\"detail\":")
        reply.body.string(detail)
        if let errors { reply.body.object("errors") { errors.append(to: &$0) } }
        if let oldest { reply.body.member("oldest", Int(clamping: oldest)) }
        reply.body.raw("}")
        if let retryAfterSeconds { reply.addHeader("Retry-After", text: "\(retryAfterSeconds)") }
    }
}

/// The problems that many clients may have at once, made beforehand.
struct PreparedProblems {
    let unknownCard: PreparedReply
    let noKey: PreparedReply
    let expiredKey: PreparedReply
    let forbidden: PreparedReply
    let foreignHost: PreparedReply
    /// Too many requests with a key, and of a client.
    let keyRate: PreparedReply
    let clientRate: PreparedReply
    let busy: PreparedReply

    /// - Parameter workers: as many as the server has.
    init(workers: Int, policy: RequestPolicy) {
        unknownCard = PreparedReply(workers: workers) { Problem.unknownCard.write(to: &$0) }
        noKey = PreparedReply(workers: workers) {
            Problem.noKey.write(to: &$0)
            $0.addHeader("WWW-Authenticate", "Bearer realm=\"cardstatus\"")
        }
        // RFC 6750, 3.1 names the two errors.
        expiredKey = PreparedReply(workers: workers) {
            Problem.expiredKey.write(to: &$0)
            $0.addHeader(
                "WWW-Authenticate", "Bearer realm=\"cardstatus\", error=\"invalid_token\"")
        }
        forbidden = PreparedReply(workers: workers) {
            Problem.forbidden.write(to: &$0)
            $0.addHeader(
                "WWW-Authenticate", "Bearer realm=\"cardstatus\", error=\"insufficient_scope\"")
        }
        foreignHost = PreparedReply(workers: workers) { Problem.foreignHost.write(to: &$0) }
        keyRate = Self.tooManyRequests(workers, policy.perKey)
        clientRate = Self.tooManyRequests(workers, policy.perClient)
        busy = PreparedReply(workers: workers) { Problem.busy.write(to: &$0) }
    }

    /// Limits are whole requests a second, so a second later there is room for one.
    private static func tooManyRequests(_ workers: Int, _ limit: RateLimit?) -> PreparedReply {
        PreparedReply(workers: workers) {
            Problem.tooManyRequests.write(to: &$0)
            $0.addHeader("Retry-After", "1")
            $0.addHeader("RateLimit-Limit", text: "\(limit?.burst ?? 0)")
            $0.addHeader("RateLimit-Remaining", "0")
            $0.addHeader("RateLimit-Reset", "1")
        }
    }
}
