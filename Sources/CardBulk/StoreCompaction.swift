internal import CardStore
internal import Glibc
internal import LMDBKit

/// Writes a store anew with what it holds, and nothing of what it once held: LMDB leaves the bytes
/// of what was removed where they are, in free pages and in the gaps of others, until it needs the
/// room.
///
/// The new file is written aside and made durable, then takes the old one's name: whoever is killed
/// leaves one of the two. Nobody else may have the store open meanwhile; who wants to waits.
public struct StoreCompaction {
    /// Bytes of the data file.
    public struct Sizes: Equatable, Sendable {
        public let before: Int
        public let after: Int
    }

    private let load: BulkLoad

    /// - Parameter directory: of a store, which this process does not have open.
    public init(directory: String, mapSizeBytes: Int) {
        load = BulkLoad(directory: directory, mapSizeBytes: mapSizeBytes, files: 0, threads: 2)
    }

    /// - Throws: ``BulkError``, with ``StoreError/openElsewhere(directory:)`` when somebody has the
    ///   store open. The store is as it was.
    public func run(
        onProgress: (BulkProgress) -> Void = { _ in }
    ) throws(BulkError) -> Sizes {
        do {
            guard let lock = try EnvironmentLock(directory: load.directory) else {
                throw StoreError.openElsewhere(directory: load.directory)
            }
            let before = sizeBytes
            try CardStore.removeLeftovers(in: load.directory)
            try StoreRebuild(load).compact(lock, onProgress)
            return Sizes(before: before, after: sizeBytes)
        } catch {
            throw load.error(error)
        }
    }

    private var sizeBytes: Int {
        var status = stat()
        return stat(load.directory + "/data.mdb", &status) == 0 ? Int(status.st_size) : 0
    }
}
