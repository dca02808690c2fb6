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

    /// Gives a file all blocks that its size calls for; false when it is not there, empty, or there
    /// is no room. The process must not have it open: closing it would drop its locks.
    static func allocate(_ path: String) -> Bool {
        let descriptor = open(path, O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return false }
        if status.st_blocks * 512 >= status.st_size { return true }
        // Not posix_fallocate, which writes where the file system cannot: others have it mapped.
        return fallocate(descriptor, 0, 0, status.st_size) == 0
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
