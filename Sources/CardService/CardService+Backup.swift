public import CardStore
internal import Glibc
internal import Synchronization

/// The name of a backup, which is that of a directory in the backup directory.
public struct BackupName: Equatable, Sendable {
    public static let countMax = 64

    public let text: String

    /// Nil when the text is none: it must not lead anywhere else.
    public init?(_ text: [UInt8]) {
        guard let first = text.first, text.count <= Self.countMax, Self.isAlphanumeric(first),
            text.allSatisfy({ Self.isAlphanumeric($0) || "-_.".utf8.contains($0) }),
            // Such a name would be a file's.
            !text.suffix(4).elementsEqual(".mdb".utf8)
        else { return nil }
        self.text = String(decoding: text, as: UTF8.self)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}

/// A backup that was made beside the running service.
public struct MadeBackup: Sendable {
    public let name: BackupName
    public let report: BackupReport
    public let milliseconds: Double
}

/// Why there is no backup.
public enum BackupError: Error, Equatable, Sendable {
    /// The service has no directory for backups.
    case noDirectory
    /// One at a time.
    case alreadyRunning
    case exists(BackupName)
    case stopping
    case failed(StoreError)
}

/// The backup that is being made, if one is.
struct BackupState: Sendable {
    var isRunning = false
    var isStopping = false
    /// The last one's, until it is joined.
    var thread: OSThread?
}

extension CardService {
    /// Writes a backup into a directory of that name in the backup directory, on a thread of its
    /// own, which takes the time that look-ups leave; returns at once.
    ///
    /// A stop of the service waits for it.
    ///
    /// - Parameter completion: called once, on that thread.
    /// - Throws: ``BackupError`` when it is refused; `completion` is not called then.
    public func backUp(
        as name: BackupName, verifies: Bool,
        completion: @escaping @Sendable (Result<MadeBackup, BackupError>) -> Void
    ) throws(BackupError) {
        guard let directory = backupDirectory else { throw .noDirectory }
        let path = directory + "/" + name.text
        var status = stat()
        if lstat(path, &status) == 0 { throw .exists(name) }
        let refusal: BackupError? = backups.withLock { state in
            if state.isStopping { return .stopping }
            if state.isRunning { return .alreadyRunning }
            state.isRunning = true
            // It has ended but for its last instructions.
            state.thread?.join()
            state.thread = OSThread(priority: .idle) { [self] in
                let result = makeBackup(name, at: path, verifies: verifies)
                backups.withLock { $0.isRunning = false }
                completion(result)
            }
            return nil
        }
        if let refusal { throw refusal }
    }

    private func makeBackup(
        _ name: BackupName, at path: String, verifies: Bool
    ) -> Result<MadeBackup, BackupError> {
        let clock = ContinuousClock()
        let start = clock.now
        do {
            let report = try store.backup(to: path, verifies: verifies)
            let milliseconds = start.duration(to: clock.now) / .milliseconds(1)
            return .success(MadeBackup(name: name, report: report, milliseconds: milliseconds))
        } catch {
            // The directory was made for it. One that holds something stays, and says so next time.
            _ = rmdir(path)
            return .failure(.failed((error as? StoreError) ?? .failed("\(error)")))
        }
    }

    func stopBackups() {
        let thread = backups.withLock { state in
            state.isStopping = true
            defer { state.thread = nil }
            return state.thread
        }
        thread?.join()
    }
}
