public import CardStore
internal import Glibc
internal import Synchronization

/// What became of a key that somebody showed.
public enum KeyVerdict: Equatable, Sendable {
    case unknown
    /// It was valid once.
    case expired
    case valid(StoredKey)
}

/// The API keys, as the store had them when last looked at, and when each was last used.
///
/// Asking for a key takes a lock. That is done once a connection and then every few seconds: who
/// was accepted under a ``version`` need not be asked again while it is the same, and reading the
/// version takes none. Each time the question is asked the key counts as used, so that noting it
/// costs the requests in between nothing.
final class KeySet: Sendable {
    /// What the store said.
    struct Keys {
        var storeVersion: UInt64
        var byHash: [[UInt8]: StoredKey]
    }

    /// How long use is noted in memory before the store is told.
    static let noteIntervalSeconds: UInt64 = 60

    private struct Notes {
        /// When keys were used last, by their hashes; those of which the store was not told yet.
        var times: [[UInt8]: UInt64] = [:]
        var dueAt: UInt64 = 0
    }

    private struct State {
        var keys: Keys
        var notes = Notes()
    }

    private let state: Mutex<State>
    private let currentVersion: Atomic<UInt64>
    private let hasAny: Atomic<Bool>

    init(reading store: CardStore) throws {
        let initial = try Self.read(store)
        state = Mutex(State(keys: initial))
        currentVersion = Atomic(1)
        hasAny = Atomic(!initial.byHash.isEmpty)
    }

    /// Counts up with every change.
    var version: UInt64 { currentVersion.load(ordering: .acquiring) }

    var isEmpty: Bool { !hasAny.load(ordering: .relaxed) }

    /// Whether a key is valid now, which counts as a use of it.
    func verdict(on hash: [UInt8], now: UInt64 = secondsSince1970()) -> KeyVerdict {
        state.withLock { state in
            guard let key = state.keys.byHash[hash] else { return .unknown }
            if key.isExpired(at: now) { return .expired }
            state.notes.times[hash] = now
            return .valid(key)
        }
    }

    /// The key whose hash begins with these 48 bits; asking is no use of it.
    func key(numbered number: UInt64) -> StoredKey? {
        state.withLock { $0.keys.byHash.values.first { $0.number == number } }
    }

    // MARK: Changes

    /// Looks again if the store's keys have changed.
    func refresh(from store: CardStore) throws {
        guard try store.keysVersion() != state.withLock({ $0.keys.storeVersion }) else { return }
        replace(with: try Self.read(store))
    }

    /// Takes over keys that were read, unless later ones have been taken over meanwhile.
    func replace(with new: Keys) {
        let isNew = state.withLock { state in
            guard new.storeVersion >= state.keys.storeVersion else { return false }
            state.keys = new
            return true
        }
        guard isNew else { return }
        // The version is raised last: whoever reads it before asks the old set or the new one, and
        // is asked again under the new version either way.
        hasAny.store(!new.byHash.isEmpty, ordering: .relaxed)
        currentVersion.add(1, ordering: .releasing)
    }

    /// The version is read first: keys that change in between are read again the next time.
    static func read(_ store: CardStore) throws -> Keys {
        let version = try store.keysVersion()
        let keys = try store.keys().map { ($0.hash, $0) }
        return Keys(storeVersion: version, byHash: Dictionary(uniqueKeysWithValues: keys))
    }

    // MARK: Use

    /// Tells the store which keys were used, at most once a minute but for the last time. When that
    /// fails it is tried again a minute later.
    func noteUse(in store: CardStore, isLast: Bool = false) throws {
        let now = secondsSince1970()
        let times = state.withLock { state -> [[UInt8]: UInt64] in
            let notes = state.notes
            // A clock that was set back must not keep the notes for ever.
            let isDue = now >= notes.dueAt || notes.dueAt - now > Self.noteIntervalSeconds
            guard !notes.times.isEmpty, isLast || isDue else { return [:] }
            state.notes.dueAt = now + Self.noteIntervalSeconds
            return notes.times
        }
        guard !times.isEmpty else { return }
        try store.noteKeyUse(times)
        state.withLock { state in
            state.notes.times = state.notes.times.filter { times[$0.key] != $0.value }
        }
    }
}

/// The clock by which keys expire.
func secondsSince1970() -> UInt64 {
    UInt64(max(0, time(nil)))
}
