public import CardModel
public import CardStore
internal import Glibc

/// Takes what was erased out of the files of a data directory: rejects and warnings, files that
/// were read, and what a repair has put aside.
///
/// What waits to be read is left alone: whoever reads it keeps nothing of what is erased. So is
/// what somebody is still writing, and what is not the program's own; all of it is named.
public struct FileErasure {
    public struct Report: Equatable, Sendable {
        /// Files that rows were taken out of, and how many.
        public internal(set) var cleaned: [(path: String, rows: Int)] = []
        /// Files that are gone as a whole.
        public internal(set) var removed: [String] = []
        /// Files that have it, and wait to be read or are being written.
        public internal(set) var waiting: [String] = []
        /// Files that have it, and are not the program's.
        public internal(set) var foreign: [String] = []
        /// Files that nobody could look into, with the reason.
        public internal(set) var unread: [(path: String, reason: String)] = []

        public static func == (a: Report, b: Report) -> Bool {
            a.cleaned.map(\.path) == b.cleaned.map(\.path)
                && a.cleaned.map(\.rows) == b.cleaned.map(\.rows) && a.removed == b.removed
                && a.waiting == b.waiting && a.foreign == b.foreign
                && a.unread.map(\.path) == b.unread.map(\.path)
                && a.unread.map(\.reason) == b.unread.map(\.reason)
        }
    }

    /// What the store and its server have, which has no text or is on its way, and the audit log,
    /// which has no phones.
    private static let ownNames: Set<String> = ["data.mdb", "lock.mdb", "serve.lock", "audit"]
    private static let folderDepthMax = 16

    private enum Kind {
        case problems
        case archive
        case damaged
        case waiting
        case foreign
    }

    private let directory: String
    private let phones: [PhoneNumber]
    private let text: ErasedText
    private let changesNothing: Bool
    /// Rejects of runs that have not ended.
    private let openRuns: Set<String>
    private var report = Report()

    /// - Parameter changesNothing: only finds out what would be done.
    public static func run(
        _ store: CardStore, phones: [PhoneNumber], customers: [CustomerID], changesNothing: Bool
    ) throws -> Report {
        var open: Set<String> = []
        try store.forEachRun { run in
            if !run.state.isFinal { open.insert(RunDirectories.runName(run.id) + "-") }
            return true
        }
        var erasure = FileErasure(
            directory: store.directory, phones: phones,
            text: ErasedText(phones: phones, customers: customers),
            changesNothing: changesNothing, openRuns: open)
        try erasure.look(into: "", depth: 0)
        return erasure.report
    }

    private init(
        directory: String, phones: [PhoneNumber], text: ErasedText, changesNothing: Bool,
        openRuns: Set<String>
    ) {
        self.directory = directory
        self.phones = phones
        self.text = text
        self.changesNothing = changesNothing
        self.openRuns = openRuns
    }

    /// - Parameter folder: below the data directory, with a slash at its end unless it is empty.
    private mutating func look(into folder: String, depth: Int) throws {
        let path = directory + "/" + folder
        for name in try Self.names(in: path) {
            if folder.isEmpty, Self.ownNames.contains(name) { continue }
            var status = stat()
            guard lstat(path + name, &status) == 0 else {
                // Runs end, and take their files with them.
                if errno == ENOENT { continue }
                throw FileError(path: path + name)
            }
            switch status.st_mode & S_IFMT {
            case S_IFDIR where depth < Self.folderDepthMax:
                try look(into: folder + name + "/", depth: depth + 1)
            case S_IFREG where status.st_size > 0: try look(at: folder, name)
            default: continue
            }
        }
    }

    private static func names(in path: String) throws(FileError) -> [String] {
        guard let directory = opendir(path) else {
            if errno == ENOENT { return [] }
            throw FileError(path: path)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private func kind(_ folder: String, _ name: String) -> Kind {
        switch folder {
        case "rejects/": isBeingWritten(name) ? .waiting : .problems
        case "uploads/", "pulls/", "inbox/": .waiting
        case "" where name == CardStore.damagedFileName: .damaged
        case "": .foreign
        default:
            FeedFolder.isArchive(folder) ? .archive : .foreign
        }
    }

    /// A run's rejects are written until it ends; those of a load are named after its process.
    private func isBeingWritten(_ name: String) -> Bool {
        if openRuns.contains(where: name.hasPrefix) { return true }
        let parts = name.split(separator: "-", maxSplits: 2)
        guard parts.count == 3, let process = pid_t(parts[1]), process > 0,
            !name.hasPrefix("run-"), process != getpid()
        else { return false }
        return kill(process, 0) == 0 || errno == EPERM
    }

    private mutating func look(at folder: String, _ name: String) throws {
        let path = directory + "/" + folder + name
        let kind = kind(folder, name)
        if kind == .damaged { return try cleanDamaged(path) }
        if name.hasSuffix(".mdb") {
            report.unread.append((path, "it may be a copy of the store"))
            return
        }
        let isOurs = kind == .problems || kind == .archive
        if isOurs, !changesNothing, name.hasSuffix(PartialFile.ending) {
            return takeAway(partialFile: path)
        }
        let erasure = TextErasure(path, text, isProblemFile: kind == .problems)
        let outcome: TextErasure.Outcome
        do {
            outcome = try erasure.run(changesNothing: changesNothing || !isOurs)
        } catch let error as FileError {
            var status = stat()
            // What has gone meanwhile has nothing any more.
            if lstat(path, &status) != 0, errno == ENOENT { return }
            report.unread.append((path, error.reason))
            return
        }
        switch outcome {
        case .unchanged: return
        case .unreadable(let reason): report.unread.append((path, reason))
        case .cleaned, .removed:
            if kind == .waiting {
                report.waiting.append(path)
            } else if kind == .foreign {
                report.foreign.append(path)
            } else if case .cleaned(let rows) = outcome {
                report.cleaned.append((path, rows))
            } else {
                report.removed.append(path)
            }
        }
    }

    /// Removes what an erasure that was killed has left, unless it is another's that is under way.
    private mutating func takeAway(partialFile path: String) {
        do throws(StoreError) {
            // Taken over, it goes with its owner.
            let name = String(path.dropLast(PartialFile.ending.count))
            _ = try PartialFile(path: name, replaces: true)
        } catch {
            report.waiting.append(path)
        }
    }

    /// Records that a repair gave up lie there in hexadecimal numbers, a line each.
    private mutating func cleanDamaged(_ path: String) throws {
        let bytes = try FileBytes.read(path, limitBytes: 1 << 30)
        let marks = phones.map { phone in
            let bytes = withUnsafeBytes(of: phone.digits.littleEndian) { Array($0) }
            return bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        }
        let lines = String(decoding: bytes, as: UTF8.self)
            .split(separator: "\n", omittingEmptySubsequences: false)
        let kept = lines.filter { line in !marks.contains { line.contains($0) } }
        guard kept.count < lines.count else { return }
        report.cleaned.append((path, lines.count - kept.count))
        if changesNothing { return }
        let file = try PartialFile(path: path, replaces: true)
        let text = Array(kept.joined(separator: "\n").utf8)
        try TextErasure.write(text, to: file)
        try file.publish()
    }
}
