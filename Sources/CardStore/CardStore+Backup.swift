internal import Dispatch
internal import Glibc
internal import LMDBKit

/// How far a backup has come.
public enum BackupProgress: Sendable {
    /// Bytes written, of about so many.
    case copying(bytes: Int, ofBytes: Int)
    /// The copy cannot be compacted, since the store has lost track of some pages; it is being
    /// made page by page instead.
    case notCompacting
    case verifying
}

/// What a backup made.
public struct BackupReport: Sendable {
    /// The data file.
    public let path: String
    public let sizeBytes: Int
    public let isCompacted: Bool
    /// What a check of the copy found, when one was asked for: nothing, or there is no backup.
    public let check: CheckReport?
}

extension CardStore {
    private static let progressIntervalMs = 200

    /// Writes a consistent copy of the store while it is in use, durably: the file has its name
    /// only when it is whole. Runs on the calling thread and takes as long as reading and writing
    /// all of it takes; commits go on meanwhile, and pages that they free are not used again
    /// before the end, so the data file grows by what is written in that time.
    ///
    /// - Parameters:
    ///   - destination: a data file when it ends in `.mdb`; otherwise a directory, made when there
    ///     is none (mode 0700), whose `data.mdb` it becomes. The file has mode 0600.
    ///   - replaces: whether a file of that name gives way.
    ///   - verifies: checks the copy before it gets its name.
    ///   - onProgress: called now and then, on any thread.
    /// - Throws: ``StoreError``, among them
    ///   ``StoreError/notEnoughRoom(directory:neededBytes:availableBytes:)`` before anything is
    ///   written, and ``StoreError/damaged(database:what:)`` when the copy fails the check.
    public func backup(
        to destination: String, replaces: Bool = false, verifies: Bool = false,
        onProgress: @escaping @Sendable (BackupProgress) -> Void = { _ in }
    ) throws -> BackupReport {
        let path = try Self.backupPath(destination)
        try refuseOwnFile(path)
        let folder = PartialFile.folder(of: path)
        let freePages = try read { try $0.freePageCount() }
        let compactBytes = environment.usedBytes - freePages * environment.pageSizeBytes
        try DiskSpace.require(compactBytes, in: folder)
        let file = try PartialFile(path: path, replaces: replaces)
        let isCompacted = try copy(to: file, compactBytes: compactBytes, onProgress)
        try syncCopy(file)
        var report: CheckReport?
        if verifies {
            onProgress(.verifying)
            let check = try CardStore(stillFile: file.partialPath).check()
            if let finding = check.findings.first {
                file.discard()
                throw StoreError.damaged(
                    database: finding.database,
                    what: "the copy fails its check in \(check.findings.count) places,"
                        + " and so will the store")
            }
            report = check
        }
        let sizeBytes = file.sizeBytes
        try file.publish()
        return BackupReport(
            path: path, sizeBytes: sizeBytes, isCompacted: isCompacted, check: report)
    }

    private func syncCopy(_ file: PartialFile) throws {
        do {
            try file.sync()
        } catch  where DiskSpace.isUsedUp(of: PartialFile.folder(of: file.path)) {
            throw StoreError.diskFull(directory: PartialFile.folder(of: file.path))
        }
    }

    private static func backupPath(_ destination: String) throws(StoreError) -> String {
        if destination.hasSuffix(".mdb") { return destination }
        var status = stat()
        _ = try PartialFile.makeFolder(destination)
        guard stat(destination, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw .inaccessible(
                path: destination, reason: "it is no directory, nor does its name end in .mdb")
        }
        return destination + (destination.hasSuffix("/") ? "" : "/") + "data.mdb"
    }

    /// A backup must replace neither this store nor one that a server has open.
    private func refuseOwnFile(_ path: String) throws(StoreError) {
        var own = stat()
        var there = stat()
        guard stat(directory + "/data.mdb", &own) == 0, stat(path, &there) == 0 else { return }
        if own.st_ino == there.st_ino, own.st_dev == there.st_dev {
            throw .inaccessible(path: path, reason: "it is the store itself")
        }
        let folder = PartialFile.folder(of: path)
        if path.hasSuffix("/data.mdb"), ServerLock.isHeld(in: folder) {
            throw .alreadyServed(directory: folder, by: "another process")
        }
    }

    /// Returns whether the copy is compact.
    private func copy(
        to file: PartialFile, compactBytes: Int,
        _ onProgress: @escaping @Sendable (BackupProgress) -> Void
    ) throws -> Bool {
        do {
            try watching(file, compactBytes, onProgress) {
                try environment.copy(to: file.descriptor, isCompacting: true)
            }
            return true
        } catch let error as LMDBError where error == .incompatible {
            // "Currently it fails if the environment has suffered a page leak" (lmdb.h).
            onProgress(.notCompacting)
        } catch {
            throw copyError(error, file)
        }
        do {
            try file.clear()
            let bytes = environment.usedBytes
            try DiskSpace.require(bytes, in: PartialFile.folder(of: file.path))
            try watching(file, bytes, onProgress) {
                try environment.copy(to: file.descriptor, isCompacting: false)
            }
            return false
        } catch {
            throw copyError(error, file)
        }
    }

    private func copyError(_ error: any Error, _ file: PartialFile) -> StoreError {
        Self.storeError(error, directory: PartialFile.folder(of: file.path))
    }

    private func watching(
        _ file: PartialFile, _ totalBytes: Int,
        _ onProgress: @escaping @Sendable (BackupProgress) -> Void, _ body: () throws -> Void
    ) rethrows {
        let isOver = DispatchSemaphore(value: 0)
        let hasStopped = DispatchSemaphore(value: 0)
        DispatchQueue.global().async {
            while isOver.wait(timeout: .now() + .milliseconds(Self.progressIntervalMs))
                == .timedOut
            {
                onProgress(.copying(bytes: file.sizeBytes, ofBytes: totalBytes))
            }
            hasStopped.signal()
        }
        defer {
            isOver.signal()
            hasStopped.wait()
        }
        try body()
    }
}
