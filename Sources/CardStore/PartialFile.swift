internal import Glibc

/// A new file that gets its name only once it is whole: until then it is called `NAME.partial`.
///
/// A process that dies leaves that file, and the next one that makes the same file takes it over.
/// Two at one time are told apart by a lock (flock(2), which goes with the descriptor).
public final class PartialFile: @unchecked Sendable {
    /// What stands behind the name until the file is whole.
    public static let ending = ".partial"

    // `@unchecked Sendable`: the fields are set once but for `isOpen`, which only the one owner
    // changes, when it publishes.

    /// The name that the file will have.
    public let path: String
    /// Open for writing, at the start.
    public let descriptor: CInt
    private let replaces: Bool
    private var isOpen = true

    /// - Parameter replaces: whether a file of that name gives way. It must be a regular file: a
    ///   device or a pipe would not be written to, but lost.
    public init(path: String, replaces: Bool) throws(StoreError) {
        self.path = path
        self.replaces = replaces
        var status = stat()
        if lstat(path, &status) == 0 {
            guard status.st_mode & S_IFMT == S_IFREG else {
                throw .inaccessible(path: path, reason: "it is there and is no regular file")
            }
            guard replaces else { throw .fileExists(path: path) }
        }
        descriptor = try Self.open(Self.partialPath(path))
    }

    /// Where the bytes are until the file is whole.
    public var partialPath: String { Self.partialPath(path) }

    private static func partialPath(_ path: String) -> String { path + ending }

    private static func open(_ path: String) throws(StoreError) -> CInt {
        // Personal data: for the owner's eyes, whatever the umask.
        let descriptor = Glibc.open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard descriptor >= 0 else { throw Self.failure(path) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let isTaken = errno == EWOULDBLOCK
            let error = Self.failure(path)
            close(descriptor)
            throw isTaken
                ? .inaccessible(path: path, reason: "another process is writing it") : error
        }
        // Between open and flock its maker may have given it its name.
        var mine = stat()
        var named = stat()
        guard fstat(descriptor, &mine) == 0, stat(path, &named) == 0, mine.st_ino == named.st_ino,
            mine.st_dev == named.st_dev
        else {
            close(descriptor)
            throw .inaccessible(path: path, reason: "another process is writing it")
        }
        guard ftruncate(descriptor, 0) == 0, fchmod(descriptor, 0o600) == 0 else {
            let error = Self.failure(path)
            close(descriptor)
            throw error
        }
        return descriptor
    }

    /// Makes the bytes durable and gives the file its name, durably.
    public func publish() throws(StoreError) {
        try sync()
        if replaces {
            guard rename(partialPath, path) == 0 else { throw Self.failure(path) }
        } else {
            // Unlike a rename, a link fails when a file of that name has come up meanwhile.
            guard link(partialPath, path) == 0 else {
                throw errno == EEXIST ? .fileExists(path: path) : Self.failure(path)
            }
            guard unlink(partialPath) == 0 else { throw Self.failure(partialPath) }
        }
        isOpen = false
        close(descriptor)
        try Self.syncFolder(of: path)
    }

    /// Makes the bytes durable.
    public func sync() throws(StoreError) {
        guard fsync(descriptor) == 0 else { throw Self.failure(partialPath) }
    }

    /// Empties the file.
    func clear() throws(StoreError) {
        guard ftruncate(descriptor, 0) == 0, lseek(descriptor, 0, SEEK_SET) == 0 else {
            throw Self.failure(partialPath)
        }
    }

    var sizeBytes: Int {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? Int(status.st_size) : 0
    }

    /// Removes it now, when nobody writes to it any more: a thread that did may let go of it later.
    func discard() {
        guard isOpen else { return }
        isOpen = false
        unlink(partialPath)
        close(descriptor)
    }

    deinit { discard() }

    /// Makes the names in the folder of `path` durable.
    static func syncFolder(of path: String) throws(StoreError) {
        let folder = folder(of: path)
        let descriptor = Glibc.open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw failure(folder) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(folder) }
    }

    /// Makes a folder for the owner's eyes, durably, and says so; false when there is one.
    static func makeFolder(_ path: String) throws(StoreError) -> Bool {
        guard mkdir(path, 0o700) == 0 else {
            if errno == EEXIST { return false }
            throw failure(path)
        }
        let descriptor = Glibc.open(path + "/..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        if descriptor < 0, errno == EACCES {
            // Whoever may make names in a folder need not be able to open it. This waits for all.
            Glibc.sync()
            return true
        }
        guard descriptor >= 0 else { throw failure(path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw failure(path) }
        return true
    }

    /// Whether there is anything of that name; what cannot be looked at is there.
    static func exists(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 || errno != ENOENT
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }

    static func failure(_ path: String) -> StoreError {
        .inaccessible(path: path, reason: String(cString: strerror(errno)))
    }
}
