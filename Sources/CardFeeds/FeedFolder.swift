internal import CardStore
internal import Glibc

/// A feed's folder: what lies there for it, and what becomes of it.
struct FeedFolder: Sendable {
    /// Files of one run; a further run takes the rest.
    static let filesMax = 500
    private static let doneName = "done"
    private static let failedName = "failed"
    /// Endings that programs give to files which they have not written to the end.
    private static let unfinishedEndings = [".part", ".tmp", ".filepart", ".crdownload"]

    /// Without a slash at its end.
    let path: String
    let rule: FolderRule

    init(_ rule: FolderRule, dataDirectory: String) {
        self.rule = rule
        var path = rule.path ?? dataDirectory + "/inbox"
        while path.count > 1, path.hasSuffix("/") { path.removeLast() }
        self.path = path
    }

    /// Whether a folder, with a slash at its end, is one where files go that were read.
    static func isArchive(_ folder: String) -> Bool {
        folder.hasSuffix("/\(doneName)/") || folder.hasSuffix("/\(failedName)/")
    }

    /// A file as it was seen.
    typealias File = StoredRun.File

    /// All files that somebody can have put there, by name.
    func files() throws(FileError) -> [File] {
        guard let directory = opendir(path) else { throw FileError(path: path) }
        defer { closedir(directory) }
        var files: [File] = []
        while true {
            errno = 0
            guard let entry = readdir(directory) else {
                guard errno == 0 else { throw FileError(path: path) }
                break
            }
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            let lowercased = name.lowercased()
            guard !name.hasPrefix("."),
                !Self.unfinishedEndings.contains(where: lowercased.hasSuffix),
                let file = file(name)
            else { continue }
            files.append(file)
        }
        return files.sorted { $0.name < $1.name }
    }

    /// The file as it is now; nil when there is no regular file of that name.
    func file(_ name: String) -> File? {
        var status = stat()
        guard stat("\(path)/\(name)", &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return nil
        }
        let modified = Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec)
        return File(name: name, sizeBytes: Int(status.st_size), modifiedAt: modified)
    }

    /// Whether it is still the file that was seen.
    func isUnchanged(_ file: File) -> Bool {
        self.file(file.name).map {
            $0.sizeBytes == file.sizeBytes && $0.modifiedAt == file.modifiedAt
        } ?? false
    }

    /// What the store remembers of a file that stays.
    func mark(_ file: File) -> SourceMark {
        var mark = SourceMark(place: place(file.name))
        mark.sizeBytes = file.sizeBytes
        mark.modifiedAt = file.modifiedAt
        return mark
    }

    func place(_ name: String) -> String { "\(path)/\(name)" }

    /// Makes the folder when there is none, for its owner alone. One that is configured is
    /// somebody else's to make.
    func makeIfOurs() throws(FileError) {
        guard rule.path == nil else { return }
        guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError(path: path) }
    }

    /// Moves a file that was read out of the way. One that has changed since is another file, and
    /// stays.
    ///
    /// - Parameter run: part of the new name when there is a file of the old one.
    func clear(_ file: File, run: UInt64) throws(FileError) {
        guard isUnchanged(file) else { return }
        let folder = "\(path)/\(file.failure.isEmpty ? Self.doneName : Self.failedName)"
        guard mkdir(folder, 0o700) == 0 || errno == EEXIST else { throw FileError(path: folder) }
        var status = stat()
        var target = "\(folder)/\(file.name)"
        if lstat(target, &status) == 0 { target = "\(folder)/run-\(run)-\(file.name)" }
        guard rename("\(path)/\(file.name)", target) == 0 else {
            throw FileError(path: "\(path)/\(file.name)")
        }
    }
}

extension FeedSet {
    /// The files of a folder that are a feed's: by name, where several feeds have the folder or
    /// the feed has patterns; otherwise all.
    func files(
        of profile: FeedProfile, in folder: FeedFolder, dataDirectory: String
    ) throws(FileError) -> [FeedFolder.File] {
        let sharing = profiles(of: folder, dataDirectory: dataDirectory)
        let files = try folder.files()
        if sharing.profiles.count < 2, profile.fileNames.isEmpty { return files }
        return files.filter { file in
            do {
                return try sharing.profile(forFileNamed: file.name).id == profile.id
            } catch {
                // It stays, and ``FolderWatch`` tells of it.
                return false
            }
        }
    }

    /// The folders of feeds that are not in the data directory, in order.
    public func folders(outside dataDirectory: String) -> [String] {
        let folders = profiles.compactMap { profile -> String? in
            guard case .folder(let rule) = profile.source else { return nil }
            return FeedFolder(rule, dataDirectory: dataDirectory).path
        }
        return Set(folders.filter { !$0.hasPrefix(dataDirectory + "/") }).sorted()
    }

    /// The feeds that take files from a folder.
    func profiles(of folder: FeedFolder, dataDirectory: String) -> FeedSet {
        FeedSet(
            profiles.filter { profile in
                guard case .folder(let rule) = profile.source else { return false }
                return FeedFolder(rule, dataDirectory: dataDirectory).path == folder.path
            })
    }
}
