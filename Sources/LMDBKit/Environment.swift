internal import CLMDB
internal import Glibc
internal import Synchronization

/// An LMDB environment: one directory with a data file and a lock file.
///
/// A process must not open the same environment twice ("Do not have open an LMDB database twice in
/// the same process at the same time", lmdb.h): closing one would drop the locks of the other. That
/// is a bug of the program, and traps.
///
/// `@unchecked Sendable`: the handle is set once, before the object is shared, and LMDB's functions
/// on an environment may be called from any thread. Transactions stay inside closures, on the
/// thread that opened them.
public final class Environment: @unchecked Sendable {
    /// How an environment is opened.
    public struct Options: Sendable {
        /// Address space for the map, and so the most that the data file can grow to.
        public var mapSizeBytes: Int
        /// Read transactions at one time, over all processes.
        public var maxReaders: Int
        public var maxDatabases: Int
        /// Opens for reading and without the lock file: for whoever holds an ``EnvironmentLock``.
        public var isLockedByCaller: Bool
        /// The path is that of a data file which nobody writes, such as a copy: it is opened
        /// without a lock file, for reading only.
        public var isStillFile: Bool
        /// Reads of the map bring in the page that is touched and no other. Who reads in order uses
        /// ``SequentialReadAhead``.
        public var isReadAtRandom: Bool
        /// A file by whose lock processes write in turn; nil where they need not.
        public var turnPath: String?

        public init(
            mapSizeBytes: Int, maxReaders: Int = 512, maxDatabases: Int = 16,
            isLockedByCaller: Bool = false, isStillFile: Bool = false, isReadAtRandom: Bool = false,
            turnPath: String? = nil
        ) {
            self.mapSizeBytes = mapSizeBytes
            self.maxReaders = maxReaders
            self.maxDatabases = maxDatabases
            self.isLockedByCaller = isLockedByCaller
            self.isStillFile = isStillFile
            self.isReadAtRandom = isReadAtRandom
            self.turnPath = turnPath
        }
    }

    /// A data file, whatever path leads to it. Its inode is not given to another file while the
    /// environment has it open, even if somebody removes the directory.
    private struct DataFileID: Hashable {
        let device: UInt
        let inode: UInt

        init(_ status: stat) {
            device = status.st_dev
            inode = status.st_ino
        }
    }

    /// The data files that are open in this process.
    private static let openDataFiles = Mutex<Set<DataFileID>>([])

    let handle: OpaquePointer
    private let dataFile: DataFileID
    public let isReadAtRandom: Bool
    private let turnstile: Turnstile?

    /// Opens the environment in the directory `path`, which must exist; files are made with mode
    /// 0600. The corresponding C function is `mdb_env_open`.
    public init(path: String, options: Options) throws(LMDBError) {
        // Looked at before it is opened: opening and closing it would be enough to lose the locks.
        var status = stat()
        if stat(options.isStillFile ? path : path + "/data.mdb", &status) == 0 {
            let dataFile = DataFileID(status)
            let isOpen = Self.openDataFiles.withLock { $0.contains(dataFile) }
            precondition(!isOpen, "an LMDB environment is opened once in a process")
        }
        handle = try Self.open(path, options)
        var descriptor: CInt = -1
        let code = mdb_env_get_fd(handle, &descriptor)
        precondition(
            code == 0 && fstat(descriptor, &status) == 0, "an open environment has a data file")
        let dataFile = DataFileID(status)
        let isFirst = Self.openDataFiles.withLock { $0.insert(dataFile).inserted }
        precondition(isFirst, "an LMDB environment is opened once in a process")
        self.dataFile = dataFile
        isReadAtRandom = options.isReadAtRandom
        turnstile = options.turnPath.map { Turnstile(path: $0) }
    }

    private static func open(
        _ path: String, _ options: Options
    ) throws(LMDBError) -> OpaquePointer {
        var created: OpaquePointer?
        try check(mdb_env_create(&created), "mdb_env_create")
        guard let created else { preconditionFailure("mdb_env_create gave no environment") }
        do throws(LMDBError) {
            try check(
                mdb_env_set_mapsize(created, options.mapSizeBytes), "mdb_env_set_mapsize")
            try check(
                mdb_env_set_maxreaders(created, UInt32(options.maxReaders)),
                "mdb_env_set_maxreaders")
            try check(
                mdb_env_set_maxdbs(created, UInt32(options.maxDatabases)), "mdb_env_set_maxdbs")
            // MDB_NOTLS: a read transaction belongs to its closure, not to its thread.
            var flags = MDB_NOTLS
            if options.isLockedByCaller { flags |= MDB_RDONLY | MDB_NOLOCK }
            // lmdb.h: "Turning it off may help random read performance". Read-ahead around a page
            // that is touched reads as much as the device is set to, which can be megabytes.
            if options.isReadAtRandom { flags |= MDB_NORDAHEAD }
            if options.isStillFile { flags |= MDB_NOSUBDIR | MDB_RDONLY | MDB_NOLOCK }
            try check(mdb_env_open(created, path, UInt32(flags), 0o600), "mdb_env_open")
        } catch {
            // lmdb.h on mdb_env_open: "If this function fails, mdb_env_close() must be called to
            // discard the MDB_env handle."
            mdb_env_close(created)
            throw error
        }
        return created
    }

    deinit {
        // Before the close: from then on the inode may be another file's.
        Self.openDataFiles.withLock { _ = $0.remove(dataFile) }
        mdb_env_close(handle)
    }

    /// Lends a consistent snapshot. Spans read in it cannot leave the closure.
    public func read<R>(_ body: (borrowing ReadTransaction) throws -> R) throws -> R {
        let transaction = try ReadTransaction(environment: handle)
        return try body(transaction)
    }

    /// Lends the one write transaction, waiting for other threads and processes that hold it. A
    /// return commits, durably; an error rolls back.
    ///
    /// The closure runs on the calling thread from beginning to end: "a thread may only have one
    /// write transaction at a time", and only that thread may use it (lmdb.h).
    public func write<R>(_ body: (inout WriteTransaction) throws -> R) throws -> R {
        var transaction = try begin()
        let result = try body(&transaction)
        try transaction.commit()
        return result
    }

    private func begin() throws(LMDBError) -> WriteTransaction {
        turnstile?.enter()
        defer { turnstile?.leave() }
        return try WriteTransaction(environment: handle)
    }

    /// The ID of the last committed transaction of any process. Needs no transaction.
    public var lastTransactionID: Int { info.me_last_txnid }

    /// The bytes of the data file that are in use or were: the highest page ever used.
    public var usedBytes: Int {
        (info.me_last_pgno + 1) * pageSizeBytes
    }

    public var mapSizeBytes: Int { info.me_mapsize }

    /// Frees the reader slots of processes that died, and says how many there were. The
    /// corresponding C function is `mdb_reader_check`.
    @discardableResult
    public func clearStaleReaders() throws(LMDBError) -> Int {
        var dead: CInt = 0
        try check(mdb_reader_check(handle, &dead), "mdb_reader_check")
        return Int(dead)
    }

    private var info: MDB_envinfo {
        var info = MDB_envinfo()
        let code = mdb_env_info(handle, &info)
        precondition(code == 0, "mdb_env_info fails only without an environment")
        return info
    }

    public var pageSizeBytes: Int {
        var stat = MDB_stat()
        let code = mdb_env_stat(handle, &stat)
        precondition(code == 0, "mdb_env_stat fails only without an environment")
        return Int(stat.ms_psize)
    }
}

/// One named database of an environment. Handles stay valid as long as the environment.
public struct Database: Sendable {
    let handle: MDB_dbi
}
