internal import CardIndex
internal import CardStore
internal import Synchronization

/// The reload that was asked for, and whether one is under way.
struct ReloadQueue: Sendable {
    var job: ReloadJob?
    var isRunning = false
    var isStopping = false
    var counts = ReloadCounts()
}

/// What became of the reloads that were asked for.
struct ReloadCounts: Sendable {
    var done = 0
    var refused = 0
    var invalid = 0
    var failed = 0

    mutating func count(_ result: Result<ReloadReport, ReloadError>) {
        switch result {
        case .success: done += 1
        case .failure(.invalid): invalid += 1
        case .failure(.alreadyReloading), .failure(.alreadyFilling),
            .failure(.nothingToReload), .failure(.stopping):
            refused += 1
        case .failure(.failed): failed += 1
        }
    }
}

struct ReloadJob: Sendable {
    let scope: ReloadScope
    let completion: @Sendable (Result<ReloadReport, ReloadError>) -> Void
}

extension CardService {
    /// Loads again what `scope` names while look-ups and writes go on, and returns at once.
    ///
    /// Settings and keys are read and validated first, and put into effect only when all of them
    /// are valid. Then a new index is filled beside the old one from a snapshot, brought up to
    /// date from the change log and published in its place. Until the old one is released both are
    /// in memory, which is the most that a reload takes: twice the index's memory.
    ///
    /// - Parameter completion: called once, on the service's own thread, which it must not hold up.
    /// - Throws: ``ReloadError`` when the reload is refused; `completion` is not called then. It
    ///   gets those errors that show only later.
    public func reload(
        _ scope: ReloadScope,
        completion: @escaping @Sendable (Result<ReloadReport, ReloadError>) -> Void
    ) throws(ReloadError) {
        do throws(ReloadError) {
            try ask(scope, completion)
        } catch {
            reloads.withLock { $0.counts.count(.failure(error)) }
            throw error
        }
    }

    private func ask(
        _ scope: ReloadScope,
        _ completion: @escaping @Sendable (Result<ReloadReport, ReloadError>) -> Void
    ) throws(ReloadError) {
        if scope.subtracting(unavailable).isEmpty {
            throw .nothingToReload(
                reason: scope.contains(.config)
                    ? "the server has no configuration file" : "the server has no certificates")
        }
        let isFilling = scope.contains(.index) && filler.isBusy
        let refusal: ReloadError? = reloads.withLock { queue in
            if queue.isStopping { return .stopping }
            if queue.isRunning { return .alreadyReloading }
            if isFilling { return .alreadyFilling }
            queue.isRunning = true
            queue.job = ReloadJob(scope: scope, completion: completion)
            return nil
        }
        if let refusal { throw refusal }
    }

    /// Whether a reload is under way.
    public var isReloading: Bool {
        reloads.withLock { $0.isRunning }
    }

    /// How often reloads ended in which way.
    public var reloadCounts: KeyValuePairs<String, Int> {
        let counts = reloads.withLock { $0.counts }
        return [
            "done": counts.done, "refused": counts.refused, "invalid": counts.invalid,
            "failed": counts.failed,
        ]
    }

    private var unavailable: ReloadScope {
        var scope: ReloadScope = []
        if hooks.config == nil { scope.insert(.config) }
        if hooks.certs == nil { scope.insert(.certs) }
        return scope
    }

    /// The reloading thread: one job after the other, until the service stops.
    func runReloads() {
        while true {
            let next: ReloadJob?? = reloads.wait(timeoutMs: nil) { queue in
                if let job = queue.job {
                    queue.job = nil
                    return .some(job)
                }
                return queue.isStopping ? .some(nil) : nil
            }
            guard let next, let job = next else { return }
            let result: Result<ReloadReport, ReloadError>
            do throws(ReloadError) {
                result = .success(try perform(job.scope.subtracting(unavailable)))
            } catch {
                result = .failure(error)
            }
            // Whoever hears of the end may ask for the next.
            reloads.withLock { queue in
                queue.isRunning = false
                queue.counts.count(result)
            }
            job.completion(result)
        }
    }

    private func perform(_ scope: ReloadScope) throws(ReloadError) -> ReloadReport {
        var steps: [(name: ReloadReport.Step.Name, time: Duration, setting: PreparedSetting)] = []
        let hooks: [(ReloadScope, ReloadReport.Step.Name, ReloadHooks.Prepare?)] = [
            (.config, .config, hooks.config), (.certs, .certs, hooks.certs),
            (.keys, .keys, prepareKeys),
        ]
        let clock = ContinuousClock()
        for (part, name, prepare) in hooks {
            guard scope.contains(part), let prepare else { continue }
            let start = clock.now
            do {
                let setting = try prepare()
                steps.append((name, start.duration(to: clock.now), setting))
            } catch let error as StoreError {
                throw .failed(step: name, reason: "\(error)", report: ReloadReport())
            } catch {
                throw .invalid(setting: name.rawValue, reason: "\(error)")
            }
        }
        var report = ReloadReport()
        for step in steps {
            let start = clock.now
            let detail = step.setting.apply()
            let time = step.time + start.duration(to: clock.now)
            report.steps.append(
                .init(name: step.name, milliseconds: time / .milliseconds(1), detail: detail))
        }
        if scope.contains(.index) { try reloadIndex(&report) }
        return report
    }

    private func reloadIndex(_ report: inout ReloadReport) throws(ReloadError) {
        let clock = ContinuousClock()
        let start = clock.now
        var filled: IndexFiller.Filled
        do throws(IndexFiller.Failure) {
            filled = try fillIndex()
        } catch {
            switch error {
            case .stopping: throw .stopping
            case .busy where report.steps.isEmpty: throw .alreadyFilling
            case .busy, .failed:
                throw .failed(step: .indexFill, reason: "\(error)", report: report)
            }
        }
        let swapTime = start.duration(to: clock.now) - filled.fillTime - filled.catchUpTime
        report.steps += [
            .init(
                name: .indexFill, milliseconds: filled.fillTime / .milliseconds(1),
                detail: "read all cards from one snapshot into a new index", cards: filled.cards,
                bytes: filled.index.byteCount),
            .init(
                name: .indexCatchUp, milliseconds: filled.catchUpTime / .milliseconds(1),
                detail: "applied what was committed since", cards: filled.changes),
            .init(
                name: .indexSwap, milliseconds: swapTime / .milliseconds(1),
                detail: "look-ups use the new index", cards: filled.index.count),
        ]
        guard let old = filled.replaced else { return }
        let releaseStart = clock.now
        let bytes = old.byteCount
        filled.replaced = nil
        release(LastHolder(old))
        report.steps.append(
            .init(
                name: .indexRelease,
                milliseconds: releaseStart.duration(to: clock.now) / .milliseconds(1),
                detail: "gave the old index's memory back", bytes: bytes))
    }

    /// Lets go of an index at idle priority: to give hundreds of megabytes back takes the system a
    /// tenth of a second, in which look-ups on the same processor would wait for their turn.
    private func release(_ last: LastHolder) {
        OSThread(priority: .idle) {
            CardIndex.waitForReaders()
            last.index.withLock { $0 = nil }
        }.join()
    }

    /// Holds an index for the thread that lets go of it.
    private final class LastHolder: Sendable {
        let index: Mutex<CardIndex?>

        init(_ index: CardIndex) { self.index = Mutex(index) }
    }

    /// Fills an index and waits until it is published.
    private func fillIndex() throws(IndexFiller.Failure) -> IndexFiller.Filled {
        let outcome = Monitor<Result<IndexFiller.Filled, IndexFiller.Failure>?>(nil)
        try filler.start(priority: .idle) { result in
            outcome.withLock { $0 = result }
        }
        // Taken out, so that nothing but the caller holds an old index.
        let result = outcome.wait(timeoutMs: nil) { value in
            defer { value = nil }
            return value
        }
        guard let result else { preconditionFailure("a wait without a limit has a result") }
        return try result.get()
    }
}

extension CardIndex {
    /// Memory that its tables and records take.
    var byteCount: Int {
        let statistics = statistics
        return statistics.tableBytes + statistics.recordBytes
    }
}
