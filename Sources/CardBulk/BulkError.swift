public import CardStore
internal import Glibc
internal import LMDBKit

/// Why facts were not taken.
public enum BulkError: Error, Equatable, Sendable, CustomStringConvertible {
    case store(StoreError)
    /// The file for what memory does not hold could not be used.
    case spill(directory: String, code: CInt)
    /// Whoever takes the facts is stopping. Those handed over before may be in the store.
    case stopped

    public var description: String {
        switch self {
        case .store(let error): error.description
        case .spill(let directory, ENOSPC):
            "there is no space left in '\(directory)' for what memory does not hold: make room,"
                + " allow more with --memory, or load fewer files at a time"
        case .spill(let directory, let code):
            "cannot use a temporary file in '\(directory)': \(String(cString: strerror(code)))"
        case .stopped: "it was stopped"
        }
    }

    init(_ error: any Error, directory: String) {
        if let error = error as? BulkError {
            self = error
        } else {
            self = .store(CardStore.storeError(error, directory: directory))
        }
    }
}
