internal import HTTPFront

/// An error answer as RFC 9457 has it. `type` is what a client decides by; docs/protocol.md lists
/// them.
struct Problem {
    let status: Int
    let type: StaticString
    let title: StaticString
    let detail: String

    static func malformed(_ what: String) -> Problem {
        Problem(
            status: 400, type: "urn:cardstatus:problem:malformed", title: "Malformed request",
            detail: what)
    }

    static let noKey = Problem(
        status: 401, type: "urn:cardstatus:problem:unauthorized", title: "API key required",
        detail: "Send a valid API key as 'Authorization: Bearer KEY' or 'X-API-Key: KEY'.")

    static let unknownCard = Problem(
        status: 404, type: "urn:cardstatus:problem:unknown-card", title: "Unknown card",
        detail: "Nothing that counts has been reported about this card.")

    static let unknownRoute = Problem(
        status: 404, type: "urn:cardstatus:problem:unknown-route", title: "Unknown route",
        detail: "There is nothing at this path; /openapi.json lists what there is.")

    static func methodNotAllowed(_ allowed: String) -> Problem {
        Problem(
            status: 405, type: "urn:cardstatus:problem:method-not-allowed",
            title: "Method not allowed", detail: "This path allows \(allowed).")
    }

    static let bodyTooLarge = Problem(
        status: 413, type: "urn:cardstatus:problem:body-too-large", title: "Body too large",
        detail: "The request's body is larger than the server accepts.")

    static let failed = Problem(
        status: 500, type: "urn:cardstatus:problem:failed", title: "The server failed",
        detail: "The answer could not be read from the store; the server's log says why.")

    static func notReady(_ reason: String) -> Problem {
        Problem(
            status: 503, type: "urn:cardstatus:problem:not-ready", title: "Not ready",
            detail: reason)
    }

    var response: Response {
        var json = JSONBytes()
        json.raw("{\"type\":\"")
        json.raw(type)
        json.raw("\",\"title\":\"")
        json.raw(title)
        json.raw("\",\"status\":")
        json.integer(status)
        json.raw(",\"detail\":")
        json.string(detail)
        json.raw("}")
        return Response(
            status: status, contentType: "application/problem+json", body: json.bytes)
    }
}
