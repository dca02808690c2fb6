internal import CardStore
internal import Synchronization

/// The API keys that are valid, as the store had them when last looked at.
///
/// Asking whether a hash is a key takes a lock. That is done once a connection: who was accepted
/// under a ``version`` need not be asked again while it is the same, and reading the version takes
/// none.
final class KeySet: Sendable {
    /// What the store said.
    struct Keys {
        var storeVersion: UInt64
        var hashes: Set<[UInt8]>
    }

    private let keys: Mutex<Keys>
    private let currentVersion: Atomic<UInt64>
    private let hasAny: Atomic<Bool>

    init(reading store: CardStore) throws {
        let initial = try Self.read(store)
        keys = Mutex(initial)
        currentVersion = Atomic(1)
        hasAny = Atomic(!initial.hashes.isEmpty)
    }

    /// Counts up with every change.
    var version: UInt64 { currentVersion.load(ordering: .acquiring) }

    var isEmpty: Bool { !hasAny.load(ordering: .relaxed) }

    func contains(_ hash: [UInt8]) -> Bool {
        keys.withLock { $0.hashes.contains(hash) }
    }

    /// Looks again if the store's keys have changed.
    func refresh(from store: CardStore) throws {
        guard try store.keysVersion() != keys.withLock({ $0.storeVersion }) else { return }
        replace(with: try Self.read(store))
    }

    /// Takes over keys that were read, unless later ones have been taken over meanwhile.
    func replace(with new: Keys) {
        let isNew = keys.withLock { keys in
            guard new.storeVersion >= keys.storeVersion else { return false }
            keys = new
            return true
        }
        guard isNew else { return }
        // The version is raised last: whoever reads it before asks the old set or the new one, and
        // is asked again under the new version either way.
        hasAny.store(!new.hashes.isEmpty, ordering: .relaxed)
        currentVersion.add(1, ordering: .releasing)
    }

    /// The version is read first: keys that change in between are read again the next time.
    static func read(_ store: CardStore) throws -> Keys {
        let version = try store.keysVersion()
        return Keys(storeVersion: version, hashes: Set(try store.keys().map(\.hash)))
    }
}
