internal import LMDBKit

extension CardStore {
    /// What is wrong with the pages of the store in `directory`, each a line. To be asked before
    /// the store is opened, which LMDB does as if all of them were as it wrote them: a page that is
    /// not can end the process.
    ///
    /// Reads the whole data file, in one snapshot, also beside other processes. The process must
    /// not have the store open.
    public static func pageDamage(
        in directory: String, mapSizeBytes: Int = defaultMapSizeBytes
    ) throws(StoreError) -> [String] {
        try prepare(directory, create: false)
        if EnvironmentLock.isHeld(in: directory) { throw .beingRebuilt(directory: directory) }
        do {
            let environment = try Environment(
                path: directory, options: .init(mapSizeBytes: mapSizeBytes))
            return try environment.auditPages().map { "data.mdb: \($0)" }
        } catch {
            throw storeError(error, directory: directory)
        }
    }
}
