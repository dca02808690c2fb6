import Foundation
import Glibc
import HTTPFront
import Synchronization

/// A server on a free loopback port whose handler tells what it saw.
final class TestServer: Sendable {
    let server: HTTPServer
    let log: Recorder<String>
    let completed: Recorder<Completion>

    struct Completion: Sendable, Equatable {
        var worker: Int
        var routeTag: Int
        var status: Int
    }

    init(
        _ configure: (inout HTTPServer.Configuration) -> Void = { _ in },
        plan: HTTPServer.BodyPlanner? = nil,
        foresee: HTTPServer.Foresight? = nil,
        handler: @escaping HTTPServer.Handler = { TestServer.echo($0, &$1) }
    ) throws {
        var configuration = HTTPServer.Configuration(addresses: [.loopback(port: 0)])
        configuration.limits.connectionsPerWorker = 256
        configuration.shutdownGraceMs = 5_000
        configure(&configuration)
        let log = Recorder<String>()
        let completed = Recorder<Completion>()
        server = try HTTPServer(
            configuration: configuration, errorLog: { log.append($0) },
            plan: plan,
            onCompleted: { worker, tag, status, _ in
                completed.append(Completion(worker: worker, routeTag: tag, status: status))
            },
            foresee: foresee, handler: handler)
        self.log = log
        self.completed = completed
    }

    deinit {
        server.stop()
    }

    var port: UInt16 { server.boundAddresses[0].port }

    var counters: [HTTPServer.WorkerCounters] {
        (0..<server.workerCount).map { server.counters(ofWorker: $0) }
    }

    var connectionsAccepted: Int { counters.reduce(0) { $0 + $1.connectionsAccepted } }

    func client() throws -> TestClient { try TestClient(port: port) }

    /// `METHOD path|query|body` as the body, and the tag 7.
    static func echo(_ request: borrowing Request, _ reply: inout Reply) {
        reply.contentType = "text/plain"
        reply.body.append(Array("\(request.method.name) ".utf8))
        reply.body.append(request.path)
        reply.body.append(UInt8(ascii: "|"))
        reply.body.append(request.query.bytes)
        reply.body.append(UInt8(ascii: "|"))
        reply.body.append(request.body)
        reply.routeTag = 7
    }
}

/// A list that a callback fills and a test reads.
final class Recorder<Element: Sendable>: Sendable {
    private let stored = Mutex<[Element]>([])

    func append(_ element: Element) { stored.withLock { $0.append(element) } }

    var elements: [Element] { stored.withLock { $0 } }
}

/// A thread of its own for what blocks: a blocked task would take a thread of the few that run all
/// tests.
final class Background<Value: Sendable>: Sendable {
    private let result = Mutex<Value?>(nil)
    private let done = DispatchSemaphore(value: 0)

    init(_ body: @escaping @Sendable () -> Value) {
        Thread.detachNewThread { [self] in
            let value = body()
            result.withLock { $0 = value }
            done.signal()
        }
    }

    /// The result; nil after a minute without one.
    func join() -> Value? {
        guard done.wait(timeout: .now() + 60) == .success else { return nil }
        done.signal()
        return result.withLock { $0 }
    }
}

/// Waits until something that another thread does has happened; false after ten seconds.
func eventually(_ condition: () -> Bool) -> Bool {
    for _ in 0..<10_000 {
        if condition() { return true }
        usleep(1_000)
    }
    return false
}
