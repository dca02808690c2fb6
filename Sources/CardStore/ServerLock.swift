internal import Glibc

/// Held by the one process that serves a store: two servers would trim the change log behind each
/// other's back. Other commands work beside a server and do not take it.
///
/// It is an `flock` on a file of its own, so it ends with the process, however that ends.
public final class ServerLock: Sendable {
    private let descriptor: CInt

    /// - Throws: ``StoreError/alreadyServed(directory:by:)`` when another process holds it.
    public init(directory: String) throws(StoreError) {
        let path = directory + "/serve.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .inaccessible(path: path, reason: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let code = errno
            let owner = Self.owner(descriptor)
            close(descriptor)
            guard code == EWOULDBLOCK else {
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

    private static func owner(_ descriptor: CInt) -> String {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        let text = String(decoding: bytes.prefix(max(count, 0)), as: UTF8.self)
        let line = text.prefix { $0 != "\n" }
        return line.isEmpty ? "another process" : String(line)
    }
}
