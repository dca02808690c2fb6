import Glibc

/// A listening socket that several workers share through an acceptor: a Unix socket of our own, or
/// one that was inherited. It lives until `release()`, which its one owner calls once.
struct SharedSocket: Sendable {
    let descriptor: Int32
    let address: ListenAddress
    /// The socket file that is removed in the end; nil for an inherited socket, whose file belongs
    /// to who made it.
    let file: UnixSocketFile?

    /// Whether nobody else can accept what waits in its queue.
    var isOurs: Bool { file != nil }

    init(_ path: UnixSocketPath, mode: UInt32) throws(HTTPServerError) {
        (descriptor, file) = try UnixSocketFile.open(path, mode: mode)
        address = .unix(path)
    }

    /// - Throws: when the socket cannot be made non-blocking; it is closed then.
    init(_ inherited: InheritedSocket) throws(HTTPServerError) {
        // Between the acceptor's poll and its accept another process that shares the socket may
        // take the connection, and a blocking accept would then hold up a stop for good. The flag
        // is the open socket's, so those processes see it too; systemd's NonBlocking= sets the
        // same.
        let flags = fcntl(inherited.descriptor, F_GETFL)
        guard flags >= 0, fcntl(inherited.descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
            let error = HTTPServerError.failed("fcntl(O_NONBLOCK)", inherited.address)
            ListeningSocket.release(inherited.descriptor)
            throw error
        }
        descriptor = inherited.descriptor
        address = inherited.address
        file = nil
    }

    /// Closes it. Never `shutdown`, which would end it for every process that shares it; after a
    /// mere close the kernel keeps an inherited socket and its queue for them.
    func release() {
        ListeningSocket.release(descriptor)
    }
}
