import Foundation
import Synchronization

/// A whole run: starts the workers, watches the clock, the CPU and the signals, and adds up.
struct LoadRun {
    struct Options: Sendable {
        var plan: Engine.Plan
        var template: RequestSource.Template
        var keys: Keys?
        var cardDraw = Draw.uniform
        var phoneDraw = Draw.uniform
        var missingPerMillion = 0
        var connections = 1
        var threads = 1
        var requestLimit: Int?
        var serverPIDs: [Int] = []
    }

    struct Result: Sendable {
        var outcome: Outcome
        /// Of the measured part.
        var seconds: Double
        var wasInterrupted: Bool
        var ownCPU: CPUTime
        var serverCPU: CPUTime?
        var startedAt: Date
    }

    /// How far the run has come.
    struct Progress {
        let seconds: Double
        let isWarmup: Bool
        let answers: Int
        let failures: Int
    }

    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    private static let progressNs: Int64 = 500_000_000

    private let options: Options
    private let signals = RunSignals()

    init(_ options: Options) {
        precondition(options.threads <= options.connections, "a thread has a connection")
        self.options = options
    }

    /// Blocks until the run is over, at the latest after warm-up, duration and time limit.
    /// SIGINT and SIGTERM must be blocked; they end it early.
    func run(onProgress: (Progress) -> Void = { _ in }) throws -> Result {
        let server = options.serverPIDs.isEmpty ? nil : ServerCPU(pids: options.serverPIDs)
        let shared = ResultBox()
        var threads: [OSThread] = []
        for worker in 0..<options.threads {
            threads.append(try start(worker, shared))
        }
        var isJoined = false
        defer {
            if !isJoined {
                stop()
                for thread in threads { thread.join() }
            }
        }
        while signals.ready.load(ordering: .acquiring) < options.threads {
            if System.waitForStop(untilNs: System.nowNs() + 1_000_000) { throw CancellationError() }
        }
        if signals.connected.load(ordering: .relaxed) == 0 {
            stop()
            for thread in threads { thread.join() }
            isJoined = true
            throw Failure(description: shared.reason ?? "no connection could be made")
        }
        let startNs = System.nowNs() + 2_000_000
        let startedAt = Date()
        signals.startNs.store(Int(startNs), ordering: .releasing)
        let measureNs = startNs + options.plan.warmupNs
        var isStopped = waitUntil(measureNs, startNs, isWarmup: true, onProgress)
        let ownBefore = System.ownCPU()
        let serverBefore = try server?.read()
        let deadlineNs = measureNs + options.plan.durationNs
        if !isStopped { isStopped = waitUntil(deadlineNs, measureNs, isWarmup: false, onProgress) }
        let endNs = min(System.nowNs(), deadlineNs)
        if isStopped { signals.isStopped.store(true, ordering: .relaxed) }
        for thread in threads { thread.join() }
        isJoined = true
        let ownCPU = System.ownCPU() - ownBefore
        let serverAfter = try server?.read()
        let outcome = shared.sum
        if let error = outcome.systemError { throw error }
        return Result(
            outcome: outcome, seconds: max(Double(endNs - measureNs) / 1e9, 0.000_001),
            wasInterrupted: isStopped, ownCPU: ownCPU,
            serverCPU: serverAfter.flatMap { after in serverBefore.map { after - $0 } },
            startedAt: startedAt)
    }

    private func stop() {
        signals.isStopped.store(true, ordering: .relaxed)
        // Workers that wait for the start must see it to end.
        if signals.startNs.load(ordering: .relaxed) == 0 {
            signals.startNs.store(Int(System.nowNs()), ordering: .releasing)
        }
    }

    private func start(_ worker: Int, _ shared: ResultBox) throws -> OSThread {
        let options = options
        var plan = options.plan
        plan.worker = worker
        plan.workers = options.threads
        plan.connections = Self.share(options.connections, worker, options.threads)
        plan.requestLimit = options.requestLimit.map { Self.share($0, worker, options.threads) }
        let chosen = plan
        let signals = signals
        return try OSThread {
            let source = RequestSource(
                options.template, keys: options.keys, cardDraw: options.cardDraw,
                phoneDraw: options.phoneDraw, missingPerMillion: options.missingPerMillion,
                seed: chosen.seed, worker: worker, workers: options.threads)
            do throws(SystemError) {
                var engine = try Engine(chosen, source: source, signals: signals)
                shared.add(engine.run())
            } catch {
                signals.ready.add(1, ordering: .releasing)
                var outcome = Outcome()
                outcome.systemError = error
                shared.add(outcome)
            }
            signals.ended.add(1, ordering: .releasing)
        }
    }

    /// Parts of `whole` that differ by one at most.
    static func share(_ whole: Int, _ worker: Int, _ workers: Int) -> Int {
        whole / workers + (worker < whole % workers ? 1 : 0)
    }

    /// Waits, showing progress. True when somebody asked to stop; also ends when all workers have.
    private func waitUntil(
        _ untilNs: Int64, _ fromNs: Int64, isWarmup: Bool, _ onProgress: (Progress) -> Void
    ) -> Bool {
        var shownNs = System.nowNs()
        while true {
            let nowNs = System.nowNs()
            if nowNs >= untilNs || signals.ended.load(ordering: .acquiring) == options.threads {
                return false
            }
            if System.waitForStop(untilNs: min(untilNs, nowNs + 20_000_000)) { return true }
            if nowNs - shownNs >= Self.progressNs {
                shownNs = nowNs
                onProgress(
                    Progress(
                        seconds: Double(nowNs - fromNs) / 1e9, isWarmup: isWarmup,
                        answers: signals.answers.load(ordering: .relaxed),
                        failures: signals.failures.load(ordering: .relaxed)))
            }
        }
    }
}

/// Collects what the workers saw.
private final class ResultBox: Sendable {
    private let results = Mutex<[Outcome]>([])

    func add(_ outcome: Outcome) {
        results.withLock { $0.append(outcome) }
    }

    var sum: Outcome {
        results.withLock { results in
            var sum = Outcome()
            for result in results { sum.add(result) }
            return sum
        }
    }

    var reason: String? {
        let sum = sum
        return (sum.systemError ?? sum.connectError)?.description
    }
}
