import Foundation
import Histogram

/// All that a run found, as `--json` writes it. docs/load-test.md describes the fields; a change
/// that readers would trip over changes ``schemaName``.
struct Report: Codable, Sendable {
    static let schemaName = "load-test/1"

    struct Configuration: Codable, Sendable {
        var url: String
        var mix: [String: Int]
        /// `closed` or `open`.
        var loop: String
        var rate: Double?
        var arrivals: String?
        var writesPerSecond: Double?
        var connections: Int
        var threads: Int
        var pipeline: Int
        var warmupSeconds: Double
        var durationSeconds: Double
        var timeoutSeconds: Double
        var keys: Int
        var draw: String
        var missShare: Double
        var batchSize: Int?
        var seed: UInt64
    }

    struct Latency: Codable, Sendable {
        struct Point: Codable, Sendable {
            let percentile: Double
            let us: Double
        }

        var count: Int
        var minUs: Double
        var meanUs: Double
        var maxUs: Double
        /// The named ones.
        var percentiles: [Point]
        /// All that the histogram has, for a curve.
        var curve: [Point]

        static let named: [Double] = [50, 75, 90, 99, 99.9, 99.99]

        /// nil where nothing was recorded.
        init?(_ histogram: LatencyHistogram) {
            guard histogram.totalCount > 0 else { return nil }
            count = Int(histogram.totalCount)
            minUs = Double(histogram.min) / 1_000
            meanUs = histogram.mean / 1_000
            maxUs = Double(histogram.max) / 1_000
            let max = histogram.max
            // The histogram gives the upper end of a range; the longest latency is known better.
            percentiles = Self.named.map {
                Point(
                    percentile: $0,
                    us: Double(Swift.min(histogram.valueAtPercentile($0), max)) / 1_000)
            }
            curve = []
            for value in histogram.percentiles(ticksPerHalfDistance: 5) {
                curve.append(
                    Point(
                        percentile: value.percentile,
                        us: Double(Swift.min(value.value, max)) / 1_000))
            }
        }

        func us(at percentile: Double) -> Double {
            percentiles.first { $0.percentile == percentile }?.us ?? maxUs
        }
    }

    struct Kind: Codable, Sendable {
        var kind: String
        var answers: Int
        /// How many asked for what the server does not have.
        var missing: Int
        var statuses: [String: Int]
        var wrongStatuses: Int
        var bodiesVerified: Int
        var wrongBodies: Int
        var corrected: Latency?
        var service: Latency?
    }

    struct Connections: Codable, Sendable {
        var asked: Int
        var made: Int
        var endedByServer: Int
    }

    struct ServerUse: Codable, Sendable {
        var pids: [Int]
        var cpu: CPUTime
        var cpuUsPerAnswer: Double?
    }

    var schema = Report.schemaName
    var label: String?
    var startedAt: Date
    var configuration: Configuration
    var seconds: Double
    var wasInterrupted: Bool
    var answers: Int
    /// Those before the end of the measured part.
    var answersInTime: Int
    var answersPerSecond: Double
    var statuses: [String: Int]
    var wrongStatuses: Int
    var bodiesVerified: Int
    var wrongBodies: Int
    var failures: FailureCounts
    var connections: Connections
    var bytesSent: Int
    var bytesReceived: Int
    var ownCpu: CPUTime
    var answersPerOwnCpuSecond: Double?
    var server: ServerUse?
    /// From when a request was due, in an open loop.
    var corrected: Latency?
    var service: Latency?
    /// From due to sent, in an open loop: what of `corrected` was spent before the sending.
    var lag: Latency?
    var kinds: [Kind]

    init(
        _ result: LoadRun.Result, _ configuration: Configuration, label: String?, serverPIDs: [Int]
    ) {
        let outcome = result.outcome
        var sum = Tally()
        for tally in outcome.tallies where tally.corrected.totalCount > 0 { sum.add(tally) }
        let isOpen = configuration.loop == "open" || configuration.writesPerSecond != nil
        self.label = label
        startedAt = result.startedAt
        self.configuration = configuration
        seconds = result.seconds
        wasInterrupted = result.wasInterrupted
        answers = sum.answers
        answersInTime = sum.answersInTime
        answersPerSecond = Double(sum.answersInTime) / result.seconds
        statuses = Self.byName(sum.statuses)
        wrongStatuses = sum.wrongStatuses
        bodiesVerified = sum.bodiesVerified
        wrongBodies = sum.wrongBodies
        failures = outcome.failures
        connections = Connections(
            asked: outcome.connectionsAsked, made: outcome.connectionsMade,
            endedByServer: outcome.connectionsEnded)
        bytesSent = outcome.bytesSent
        bytesReceived = outcome.bytesReceived
        ownCpu = result.ownCPU
        answersPerOwnCpuSecond =
            result.ownCPU.totalSeconds > 0 ? Double(answers) / result.ownCPU.totalSeconds : nil
        server = result.serverCPU.map { cpu in
            ServerUse(
                pids: serverPIDs, cpu: cpu,
                cpuUsPerAnswer: sum.answers > 0
                    ? cpu.totalSeconds * 1e6 / Double(sum.answers) : nil)
        }
        corrected = isOpen ? Latency(sum.corrected) : nil
        service = Latency(sum.service)
        lag = isOpen ? Latency(outcome.lag) : nil
        kinds = RequestKind.allCases.compactMap { kind in
            Self.kind(kind, outcome.tallies[kind.rawValue], isOpen: isOpen)
        }
    }

    private static func kind(_ kind: RequestKind, _ tally: Tally, isOpen: Bool) -> Kind? {
        guard tally.corrected.totalCount > 0 else { return nil }
        return Kind(
            kind: kind.name, answers: tally.answers, missing: tally.missing,
            statuses: byName(tally.statuses), wrongStatuses: tally.wrongStatuses,
            bodiesVerified: tally.bodiesVerified, wrongBodies: tally.wrongBodies,
            corrected: isOpen ? Latency(tally.corrected) : nil, service: Latency(tally.service))
    }

    private static func byName(_ statuses: [Int]) -> [String: Int] {
        var named: [String: Int] = [:]
        for (status, count) in statuses.enumerated() where count > 0 { named["\(status)"] = count }
        return named
    }

    /// Whether every request had the answer that it should.
    var isClean: Bool {
        failures.total == 0 && wrongStatuses == 0 && wrongBodies == 0 && answers > 0
    }

    func json() throws -> Data {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        encoder.dateEncodingStrategy = .iso8601
        return try encoder.encode(self) + Data("\n".utf8)
    }

    static func read(_ data: Data) throws -> Report {
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        decoder.dateDecodingStrategy = .iso8601
        return try decoder.decode(Report.self, from: data)
    }
}
