internal import Glibc

// Several processes append to the log at a time: a server, and commands beside it. Each write is of
// whole lines and goes to the file's end (O_APPEND), where the kernel keeps writes apart. What a
// crash or a full disk leaves of a line is ended by whoever opens the file next, so that a reader
// loses that line and no other.

/// Writes to the newest file of the log, and begins another when the day is over or the file is
/// large.
struct AuditAppender: ~Copyable {
    static let fileBytesMax = 64 << 20

    private let folder: AuditFolder
    private let fileBytesMax: Int
    private var descriptor: CInt = -1
    private var name: AuditFileName?
    private var sizeBytes = 0
    /// Whether the last byte written ends no line: no other file is begun then.
    private var isMidLine = false

    init(_ folder: AuditFolder, fileBytesMax: Int = AuditAppender.fileBytesMax) {
        self.folder = folder
        self.fileBytesMax = fileBytesMax
    }

    deinit {
        if descriptor >= 0 { close(descriptor) }
    }

    private var path: String { "\(folder.path)/\(name?.text ?? "")" }

    /// Writes lines, and removes from `lines` what is written.
    ///
    /// - Parameter day: today.
    mutating func append(_ lines: inout [UInt8], day: String) throws(AuditError) {
        guard !lines.isEmpty else { return }
        try openFile(day: day)
        var done = 0
        defer {
            if done > 0 { isMidLine = lines[done - 1] != UInt8(ascii: "\n") }
            lines.removeFirst(done)
            sizeBytes += done
        }
        while done < lines.count {
            let count = lines.withUnsafeBytes {
                write(descriptor, $0.baseAddress.unsafelyUnwrapped + done, lines.count - done)
            }
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw AuditError(path: path) }
            done += count
        }
    }

    /// Makes what was written durable.
    mutating func sync() throws(AuditError) {
        guard descriptor >= 0 else { return }
        guard fdatasync(descriptor) == 0 else { throw AuditError(path: path) }
    }

    /// Sees to it that a file is open that may be written to today.
    private mutating func openFile(day: String) throws(AuditError) {
        if descriptor >= 0, !isMidLine {
            var status = stat()
            guard fstat(descriptor, &status) == 0 else { throw AuditError(path: path) }
            // Whoever has removed the file wants a new one.
            if name?.day == day, sizeBytes < fileBytesMax, status.st_nlink > 0 { return }
            try sync()
            close(descriptor)
            descriptor = -1
        }
        guard descriptor < 0 else { return }
        let newest = try folder.files().last { $0.day == day }
        var name = newest ?? AuditFileName(day: day)
        if newest != nil {
            var status = stat()
            guard lstat("\(folder.path)/\(name.text)", &status) == 0 || errno == ENOENT else {
                throw AuditError(path: "\(folder.path)/\(name.text)")
            }
            if status.st_size >= fileBytesMax {
                name = AuditFileName(day: day, number: name.number + 1)
            }
        }
        try open(name)
    }

    private mutating func open(_ name: AuditFileName) throws(AuditError) {
        let path = "\(folder.path)/\(name.text)"
        let opened = Glibc.open(
            path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
        guard opened >= 0 else { throw AuditError(path: path) }
        var status = stat()
        guard fstat(opened, &status) == 0, Self.endsLine(opened, size: Int(status.st_size)) else {
            let error = AuditError(path: path)
            close(opened)
            throw error
        }
        descriptor = opened
        self.name = name
        sizeBytes = Int(status.st_size)
        if sizeBytes == 0 { try folder.syncNames() }
    }

    /// Ends a line that somebody left unfinished.
    private static func endsLine(_ descriptor: CInt, size: Int) -> Bool {
        guard size > 0 else { return true }
        var last: UInt8 = 0
        guard pread(descriptor, &last, 1, off_t(size - 1)) == 1 else { return false }
        let end = UInt8(ascii: "\n")
        return last == end || withUnsafeBytes(of: end) { write(descriptor, $0.baseAddress, 1) == 1 }
    }
}
