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
}
