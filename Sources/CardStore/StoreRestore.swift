public import CardModel
internal import Glibc
internal import LMDBKit

/// A store in the making from the cards of an export: all of it or nothing.
///
/// It is built in the folder `restoring` of its directory, and its data file gets its name when
/// everything is in it, checked and durable. A process that dies leaves that folder, which no
/// command takes for a store; the next one that restores to the same directory removes it.
public final class StoreRestore {
    /// Events of a transaction: enough that its two flushes cost little, and well below what LMDB
    /// keeps in memory.
    private static let commitEvents = 50_000
    static let folderName = "restoring"
    private static let dataFileName = "data.mdb"

    private let directory: String
    private let madeDirectory: Bool
    private let lock: ServerLock
    /// nil once it is closed.
    private var store: CardStore?
    private var facts: [CardFact] = []
    private var totals = DatabaseTotals()
    private var erasures: ErasureList?
    private var isFinished = false
    public private(set) var cards = 0
    public private(set) var events = 0

    private var folder: String { directory + "/" + Self.folderName }

    /// Makes the directory when there is none, and keeps servers away from it.
    ///
    /// - Throws: ``StoreError/storeExists(directory:)`` when there is a store, whatever it holds:
    ///   another process may have it open.
    public init(
        directory: String, mapSizeBytes: Int = CardStore.defaultMapSizeBytes
    ) throws(StoreError) {
        self.directory = directory
        madeDirectory = try PartialFile.makeFolder(directory)
        if PartialFile.exists(directory + "/" + Self.dataFileName) {
            throw .storeExists(directory: directory)
        }
        lock = try ServerLock(directory: directory)
        let folder = directory + "/" + Self.folderName
        try CardStore.removeFolder(folder)
        _ = try PartialFile.makeFolder(folder)
        store = try CardStore(making: folder, mapSizeBytes: mapSizeBytes)
    }

    deinit {
        guard !isFinished else { return }
        store = nil
        do {
            try CardStore.removeFolder(folder)
        } catch {
            // The next restore removes it, or says why that cannot be.
        }
        if madeDirectory {
            unlink(directory + "/serve.lock")
            rmdir(directory)
        }
    }

    /// Takes over the export's erasures, before any card.
    public func setErasures(_ exported: CardStore.ExportedErasures) throws {
        precondition(cards == 0 && erasures == nil, "erasures come once, and first")
        guard let store else { preconditionFailure("nothing is added behind the end") }
        try store.adopt(exported)
        erasures = exported.list
    }

    /// Adds a card that was not added before, with all its events in their order.
    ///
    /// - Returns: false when no store can have a card with just these events.
    public func add(_ card: CardID, _ events: [CardEvent]) throws -> Bool {
        guard !events.isEmpty, var history = CardHistory(restoring: events) else { return false }
        if let erasures { _ = history.erase(erasures) }
        let key = card.bytes
        let record = CardRecord.encode(history, key: key.span.bytes)
        totals.add(
            UInt64(
                littleEndian: record.span.bytes.unsafeLoadUnaligned(
                    fromByteOffset: 0, as: UInt64.self)))
        cards += 1
        self.events += events.count
        for event in history.events { facts.append(CardFact(card: card, event: event)) }
        if facts.count >= Self.commitEvents { try write() }
        return true
    }

    /// Brings the facts that were gathered into the store being built.
    private func write() throws {
        guard let store, !facts.isEmpty else { return }
        _ = try store.commit([facts])
        facts.removeAll(keepingCapacity: true)
    }

    /// Makes the store that was built the directory's own, durably. Nothing is added after it.
    ///
    /// - Throws: ``StoreError/damaged(database:what:)`` when what was written is not what was
    ///   added, which only a bug or failing hardware can cause.
    public func finish() throws {
        try write()
        guard let built = store else { preconditionFailure("a restore is finished once") }
        let written = try built.read {
            try DatabaseTotals(reading: .cards, $0, built.databases.meta)
        }
        guard written == totals else {
            throw StoreError.damaged(
                database: "cards", what: "the records are not those of the export")
        }
        try publish()
    }

    private func publish() throws(StoreError) {
        store = nil
        let new = folder + "/" + Self.dataFileName
        let path = directory + "/" + Self.dataFileName
        try PartialFile.syncFolder(of: new)
        // Unlike a rename, a link fails when a store has come up there meanwhile.
        guard link(new, path) == 0 else {
            throw errno == EEXIST
                ? .storeExists(directory: directory)
                : .inaccessible(path: path, reason: String(cString: strerror(errno)))
        }
        isFinished = true
        try PartialFile.syncFolder(of: path)
        try CardStore.removeFolder(folder)
    }
}
