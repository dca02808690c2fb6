internal import CardStore
internal import Synchronization

/// Tells an observer how far the change log is.
///
/// `@unchecked Sendable`: what is not under the lock is only touched on the writer's thread.
final class SequenceWatch: @unchecked Sendable {
    private let store: CardStore
    private let observer = Mutex<(@Sendable (UInt64) -> Void)?>(nil)
    private var seenTransactionID = -1
    private var told: UInt64 = 0

    init(store: CardStore) {
        self.store = store
    }

    func observe(_ observer: @escaping @Sendable (UInt64) -> Void) {
        self.observer.withLock { $0 = observer }
    }

    /// On the writer's thread, after the index has followed.
    func look() throws {
        guard let observer = observer.withLock({ $0 }) else { return }
        // Before the snapshot: a commit between the two is seen twice rather than never.
        let transactionID = store.lastTransactionID
        guard transactionID != seenTransactionID else { return }
        let newest = try store.lastSequence()
        seenTransactionID = transactionID
        if newest != told { observer(newest) }
        told = newest
    }
}
