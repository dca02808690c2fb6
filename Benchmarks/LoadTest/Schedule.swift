import Foundation

/// When requests are due in an open loop: at moments that depend on the clock and on nothing that
/// the server does. A request that is sent late is measured from when it was due, so a stalled
/// server cannot hide how long its users would have waited (Gil Tene's "coordinated omission").
struct Schedule {
    enum Arrivals: String, Sendable, Codable {
        /// Evenly spread.
        case constant
        /// Independent of each other: gaps have an exponential distribution.
        case poisson
    }

    private let startNs: Int64
    private let gapNs: Double
    private let arrivals: Arrivals
    /// After the start. For constant arrivals it is computed from `count`, so that no rounding
    /// error adds up.
    private var offsetNs: Double
    private let phaseNs: Double
    private var count = 0
    private var random: Random

    /// When the next request is due.
    private(set) var nextNs: Int64

    /// - Parameters:
    ///   - requestsPerSecond: of all workers together.
    ///   - worker: which of `workers` this is; their requests interleave evenly.
    init(
        requestsPerSecond: Double, worker: Int, workers: Int, startNs: Int64,
        arrivals: Arrivals, random: Random
    ) {
        precondition(requestsPerSecond > 0, "a schedule has a rate")
        self.startNs = startNs
        self.arrivals = arrivals
        self.random = random
        gapNs = Double(workers) * 1e9 / requestsPerSecond
        phaseNs = Double(worker) * 1e9 / requestsPerSecond
        offsetNs = phaseNs
        nextNs = 0
        if arrivals == .poisson { offsetNs = drawGapNs() }
        nextNs = startNs + Int64(offsetNs)
    }

    /// Goes on to the request after.
    mutating func advance() {
        count += 1
        switch arrivals {
        case .constant: offsetNs = phaseNs + Double(count) * gapNs
        case .poisson: offsetNs += drawGapNs()
        }
        nextNs = startNs + Int64(offsetNs)
    }

    private mutating func drawGapNs() -> Double { -log(1 - random.unit()) * gapNs }
}
