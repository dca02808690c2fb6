internal import CardStore
internal import Glibc

/// Keeps the change log from growing without end: once in a while it notes how far the log is, and
/// removes what is old and far enough behind. Only the writer's thread uses it.
struct ChangeTrimmer: Sendable {
    /// What stays in any case.
    struct Keep: Sendable {
        var entries: UInt64 = 10_000_000
        var seconds: UInt64 = 24 * 3_600
    }

    /// How often the log's length is noted.
    static let markIntervalSeconds: UInt64 = 3_600
    /// How often there is a look whether there is something to remove.
    static let intervalSeconds: UInt64 = 10
    /// Entries removed in one transaction: some 20 ms, in which others wait for their turn.
    static let batchMax = 20_000

    let keep: Keep
    private var nextSeconds: UInt64 = 0

    init(keep: Keep = Keep()) {
        self.keep = keep
    }

    /// Does what is due.
    ///
    /// - Parameter nowSeconds: the time, in seconds since 1970.
    mutating func run(_ store: CardStore, nowSeconds: UInt64) throws {
        // A clock that was set back makes no difference but that it starts anew.
        if nowSeconds < nextSeconds, nextSeconds - nowSeconds <= Self.intervalSeconds { return }
        nextSeconds = nowSeconds + Self.intervalSeconds
        let marks = try store.changeMarks()
        let newest = try store.lastSequence()
        let isMarkDue =
            marks.last.map { mark in
                mark.seconds > nowSeconds
                    || (mark.seconds + Self.markIntervalSeconds <= nowSeconds
                        && mark.sequence != newest)
            } ?? (newest > 0)
        if isMarkDue { try store.markChanges(nowSeconds: nowSeconds) }
        guard let last = lastToRemove(marks, newest: newest, nowSeconds: nowSeconds) else { return }
        // What is left over is removed at the next look, which then comes soon.
        if try store.trimChanges(upTo: last, limit: Self.batchMax) == Self.batchMax {
            nextSeconds = nowSeconds
        }
    }

    /// The last sequence number that is old enough and far enough behind, if there is one.
    func lastToRemove(
        _ marks: [ChangeMark], newest: UInt64, nowSeconds: UInt64
    ) -> UInt64? {
        guard newest > keep.entries, nowSeconds >= keep.seconds else { return nil }
        let old = marks.last { $0.seconds <= nowSeconds - keep.seconds }
        return old.map { min($0.sequence, newest - keep.entries) }
    }
}
