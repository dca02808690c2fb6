internal import CardModel
package import CardService
public import CardStore
internal import Glibc
internal import Synchronization

/// Runs the feeds of a server: takes files from folders, pulls documents on time, reads uploads,
/// and remembers what became of each run.
///
/// A feed has one run at a time, on a thread of its own at idle priority, and no other feed waits
/// for it. One that is asked for meanwhile is queued, once. What is asked for is durable before
/// anybody is told, and what the end of the process cuts off starts again with the next: a card's
/// state is a function of the set of what was said, so reading a thing twice is reading it once.
public final class RunEngine: Sendable {
    public typealias Completion = @Sendable (Result<StoredRun, RunRefusal>) -> Void

    /// What an operator may want to know while the engine works.
    public enum Event: Sendable {
        case started(StoredRun)
        /// `failure` is the kind by which metrics count it. The run's own message may quote what
        /// it read, which is no matter for a log.
        case ended(StoredRun, failure: String?)
        /// A file in a folder that no feed takes, or several would.
        case unclaimed(path: String, reason: String)
        case problem(String)
    }

    /// One feed, and what it is at.
    struct Slot: Sendable {
        var profile: FeedProfile
        var queue: [StoredRun] = []
        var running: StoredRun?
        /// A run is being stored.
        var isAsking = false
        var askers: [Completion] = []
        /// Uploads whose run is being stored.
        var uploads = 0
        /// When it is pulled next.
        var nextPullMs: Int64?
        /// A run that was not asked for by anybody waits until then.
        var notBeforeMs: Int64 = 0
        var counts = RunCounts()
    }

    struct State: Sendable {
        /// In the order of the configuration.
        var feeds = FeedSet([])
        var slots: [String: Slot] = [:]
        var isStopping = false
        var ended: [String] = []
        var waits: [PullWait] = []
        /// Counts up when something is due earlier than it was.
        var changes = 0
        var nextTrimMs: Int64 = 0
    }

    let store: CardStore
    let writer: CardWriter
    let directories: RunDirectories
    let state = Monitor(State())
    /// For runs, which ask often and at idle priority: nobody must wait for a lock of theirs.
    private let isStopping = Atomic<Bool>(false)
    private let now: @Sendable () -> Int64
    private let onEvent: @Sendable (Event) -> Void
    private let watch: FolderWatch
    private let threadPriority: OSThread.Priority
    private let threads = Mutex<[OSThread]>([])

    /// - Parameters:
    ///   - dataDirectory: where the folders of runs are.
    ///   - threadPriority: of the engine's own threads, which must not keep look-ups waiting.
    ///   - now: the time, in seconds since 1970; nil for the system's.
    ///   - onEvent: called from the engine's own threads.
    package init(
        store: CardStore, writer: CardWriter, dataDirectory: String, feeds: FeedSet,
        threadPriority: OSThread.Priority = .idle,
        now: (@Sendable () -> Int64)? = nil,
        onEvent: @escaping @Sendable (Event) -> Void
    ) {
        self.store = store
        self.writer = writer
        self.now = now ?? { Int64(time(nil)) }
        self.onEvent = onEvent
        self.threadPriority = threadPriority
        directories = RunDirectories(data: dataDirectory)
        watch = FolderWatch(dataDirectory: dataDirectory, store: store) { onEvent($0) }
        replace(feeds: feeds)
    }

    // MARK: Life

    /// Takes up what an earlier process left, and starts the engine's threads. Must be called once,
    /// when the writer runs.
    public func start() throws {
        try directories.make()
        try takeUpRuns()
        threads.withLock { threads in
            precondition(threads.isEmpty, "an engine starts once")
            // The threads keep the engine alive until `stop`.
            threads = [
                OSThread(priority: threadPriority) { [self] in schedule() },
                OSThread(priority: threadPriority) { [self] in
                    watch.run { feed in
                        ask(feed, isAskedFor: false) { _ in }
                    }
                },
            ]
        }
    }

    /// Interrupts what is running, which goes on with the next start, and answers everybody who
    /// waits. Returns at once.
    public func interrupt() {
        isStopping.store(true, ordering: .releasing)
        let (askers, waits) = state.withLock { state in
            state.isStopping = true
            defer { state.waits = [] }
            var askers: [Completion] = []
            for id in state.slots.keys {
                askers += state.slots[id]?.askers ?? []
                state.slots[id]?.askers = []
            }
            return (askers, state.waits)
        }
        watch.stop()
        for asker in askers { asker(.failure(.stopping)) }
        for wait in waits { wait.completion(.failure(.stopping)) }
    }

    /// Interrupts what is running, and ends the threads. Must come before the writer's stop.
    public func stop() {
        interrupt()
        let threads = threads.withLock { threads in
            defer { threads = [] }
            return threads
        }
        for thread in threads { thread.join() }
    }

    /// Puts other feeds in the place of those that there were. What is running goes on as it began;
    /// what is queued is read as the new feeds say.
    public func replace(feeds: FeedSet) {
        let nowMs = Self.clockMs()
        let orphans: [StoredRun] = state.withLock { state in
            state.feeds = feeds
            state.changes += 1
            for profile in feeds.profiles {
                let id = "\(profile.id)"
                var slot = state.slots[id] ?? Slot(profile: profile)
                let before = slot.profile.pullEveryMs
                slot.profile = profile
                if let every = profile.pullEveryMs {
                    // A shorter time than before counts from now.
                    if before != every || slot.nextPullMs == nil {
                        slot.nextPullMs = nowMs + Int64(every)
                    }
                } else {
                    slot.nextPullMs = nil
                }
                state.slots[id] = slot
            }
            var orphans: [StoredRun] = []
            for id in state.slots.keys where !feeds.profiles.contains(where: { "\($0.id)" == id }) {
                state.slots[id]?.nextPullMs = nil
                orphans += state.slots[id]?.queue ?? []
                state.slots[id]?.queue = []
            }
            return orphans
        }
        for run in orphans { giveUp(run) }
        watch.replace(feeds: feeds)
    }

    /// Ends a run whose feed is gone before it began.
    private func giveUp(_ run: StoredRun) {
        let run = orphaned(run)
        do throws(WriteError) {
            try writer.perform {
                try $0.store(RunChange(run))
            } completion: { [onEvent] result in
                if case .failure(let error) = result { onEvent(.problem("\(error)")) }
            }
        } catch {
            onEvent(.problem("the run \(run.id) could not be stored: \(error)"))
        }
        settleWaits(run)
    }

    private func orphaned(_ run: StoredRun) -> StoredRun {
        var run = run
        run.state = .failed
        run.endedAt = now()
        run.message = "the configuration has no feed '\(run.feed)' any more"
        return run
    }

    /// Queues what has not come to its end, and remembers when each feed last succeeded.
    private func takeUpRuns() throws {
        var open: [StoredRun] = []
        var unclear: [StoredRun] = []
        var lastSuccess: [String: Int64] = [:]
        var lastEnd: [String: Int64] = [:]
        var names: Set<String> = []
        var ids: [UInt64] = []
        try store.forEachRun { run in
            ids.append(run.id)
            if !run.state.isFinal { open.append(run) }
            if run.hasFilesToClear { unclear.append(run) }
            guard let endedAt = run.endedAt, run.state.isFinal else { return true }
            if run.way != .upload {
                lastEnd[run.feed] = max(lastEnd[run.feed] ?? 0, endedAt)
            }
            if run.state == .done {
                lastSuccess[run.feed] = max(lastSuccess[run.feed] ?? 0, endedAt)
            }
            return true
        }
        for id in ids { names.formUnion(try store.rejectsFiles(of: id).map(\.name)) }
        for run in unclear { clear(run) }
        let uploads = Set(open.filter { $0.way == .upload }.map(\.id))
        try directories.sweep(keeping: names, uploads: uploads)
        for run in open.reversed() { try takeUp(run) }
        let nowMs = Self.clockMs()
        let nowSeconds = now()
        state.withLock { state in
            for id in state.slots.keys {
                state.slots[id]?.counts.lastSuccessSeconds = lastSuccess[id]
                guard let every = state.slots[id]?.profile.pullEveryMs else { continue }
                // What was pulled lately is pulled when its time has come, and not at each start.
                let since = (nowSeconds - (lastEnd[id] ?? 0)) * 1_000
                state.slots[id]?.nextPullMs = nowMs + max(Int64(every) - max(since, 0), 0)
            }
        }
    }

    private func takeUp(_ run: StoredRun) throws {
        var run = run
        let isKnown = state.withLock { state in
            state.feeds.profiles.contains { "\($0.id)" == run.feed }
        }
        if !isKnown {
            run = orphaned(run)
        } else if run.state == .running {
            run.state = .interrupted
        }
        let change = RunChange(run)
        try writer.perform { try $0.store(change) }
        guard isKnown else { return }
        state.withLock { $0.slots[change.run.feed]?.queue.append(change.run) }
    }

    // MARK: Asking

    /// Asks for a run of a feed's folder or address; one that waits already is the answer. The
    /// completion is called when the run is durable, on the writer's thread or the caller's.
    public func ask(_ feed: String, completion: @escaping Completion) {
        ask(feed, isAskedFor: true, completion: completion)
    }

    private enum Answer {
        case now(Result<StoredRun, RunRefusal>)
        case later
        case store(FeedProfile)
    }

    /// - Parameter isAskedFor: false for what the engine does by itself, which does not queue
    ///   behind a run that is at it.
    private func ask(
        _ feed: String, isAskedFor: Bool, completion: @escaping Completion
    ) {
        let nowMs = Self.clockMs()
        let answer: Answer = state.withLock { state in
            if state.isStopping { return .now(.failure(.stopping)) }
            guard let profile = state.feeds.profiles.first(where: { "\($0.id)" == feed }),
                var slot = state.slots[feed]
            else { return .now(.failure(.unknownFeed(feed))) }
            if let queued = slot.queue.first(where: { $0.way != .upload }) {
                return .now(.success(queued))
            }
            if !isAskedFor {
                if let running = slot.running { return .now(.success(running)) }
                if slot.notBeforeMs > nowMs { return .later }
            }
            defer { state.slots[feed] = slot }
            slot.askers.append(completion)
            if slot.isAsking { return .later }
            slot.isAsking = true
            return .store(profile)
        }
        switch answer {
        case .now(let result): completion(result)
        case .later: break
        case .store(let profile): storeRun(of: profile)
        }
    }

    private func storeRun(of profile: FeedProfile) {
        let feed = "\(profile.id)"
        let requestedAt = now()
        let (way, source): (StoredRun.Way, String) =
            switch profile.source {
            case .folder(let rule):
                (.folder, FeedFolder(rule, dataDirectory: directories.data).path)
            case .pull(let rule): (.pull, rule.address.shown)
            }
        let settle: Completion = { [state] result in
            let askers = state.withLock { state in
                state.slots[feed]?.isAsking = false
                defer { state.slots[feed]?.askers = [] }
                if case .success(let run) = result { state.slots[feed]?.queue.append(run) }
                return state.slots[feed]?.askers ?? []
            }
            for asker in askers { asker(result) }
        }
        do throws(WriteError) {
            try writer.perform { store in
                try store.addRun {
                    StoredRun(
                        id: $0, feed: feed, way: way, source: source, requestedAt: requestedAt)
                }
            } completion: { result in
                settle(result.mapError(RunRefusal.write))
            }
        } catch {
            settle(.failure(.write(error)))
        }
    }

    /// Makes a run of a file that was uploaded, which is the engine's from here on.
    ///
    /// - Parameter name: what the client calls it.
    func addUpload(
        _ path: String, sizeBytes: Int, called name: String, of feed: String,
        completion: @escaping Completion
    ) {
        let refusal: RunRefusal? = state.withLock { state in
            if state.isStopping { return .stopping }
            guard state.feeds.profiles.contains(where: { "\($0.id)" == feed }),
                let slot = state.slots[feed]
            else { return .unknownFeed(feed) }
            let waiting = slot.queue.count { $0.way == .upload } + slot.uploads
            guard waiting < RunLimits.uploadsWaitingMax else { return .tooManyUploads(waiting) }
            state.slots[feed]?.uploads += 1
            return nil
        }
        if let refusal { return completion(.failure(refusal)) }
        let requestedAt = now()
        let directories = directories
        do throws(WriteError) {
            try writer.perform { store in
                try store.addRun { id in
                    var run = StoredRun(
                        id: id, feed: feed, way: .upload, source: name, requestedAt: requestedAt)
                    run.files = [
                        StoredRun.File(name: name, sizeBytes: sizeBytes, modifiedAt: 0)
                    ]
                    return run
                } prepare: { id in
                    // Before the run is stored: a run without its file would be worse than a file
                    // without its run, which the next start removes.
                    try Self.rename(path, to: directories.upload(ofRun: id))
                }
            } completion: { [state] result in
                state.withLock { state in
                    state.slots[feed]?.uploads -= 1
                    if case .success(let run) = result { state.slots[feed]?.queue.append(run) }
                }
                completion(result.mapError(RunRefusal.write))
            }
        } catch {
            state.withLock { $0.slots[feed]?.uploads -= 1 }
            completion(.failure(.write(error)))
        }
    }

    private static func rename(_ path: String, to target: String) throws(StoreError) {
        guard Glibc.rename(path, target) == 0 else {
            throw .inaccessible(path: target, reason: String(cString: strerror(errno)))
        }
    }

    // MARK: Pulling all

    /// Pulls every feed that has an address, joining what is pulled already, and calls back when
    /// all have ended.
    public func pullAll(
        completion: @escaping @Sendable (Result<[StoredRun], RunRefusal>) -> Void
    ) {
        let feeds: [String]? = state.withLock { state in
            if state.isStopping { return nil }
            return state.feeds.profiles.filter { $0.pullRule != nil }.map { "\($0.id)" }
        }
        guard let feeds else { return completion(.failure(.stopping)) }
        if feeds.isEmpty { return completion(.success([])) }
        let wait = PullWait(feeds: feeds, completion)
        state.withLock { $0.waits.append(wait) }
        for feed in feeds {
            let running = state.withLock { $0.slots[feed]?.running }
            if let running, running.way == .pull {
                join(wait, running)
                continue
            }
            ask(feed) { [self] result in
                switch result {
                case .success(let run): join(wait, run)
                case .failure(let refusal): fail(wait, refusal)
                }
            }
        }
    }

    /// Lets a wait know which run it waits for; it may have ended by now.
    private func join(_ wait: PullWait, _ run: StoredRun) {
        let isOpen = state.withLock { state in
            wait.join(run)
            let slot = state.slots[run.feed]
            return slot?.running?.id == run.id || slot?.queue.contains { $0.id == run.id } == true
        }
        if isOpen { return }
        do {
            if let ended = try store.run(run.id) { settleWaits(ended) }
        } catch {
            fail(wait, .store("\(error)"))
        }
    }

    private func fail(_ wait: PullWait, _ refusal: RunRefusal) {
        let isFirst = state.withLock { state in
            let count = state.waits.count
            state.waits.removeAll { $0 === wait }
            return state.waits.count < count
        }
        if isFirst { wait.completion(.failure(refusal)) }
    }

    private func settleWaits(_ run: StoredRun) {
        guard run.state.isFinal || run.state == .interrupted else { return }
        let ended = state.withLock { state in
            for wait in state.waits { wait.settle(run) }
            let ended = state.waits.filter(\.isComplete)
            state.waits.removeAll { $0.isComplete }
            return ended
        }
        for wait in ended { wait.completion(.success(wait.runs)) }
    }

    // MARK: Scheduling

    private enum Step {
        case stop
        case ended([String])
        case start(FeedProfile, FeedSet, StoredRun)
        case pull(String)
        case trim
        /// Look again when the next thing is due.
        case again
    }

    /// The scheduling thread: starts what can start, until the engine stops and all has ended.
    private func schedule() {
        var running: [String: OSThread] = [:]
        var changes = -1
        while true {
            let nowMs = Self.clockMs()
            let dueMs = state.withLock { state in
                let pulls = state.slots.values.compactMap(\.nextPullMs)
                return min(pulls.min() ?? .max, state.nextTrimMs)
            }
            let timeoutMs = Int(min(max(dueMs - nowMs, 0), 3_600_000))
            let known = changes
            let step: Step? = state.wait(timeoutMs: timeoutMs) { state in
                Self.nextStep(&state, changes: known)
            }
            switch step {
            case .stop:
                guard running.isEmpty else { continue }
                return
            case .ended(let feeds):
                for feed in feeds { running.removeValue(forKey: feed)?.join() }
            case .start(let profile, let feeds, let run):
                running["\(profile.id)"] = OSThread(priority: threadPriority) { [self] in
                    perform(run, profile, feeds)
                }
            case .pull(let feed): ask(feed, isAskedFor: false) { _ in }
            case .trim: trim()
            case .again, nil: changes = state.withLock { $0.changes }
            }
        }
    }

    private static func nextStep(_ state: inout State, changes: Int) -> Step? {
        if !state.ended.isEmpty {
            defer { state.ended = [] }
            return .ended(state.ended)
        }
        if state.isStopping {
            return state.slots.values.contains { $0.running != nil } ? nil : .stop
        }
        for profile in state.feeds.profiles {
            let id = "\(profile.id)"
            guard var slot = state.slots[id], slot.running == nil, !slot.queue.isEmpty else {
                continue
            }
            let run = slot.queue.removeFirst()
            slot.running = run
            state.slots[id] = slot
            return .start(profile, state.feeds, run)
        }
        let nowMs = clockMs()
        for profile in state.feeds.profiles {
            let id = "\(profile.id)"
            guard let due = state.slots[id]?.nextPullMs, due <= nowMs else { continue }
            state.slots[id]?.nextPullMs = profile.pullEveryMs.map { nowMs + Int64($0) }
            return .pull(id)
        }
        if state.nextTrimMs <= nowMs {
            state.nextTrimMs = nowMs + Int64(RunLimits.trimMs)
            return .trim
        }
        return state.changes == changes ? nil : .again
    }

    private func trim() {
        let secondsMin = now() - RunLimits.ageSecondsMax
        do {
            let names = try writer.perform {
                try $0.trimRuns(countMax: RunLimits.runsMax, secondsMin: secondsMin)
            }
            for name in names { try directories.removeProblemFile(name) }
        } catch {
            onEvent(.problem("old runs could not be removed: \(error)"))
        }
    }

    // MARK: Performing

    /// The thread of one run.
    private func perform(_ run: StoredRun, _ profile: FeedProfile, _ feeds: FeedSet) {
        var run = run
        run.state = .running
        run.attempts += 1
        run.startedAt = now()
        run.endedAt = nil
        let began = run
        var outcome = RunWork.Outcome(change: RunChange(run), failure: nil)
        do {
            let change = RunChange(began)
            try writer.perform { try $0.store(change) }
            state.withLock { $0.slots[began.feed]?.running = began }
            onEvent(.started(began))
            outcome = work(profile, feeds).perform(began)
            outcome.change.run.endedAt =
                outcome.change.run.state == .interrupted ? nil : now()
            let end = outcome.change
            FailPoint.beforeRunEnd.pass()
            try writer.perform { try $0.store(end) }
            FailPoint.afterRunEnd.pass()
            if end.run.hasFilesToClear { clear(end.run) }
        } catch {
            // What the store says of the run is as it was, so the next start begins it again.
            outcome.failure = outcome.failure ?? RunFailure(.store, "\(error)")
            outcome.change.run.state = .interrupted
            outcome.change.run.message = "\(error)"
            onEvent(.problem("the run \(began.id) could not be stored: \(error)"))
        }
        end(outcome)
    }

    private func work(_ profile: FeedProfile, _ feeds: FeedSet) -> RunWork {
        let feed = "\(profile.id)"
        return RunWork(
            profile: profile, feeds: feeds, store: store, writer: writer,
            directories: directories, nowSeconds: now(),
            shouldStop: { [self] in isStopping.load(ordering: .acquiring) },
            pause: { [state] ms in
                let isStopping: Bool? = state.wait(timeoutMs: ms) { $0.isStopping ? true : nil }
                return isStopping == nil
            },
            onProgress: { [state] totals in
                state.withLock { $0.slots[feed]?.running?.totals = totals }
            },
            onFiles: { [state, writer] run in
                let change = RunChange(run)
                try writer.perform { try $0.store(change) }
                state.withLock { $0.slots[feed]?.running = run }
            })
    }

    private func end(_ outcome: RunWork.Outcome) {
        let run = outcome.change.run
        let nowMs = Self.clockMs()
        state.withLock { state in
            guard var slot = state.slots[run.feed] else { return }
            slot.counts.add(run, outcome.failure)
            slot.running = nil
            if outcome.failure?.kind == .store {
                slot.notBeforeMs = nowMs + Int64(RunLimits.storeRetryMs)
            }
            if let every = slot.profile.pullEveryMs, slot.nextPullMs != nil {
                slot.nextPullMs = nowMs + Int64(every)
            }
            state.slots[run.feed] = slot
            state.ended.append(run.feed)
            state.changes += 1
        }
        settleWaits(run)
        onEvent(.ended(run, failure: outcome.failure?.kind.rawValue))
        watch.look()
    }

    /// Moves the files of a run that has ended out of the way, and remembers that.
    private func clear(_ run: StoredRun) {
        var change = RunChange(run)
        do {
            if run.way == .upload {
                try RunDirectories.remove(directories.upload(ofRun: run.id))
            } else {
                let folder = FeedFolder(folderRule(of: run), dataDirectory: directories.data)
                for file in run.files {
                    do throws(FileError) {
                        try folder.clear(file, run: run.id)
                    } catch {
                        // It would be read again and again where it is.
                        change.marks.append(folder.mark(file))
                        onEvent(.problem("a file that was read stays where it is: \(error)"))
                    }
                }
            }
            change.run.hasFilesToClear = false
            let cleared = change
            try writer.perform { try $0.store(cleared) }
        } catch {
            onEvent(.problem("the files of run \(run.id) could not be cleared: \(error)"))
        }
    }

    /// The folder that the run was of, whatever the feed's is by now.
    private func folderRule(of run: StoredRun) -> FolderRule {
        var rule = FolderRule()
        rule.path = run.source
        return rule
    }

    /// Milliseconds of a clock that nobody sets.
    static func clockMs() -> Int64 {
        var time = timespec()
        let code = clock_gettime(CLOCK_MONOTONIC, &time)
        precondition(code == 0, "Linux has a monotonic clock")
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }
}

extension FeedProfile {
    var pullRule: PullRule? {
        guard case .pull(let rule) = source else { return nil }
        return rule
    }

    var pullEveryMs: Int? { pullRule?.everyMs }
}
