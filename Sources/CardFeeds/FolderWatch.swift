internal import CardService
internal import CardStore
internal import Glibc

/// Watches the feeds' folders: by inotify, which tells of changes at once, and by looking again now
/// and then, since network folders tell of nothing.
///
/// It only says that a feed has files; the run looks for itself what they are.
final class FolderWatch: Sendable {
    /// What inotify is asked for: a file was written, came, or was linked.
    private static let wanted =
        UInt32(IN_CLOSE_WRITE) | UInt32(IN_MOVED_TO) | UInt32(IN_CREATE) | UInt32(IN_ATTRIB)

    private struct State: Sendable {
        var feeds = FeedSet([])
        var isStopping = false
        var looks = true
    }

    private let dataDirectory: String
    private let store: CardStore
    private let onEvent: @Sendable (RunEngine.Event) -> Void
    private let state = Monitor(State())
    /// A pipe that wakes the thread.
    private let wakeEnd: CInt
    private let sleepEnd: CInt

    init(
        dataDirectory: String, store: CardStore,
        onEvent: @escaping @Sendable (RunEngine.Event) -> Void
    ) {
        self.dataDirectory = dataDirectory
        self.store = store
        self.onEvent = onEvent
        var ends: [CInt] = [0, 0]
        let code = pipe(&ends)
        precondition(code == 0, "there is no descriptor left for a pipe")
        for end in ends {
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
            _ = fcntl(end, F_SETFL, O_NONBLOCK)
        }
        sleepEnd = ends[0]
        wakeEnd = ends[1]
    }

    deinit {
        close(sleepEnd)
        close(wakeEnd)
    }

    func replace(feeds: FeedSet) {
        state.withLock {
            $0.feeds = feeds
            $0.looks = true
        }
        wake()
    }

    /// Looks at once.
    func look() {
        state.withLock { $0.looks = true }
        wake()
    }

    func stop() {
        state.withLock { $0.isStopping = true }
        wake()
    }

    private func wake() {
        // A pipe that is full wakes as well.
        var byte: UInt8 = 1
        _ = write(wakeEnd, &byte, 1)
    }

    /// The thread's work, until ``stop()``.
    func run(_ onFiles: (String) -> Void) {
        var looking = FolderLooks(dataDirectory: dataDirectory, store: store, onEvent: onEvent)
        let notices = inotify_init1(O_NONBLOCK | O_CLOEXEC)
        if notices < 0 {
            onEvent(
                .problem(
                    "folders are only looked into now and then: \(String(cString: strerror(errno)))"
                ))
        }
        defer { if notices >= 0 { close(notices) } }
        var watched: [String: CInt] = [:]
        var dueMs: Int64 = 0
        while true {
            let (feeds, looks, isStopping) = state.withLock { state in
                defer { state.looks = false }
                return (state.feeds, state.looks, state.isStopping)
            }
            if isStopping { return }
            if looks || dueMs <= RunEngine.clockMs() {
                let result = looking.look(feeds)
                for feed in result.feeds { onFiles(feed) }
                dueMs = result.nextMs
                // What came between the look and the watch gave no notice.
                if watch(result.folders, &watched, notices) { continue }
            }
            wait(untilMs: dueMs, notices)
        }
    }

    /// - Returns: whether a folder is watched that was not; then it has to be looked into again.
    private func watch(
        _ folders: [String], _ watched: inout [String: CInt], _ notices: CInt
    ) -> Bool {
        guard notices >= 0 else { return false }
        var isNew = false
        for path in folders where watched[path] == nil {
            let number = inotify_add_watch(notices, path, Self.wanted)
            // A folder that is not there yet is looked for again with the next look.
            guard number >= 0 else { continue }
            watched[path] = number
            isNew = true
        }
        for (path, number) in watched where !folders.contains(path) {
            // It fails for a folder that was removed, whose watch went with it.
            _ = inotify_rm_watch(notices, number)
            watched[path] = nil
        }
        if isNew { state.withLock { $0.looks = true } }
        return isNew
    }

    private func wait(untilMs: Int64, _ notices: CInt) {
        var polled = [
            pollfd(fd: sleepEnd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: notices, events: Int16(POLLIN), revents: 0),
        ]
        let timeoutMs = min(max(untilMs - RunEngine.clockMs(), 0), 3_600_000)
        // A poll that a signal cuts short is a look too early.
        guard poll(&polled, 2, CInt(timeoutMs)) > 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 4_096)
        while read(sleepEnd, &buffer, buffer.count) > 0 {}
        guard polled[1].revents != 0 else { return }
        while read(notices, &buffer, buffer.count) > 0 {}
        state.withLock { $0.looks = true }
    }
}

/// What was seen in the folders, look by look.
private struct FolderLooks {
    private struct Seen {
        let file: FeedFolder.File
        let sinceMs: Int64
    }

    private let dataDirectory: String
    private let store: CardStore
    private let onEvent: @Sendable (RunEngine.Event) -> Void
    private var seen: [String: Seen] = [:]
    /// What was told of already.
    private var told: Set<String> = []

    init(
        dataDirectory: String, store: CardStore,
        onEvent: @escaping @Sendable (RunEngine.Event) -> Void
    ) {
        self.dataDirectory = dataDirectory
        self.store = store
        self.onEvent = onEvent
    }

    struct Result {
        /// Those that have files which have settled.
        var feeds: [String] = []
        var folders: [String] = []
        var nextMs: Int64
    }

    mutating func look(_ feeds: FeedSet) -> Result {
        let nowMs = RunEngine.clockMs()
        var result = Result(nextMs: nowMs + 3_600_000)
        var current: [String: Seen] = [:]
        var unclaimed: [String: String] = [:]
        var folders: Set<String> = []
        for profile in feeds.profiles {
            guard case .folder(let rule) = profile.source else { continue }
            let folder = FeedFolder(rule, dataDirectory: dataDirectory)
            result.nextMs = min(result.nextMs, nowMs + Int64(rule.scanMs))
            do {
                try folder.makeIfOurs()
                let files = try feeds.files(of: profile, in: folder, dataDirectory: dataDirectory)
                let marks = try store.marks(of: "\(profile.id)")
                let known = Dictionary(
                    marks.map { ($0.place, $0) }, uniquingKeysWith: { $1 })
                var hasSettled = false
                for file in files {
                    let place = folder.place(file.name)
                    if known[place] == folder.mark(file) { continue }
                    let before = seen[place].flatMap { $0.file == file ? $0 : nil }
                    let now = before ?? Seen(file: file, sinceMs: nowMs)
                    current[place] = now
                    let settledMs = now.sinceMs + Int64(rule.settleMs)
                    if settledMs <= nowMs {
                        hasSettled = true
                    } else {
                        result.nextMs = min(result.nextMs, settledMs)
                    }
                }
                if hasSettled { result.feeds.append("\(profile.id)") }
                if folders.insert(folder.path).inserted {
                    unclaimed.merge(try self.unclaimed(in: folder, feeds), uniquingKeysWith: { $1 })
                }
            } catch {
                tell("\(error)") { .problem("a feed's folder cannot be looked into: \(error)") }
            }
        }
        for (path, reason) in unclaimed {
            tell(path) { .unclaimed(path: path, reason: reason) }
        }
        seen = current
        result.folders = Array(folders)
        return result
    }

    private func unclaimed(
        in folder: FeedFolder, _ feeds: FeedSet
    ) throws(FileError) -> [String: String] {
        let sharing = feeds.profiles(of: folder, dataDirectory: dataDirectory)
        if sharing.profiles.count == 1, sharing.profiles[0].fileNames.isEmpty { return [:] }
        var unclaimed: [String: String] = [:]
        for file in try folder.files() {
            do {
                _ = try sharing.profile(forFileNamed: file.name)
            } catch {
                unclaimed[folder.place(file.name)] = "\(error)"
            }
        }
        return unclaimed
    }

    /// Tells of a thing once.
    private mutating func tell(_ what: String, _ event: () -> RunEngine.Event) {
        if told.count > 10_000 { told = [] }
        if told.insert(what).inserted { onEvent(event()) }
    }
}
