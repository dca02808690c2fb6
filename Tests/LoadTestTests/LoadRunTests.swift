import Foundation
import Synchronization
import Testing

@testable import LoadTest

/// Whole runs against a server that misbehaves.
@Suite(.serialized)
struct LoadRunTests {
    /// A run of a constant path.
    private func run(
        _ server: OddServer, seconds: Double = 0.4,
        _ change: (inout LoadRun.Options) -> Void = { _ in }
    ) throws -> LoadRun.Result {
        defer { server.stop() }
        let destination = try #require(Destination(host: "127.0.0.1", port: server.port))
        var plan = Engine.Plan(destination: destination)
        plan.durationNs = Int64(seconds * 1e9)
        plan.timeoutNs = 2_000_000_000
        var options = LoadRun.Options(
            plan: plan, template: RequestSource.Template(host: "localhost"))
        options.connections = 2
        change(&options)
        return try LoadRun(options).run()
    }

    private func tally(_ result: LoadRun.Result) -> Tally {
        result.outcome.tallies[RequestKind.path.rawValue]
    }

    /// A run with a limit gets exactly so many answers, and a connection stays.
    @Test(arguments: [1, 4])
    func run_countsAllAnswers_whenRequestsAreLimited(_ pipeline: Int) throws {
        let server = OddServer { _, _ in .bytes(OddServer.ok()) }
        let result = try run(server, seconds: 20) {
            $0.requestLimit = 501
            $0.threads = 2
            $0.plan.pipeline = pipeline
        }
        #expect(tally(result).answers == 501)
        #expect(tally(result).statuses[200] == 501)
        #expect(server.requestCount == 501)
        #expect(result.outcome.connectionsMade == 2)
        #expect(result.outcome.failures == FailureCounts())
    }

    /// Replies in small pieces are the same replies.
    @Test
    func run_putsRepliesTogether_whenTheyComeInPieces() throws {
        let server = OddServer { _, _ in .pieces(OddServer.ok("a longer body"), 7) }
        let result = try run(server, seconds: 20) { $0.requestLimit = 40 }
        #expect(tally(result).statuses[200] == 40)
        #expect(result.outcome.failures.total == 0)
    }

    /// A server that ends each connection after its answer costs a connect a request, which shows.
    @Test
    func run_countsConnects_whenTheServerCloses() throws {
        let server = OddServer { _, _ in
            .last("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx")
        }
        let result = try run(server, seconds: 20) { $0.requestLimit = 30 }
        #expect(tally(result).answers == 30)
        #expect(result.outcome.failures.total == 0)
        #expect(result.outcome.connectionsAsked == 2)
        #expect(result.outcome.connectionsMade >= 30)
    }

    /// Every request is an answer or a failure of its kind.
    @Test
    func run_countsFailuresByKind_whenTheServerMisbehaves() throws {
        let server = OddServer { number, _ in
            switch number {
            case 3: .end
            case 6: .reset
            case 9: .bytes("no HTTP at all\r\n")
            default: .bytes(OddServer.ok())
            }
        }
        let result = try run(server, seconds: 20) { $0.requestLimit = 30 }
        let failures = result.outcome.failures
        #expect(failures.closed == 1)
        #expect(failures.reset == 1)
        #expect(failures.malformed == 1)
        #expect(failures.total == 3)
        #expect(tally(result).answers == 27)
    }

    /// A request without an answer is a timeout, and its wait is among the latencies.
    @Test
    func run_countsTimeouts_whenTheServerIsSilent() throws {
        let server = OddServer { number, _ in number == 5 ? .silence : .bytes(OddServer.ok()) }
        let result = try run(server, seconds: 20) {
            $0.requestLimit = 20
            $0.plan.timeoutNs = 100_000_000
        }
        #expect(result.outcome.failures.timeout == 1)
        #expect(tally(result).answers == 19)
        #expect(tally(result).service.totalCount == 20)
        #expect(tally(result).service.max >= 99_000_000)
    }

    /// Statuses that should not be are counted, and the reports call the run unclean.
    @Test
    func run_countsWrongStatuses_whenTheServerFails() throws {
        let server = OddServer { number, _ in
            .bytes(
                number % 2 == 0
                    ? OddServer.ok() : "HTTP/1.1 500 Failed\r\nContent-Length: 0\r\n\r\n")
        }
        let result = try run(server, seconds: 20) { $0.requestLimit = 20 }
        #expect(tally(result).wrongStatuses == 10)
        #expect(tally(result).statuses[500] == 10)
    }

    /// A second in which the server does nothing is in the corrected latencies of all that were
    /// due in it. The closed view sees as many long requests as there are connections.
    @Test
    func run_showsAStall_inCorrectedLatencies() throws {
        let stall = Mutex(false)
        let server = OddServer { number, _ in
            stall.withLock { isOver in
                if number >= 300, !isOver {
                    isOver = true
                    // The lock is held: other connections wait as well.
                    usleep(1_000_000)
                }
            }
            return .bytes(OddServer.ok())
        }
        let result = try run(server, seconds: 3) { $0.plan.requestsPerSecond = 500 }
        let tally = tally(result)
        #expect(tally.answers == 1_500)
        #expect(result.outcome.failures.total == 0)
        #expect(tally.corrected.valueAtPercentile(99) > 900_000_000)
        #expect(tally.service.valueAtPercentile(50) < 100_000_000)
        // About 500 of 1,500 were due in the stall, of which 2 were under way.
        #expect(tally.corrected.count(within: 100_000_000...2_000_000_000) >= 400)
        #expect(tally.service.count(within: 500_000_000...2_000_000_000) <= 2)
    }

    /// What was due and could not be sent before the end is counted, and its wait too.
    @Test
    func run_countsUnsent_whenTheRateIsNotReached() throws {
        let server = OddServer { _, _ in
            usleep(50_000)
            return .bytes(OddServer.ok())
        }
        let result = try run(server, seconds: 0.5) {
            $0.plan.requestsPerSecond = 1_000
            $0.plan.timeoutNs = 300_000_000
        }
        let tally = tally(result)
        let failures = result.outcome.failures
        #expect(failures.unsent > 400)
        #expect(tally.answers + failures.total == 500)
        #expect(tally.corrected.totalCount == 500)
    }

    /// The warm-up's answers are not counted.
    @Test
    func run_leavesOutTheWarmUp_whenThereIsOne() throws {
        let server = OddServer { _, _ in .bytes(OddServer.ok()) }
        let result = try run(server, seconds: 0.5) {
            $0.plan.requestsPerSecond = 200
            $0.plan.warmupNs = 500_000_000
        }
        #expect(tally(result).answers == 100)
        #expect(server.requestCount == 200)
    }

    /// Nobody listening is an error at once, not an empty report.
    @Test
    func run_fails_whenNobodyListens() throws {
        let server = OddServer { _, _ in .end }
        server.stop()
        var options = LoadRun.Options(
            plan: Engine.Plan(
                destination: try #require(Destination(host: "127.0.0.1", port: server.port))),
            template: RequestSource.Template(host: "localhost"))
        options.connections = 1
        #expect(throws: LoadRun.Failure.self) { try LoadRun(options).run() }
    }
}
