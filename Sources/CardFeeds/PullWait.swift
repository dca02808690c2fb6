internal import CardStore

/// Somebody who waits until certain feeds were pulled.
///
/// `@unchecked Sendable`: all but `completion` is touched with the engine's state locked, or after
/// it was taken out of there.
final class PullWait: @unchecked Sendable {
    let completion: @Sendable (Result<[StoredRun], RunRefusal>) -> Void
    private var feeds: Set<String>
    private var awaited: [UInt64: StoredRun?] = [:]

    init(
        feeds: [String],
        _ completion: @escaping @Sendable (Result<[StoredRun], RunRefusal>) -> Void
    ) {
        self.feeds = Set(feeds)
        self.completion = completion
    }

    func join(_ run: StoredRun) {
        guard feeds.remove(run.feed) != nil else { return }
        awaited[run.id] = .some(nil)
    }

    func settle(_ run: StoredRun) {
        if awaited[run.id] != nil { awaited[run.id] = run }
    }

    var isComplete: Bool { feeds.isEmpty && awaited.values.allSatisfy { $0 != nil } }

    var runs: [StoredRun] {
        awaited.values.compactMap { $0 }.sorted { $0.id < $1.id }
    }
}
