import Foundation

/// Where a command's result goes: standard output or a file, buffered, with every error noticed.
struct ResultOutput: ~Copyable {
    private static let bufferBytes = 1 << 16

    private let descriptor: Int32
    private let name: String
    private let isFile: Bool
    private var buffer: [UInt8] = []

    static func standardOutput() -> ResultOutput {
        ResultOutput(descriptor: STDOUT_FILENO, name: "standard output", isFile: false)
    }

    /// Makes the file with mode 0600, since results hold personal data. An existing file is
    /// refused.
    static func file(_ path: String) throws -> ResultOutput {
        let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        return ResultOutput(descriptor: descriptor, name: path, isFile: true)
    }

    private init(descriptor: Int32, name: String, isFile: Bool) {
        self.descriptor = descriptor
        self.name = name
        self.isFile = isFile
    }

    mutating func write(_ bytes: some Sequence<UInt8>) throws {
        buffer.append(contentsOf: bytes)
        if buffer.count >= Self.bufferBytes { try flush() }
    }

    mutating func line(_ text: String) throws {
        try write((text + "\n").utf8)
    }

    /// Must be called at the end: what it cannot write is an error, not a short result.
    mutating func finish() throws {
        try flush()
        guard isFile else { return }
        guard fsync(descriptor) == 0, close(descriptor) == 0 else { throw Self.failure(name) }
    }

    private mutating func flush() throws {
        var offset = 0
        while offset < buffer.count {
            let count = buffer.withUnsafeBytes {
                Glibc.write(descriptor, $0.baseAddress! + offset, $0.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw Self.failure(name) }
            offset += count
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func failure(_ name: String) -> CommandFailure {
        .failed("cannot write \(name): \(String(cString: strerror(errno)))")
    }
}
