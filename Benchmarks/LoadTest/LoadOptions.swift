import ArgumentParser
import Foundation

/// How much, how long, how.
struct LoadOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "Connections at a time.")
    var connections = 16

    @Option(name: [.short, .long], help: "Threads that share the connections.")
    var threads = 1

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Length of the measured part.", valueName: "seconds"))
    var duration = 10.0

    @Option(
        name: .long,
        help: ArgumentHelp("Load before it, which is not counted.", valueName: "seconds"))
    var warmup = 1.0

    @Option(
        name: [.customShort("n"), .long],
        help: "End after so many requests, if the time is not over before.")
    var requests: Int?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Requests a second of all connections: an open loop.", valueName: "per-second"))
    var rate: Double?

    @Flag(name: .long, help: "With --rate: gaps as of independent users, not all the same.")
    var poisson = false

    @Option(name: .long, help: "Requests under way on a connection.")
    var pipeline = 1

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Events to post beside the rest, on connections of their own; an open loop.",
            valueName: "per-second"))
    var writes: Double?

    @Option(name: .long, help: "Connections of each thread for --writes.")
    var writeConnections = 4

    @Option(
        name: .long,
        help: ArgumentHelp(
            "How long an answer may take before it is an error.", valueName: "seconds"))
    var timeout = 5.0

    @Flag(name: .long, help: "Let the load leave this machine.")
    var allowRemote = false

    func check() throws {
        func require(_ isRight: Bool, _ message: String) throws {
            if !isRight { throw CommandFailure.misused(message) }
        }
        try require((1...100_000).contains(connections), "--connections is from 1 to 100000")
        try require((1...256).contains(threads), "--threads is from 1 to 256")
        try require(threads <= connections, "--threads cannot be more than --connections")
        try require(duration > 0 && duration <= 86_400, "--duration is up to 86400 seconds")
        try require(warmup >= 0 && warmup <= 3_600, "--warmup is from 0 to 3600 seconds")
        try require(timeout > 0 && timeout <= 3_600, "--timeout is up to 3600 seconds")
        try require((requests ?? 1) >= 1, "--requests is at least 1")
        try require(rate.map { $0 > 0 && $0 <= 1e8 } ?? true, "--rate is up to 100000000")
        try require((1...1_024).contains(pipeline), "--pipeline is from 1 to 1024")
        try require((1...1_024).contains(writeConnections), "--write-connections is from 1 to 1024")
        try require(rate != nil || !poisson, "--poisson needs --rate")
    }

    func writesPerSecond() throws -> Double? {
        guard let writes, writes != 0 else { return nil }
        guard writes > 0, writes <= 1e7 else {
            throw CommandFailure.misused("--writes is up to 10000000")
        }
        return writes
    }
}
