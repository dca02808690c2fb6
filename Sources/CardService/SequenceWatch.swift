internal import CardStore
internal import Synchronization

/// Tells an observer how far the change log is.
///
/// `@unchecked Sendable`: what is not under the lock is only touched on the writer's thread.
final class SequenceWatch: @unchecked Sendable {
    /// A closure by itself must not lie in a lock. What is generic over it hands it out and takes
    /// it back as another kind of function, so that each look would wrap it once more: memory, and
    /// the stack of the call that ends it all, would grow twenty times a second.
    private struct Observer: Sendable {
        let tell: @Sendable (UInt64) -> Void
    }

    private let store: CardStore
    private let observer = Mutex<Observer?>(nil)
    private var seenTransactionID = -1
    private var told: UInt64 = 0

    init(store: CardStore) {
        self.store = store
    }

    func observe(_ observer: @escaping @Sendable (UInt64) -> Void) {
        self.observer.withLock { $0 = Observer(tell: observer) }
    }

    /// On the writer's thread, after the index has followed.
    func look() throws {
        guard let observer = observer.withLock({ $0 }) else { return }
        // Before the snapshot: a commit between the two is seen twice rather than never.
        let transactionID = store.lastTransactionID
        guard transactionID != seenTransactionID else { return }
        let newest = try store.lastSequence()
        seenTransactionID = transactionID
        if newest != told { observer.tell(newest) }
        told = newest
    }
}
