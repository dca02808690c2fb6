public import CardModel
internal import LMDBKit
internal import Synchronization

/// The current states of all cards in one snapshot, for several threads to read.
///
/// The tree of cards is divided at keys where it branches; each reader takes the next part that is
/// left. While a scan lives, pages that commits free are not used again, so let go of it soon.
public final class CardScan: Sendable {
    /// Enough that no reader waits long for the last, few enough that the disk reads long runs.
    private static let partsPerReader = 64

    private struct State {
        var next = 0
        var found = DatabaseTotals()
    }

    private let store: CardStore
    private let snapshots: [Snapshot]
    /// The keys between the parts.
    private let borders: [CardID]
    private let written: DatabaseTotals
    private let state = Mutex(State())

    /// Cards in the snapshot, those without a state too.
    public let cardCount: Int
    /// The snapshot's last sequence, from which ``CardStore/changes(after:limit:)`` goes on.
    public let lastSequence: UInt64

    /// - Parameter readers: how many are wanted.
    public init(_ store: CardStore, readers: Int) throws {
        self.store = store
        do {
            snapshots = try store.environment.snapshots(count: readers)
            let cards = StoredDatabase.cards
            let keys =
                readers == 1
                ? []
                : try store.environment.branchKeys(
                    of: cards.rawValue, count: snapshots.count * Self.partsPerReader,
                    snapshots[0].transaction)
            // Whatever a damaged page makes of them only divides the work.
            borders = keys.compactMap { CardID(canonical: $0.span) }
            let databases = store.databases
            cardCount = try snapshots[0].transaction.entryCount(of: databases.cards)
            lastSequence = try store.lastSequence(snapshots[0].transaction)
            written = try DatabaseTotals(
                reading: cards, snapshots[0].transaction, databases.meta)
        } catch let error as LMDBError {
            throw StoreError(error, directory: store.directory)
        }
    }

    /// How many readers there are: as many as were wanted, or fewer where commits come too fast to
    /// give all of them one snapshot.
    public var readers: Int { snapshots.count }

    /// Lends cards, in ascending order of their IDs, until none are left that no other reader has
    /// taken.
    ///
    /// - Parameter reader: below ``readers``, and used by one thread only.
    public func read(
        as reader: Int, _ body: (borrowing CardView) throws -> Void
    ) throws {
        do {
            while let part = nextPart() {
                var found = DatabaseTotals()
                let start = part == 0 ? nil : borders[part - 1]
                let end = part == borders.count ? nil : borders[part]
                try store.scan(snapshots[reader].transaction, from: start, before: end) {
                    id, record in
                    found.add(record.checksum)
                    _ = try store.inDatabase(.cards) {
                        try record.withView(id: id) { try body($0) }
                    }
                }
                let sum = found
                state.withLock { $0.found.add(sum) }
            }
        } catch let error as LMDBError {
            throw StoreError(error, directory: store.directory)
        }
    }

    private func nextPart() -> Int? {
        state.withLock { state in
            guard state.next <= borders.count else { return nil }
            defer { state.next += 1 }
            return state.next
        }
    }

    /// Called when all readers have come to their end.
    ///
    /// - Throws: ``StoreError/damaged(database:what:)`` when cards are missing that were written.
    public func finish() throws {
        guard state.withLock({ $0.found }) == written else {
            throw StoreError.damaged(
                database: "cards", what: "the records are not all that were written")
        }
    }
}
