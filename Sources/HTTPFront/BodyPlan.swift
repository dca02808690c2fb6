/// What is done with a body that is announced, decided when the headers are there.
public enum BodyPlan: Sendable {
    /// It is kept in memory until the handler runs; a larger one is 413.
    case kept(maxBytes: Int)
    /// It goes to a sink piece by piece, which also answers; the handler does not run. A larger one
    /// is 413.
    case streamed(maxBytes: Int, to: BodySink)
    /// The reply is written already. It is sent without reading the body, so the connection ends.
    case answered
}

/// Where a body goes that is too large for memory, such as a file.
///
/// Its functions are called one at a time, in order, on a thread that may block; while `write` is
/// slow, the client's bytes stay with the client. In the end `finish` is called, or `abandon`.
public struct BodySink: Sendable {
    let write: @Sendable (UnsafeRawBufferPointer) -> Bool
    let finish: @Sendable (DeferredReply) -> Void
    let abandon: @Sendable () -> Void

    /// - Parameters:
    ///   - write: takes the next bytes, 256 KiB at most. False when it wants no more, as after a
    ///     failure: the rest is thrown away, and `finish` answers.
    ///   - finish: the body is complete, or `write` wanted no more of it. Answers, then or later.
    ///   - abandon: the client broke off, the body is too large, or the server stops; whatever was
    ///     written is worth nothing.
    public init(
        write: @escaping @Sendable (UnsafeRawBufferPointer) -> Bool,
        finish: @escaping @Sendable (DeferredReply) -> Void,
        abandon: @escaping @Sendable () -> Void
    ) {
        self.write = write
        self.finish = finish
        self.abandon = abandon
    }
}
