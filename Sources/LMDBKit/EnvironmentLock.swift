internal import CLMDB
internal import Glibc

/// Keeps everybody out of an environment, so that its data file can be replaced.
///
/// Every process that has an environment open holds a shared lock on the first byte of its lock
/// file (mdb.c, mdb_env_excl_lock), and takes it before it opens the data file. An exclusive lock
/// on that byte is therefore had only when nobody has the environment open, tools such as mdb_stat
/// included, and whoever opens it meanwhile waits, and then opens what is there at last.
///
/// It is an open-file-description lock (fcntl(2), F_OFD_SETLK), which ends with the process however
/// that ends. The process itself must not have the environment open either: such a lock excludes
/// the process's own, and closing the lock file would drop them.
public struct EnvironmentLock: ~Copyable {
    /// From Linux's fcntl.h, which shows them with _GNU_SOURCE only.
    private static let ofdGetLock: CInt = 36
    private static let ofdSetLock: CInt = 37

    /// Where the lock file has the ID of the last transaction (mdb.c, struct MDB_txninfo), and
    /// what it begins with.
    private static let transactionIDOffset: off_t = 8

    private let descriptor: CInt

    /// - Parameter directory: of an environment whose lock file LMDB has made.
    /// - Returns: nil when somebody has the environment open.
    public init?(directory: String) throws(NewDataFile.Failure) {
        let descriptor = open(directory + "/lock.mdb", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { throw .init(code: errno, call: "open") }
        var lock = Self.firstByte(CInt(F_WRLCK))
        guard fcntl(descriptor, Self.ofdSetLock, &lock) == 0 else {
            let code = errno
            close(descriptor)
            if code == EAGAIN || code == EACCES { return nil }
            throw .init(code: code, call: "fcntl")
        }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Whether somebody replaces the data file now. LMDB's own locks do not count. The process
    /// must not have the environment open.
    public static func isHeld(in directory: String) -> Bool {
        let descriptor = open(directory + "/lock.mdb", O_RDONLY | O_CLOEXEC)
        // What cannot be opened is LMDB's to complain about.
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var lock = firstByte(CInt(F_RDLCK))
        guard fcntl(descriptor, ofdGetLock, &lock) == 0 else { return false }
        // fcntl(2): of a lock that belongs to an open file description, the process is -1.
        return CInt(lock.l_type) != CInt(F_UNLCK) && lock.l_pid == -1
    }

    /// Gives the lock file all blocks that its size calls for; false when it is not there yet,
    /// empty, or there is no room. The process must not have the environment open.
    public static func allocateFile(in directory: String) -> Bool {
        let descriptor = open(directory + "/lock.mdb", O_RDWR | O_CLOEXEC)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_size > 0 else { return false }
        if status.st_blocks * 512 >= status.st_size { return true }
        return shim_allocate(descriptor, status.st_size) == 0
    }

    /// Tells those who wait for this lock the last transaction of the new file, since who opens an
    /// environment beside others takes it from the lock file.
    ///
    /// Called before the new file takes the old one's place, with an ID that differs from the old
    /// file's by an even number: LMDB finds a transaction's meta page by the ID's last bit, so the
    /// ID is right for either file, should the process end between the two.
    public func announce(transactionID: Int) throws(NewDataFile.Failure) {
        var id = UInt64(transactionID)
        let count = pwrite(descriptor, &id, 8, Self.transactionIDOffset)
        guard count == 8 else { throw .init(code: count < 0 ? errno : EIO, call: "pwrite") }
    }

    private static func firstByte(_ type: CInt) -> flock {
        var lock = flock()
        lock.l_type = CShort(type)
        lock.l_whence = CShort(SEEK_SET)
        lock.l_len = 1
        return lock
    }
}
