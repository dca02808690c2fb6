internal import Glibc
internal import LMDBKit

// LMDB makes a data file in place, and one that was cut off meanwhile, by a kill, a failing disk or
// a power cut, is refused ever after, though it holds nothing. So a new store is made aside and
// linked to its name when it is whole and durable.

extension CardStore {
    private static let makingFolder = "making"

    /// Makes a store in `directory`, which exists, unless it has one. Its name is durable when this
    /// returns: what is acknowledged later must not be lost with it.
    ///
    /// Processes that do so at the same time wait for each other. One that dies leaves the folder
    /// `making`, which the next one removes.
    static func makeIfMissing(in directory: String, mapSizeBytes: Int) throws(StoreError) {
        let path = directory + "/data.mdb"
        let folder = directory + "/" + makingFolder
        // The folder goes last: while it is there, the name may not be durable yet.
        if PartialFile.exists(path), !PartialFile.exists(folder) { return }
        let lock = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard lock >= 0 else { throw PartialFile.failure(directory) }
        defer { close(lock) }
        while flock(lock, LOCK_EX) != 0 {
            guard errno == EINTR else { throw PartialFile.failure(directory) }
        }
        if !PartialFile.exists(path) {
            try removeFolder(folder)
            guard mkdir(folder, 0o700) == 0 else { throw PartialFile.failure(folder) }
            // It is closed again at once: its commit is on the disk.
            _ = try CardStore(making: folder, mapSizeBytes: mapSizeBytes)
            guard link(folder + "/data.mdb", path) == 0 else { throw PartialFile.failure(path) }
        }
        try PartialFile.syncFolder(of: path)
        try removeFolder(folder)
    }

    /// Removes what makers of the store in `directory` who were killed have left: other names of a
    /// data file that it may have had. Nobody may be making one.
    package static func removeLeftovers(in directory: String) throws(StoreError) {
        for folder in [makingFolder, StoreRestore.folderName] {
            try removeFolder(directory + "/" + folder)
        }
    }

    /// Removes a folder in which a store was being made, and nothing else.
    static func removeFolder(_ folder: String) throws(StoreError) {
        for name in ["data.mdb", "lock.mdb"] {
            guard unlink(folder + "/" + name) == 0 || errno == ENOENT || errno == ENOTDIR else {
                throw PartialFile.failure(folder)
            }
        }
        guard rmdir(folder) == 0 || errno == ENOENT else { throw PartialFile.failure(folder) }
    }
}
