internal import CardModel
internal import CardStore
internal import Glibc

/// The folders of a data directory that runs use.
struct RunDirectories: Sendable {
    let data: String

    var problems: String { data + "/rejects" }
    var uploads: String { data + "/uploads" }
    /// Documents on their way; nothing in it is kept over a start.
    var pulls: String { data + "/pulls" }

    static func runName(_ run: UInt64) -> String { "run-\(run)" }

    func upload(ofRun run: UInt64) -> String { "\(uploads)/\(Self.runName(run))" }

    func spool(of feed: FeedID) -> String { "\(pulls)/\(feed)" }

    /// Makes those that are missing, for their owner alone.
    func make() throws(FileError) {
        for path in [problems, uploads, pulls] {
            guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw FileError(path: path) }
        }
    }

    func removeProblemFiles(ofRun run: UInt64) throws(FileError) {
        try remove(in: problems) { $0.hasPrefix(Self.runName(run) + "-") }
    }

    /// Removes what no run has: what was cut off before its run was stored, or was to be removed
    /// with it.
    ///
    /// - Parameters:
    ///   - problemFiles: the names that runs have.
    ///   - uploads: the runs whose upload is still needed.
    func sweep(keeping problemFiles: Set<String>, uploads: Set<UInt64>) throws(FileError) {
        try remove(in: pulls) { _ in true }
        try remove(in: self.problems) { name in
            name.hasPrefix("run-") && !problemFiles.contains(name)
        }
        let kept = Set(uploads.map(Self.runName))
        try remove(in: self.uploads) { !kept.contains($0) }
    }

    func removeProblemFile(_ name: String) throws(FileError) {
        try Self.remove("\(problems)/\(name)")
    }

    static func remove(_ path: String) throws(FileError) {
        guard unlink(path) == 0 || errno == ENOENT else { throw FileError(path: path) }
    }

    private func remove(in path: String, _ isGone: (String) -> Bool) throws(FileError) {
        guard let directory = opendir(path) else {
            if errno == ENOENT { return }
            throw FileError(path: path)
        }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != "..", isGone(name) { names.append(name) }
        }
        for name in names { try Self.remove("\(path)/\(name)") }
    }
}
