/// What a server's foresight keeps of a request from one step to the next and for the handler. What
/// it means is the server's affair.
public struct RequestHint: Sendable {
    /// 0 when nothing is foreseen.
    public var kind = 0
    public var words: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    public var count = 0
    /// What the second step needs of the first.
    public var step: UInt64 = 0

    public init() {}
}

/// How much of a request has arrived.
public enum ForesightStep: Sendable {
    /// The request line. Nothing in it was checked.
    case requestLine
    /// The headers. Nothing in them was checked either; if the request is accepted, its handler
    /// runs next, or when its body is here.
    case headers
}
