import Synchronization

// libmicrohttpd takes the connections that are ready one after the other: it reads a request, has
// it answered, sends the answer, and goes on to the next. So what an answer waits for, such as
// memory, it waits for alone.
//
// A request of which something is foreseen (`HTTPServer.Foresight`) is therefore answered one turn
// of the event loop later. By then every other request that was ready has been read and has asked
// for what it needs, and all of it has come in the meantime. The processor gains too: it reads many
// requests, then answers many, then sends many, each with the code for it at hand.
//
// How: a last call of the access handler that queues no response is repeated in the next turn
// ("try again next time", connection.c, MHD_CONNECTION_FULL_REQ_RECEIVED), which does not sleep,
// for the connection counts as one with data pending (MHD_EVENT_LOOP_INFO_BLOCK: daemon.c,
// call_handlers and MHD_get_timeout). The answer is then sent in the turn after that.
//
// The two turns cost an `epoll_wait` each, which they share if there are several. A request that is
// alone would pay and gain nothing, so after such a one the next requests are answered at once, and
// then one waits again to see whether it is still alone. Requests whose answer comes later
// (`DeferredReply`) are in flight too: many of them make one that is alone look accompanied, which
// costs it those two calls and nothing else.

/// Whether requests of a worker wait a turn. The worker's thread alone uses it.
struct TurnTaking: ~Copyable, Sendable {
    /// Requests in flight when one is answered, itself included, from which on waiting pays.
    static let crowdMin = 8
    /// Requests that do not wait after one that was alone.
    static let restCount = 64

    private let rest = Atomic<Int>(0)

    /// Whether a request that could be answered now should wait.
    @inline(__always)
    func shouldWait() -> Bool {
        let left = rest.load(ordering: .relaxed)
        guard left > 0 else { return true }
        rest.store(left - 1, ordering: .relaxed)
        return false
    }

    /// Called when one that has waited is answered. Those before it in its turn count: their
    /// answers are not sent yet.
    @inline(__always)
    func hasWaited(inFlight: Int) {
        if inFlight < TurnTaking.crowdMin {
            rest.store(TurnTaking.restCount, ordering: .relaxed)
        }
    }
}
