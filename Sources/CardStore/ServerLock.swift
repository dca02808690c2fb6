internal import Glibc

/// Held by the one process that serves a store: two servers would trim the change log behind each
/// other's back. Other commands work beside a server and do not take it.
///
/// It is an open-file-description lock (fcntl(2), F_OFD_SETLK) on a file of its own, so it ends
/// with the process, however that ends, works between containers, and can be looked at without
/// being taken.
public final class ServerLock: Sendable {
    /// From Linux's fcntl.h, which shows them with _GNU_SOURCE only.
    private static let ofdGetLock: CInt = 36
    private static let ofdSetLock: CInt = 37

    private let descriptor: CInt

    /// - Throws: ``StoreError/alreadyServed(directory:by:)`` when another process holds it.
    public init(directory: String) throws(StoreError) {
        let path = Self.path(in: directory)
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .inaccessible(path: path, reason: String(cString: strerror(errno)))
        }
        var lock = Self.wholeFile(CInt(F_WRLCK))
        guard fcntl(descriptor, Self.ofdSetLock, &lock) == 0 else {
            let code = errno
            let owner = Self.owner(descriptor)
            close(descriptor)
            guard code == EAGAIN || code == EACCES else {
                throw .inaccessible(path: path, reason: String(cString: strerror(code)))
            }
            throw .alreadyServed(directory: directory, by: owner)
        }
        // Only for the message above: a number that cannot be written costs nothing else.
        let text = Array("process \(getpid())\n".utf8)
        if ftruncate(descriptor, 0) == 0 { _ = pwrite(descriptor, text, text.count, 0) }
        self.descriptor = descriptor
    }

    deinit {
        close(descriptor)
    }

    /// Whether a process serves the store now. A lock that cannot be looked at counts as held,
    /// which only makes the asker more careful.
    public static func isHeld(in directory: String) -> Bool {
        let descriptor = open(path(in: directory), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return errno != ENOENT }
        defer { close(descriptor) }
        // Asking for a shared lock tells of the exclusive one, and takes neither.
        var lock = wholeFile(CInt(F_RDLCK))
        guard fcntl(descriptor, ofdGetLock, &lock) == 0 else { return true }
        return CInt(lock.l_type) != CInt(F_UNLCK)
    }

    /// Writers also take turns by this file's other lock, flock(2)'s: see `Turnstile`.
    static func path(in directory: String) -> String {
        directory + "/serve.lock"
    }

    private static func wholeFile(_ type: CInt) -> flock {
        var lock = flock()
        lock.l_type = CShort(type)
        lock.l_whence = CShort(SEEK_SET)
        return lock
    }

    /// The process that has the lock, or had it last: a number of its own process namespace. Nil
    /// when it is not known.
    public static func holder(in directory: String) -> Int? {
        let descriptor = open(path(in: directory), O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        let words = owner(descriptor).split(separator: " ")
        return words.count == 2 ? Int(words[1]) : nil
    }

    private static func owner(_ descriptor: CInt) -> String {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        let line = text.prefix { $0 != "\n" }
        return line.isEmpty ? "another process" : String(line)
    }
}
