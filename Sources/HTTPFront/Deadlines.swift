import Glibc
import Synchronization

// libmicrohttpd knows one time limit, of silence: any byte begins it anew, so a client that sends a
// byte now and then keeps a connection for ever. Here every connection has a deadline by which the
// client must have done its part, and who is late is cut off.
//
// A worker writes its connections' deadlines, a store each; another thread looks through them now
// and then. That one closes nothing: it shuts the socket down, upon which the worker's event loop
// finds the connection at its end, as if the client had gone. A descriptor's number belongs to
// another connection as soon as it is closed, so it is shut down under a lock, and the worker takes
// it out under the same lock before it is closed. A request takes no lock.

/// What a client is waited for.
public enum ClientDelay: UInt64, CaseIterable, Sendable {
    /// A request line, on a new connection or after an answer.
    case request
    /// The end of the headers.
    case headers
    /// The next part of the body.
    case body
    /// That it takes the answer.
    case answer
}

/// The deadlines of one worker's connections.
///
/// `@unchecked Sendable`: what the pointers lead to is atomic, or touched under `lock` or by the
/// worker alone, as each says.
final class Deadlines: @unchecked Sendable {
    static let never = UInt64.max

    private let capacity: Int
    /// Nanoseconds, whose last two bits say what is waited for instead; `never` for none.
    private let deadlines: UnsafeMutablePointer<Atomic<UInt64>>
    /// Under `lock`; -1 where no connection is.
    private let descriptors: UnsafeMutablePointer<Int32>
    private let lock = Mutex(())
    /// Places that were used, from the first on.
    private let usedCount = Atomic<Int>(0)
    /// The worker's.
    private var free: [Int32] = []
    /// The ticking thread's.
    private var nextLookNanos: UInt64 = 0
    private let cutOff: UnsafeMutablePointer<Atomic<Int>>

    /// How often it is looked for who is late.
    static let intervalNanos: UInt64 = 250_000_000

    init(capacity: Int) {
        self.capacity = capacity
        deadlines = .allocate(capacity: capacity)
        descriptors = .allocate(capacity: capacity)
        descriptors.initialize(repeating: -1, count: capacity)
        for index in 0..<capacity {
            (deadlines + index).initialize(to: Atomic(Self.never))
        }
        cutOff = .allocate(capacity: ClientDelay.allCases.count)
        for index in ClientDelay.allCases.indices { (cutOff + index).initialize(to: Atomic(0)) }
    }

    deinit {
        deadlines.deinitialize(count: capacity)
        deadlines.deallocate()
        descriptors.deallocate()
        cutOff.deinitialize(count: ClientDelay.allCases.count)
        cutOff.deallocate()
    }

    /// Connections that were cut off.
    func cutOffCount(_ delay: ClientDelay) -> Int {
        cutOff[Int(delay.rawValue)].load(ordering: .relaxed)
    }

    // MARK: The worker's side

    /// A place for a connection that has begun.
    func enter(_ descriptor: Int32) -> Int {
        let place: Int
        if let last = free.popLast() {
            place = Int(last)
        } else {
            place = usedCount.load(ordering: .relaxed)
            precondition(place < capacity, "there are no more connections than may be")
            usedCount.store(place + 1, ordering: .releasing)
        }
        lock.withLock { _ in descriptors[place] = descriptor }
        return place
    }

    /// Before the descriptor is closed.
    func leave(_ place: Int) {
        deadlines[place].store(Self.never, ordering: .relaxed)
        lock.withLock { _ in descriptors[place] = -1 }
        free.append(Int32(place))
    }

    /// Until when what is waited for.
    @inline(__always)
    func set(_ place: Int, _ delay: ClientDelay, nanos: UInt64) {
        deadlines[place].store(nanos & ~3 | delay.rawValue, ordering: .relaxed)
    }

    /// Until when, roughly; `never` when nothing is waited for.
    func nanos(_ place: Int) -> UInt64 { deadlines[place].load(ordering: .relaxed) }

    /// The server's turn: nothing is waited for.
    @inline(__always)
    func clear(_ place: Int) {
        deadlines[place].store(Self.never, ordering: .relaxed)
    }

    /// Cuts a connection off at once.
    func end(_ place: Int) {
        lock.withLock { _ in _ = cut(place) }
    }

    // MARK: The other side

    /// Cuts off who is late. On one thread at a time.
    func cutOffLate(nowNanos: UInt64) {
        guard nowNanos >= nextLookNanos else { return }
        nextLookNanos = nowNanos + Self.intervalNanos
        for place in 0..<usedCount.load(ordering: .acquiring) {
            let deadline = deadlines[place].load(ordering: .relaxed)
            guard deadline <= nowNanos else { continue }
            lock.withLock { _ in
                // Looked at again: in between the request may have come to its end.
                let isLate = deadlines[place].compareExchange(
                    expected: deadline, desired: Self.never, ordering: .relaxed
                ).exchanged
                guard isLate, cut(place) else { return }
                cutOff[Int(deadline & 3)].add(1, ordering: .relaxed)
            }
        }
    }

    /// With the lock held.
    private func cut(_ place: Int) -> Bool {
        let descriptor = descriptors[place]
        // It fails when the client has gone already, which is as good.
        return descriptor >= 0 && shutdown(descriptor, Int32(SHUT_RDWR)) == 0
    }
}
