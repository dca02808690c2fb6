public import CardStore
internal import Glibc

/// What a feed's runs have come to since the process started.
public struct RunCounts: Sendable, Equatable {
    /// Runs that ended, by how.
    public internal(set) var runs: [StoredRun.State: Int] = [:]
    public internal(set) var rows = 0
    public internal(set) var accepted = 0
    public internal(set) var rejects = 0
    public internal(set) var warnings = 0
    /// Runs that failed, by why.
    public internal(set) var failures: [String: Int] = [:]
    /// Also of an earlier process.
    public internal(set) var lastSuccessSeconds: Int64?

    mutating func add(_ run: StoredRun, _ failure: RunFailure?) {
        runs[run.state, default: 0] += 1
        rows += run.totals.rows
        accepted += run.totals.counts.accepted
        rejects += run.totals.rejects
        warnings += run.totals.warnings
        if run.state == .done { lastSuccessSeconds = run.endedAt }
        if let failure { failures[failure.kind.rawValue, default: 0] += 1 }
    }
}

/// A feed as an operator sees it.
public struct FeedStatus: Sendable {
    public let id: String
    public let title: String
    /// What its rows say happened to their cards; nil for a feed of customers.
    public let status: String?
    /// `folder` or `pull`.
    public let way: StoredRun.Way
    /// The folder, or the address without query.
    public let source: String
    public let everySeconds: Double?
    public let running: StoredRun?
    public let queued: [StoredRun]
    public let counts: RunCounts
}

extension RunEngine {
    /// All feeds, in the order of the configuration.
    public var feeds: [FeedStatus] {
        state.withLock { state in
            state.feeds.profiles.map { profile in
                let slot = state.slots["\(profile.id)"]
                let (way, source): (StoredRun.Way, String) =
                    switch profile.source {
                    case .folder(let rule):
                        (.folder, FeedFolder(rule, dataDirectory: directories.data).path)
                    case .pull(let rule): (.pull, rule.address.shown)
                    }
                return FeedStatus(
                    id: "\(profile.id)", title: profile.title,
                    status: profile.cardStatus.map { "\($0)" },
                    way: way, source: source,
                    everySeconds: profile.pullEveryMs.map { Double($0) / 1_000 },
                    running: slot?.running, queued: slot?.queue ?? [],
                    counts: slot?.counts ?? RunCounts())
            }
        }
    }

    /// A run; while it runs, with what is counted so far.
    public func run(_ id: UInt64) throws -> StoredRun? {
        if let live = live(id) { return live }
        return try store.run(id)
    }

    private func live(_ id: UInt64) -> StoredRun? {
        state.withLock { state in
            state.slots.values.lazy.compactMap(\.running).first {
                $0.id == id && $0.state == .running
            }
        }
    }

    /// Runs, the newest first.
    ///
    /// - Parameters:
    ///   - before: begins with the newest run of a smaller number.
    ///   - limit: how many at most.
    /// - Returns: the runs, and whether there may be more.
    public func runs(
        of feed: String? = nil, in wanted: StoredRun.State? = nil, before: UInt64? = nil,
        limit: Int
    ) throws -> (runs: [StoredRun], hasMore: Bool) {
        var runs: [StoredRun] = []
        var hasMore = false
        try store.forEachRun(before: before) { stored in
            let run = live(stored.id) ?? stored
            guard feed == nil || run.feed == feed, wanted == nil || run.state == wanted else {
                return true
            }
            if runs.count == limit {
                hasMore = true
                return false
            }
            runs.append(run)
            return true
        }
        return (runs, hasMore)
    }

    /// The path of a run's file of rejects or warnings; nil when it has none.
    public func problemFile(_ kind: RejectsFile.Kind, ofRun id: UInt64) throws -> String? {
        try store.rejectsFiles(of: id).first { $0.kind == kind }
            .map { "\(directories.problems)/\($0.name)" }
    }

    /// The first line of every file of rejects or warnings, for a run that has none.
    public static let problemFileHeader = ProblemFile.titles.joined(separator: ",") + "\n"
}
