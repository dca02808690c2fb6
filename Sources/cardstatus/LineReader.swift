import Foundation

/// The lines of a file, one after the other, without their ends.
struct LineReader: ~Copyable {
    private static let chunkBytes = 1 << 20

    private let path: String
    private let descriptor: Int32
    private var bytes: [UInt8] = []
    private var offset = 0
    private var isAtEnd = false

    init(path: String) throws {
        self.path = path
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else { throw Self.failure(path) }
    }

    deinit {
        // It was only read.
        close(descriptor)
    }

    /// The next line; nil behind the last. A last line without an end counts.
    mutating func next() throws -> [UInt8]? {
        var searched = offset
        while true {
            if let end = bytes[searched...].firstIndex(of: UInt8(ascii: "\n")) {
                defer { offset = end + 1 }
                return Array(bytes[offset..<end])
            }
            guard !isAtEnd else {
                defer { offset = bytes.count }
                return offset < bytes.count ? Array(bytes[offset...]) : nil
            }
            bytes.removeFirst(offset)
            offset = 0
            searched = bytes.count
            try fill()
        }
    }

    private mutating func fill() throws {
        var chunk = [UInt8](repeating: 0, count: Self.chunkBytes)
        var count = read(descriptor, &chunk, chunk.count)
        while count < 0, errno == EINTR { count = read(descriptor, &chunk, chunk.count) }
        guard count >= 0 else { throw Self.failure(path) }
        isAtEnd = count == 0
        bytes += chunk.prefix(count)
    }

    private static func failure(_ path: String) -> CommandFailure {
        .failed("cannot read '\(path)': \(String(cString: strerror(errno)))")
    }
}
