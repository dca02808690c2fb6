import CMicroHTTPD  // which also brings the constants of <sys/socket.h>
import Glibc

/// The file of a Unix socket that this process listens on.
///
/// A server that was killed leaves its file behind, and a new one cannot bind to it. Whether
/// somebody still listens, `connect` tells: ECONNREFUSED means no. Between that question and our
/// own `listen` nobody else may come to the same conclusion, nor remove the file in between, so all
/// of it happens under a lock on the directory (flock(2)), which leaves no file behind. Programs
/// that do not take this lock are seen as soon as they listen.
struct UnixSocketFile: Sendable {
    let path: UnixSocketPath
    private let device: dev_t
    private let inode: ino_t

    /// A listening socket, non-blocking and closed on exec.
    static func open(
        _ path: UnixSocketPath, mode: UInt32
    ) throws(HTTPServerError) -> (descriptor: Int32, file: UnixSocketFile) {
        let address = ListenAddress.unix(path)
        let directory = try lockedDirectory(of: path)
        defer { ListeningSocket.release(directory) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let descriptor = socket(AF_UNIX, type, 0)
        guard descriptor >= 0 else { throw .failed("socket", address) }
        do throws(HTTPServerError) {
            try bindReplacingStale(descriptor, path)
            return (descriptor, try listening(descriptor, path, mode: mode))
        } catch {
            ListeningSocket.release(descriptor)
            throw error
        }
    }

    /// Removes the file, unless another has taken its place. False with errno set when the system
    /// does not let us.
    func remove() -> Bool {
        guard let directory = UnixSocketFile.lockedDirectoryIfPossible(of: path) else {
            return false
        }
        defer { ListeningSocket.release(directory) }
        var status = stat()
        guard lstat(path.text, &status) == 0 else { return errno == ENOENT }
        guard status.st_dev == device, status.st_ino == inode else { return true }
        return unlink(path.text) == 0
    }

    /// Sets the mode while nobody can connect yet: that takes a socket that listens.
    private static func listening(
        _ descriptor: Int32, _ path: UnixSocketPath, mode: UInt32
    ) throws(HTTPServerError) -> UnixSocketFile {
        let address = ListenAddress.unix(path)
        var status = stat()
        guard lstat(path.text, &status) == 0 else { throw .failed("lstat", address) }
        do throws(HTTPServerError) {
            guard chmod(path.text, mode) == 0 else { throw .failed("chmod", address) }
            // The kernel caps the queue at net.core.somaxconn.
            guard listen(descriptor, 4_096) == 0 else { throw .failed("listen", address) }
        } catch {
            _ = unlink(path.text)
            throw error
        }
        return UnixSocketFile(path: path, device: status.st_dev, inode: status.st_ino)
    }

    private static func bindReplacingStale(
        _ descriptor: Int32, _ path: UnixSocketPath
    ) throws(HTTPServerError) {
        let address = ListenAddress.unix(path)
        if path.withSystemAddress({ bind(descriptor, $0, $1) }) == 0 { return }
        guard errno == EADDRINUSE else { throw .failed("bind", address) }
        try removeStale(path)
        guard path.withSystemAddress({ bind(descriptor, $0, $1) }) == 0 else {
            throw .failed("bind", address)
        }
    }

    /// Removes the socket file of a server that is no more.
    private static func removeStale(_ path: UnixSocketPath) throws(HTTPServerError) {
        let address = ListenAddress.unix(path)
        var status = stat()
        guard lstat(path.text, &status) == 0 else {
            if errno == ENOENT { return }
            throw .failed("lstat", address)
        }
        guard status.st_mode & S_IFMT == S_IFSOCK else { throw .notASocket(path) }
        let type = Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue)
        let probe = socket(AF_UNIX, type, 0)
        guard probe >= 0 else { throw .failed("socket", address) }
        defer { ListeningSocket.release(probe) }
        guard path.withSystemAddress({ connect(probe, $0, $1) }) != 0 else {
            throw .addressInUse(address)
        }
        switch errno {
        case ECONNREFUSED:
            guard unlink(path.text) == 0 || errno == ENOENT else {
                throw .failed("unlink", address)
            }
        case ENOENT: return
        // Its queue is full, or it is a socket of another type: somebody has it.
        case EAGAIN, EPROTOTYPE: throw .addressInUse(address)
        default: throw .failed("connect", address)
        }
    }

    private static func lockedDirectory(of path: UnixSocketPath) throws(HTTPServerError) -> Int32 {
        guard let directory = lockedDirectoryIfPossible(of: path) else {
            throw .failed("lock on the directory '\(path.directory)'", .unix(path))
        }
        return directory
    }

    /// Ours hold the lock for a few system calls, so ten seconds are plenty; waiting for ever would
    /// let whoever may read the directory keep a server from starting without a word.
    private static func lockedDirectoryIfPossible(of path: UnixSocketPath) -> Int32? {
        let directory = Glibc.open(path.directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard directory >= 0 else { return nil }
        for _ in 0..<1_000 {
            if flock(directory, LOCK_EX | LOCK_NB) == 0 { return directory }
            guard errno == EWOULDBLOCK || errno == EINTR else { break }
            usleep(10_000)
        }
        let code = errno
        ListeningSocket.release(directory)
        errno = code
        return nil
    }
}

extension UnixSocketPath {
    func withSystemAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { bytes in
            precondition(text.utf8.count < bytes.count, "the path's length was checked")
            bytes.copyBytes(from: text.utf8)
        }
        return withUnsafeBytes(of: address) { bytes in
            body(bytes.assumingMemoryBound(to: sockaddr.self).baseAddress!, socklen_t(bytes.count))
        }
    }
}
