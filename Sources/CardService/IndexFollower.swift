internal import CardIndex
internal import CardModel
internal import CardStore
internal import Synchronization

/// Keeps the index in memory up with the store, whoever wrote to it.
///
/// Only the writer's thread calls ``follow()`` and ``adopt(_:upTo:)``. It is also told of commits
/// by its own process in no other way: one path for all changes, always from a snapshot that is
/// newer than the commit.
///
/// `@unchecked Sendable`: the stored properties that change are only touched on the writer's
/// thread; `published` is atomic, and what it leads to is held until no reader has it.
final class IndexFollower: @unchecked Sendable {
    /// Entries of the change log applied from one snapshot.
    private static let batchMax = 10_000

    private let store: CardStore
    private let onProblem: @Sendable (StoreError) -> Void
    /// The index that readers may use, unretained: `index` holds it, and lets go of it only when
    /// all readers have gone on.
    private let published = Atomic<UnsafeRawPointer?>(nil)

    private var index: CardIndex?
    private var appliedSequence: UInt64 = 0
    private var seenTransactionID = -1

    init(store: CardStore, onProblem: @escaping @Sendable (StoreError) -> Void) {
        self.store = store
        self.onProblem = onProblem
    }

    /// Lends the index that readers may use: complete, and as new as the last ``follow()``. Nil
    /// while there is none, and then look-ups read the store. Takes no lock and counts no
    /// reference; `body` must be short.
    @inline(__always)
    func withCurrent<R>(_ body: (CardIndex) throws -> R) rethrows -> R? {
        try CardIndex.read {
            guard let pointer = published.load(ordering: .acquiring) else { return nil }
            return try Unmanaged<CardIndex>.fromOpaque(pointer)._withUnsafeGuaranteedRef {
                try body($0)
            }
        }
    }

    /// The same index to keep, for what takes its time.
    var current: CardIndex? {
        withCurrent { $0 }
    }

    private func publish(_ index: CardIndex) {
        published.store(
            UnsafeRawPointer(Unmanaged.passUnretained(index).toOpaque()), ordering: .releasing)
    }

    /// Takes over an index that holds everything up to a sequence number, brings it up to date and
    /// publishes it.
    func adopt(_ index: CardIndex, upTo sequence: UInt64) {
        self.index = index
        appliedSequence = sequence
        seenTransactionID = -1
        if follow() { publish(index) }
    }

    /// Applies what was committed since the last call.
    ///
    /// - Returns: whether the index is up to date. If not, readers fall back to the store, which
    ///   is always right, and the index has to be built again.
    @discardableResult
    func follow() -> Bool {
        guard let index else { return false }
        // The ID is read before the snapshot is taken: a commit between the two is seen twice,
        // which does no harm, rather than never.
        let transactionID = store.lastTransactionID
        guard transactionID != seenTransactionID else { return true }
        do {
            while true {
                switch try store.changes(after: appliedSequence, limit: Self.batchMax) {
                case .logTrimmed:
                    drop()
                    return false
                case .cards(let cards, let last):
                    guard !cards.isEmpty else {
                        seenTransactionID = transactionID
                        return true
                    }
                    try store.withCards(Array(Set(cards)).sorted()) {
                        try index.insert($0)
                    } absent: {
                        index.remove($0)
                    }
                    appliedSequence = last
                }
            }
        } catch {
            onProblem((error as? StoreError) ?? .failed("\(error)"))
            drop()
            return false
        }
    }

    private func drop() {
        published.store(nil, ordering: .releasing)
        CardIndex.waitForReaders()
        index = nil
    }
}
