internal import Synchronization

/// From which severity on the server's log has lines. It may be changed while the server runs.
public final class LogLevel: Sendable {
    /// From the least to the most severe.
    public static let names = [
        "trace", "debug", "info", "notice", "warning", "error", "critical",
    ]

    private let place: Atomic<Int>

    /// Nil when the name is none.
    public init?(_ name: String) {
        guard let place = Self.names.firstIndex(of: name) else { return nil }
        self.place = Atomic(place)
    }

    /// Its place among the names. Takes no lock.
    public var index: Int { place.load(ordering: .relaxed) }

    public var name: String { Self.names[index] }

    /// - Returns: false when the name is none; nothing is changed then.
    public func set(_ name: String) -> Bool {
        guard let place = Self.names.firstIndex(of: name) else { return false }
        self.place.store(place, ordering: .relaxed)
        return true
    }
}
