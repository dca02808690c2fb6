import CardTesting
import Foundation
import Synchronization
import Testing

@testable import LMDBKit

struct TurnstileTests {
    private let scratch: ScratchDirectory
    private let path: String

    init() throws {
        scratch = try ScratchDirectory()
        path = scratch.file("turn")
        try Data().write(to: URL(fileURLWithPath: path))
    }

    /// Who comes second waits until the first one leaves.
    ///
    ///     first               second
    ///     enters
    ///                         begins to enter
    ///     leaves
    ///                         is in
    @Test func enter_waits_whileAnotherIsIn() {
        let first = Turnstile(path: path)
        let hasLeft = Atomic<Bool>(false)
        let sawItLeft = Atomic<Bool>(false)
        first.enter()
        let second = Thread { [path] in
            let second = Turnstile(path: path)
            second.enter()
            sawItLeft.store(hasLeft.load(ordering: .sequentiallyConsistent), ordering: .releasing)
            second.leave()
        }
        second.start()
        Thread.sleep(forTimeInterval: 0.05)
        hasLeft.store(true, ordering: .sequentiallyConsistent)
        first.leave()
        while !second.isFinished { Thread.sleep(forTimeInterval: 0.001) }
        let waited = sawItLeft.load(ordering: .acquiring)
        #expect(waited)
    }

    /// One who never leaves, and a file that is not there, hold nobody up for good.
    @Test func enter_returns_whenItIsNobodysTurn() {
        let stopped = Turnstile(path: path)
        stopped.enter()
        Turnstile(path: path).enter()
        Turnstile(path: path + "-none").enter()
        stopped.leave()
    }

    /// Environments that take turns write as others do.
    @Test func write_commits_whenTurnsAreTaken() throws {
        let environment = try Environment(
            path: scratch.path, options: .init(mapSizeBytes: 1 << 20, turnPath: path))
        for number in 0..<3 {
            try environment.write { transaction in
                let database = try transaction.createDatabase("numbers")
                try transaction.put("\(number)", for: "key", in: database)
            }
        }
        let found = try environment.read { transaction in
            let database = try #require(try transaction.openDatabase("numbers"))
            let key = Array("key".utf8)
            return try transaction.value(of: key.span.bytes, in: database)?.byteCount
        }
        #expect(found == 1)
    }
}
