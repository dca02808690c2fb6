import CardStore
import Foundation
import ZlibKit

/// Where a command's result goes: standard output or a file, buffered, with every error noticed.
struct ResultOutput: ~Copyable {
    private static let bufferBytes = 1 << 16

    private let descriptor: Int32
    private let name: String
    /// nil for standard output.
    private let file: PartialFile?
    private var deflater: GzipDeflater?
    private var buffer: [UInt8] = []

    static func standardOutput() -> ResultOutput {
        ResultOutput(descriptor: STDOUT_FILENO, name: "standard output", file: nil)
    }

    /// A file of mode 0600, since results hold personal data, that has its name only when it is
    /// whole. It is packed when its name ends in `.gz`. An existing one is refused.
    static func file(_ path: String, replaces: Bool = false) throws -> ResultOutput {
        do {
            let file = try PartialFile(path: path, replaces: replaces)
            return ResultOutput(descriptor: file.descriptor, name: path, file: file)
        } catch {
            throw CommandFailure.failed("\(error)")
        }
    }

    private init(descriptor: Int32, name: String, file: PartialFile?) {
        self.descriptor = descriptor
        self.name = name
        self.file = file
        deflater = file != nil && name.hasSuffix(".gz") ? GzipDeflater() : nil
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
        let target = (descriptor, name)
        try deflater?.finish { try Self.write($0, target) }
        do {
            try file?.publish()
        } catch {
            throw CommandFailure.failed("cannot write \(name): \(error)")
        }
    }

    private mutating func flush() throws {
        let target = (descriptor, name)
        if deflater == nil {
            try buffer.withUnsafeBytes { try Self.write($0, target) }
        } else {
            // Bytes are lent as a span: a closure could not change the deflater.
            let bytes = buffer
            try bytes.withUnsafeBytes { bytes in
                try deflater?.deflate(bytes) { try Self.write($0, target) }
            }
        }
        buffer.removeAll(keepingCapacity: true)
    }

    private static func write(
        _ bytes: UnsafeRawBufferPointer, _ target: (descriptor: Int32, name: String)
    ) throws {
        var offset = 0
        while offset < bytes.count {
            let count = Glibc.write(
                target.descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw CommandFailure.failed(
                    "cannot write \(target.name): \(String(cString: strerror(errno)))")
            }
            offset += count
        }
    }
}
