import CardFeeds
import Foundation

/// A file to read, and as what.
struct InputFile {
    let path: String
    let profile: FeedProfile
}

/// The files that the arguments of `load` and `void` name.
enum InputFiles {
    /// All files, in the order of the arguments; a folder's by name. Everything that is wrong with
    /// the arguments is said before anything is read.
    static func find(_ paths: [String], feed: String?, _ feeds: FeedSet) throws -> [InputFile] {
        var files: [InputFile] = []
        var problems: [String] = []
        for path in paths {
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                problems.append("there is no file or folder '\(path)'")
                continue
            }
            do {
                if isDirectory.boolValue {
                    files += try filesOfFolder(path, feed: feed, feeds)
                } else {
                    files.append(
                        InputFile(path: path, profile: try profile(of: path, feed: feed, feeds)))
                }
            } catch let error as FeedError {
                problems.append("\(path): \(error)")
            }
        }
        guard problems.isEmpty else {
            throw CommandFailure.misused(problems.joined(separator: "\ncardstatus: "))
        }
        return files
    }

    /// A folder's files that have a feed. Others are named: nothing is left out in silence.
    private static func filesOfFolder(
        _ folder: String, feed: String?, _ feeds: FeedSet
    ) throws -> [InputFile] {
        let names: [String]
        do {
            names = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        } catch {
            throw CommandFailure.failed("cannot read the folder '\(folder)'")
        }
        var files: [InputFile] = []
        for name in names where !name.hasPrefix(".") {
            let path = folder + (folder.hasSuffix("/") ? "" : "/") + name
            var isDirectory: ObjCBool = false
            let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
            if !exists || isDirectory.boolValue {
                Terminal.line("skipped: \(path) (not a file)")
                continue
            }
            do {
                files.append(
                    InputFile(path: path, profile: try profile(of: path, feed: feed, feeds)))
            } catch FeedError.noFeed {
                Terminal.line("skipped: \(path) (no feed matches its name; --feed would name one)")
            }
        }
        if files.isEmpty {
            throw CommandFailure.misused("there is no file to read in the folder '\(folder)'")
        }
        return files
    }

    private static func profile(
        of path: String, feed: String?, _ feeds: FeedSet
    ) throws -> FeedProfile {
        if let feed { return try feeds.profile(named: feed) }
        return try feeds.profile(forFileNamed: URL(fileURLWithPath: path).lastPathComponent)
    }
}
