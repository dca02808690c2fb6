import ArgumentParser
import Foundation

/// What ends the program early.
struct CommandFailure: Error {
    let message: String
    let status: Int32

    static func failed(_ message: String) -> CommandFailure {
        CommandFailure(message: message, status: 1)
    }

    static func misused(_ message: String) -> CommandFailure {
        CommandFailure(message: message, status: 2)
    }
}

/// `load-test`
@main
struct LoadTestCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "load-test",
        abstract: "Measure how an HTTP server answers under load.",
        discussion: """
            Without --rate the loop is closed: each connection sends its next request when it has \
            the answer to the last. With --rate it is open: requests are due at fixed moments, \
            and latency counts from then ("corrected"), so that a stalled server cannot hide how \
            long its users would have waited. Ctrl-C ends a run early and prints its report.

            EXAMPLES
              load-test http://127.0.0.1:8080/api/health
              load-test --cards 1000000 --miss 0.1 --verify http://127.0.0.1:8080
              load-test --cards 1000000 --draw zipf:1.1 --rate 5000 --warmup 5 \\
                --html run.html unix:/run/cardstatus.sock
              load-test --cards 1000000 --mix card=90,phone=10 --writes 200 \\
                --server-pid $(pidof cardstatus) --key-file key --json run.json \\
                http://127.0.0.1:8080

            EXIT STATUS
              0  every request had the answer that it should
              1  errors or wrong answers, or nothing could be measured
              2  unusable arguments
            """,
        version: "0.1.0")

    @OptionGroup(title: "Load") var load: LoadOptions
    @OptionGroup(title: "Requests") var requests: RequestOptions
    @OptionGroup(title: "Reports") var output: OutputOptions

    @Argument(
        help: ArgumentHelp(
            "http://ADDRESS[:PORT][/PATH] or unix:/SOCKET[:/PATH]. ADDRESS is a number or"
                + " localhost.", valueName: "url"))
    var url: String

    static func main() {
        do {
            var command = try parseAsRoot()
            try command.run()
        } catch let failure as CommandFailure {
            System.writeToStandardError("load-test: \(failure.message)\n")
            Foundation.exit(failure.status)
        } catch {
            let code = exitCode(for: error)
            if code == .success {
                print(fullMessage(for: error))
                Foundation.exit(0)
            }
            let isMisuse = code == .validationFailure
            let text = isMisuse ? fullMessage(for: error) : "load-test: \(error)"
            System.writeToStandardError(text + "\n")
            Foundation.exit(isMisuse ? 2 : 1)
        }
    }

    func run() throws {
        let target = try target()
        try load.check()
        let kinds = try requests.kinds(target)
        try System.blockStopSignals()
        let writes = try load.writesPerSecond()
        let needsKeys = kinds.contains { $0.0 != .path } || writes != nil
        let keys = needsKeys ? try requests.loadKeys() : nil
        let options = try options(target, kinds, keys, writes)
        let isShown = output.progress && System.isTerminal(2)
        let result: LoadRun.Result
        do {
            result = try LoadRun(options).run { progress in
                if isShown { Self.show(progress, durationSeconds: load.duration) }
            }
        } catch is CancellationError {
            throw CommandFailure.failed("stopped before the start")
        } catch {
            throw CommandFailure.failed("\(url): \(error)")
        }
        if isShown { System.writeToStandardError("\r\u{1B}[K") }
        // A second Ctrl-C ends the program while it writes.
        System.restoreStopSignals()
        let report = Report(
            result, configuration(kinds, keys, writes), label: output.label,
            serverPIDs: output.serverPid)
        try output.write(report)
        if !report.isClean { Foundation.exit(1) }
    }

    private func target() throws -> Target {
        do throws(Target.Failure) {
            let target = try Target(url)
            guard target.isLocal || load.allowRemote else {
                throw Target.Failure(
                    description: "\(url) is not on this machine; a load on others needs their"
                        + " owner's consent, and --allow-remote")
            }
            return target
        } catch {
            throw CommandFailure.misused("\(error)")
        }
    }

    private func options(
        _ target: Target, _ kinds: [(RequestKind, Int)], _ keys: Keys?, _ writes: Double?
    ) throws -> LoadRun.Options {
        var plan = Engine.Plan(destination: target.destination)
        plan.pipeline = load.pipeline
        plan.requestsPerSecond = load.rate
        plan.arrivals = load.poisson ? .poisson : .constant
        plan.mix = RequestSource.Mix(kinds)
        plan.writesPerSecond = writes
        plan.writeConnections = load.writeConnections
        plan.warmupNs = Int64(load.warmup * 1e9)
        plan.durationNs = Int64(load.duration * 1e9)
        plan.timeoutNs = Int64(load.timeout * 1e9)
        plan.checksStatus = requests.check
        plan.verifiesBodies = requests.verify
        plan.seed = requests.seed
        var options = LoadRun.Options(plan: plan, template: try requests.template(target))
        options.keys = keys
        options.connections = load.connections
        options.threads = load.threads
        options.requestLimit = load.requests
        options.missingPerMillion = Int((requests.miss * 1_000_000).rounded())
        options.serverPIDs = output.serverPid
        if let keys {
            options.cardDraw = try requests.draw(keys.cards.count)
            options.phoneDraw = try requests.draw(keys.phones.count)
        }
        let files = System.raiseOpenFileLimit()
        let needed = load.connections + load.threads * (load.writeConnections + 1) + 32
        guard needed <= files else {
            throw CommandFailure.misused(
                "\(load.connections) connections need \(needed) open files, and the limit is"
                    + " \(files) (ulimit -n)")
        }
        return options
    }

    private func configuration(
        _ kinds: [(RequestKind, Int)], _ keys: Keys?, _ writes: Double?
    ) -> Report.Configuration {
        Report.Configuration(
            url: url,
            mix: Dictionary(uniqueKeysWithValues: kinds.map { ($0.0.name, $0.1) }),
            loop: load.rate == nil ? "closed" : "open", rate: load.rate,
            arrivals: load.rate == nil ? nil : load.poisson ? "poisson" : "constant",
            writesPerSecond: writes, connections: load.connections, threads: load.threads,
            pipeline: load.pipeline, warmupSeconds: load.warmup, durationSeconds: load.duration,
            timeoutSeconds: load.timeout, keys: keys?.cards.count ?? 0,
            draw: requests.draw, missShare: requests.miss,
            batchSize: kinds.contains { $0.0 == .batch } ? requests.batchSize : nil,
            seed: requests.seed)
    }

    private static func show(_ progress: LoadRun.Progress, durationSeconds: Double) {
        let phase =
            progress.isWarmup
            ? "warm-up"
            : "\(Report.format("%.0f", progress.seconds)) of"
                + " \(Report.format("%.0f", durationSeconds)) s"
        System.writeToStandardError(
            "\r\u{1B}[K\(phase), \(Report.grouped(progress.answers)) answers,"
                + " \(Report.grouped(progress.failures)) errors")
    }
}
