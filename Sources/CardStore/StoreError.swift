internal import Glibc
package import LMDBKit

/// What can go wrong with a store, in words that say what to do.
public enum StoreError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no store in the directory, and the command does not make one.
    case noStore(directory: String)
    /// A file operation failed.
    case inaccessible(path: String, reason: String)
    /// Written by another version of this program.
    case schema(found: UInt32, supported: UInt32)
    /// The directory holds an LMDB environment that is no card store.
    case foreign(directory: String)
    case alreadyServed(directory: String, by: String)
    /// Two processes with the same process ID hold the store.
    case sharedWithoutProcessNamespace(directory: String)
    /// The map has no room for new events. Reads and voids go on.
    case mapFull(usedBytes: Int, mapSizeBytes: Int)
    case diskFull(directory: String)
    /// A file that was to be made is there already.
    case fileExists(path: String)
    /// A store was to be made where there is one.
    case storeExists(directory: String)
    case notEnoughRoom(directory: String, neededBytes: Int, availableBytes: Int)
    /// A record is not what was written.
    case damaged(database: String, what: String)
    /// A bulk load keeps everybody else out while it writes the store anew.
    case beingRebuilt(directory: String)
    /// The store is to be replaced as a whole, and somebody has it open.
    case openElsewhere(directory: String)
    /// LMDB gave another error.
    case failed(String)

    /// The damage is in LMDB's file as a whole, which no check can read.
    private static let dataFile = "data.mdb"

    public var description: String {
        switch self {
        case .noStore(let directory):
            "there is no store in '\(directory)'; 'cardstatus load' or 'cardstatus serve' makes one"
        case .inaccessible(let path, let reason):
            "cannot use '\(path)': \(reason)"
        case .schema(let found, let supported):
            "the store has schema version \(found), and this program reads version \(supported);"
                + " use the version of cardstatus that wrote it"
        case .foreign(let directory):
            "'\(directory)' holds an LMDB environment that is not a card store"
        case .alreadyServed(let directory, let owner):
            "the store in '\(directory)' is already being served by \(owner);"
                + " stop that server, or give this one a data directory of its own"
        case .sharedWithoutProcessNamespace(let directory):
            "the store in '\(directory)' is in use by a process with the same process ID as this"
                + " one, which happens when two containers share a volume: run both in one process"
                + " namespace (docker run --pid=container:NAME), or stop the other"
        case .mapFull(let usedBytes, let mapSizeBytes):
            "the store's map is full: \(usedBytes) of \(mapSizeBytes) bytes are used;"
                + " start with a larger --map-size"
        case .diskFull(let directory):
            "there is no space left on the disk of '\(directory)'"
        case .fileExists(let path):
            "there is a file '\(path)' already; --force replaces it"
        case .storeExists(let directory):
            "there is a store in '\(directory)' already, and restoring makes a new one;"
                + " give it a directory of its own"
        case .notEnoughRoom(let directory, let neededBytes, let availableBytes):
            "there is not enough room in '\(directory)': \(neededBytes) bytes are needed, and"
                + " \(availableBytes) are free"
        case .damaged(let database, let what):
            "the store is damaged: \(database): \(what)"
                + (database == Self.dataFile ? "" : "; 'cardstatus check' lists all damage")
        case .beingRebuilt(let directory):
            "a bulk load is writing the store in '\(directory)' anew, which takes seconds to"
                + " minutes; try again when it has ended"
        case .openElsewhere(let directory):
            "another process has the store in '\(directory)' open"
        case .failed(let text):
            "the store failed: \(text)"
        }
    }

    /// What LMDB's error means for a store in `directory`.
    package init(_ error: LMDBError, directory: String) {
        switch error.rawValue {
        case EAGAIN: self = .sharedWithoutProcessNamespace(directory: directory)
        case ENOSPC, EDQUOT: self = .diskFull(directory: directory)
        // LMDB gives EIO for a write that the disk had room for only in part.
        case EIO where DiskSpace.isUsedUp(of: directory): self = .diskFull(directory: directory)
        case EACCES, EPERM, EROFS, ENOENT, ENOTDIR, ENOMEM:
            self = .inaccessible(path: directory, reason: error.description)
        case LMDBError.invalid.rawValue:
            self = .damaged(database: Self.dataFile, what: "it is not an LMDB data file")
        case LMDBError.versionMismatch.rawValue:
            self = .damaged(
                database: Self.dataFile, what: "its LMDB version is not the one linked here")
        case LMDBError.incompatible.rawValue:
            // A name of ours is a plain entry or a database of another kind.
            self = .foreign(directory: directory)
        default: self = .failed(error.description)
        }
    }
}
