import Glibc
import LMDBKit
import Testing

/// Stands for another process that has an environment open: holds the lock that LMDB would.
final class Opener {
    private let descriptor: CInt

    init?(_ directory: String) throws {
        descriptor = open(directory + "/lock.mdb", O_RDWR)
        guard descriptor >= 0 else { return nil }
        var lock = flock()
        lock.l_type = CShort(F_RDLCK)
        lock.l_len = 1
        // F_OFD_SETLK: one of the process's own would be lost when the store closes its file.
        guard fcntl(descriptor, 37, &lock) == 0 else { return nil }
    }

    func close() {
        _ = Glibc.close(descriptor)
    }
}

/// Holds a lock until it is told to release it.
final class EnvironmentLockHolder {
    private var lock: EnvironmentLock?

    init(_ directory: String) throws {
        lock = try EnvironmentLock(directory: directory)
        let isHeld = lock != nil
        #expect(isHeld)
    }

    func release() {
        lock = nil
    }
}
