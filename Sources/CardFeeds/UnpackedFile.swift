internal import ZlibKit

/// A file's bytes as they are, or unpacked when the file is gzip, which its first bytes tell.
struct UnpackedFile: ~Copyable {
    private static let packedBytesMax = 1 << 16

    let file: InputFile
    /// How much of the file itself has been read.
    private(set) var bytesRead = 0
    private var isAtStart = true
    private var inflater: GzipInflater?
    /// What was read of a packed file, and the part of it that is not unpacked yet.
    private var packed: UnsafeMutableRawBufferPointer
    private var rest = 0..<0
    /// What has come out, and the most that may.
    private var unpackedBytes = 0
    private let unpackedBytesMax: Int
    /// Met behind bytes that had to be handed out first.
    private var failure: FileError?

    /// - Parameter unpackedBytesMax: a file that has more, packed or not, fails.
    init(_ file: consuming InputFile, unpackedBytesMax: Int = .max) {
        self.file = file
        self.unpackedBytesMax = unpackedBytesMax
        packed = .allocate(byteCount: 0, alignment: 1)
    }

    deinit { packed.deallocate() }

    var isPacked: Bool { inflater != nil }

    /// Whether a file that begins so is packed.
    static func isPacked(_ start: [UInt8]) -> Bool { start.starts(with: GzipInflater.magic) }

    /// Reads what comes next and says how many bytes that was. `buffer` is filled, except at the
    /// end, or before a failure, which the next call throws.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(FileError) -> Int {
        if let failure { throw failure }
        var filled = 0
        do throws(FileError) {
            while filled < buffer.count {
                let room = UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
                let count = isPacked ? try unpack(into: room) : try readFile(into: room)
                if count == 0 { break }
                filled += count
                unpackedBytes += count
                guard unpackedBytes <= unpackedBytesMax else {
                    throw FileError(
                        path: file.path,
                        reason: "it has more than \(unpackedBytesMax) bytes"
                            + (isPacked ? " when it is unpacked" : ""))
                }
                let magic = GzipInflater.magic
                if isAtStart, filled >= magic.count {
                    isAtStart = false
                    if buffer.starts(with: magic) {
                        startUnpacking(UnsafeRawBufferPointer(rebasing: buffer[..<filled]))
                        filled = 0
                    }
                }
            }
        } catch {
            if filled == 0 { throw error }
            failure = error
        }
        return filled
    }

    private mutating func readFile(
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        let count = try file.read(into: buffer)
        bytesRead += count
        return count
    }

    private mutating func startUnpacking(_ start: UnsafeRawBufferPointer) {
        packed.deallocate()
        packed = .allocate(byteCount: max(start.count, Self.packedBytesMax), alignment: 16)
        packed.copyMemory(from: start)
        rest = 0..<start.count
        inflater = GzipInflater()
    }

    private mutating func unpack(
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(FileError) -> Int {
        while true {
            let isAtEnd = rest.isEmpty ? try readPacked() : false
            do {
                let input = UnsafeRawBufferPointer(rebasing: packed[rest])
                guard let result = try inflater?.inflate(input, into: buffer) else {
                    preconditionFailure("only a packed file is unpacked")
                }
                rest = (rest.lowerBound + result.consumed)..<rest.upperBound
                if result.written > 0 { return result.written }
                if isAtEnd {
                    try inflater?.finish()
                    return 0
                }
            } catch {
                throw FileError(path: file.path, reason: "\(error)")
            }
        }
    }

    /// Whether the file is at its end.
    private mutating func readPacked() throws(FileError) -> Bool {
        let count = try readFile(into: packed)
        rest = 0..<count
        return count == 0
    }
}
