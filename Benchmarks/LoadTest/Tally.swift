import Histogram

/// Latencies in nanoseconds, to three digits, up to an hour.
typealias LatencyHistogram = Histogram<UInt64>

extension Histogram where Count == UInt64 {
    static let latencyMaxNs: UInt64 = 3_600_000_000_000

    static func latency() -> Self {
        Self(
            lowestDiscernibleValue: 1, highestTrackableValue: latencyMaxNs,
            numberOfSignificantValueDigits: .three)
    }

    /// Longer than an hour is an hour; the clock never goes back.
    @inline(__always)
    mutating func record(latencyNs: Int64) {
        record(Swift.min(UInt64(Swift.max(latencyNs, 0)), Self.latencyMaxNs))
    }
}

/// What came of the requests of one kind.
struct Tally: Sendable {
    /// From the sending of a request to the end of its reply.
    var service = LatencyHistogram.latency()
    /// From when it was due.
    var corrected = LatencyHistogram.latency()
    var answers = 0
    /// Before the deadline: what the throughput is made of.
    var answersInTime = 0
    var missing = 0
    /// By status, from 0 to 599.
    var statuses = [Int](repeating: 0, count: 600)
    var wrongStatuses = 0
    var wrongBodies = 0
    var bodiesVerified = 0

    mutating func add(_ other: Tally) {
        service.add(other.service)
        corrected.add(other.corrected)
        answers += other.answers
        answersInTime += other.answersInTime
        missing += other.missing
        for status in statuses.indices { statuses[status] += other.statuses[status] }
        wrongStatuses += other.wrongStatuses
        wrongBodies += other.wrongBodies
        bodiesVerified += other.bodiesVerified
    }
}

/// Why a request has no answer.
struct FailureCounts: Sendable, Codable, Equatable {
    /// Connections that could not be made.
    var connect = 0
    /// The connection ended before the reply did.
    var closed = 0
    /// The connection was reset.
    var reset = 0
    /// No reply within the time limit. These count as latencies too, with the time waited.
    var timeout = 0
    /// What came is no HTTP.
    var malformed = 0
    /// Due in an open loop, and not sent before the run's end. These count as corrected latencies
    /// too, with the time waited.
    var unsent = 0

    var total: Int { connect + closed + reset + timeout + malformed + unsent }

    var byName: [(String, Int)] {
        [
            ("connect", connect), ("closed", closed), ("reset", reset), ("timeout", timeout),
            ("malformed", malformed), ("not sent", unsent),
        ]
    }

    mutating func add(_ other: FailureCounts) {
        connect += other.connect
        closed += other.closed
        reset += other.reset
        timeout += other.timeout
        malformed += other.malformed
        unsent += other.unsent
    }
}

/// What one worker saw, or all together.
struct Outcome: Sendable {
    var tallies = RequestKind.allCases.map { _ in Tally() }
    var failures = FailureCounts()
    /// From when a request was due to when it was sent.
    var lag = LatencyHistogram.latency()
    var connectionsAsked = 0
    var connectionsMade = 0
    /// By the server, with or without a request under way.
    var connectionsEnded = 0
    var bytesSent = 0
    var bytesReceived = 0
    /// Why the first connection could not be made that could not.
    var connectError: SystemError?
    /// What stopped the worker before its time.
    var systemError: SystemError?

    mutating func add(_ other: Outcome) {
        for kind in tallies.indices where other.tallies[kind].corrected.totalCount > 0 {
            tallies[kind].add(other.tallies[kind])
        }
        failures.add(other.failures)
        lag.add(other.lag)
        connectionsAsked += other.connectionsAsked
        connectionsMade += other.connectionsMade
        connectionsEnded += other.connectionsEnded
        bytesSent += other.bytesSent
        bytesReceived += other.bytesReceived
        connectError = connectError ?? other.connectError
        systemError = systemError ?? other.systemError
    }
}

/// CPU time of a process or between two looks at it.
struct CPUTime: Sendable, Codable, Equatable {
    var userSeconds = 0.0
    var systemSeconds = 0.0

    var totalSeconds: Double { userSeconds + systemSeconds }

    static func - (a: Self, b: Self) -> Self {
        CPUTime(
            userSeconds: a.userSeconds - b.userSeconds,
            systemSeconds: a.systemSeconds - b.systemSeconds)
    }
}
