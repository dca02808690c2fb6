internal import Glibc

/// A file that cannot be read or written, and the system's reason.
public struct FileError: Error, Equatable, Sendable, CustomStringConvertible {
    public let path: String
    public let reason: String

    public init(path: String, reason: String) {
        self.path = path
        self.reason = reason
    }

    /// From `errno`.
    init(path: String) {
        self.init(path: path, reason: String(cString: strerror(errno)))
    }

    public var description: String { "\(path): \(reason)" }
}

/// An open file to read: closed at the end of its scope.
struct InputFile: ~Copyable {
    /// What people call it.
    let path: String
    /// nil when that is not known before its end.
    let sizeBytes: Int?
    fileprivate let descriptor: CInt

    /// Standard input, whatever is behind it. It stays open.
    init(standardInputCalled name: String) {
        path = name
        sizeBytes = nil
        descriptor = STDIN_FILENO
    }

    /// Opens a regular file. Directories, devices and sockets are refused: reading one could
    /// wait for ever.
    ///
    /// - Parameter name: what people call it, when that is not its path.
    init(path: String, called name: String? = nil) throws(FileError) {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        let name = name ?? path
        guard descriptor >= 0 else { throw FileError(path: name) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else {
            let error = FileError(path: name)
            close(descriptor)
            throw error
        }
        guard status.st_mode & S_IFMT == S_IFREG else {
            close(descriptor)
            throw FileError(path: name, reason: "not a regular file")
        }
        self.path = name
        self.descriptor = descriptor
        sizeBytes = Int(status.st_size)
    }

    deinit {
        // Nothing was written through it, so a failing close loses nothing.
        if descriptor != STDIN_FILENO { close(descriptor) }
    }

    /// Reads what comes next into `buffer` and says how many bytes that was; 0 at the end.
    func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        while true {
            let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
            if count >= 0 { return count }
            if errno == EAGAIN {
                // Whoever shares standard input may have made it one that does not wait.
                var wanted = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
                if poll(&wanted, 1, -1) >= 0 { continue }
            }
            if errno != EINTR { throw FileError(path: path) }
        }
    }

    /// Reads bytes from a place, wherever reading stands. Fewer come when the file got shorter.
    func bytes(in range: Range<Int>) throws(FileError) -> [UInt8] {
        var failure: FileError?
        let bytes = [UInt8](unsafeUninitializedCapacity: range.count) { buffer, filled in
            filled = 0
            while filled < range.count {
                let count = pread(
                    descriptor, buffer.baseAddress! + filled, range.count - filled,
                    off_t(range.lowerBound + filled))
                if count < 0, errno == EINTR { continue }
                if count < 0 { failure = FileError(path: path) }
                if count <= 0 { return }
                filled += count
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

extension InputFile {
    /// The same open file for several threads, which read at places of their own. The file must
    /// outlive it.
    var duplicate: FileView { FileView(descriptor: descriptor, path: path) }
}

/// Reads from places in a file that somebody else has open.
struct FileView: Sendable {
    fileprivate let descriptor: CInt
    fileprivate let path: String

    /// Reads bytes from a place and says how many there were: fewer than wanted when the file got
    /// shorter.
    func read(
        _ range: Range<Int>, into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        var filled = 0
        while filled < range.count {
            let count = pread(
                descriptor, buffer.baseAddress! + filled, range.count - filled,
                off_t(range.lowerBound + filled))
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: path) }
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// The place behind the first line feed at or after `offset`; the file's end when there is
    /// none.
    func lineStart(after offset: Int) throws(FileError) -> Int {
        var place = offset
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 14, alignment: 16)
        defer { buffer.deallocate() }
        while true {
            let count = try read(place..<(place + buffer.count), into: buffer)
            if count > 0, let start = buffer.baseAddress,
                let found = memchr(start, CInt(UInt8(ascii: "\n")), count)
            {
                return place + (found - start) + 1
            }
            if count == 0 { return place }
            place += count
        }
    }
}

enum FileBytes {
    /// The whole of a small file.
    static func read(_ path: String, limitBytes: Int) throws(FileError) -> [UInt8] {
        let file = try InputFile(path: path)
        let sizeBytes = file.sizeBytes ?? 0
        guard sizeBytes <= limitBytes else {
            throw FileError(
                path: path, reason: "\(sizeBytes) bytes, and \(limitBytes) is the limit")
        }
        return try file.bytes(in: 0..<sizeBytes)
    }
}

/// A file to write, made anew with mode 0600: closed by ``close()``, or with its scope.
struct OutputFile: ~Copyable {
    let path: String
    private var descriptor: CInt

    /// nil when there is a file of that name.
    init?(creating path: String) throws(FileError) {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor < 0, errno == EEXIST { return nil }
        guard descriptor >= 0 else { throw FileError(path: path) }
        self.descriptor = descriptor
        self.path = path
    }

    deinit {
        if descriptor >= 0 { _ = Glibc.close(descriptor) }
    }

    func write(_ bytes: [UInt8]) throws(FileError) {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + offset, $0.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileError(path: path) }
            offset += count
        }
    }

    /// Makes what was written durable and closes the file.
    mutating func close() throws(FileError) {
        guard fsync(descriptor) == 0 else { throw FileError(path: path) }
        let code = Glibc.close(descriptor)
        descriptor = -1
        guard code == 0 else { throw FileError(path: path) }
    }
}
