internal import CardIndex
internal import CardModel
internal import CardStore
internal import Synchronization

/// Keeps the index in memory up with the store, whoever wrote to it.
///
/// Only the writer's thread calls ``follow(_:)`` and ``adopt(_:upTo:)``. What this process commits
/// comes from the commit itself, when it is the next thing in the change log; all else is read from
/// a snapshot that is newer than the call. Both go through the same numbers, so nothing is left out
/// or seen before what precedes it.
///
/// **Nobody sees the past after the present**, whichever answers them:
/// - The index only goes forward, and one that replaces another is brought up to date first.
/// - From index to store: the store's snapshot is taken later, and so is newer.
/// - From store to index: the index is published while nobody can commit, so it has all that any
///   answer from the store could have shown by then; and who finds an index published after having
///   taken a snapshot asks the index instead (`CardService`).
///
/// `@unchecked Sendable`: the stored properties that change are only touched on the writer's
/// thread; `published` is atomic, and what it leads to is held until no reader has it.
final class IndexFollower: @unchecked Sendable {
    private let store: CardStore
    private let onProblem: @Sendable (any Error) -> Void
    /// The index that readers may use, unretained: `index` holds it, and lets go of it only when
    /// all readers have gone on.
    private let published = Atomic<UnsafeRawPointer?>(nil)

    private var index: CardIndex?
    private var appliedSequence: UInt64 = 0
    private var seenTransactionID = -1

    init(store: CardStore, onProblem: @escaping @Sendable (any Error) -> Void) {
        self.store = store
        self.onProblem = onProblem
    }

    /// Lends the index that readers may use: complete, and as new as the last ``follow(_:)``. Nil
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

    /// ``withCurrent(_:)`` without a result; `body` is not called while there is no index.
    @inline(__always)
    func withIndex(_ body: (CardIndex) throws -> Void) rethrows {
        try CardIndex.read {
            guard let pointer = published.load(ordering: .acquiring) else { return }
            try Unmanaged<CardIndex>.fromOpaque(pointer)._withUnsafeGuaranteedRef(body)
        }
    }

    /// The same index to keep, for what takes its time.
    var current: CardIndex? {
        withCurrent { $0 }
    }

    /// Whether readers have an index.
    var isPublished: Bool { published.load(ordering: .acquiring) != nil }

    private func publish(_ index: CardIndex) {
        published.store(
            UnsafeRawPointer(Unmanaged.passUnretained(index).toOpaque()), ordering: .releasing)
    }

    /// Takes over an index that holds everything up to a sequence number, brings it up to date and
    /// publishes it.
    ///
    /// - Returns: the index that it replaced, which readers may still be in: let go of it after
    ///   `CardIndex.waitForReaders()`.
    /// - Throws: when the index cannot be brought up to date; then everything is as it was.
    func adopt(_ new: CardIndex, upTo sequence: UInt64) throws -> CardIndex? {
        var applied = sequence
        try store.applyChanges(to: new, after: &applied)
        if index == nil {
            // The lock comes after the bulk of the work, since it keeps other processes waiting.
            try store.withoutCommits {
                try store.applyChanges(to: new, after: &applied)
                publish(new)
            }
        } else {
            publish(new)
        }
        let old = index
        index = new
        appliedSequence = applied
        seenTransactionID = -1
        return old
    }

    /// Applies what was committed since the last call, by this process or another.
    ///
    /// - Parameter commit: the last one of this process, when there was one.
    /// - Returns: whether there is an index that is up to date. If not, readers fall back to the
    ///   store, which is always right, and the index has to be built again.
    @discardableResult
    func follow(_ commit: CommitResult? = nil) -> Bool {
        guard let index else { return false }
        do {
            if let commit { try apply(commit, to: index) }
            // The ID is read before the snapshot is taken: a commit between the two is seen twice,
            // which does no harm, rather than never.
            let transactionID = try store.snapshotTransactionID()
            guard transactionID != seenTransactionID else { return true }
            try store.applyChanges(to: index, after: &appliedSequence)
            seenTransactionID = transactionID
            return true
        } catch {
            if !(error is LogTrimmed) { onProblem(error) }
            drop()
            return false
        }
    }

    /// Applies a commit if its changes are the next ones in the log. Reading them again would cost
    /// half as much as making them.
    private func apply(_ commit: CommitResult, to index: CardIndex) throws {
        guard appliedSequence + UInt64(commit.changed.count) == commit.lastSequence else { return }
        for (card, history) in zip(commit.changed, commit.histories) {
            if try history.withView(id: card, { try index.insert($0) }) == nil {
                index.remove(card)
            }
        }
        appliedSequence = commit.lastSequence
    }

    private func drop() {
        published.store(nil, ordering: .releasing)
        CardIndex.waitForReaders()
        index = nil
    }
}
