internal import CardIndex
internal import CardModel
internal import CardStore

/// The log no longer reaches back to what an index holds: the index has to be built again.
struct LogTrimmed: Error, CustomStringConvertible {
    let oldest: UInt64

    var description: String {
        "the change log no longer reaches back to where the index was filled from;"
            + " its oldest entry is \(oldest)"
    }
}

extension CardStore {
    /// Entries of the change log applied from one snapshot.
    private static let batchMax = 10_000

    /// Brings an index up to a snapshot that is newer than the call.
    ///
    /// - Parameter sequence: the last change that the index has; goes on with it, also when an
    ///   error is thrown in between.
    /// - Returns: the entries of the log that were applied.
    /// - Throws: ``LogTrimmed``, ``StoreError`` or ``CardIndexError``.
    @discardableResult
    func applyChanges(to index: CardIndex, after sequence: inout UInt64) throws -> Int {
        var entries = 0
        while true {
            switch try changes(after: sequence, limit: Self.batchMax) {
            case .logTrimmed(let oldest):
                throw LogTrimmed(oldest: oldest)
            case .cards(let cards, let last):
                guard !cards.isEmpty else { return entries }
                try withCards(Array(Set(cards)).sorted()) {
                    try index.insert($0)
                } absent: {
                    index.remove($0)
                }
                sequence = last
                entries += cards.count
            }
        }
    }
}
