/// Why the server answers a request itself.
///
/// Those before the handler close the connection, since what follows on it can no longer be told
/// apart from a body. The last four leave it open.
public enum Refusal: Sendable, CaseIterable {
    /// More than one `Content-Length`.
    case repeatedContentLength
    /// A `Content-Length` that is not a plain number.
    case invalidContentLength
    /// `Content-Length` together with `Transfer-Encoding`.
    case contentLengthWithTransferEncoding
    /// A `Transfer-Encoding` that is not one `chunked`, or one in an HTTP/1.0 request.
    case unsupportedTransferEncoding
    /// A header name that is not a token, such as one with a space before the colon.
    case invalidHeaderName
    /// A control character in a header's value.
    case invalidHeaderValue
    /// A line of the head that does not end in CR and LF, that is folded, or in which a zero byte
    /// hides something.
    case invalidLine
    /// A method that is not a token.
    case invalidMethod
    /// No `Host`, or more than one, in HTTP/1.1, or one that is no host.
    case invalidHost
    /// A GET or HEAD with a body.
    case unexpectedBody
    /// A target with a space or a control character.
    case invalidTarget
    /// A body larger than its ``BodyPlan`` allows.
    case bodyTooLarge
    /// As many bodies are streamed as may be, or as many connections suspended.
    case busy
    /// What the answer was waited for took too long. It may still happen.
    case overdue
    /// The server stopped while the answer was waited for. What was asked for may still happen.
    case stopping
    /// The answer was to come later, and whoever was to give it has forgotten it: a bug.
    case unanswered

    public var status: Int {
        switch self {
        case .bodyTooLarge: 413
        case .busy, .overdue, .stopping: 503
        case .unanswered: 500
        default: 400
        }
    }

    /// One sentence for the client.
    public var detail: StaticString {
        switch self {
        case .repeatedContentLength: "Content-Length is given more than once."
        case .invalidContentLength: "Content-Length is not a number."
        case .contentLengthWithTransferEncoding:
            "Content-Length and Transfer-Encoding exclude each other."
        case .unsupportedTransferEncoding: "The only Transfer-Encoding is chunked, in HTTP/1.1."
        case .invalidHeaderName: "A header name has a character that is not allowed there."
        case .invalidHeaderValue: "A header value has a control character."
        case .invalidLine:
            "A line of the head is folded, has a zero byte, or does not end in CR and LF."
        case .invalidMethod: "The method has a character that is not allowed there."
        case .invalidHost: "An HTTP/1.1 request has exactly one Host header, which names a host."
        case .unexpectedBody: "GET and HEAD requests have no body."
        case .invalidTarget: "The request target has a space or a control character."
        case .bodyTooLarge: "The body is larger than this server accepts."
        case .busy: "The server has more work than it can take."
        case .overdue: "The request took too long; what it asks for may still happen."
        case .stopping: "The server stopped before the answer; what was asked for may still happen."
        case .unanswered: "The server has lost the answer."
        }
    }
}

extension Reply {
    /// The plain answer to a refused request.
    public mutating func refuse(_ refusal: Refusal) {
        status = refusal.status
        contentType = "text/plain; charset=utf-8"
        body.append(refusal.detail)
    }
}
