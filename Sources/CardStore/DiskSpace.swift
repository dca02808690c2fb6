internal import Glibc

/// What room a file system has.
enum DiskSpace {
    /// Less than this is as good as none: LMDB writes up to 256 KiB at a time.
    private static let leastBytes: UInt = 1 << 20

    /// Whether the file system of `directory` is full. One that cannot be asked is taken not to be.
    static func isUsedUp(of directory: String) -> Bool {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return false }
        return UInt(status.f_bavail) * UInt(status.f_frsize) < leastBytes
    }

    /// Bytes that are free for this process where `directory` lies; nil when that cannot be asked.
    static func availableBytes(of directory: String) -> Int? {
        var status = statvfs()
        guard statvfs(directory, &status) == 0 else { return nil }
        return Int(clamping: UInt(status.f_bavail) * UInt(status.f_frsize))
    }

    /// - Throws: ``StoreError/notEnoughRoom(directory:neededBytes:availableBytes:)``
    static func require(_ neededBytes: Int, in directory: String) throws(StoreError) {
        guard let available = availableBytes(of: directory), available < neededBytes else { return }
        throw .notEnoughRoom(
            directory: directory, neededBytes: neededBytes, availableBytes: available)
    }
}
