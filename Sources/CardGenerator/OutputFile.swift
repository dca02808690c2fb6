internal import Glibc

/// Why the files could not be made.
public enum GeneratorError: Error, Equatable, Sendable, CustomStringConvertible {
    /// Files of an earlier run are there, and the caller did not say that they may go.
    case exists([String])
    /// A call of the system failed.
    case failed(path: String, reason: String)

    /// From `errno`.
    init(path: String) {
        self = .failed(path: path, reason: String(cString: strerror(errno)))
    }

    public var description: String {
        switch self {
        case .exists(let paths): "already there: \(paths.joined(separator: ", "))"
        case .failed(let path, let reason): "\(path): \(reason)"
        }
    }
}

/// A new file: closed by ``close()``, or with its scope.
final class OutputFile {
    private let path: String
    private var descriptor: CInt

    init(path: String, overwrites: Bool) throws(GeneratorError) {
        let mode = overwrites ? O_TRUNC : O_EXCL
        descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | mode, 0o644)
        guard descriptor >= 0 else { throw GeneratorError(path: path) }
        self.path = path
    }

    deinit {
        // Without a call of `close()` the run has failed, and says so.
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    func write(_ bytes: [UInt8]) throws(GeneratorError) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + offset, $0.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw GeneratorError(path: path) }
            offset += count
        }
    }

    func close() throws(GeneratorError) {
        let code = Glibc.close(descriptor)
        descriptor = -1
        guard code == 0 else { throw GeneratorError(path: path) }
    }
}
