public import CardModel
internal import Glibc
internal import GnuTLSKit

/// The folder `audit` in a store's directory: the files of the log, and the key by which phones are
/// written. For the owner's eyes: the folder has mode 0700, its files 0600.
public final class AuditFolder: Sendable {
    static let keyName = "phone.key"
    private static let keyCount = 32
    /// Of the 32 bytes of a phone's keyed hash, so many are written: enough to tell all phones
    /// apart.
    private static let shownHashCount = 16

    public let path: String
    private let phoneKey: [UInt8]

    /// The log of the store in a directory, which is begun if there is none.
    public init(ofStore directory: String) throws(AuditError) {
        path = directory + "/audit"
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw AuditError(path: path) }
        let keyPath = "\(path)/\(Self.keyName)"
        if let key = try Self.readKey(keyPath) {
            phoneKey = key
        } else {
            phoneKey = try Self.makeKey(keyPath)
        }
    }

    /// The log of the store in a directory; nil when nothing was ever written there.
    public static func existing(ofStore directory: String) throws(AuditError) -> AuditFolder? {
        var status = stat()
        let keyPath = "\(directory)/audit/\(keyName)"
        guard lstat(keyPath, &status) == 0 else {
            if errno == ENOENT { return nil }
            throw AuditError(path: keyPath)
        }
        return try AuditFolder(ofStore: directory)
    }

    /// By what the log knows a phone: a keyed hash, as 32 digits. The same phone always has the
    /// same, and who has not the key cannot find the phone.
    public func hash(of phone: PhoneNumber) -> String {
        let digits = Array(String(phone.digits).utf8)
        let key = phoneKey
        let hash = SHA256.authenticate(digits.span, key: key.span)
        return hash.prefix(Self.shownHashCount)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// The files of the log, the oldest first. Others in the folder are none of its business.
    public func files() throws(AuditError) -> [AuditFileName] {
        guard let directory = opendir(path) else { throw AuditError(path: path) }
        defer { closedir(directory) }
        var names: [AuditFileName] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw AuditError(path: path) }
                return names.sorted()
            }
            let text = withUnsafePointer(to: &entry.pointee.d_name) { name in
                name.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if let name = AuditFileName(text) { names.append(name) }
        }
    }

    /// Writes one entry, durably; for commands, beside a server or alone.
    public func append(_ entry: AuditEntry) throws(AuditError) {
        var line: [UInt8] = []
        AuditLine.append(entry, key: nil, self, to: &line)
        var appender = AuditAppender(self)
        try appender.append(&line, day: AuditClock.day(entry.milliseconds))
        try appender.sync()
    }

    /// Removes files whose days are all before `day`.
    ///
    /// - Returns: how many.
    func removeFiles(before day: String) throws(AuditError) -> Int {
        var count = 0
        for name in try files() where name.day < day {
            let file = "\(path)/\(name.text)"
            guard unlink(file) == 0 || errno == ENOENT else { throw AuditError(path: file) }
            count += 1
        }
        return count
    }

    /// Makes the names in the folder durable.
    func syncNames() throws(AuditError) {
        try Self.syncFolder(path)
    }

    // MARK: The key

    private static func readKey(_ path: String) throws(AuditError) -> [UInt8]? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw AuditError(path: path)
        }
        defer { close(descriptor) }
        var key = [UInt8](repeating: 0, count: keyCount + 1)
        let count = read(descriptor, &key, key.count)
        guard count >= 0 else { throw AuditError(path: path) }
        guard count == keyCount else {
            throw AuditError(
                path: path,
                reason: "it is no key of the audit log; with another key the phones in the log"
                    + " cannot be found any more, so put the right file back, or remove it")
        }
        return Array(key.prefix(keyCount))
    }

    /// A new key, unless another process is quicker. The file has its name only when it is whole.
    private static func makeKey(_ path: String) throws(AuditError) -> [UInt8] {
        var source = SystemRandomNumberGenerator()
        let key = (0..<keyCount).map { _ in UInt8.random(in: .min ... .max, using: &source) }
        let partial = "\(path).\(getpid())"
        guard unlink(partial) == 0 || errno == ENOENT else { throw AuditError(path: partial) }
        let descriptor = open(partial, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw AuditError(path: partial) }
        let isWritten = write(descriptor, key, keyCount) == keyCount && fsync(descriptor) == 0
        let writing = AuditError(path: partial)
        guard close(descriptor) == 0, isWritten else {
            unlink(partial)
            throw writing
        }
        let isFirst = link(partial, path) == 0
        let naming = errno
        unlink(partial)
        guard isFirst || naming == EEXIST else {
            throw AuditError(path: path, reason: String(cString: strerror(naming)))
        }
        let folder = String(path.dropLast(keyName.count + 1))
        try syncFolder(folder)
        try syncFolder(String(folder.dropLast("/audit".count)))
        guard let stored = try readKey(path) else { throw AuditError(path: path) }
        return stored
    }

    private static func syncFolder(_ path: String) throws(AuditError) {
        let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw AuditError(path: path) }
        defer { close(descriptor) }
        guard fsync(descriptor) == 0 else { throw AuditError(path: path) }
    }
}
