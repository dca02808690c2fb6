internal import CMachine

/// Why the index could not take a card. The index is as it was before.
public enum CardIndexError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The system refused memory.
    case noMemory(byteCount: Int, errno: Int32)
    /// The records fill what the index can address.
    case full(limitBytes: Int)

    public var description: String {
        switch self {
        case .noMemory(let byteCount, let code):
            "the system gave no \(byteCount) bytes of memory for the index "
                + "(\(String(cString: machine_error_text(code)))); look at the limits of address "
                + "space (ulimit -v) and vm.overcommit_memory"
        case .full(let limitBytes):
            "the index in memory is full at \(limitBytes) bytes of records"
        }
    }
}
