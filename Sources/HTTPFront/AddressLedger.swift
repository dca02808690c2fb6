import Synchronization

/// How many connections each client has, over all workers together.
///
/// Its lock is taken when a connection begins and when it ends. Memory: an entry for each client
/// that has a connection.
final class AddressLedger: Sendable {
    private struct State {
        var counts: [UInt64: Int] = [:]
        var refused = 0
    }

    private let limit: Int
    private let state = Mutex(State())

    init(limit: Int) {
        precondition(limit > 0, "a limit lets somebody in")
        self.limit = limit
    }

    /// Connections that were one too many.
    var refused: Int { state.withLock { $0.refused } }

    /// Counts a connection; false when its client has as many as it may, and then it is not
    /// counted.
    func enter(_ network: UInt64) -> Bool {
        state.withLock { state in
            let count = state.counts[network, default: 0]
            guard count < limit else {
                state.refused += 1
                return false
            }
            state.counts[network] = count + 1
            return true
        }
    }

    func leave(_ network: UInt64) {
        state.withLock { state in
            guard let count = state.counts[network] else {
                preconditionFailure("who leaves has entered")
            }
            state.counts[network] = count == 1 ? nil : count - 1
        }
    }
}
