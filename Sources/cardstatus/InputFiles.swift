import CardFeeds
import Foundation

/// A file to read, and as what.
struct InputFile {
    enum Content {
        case feed(FeedProfile)
        /// Rejects or warnings of earlier runs, of any feeds or of one.
        case mended(FeedSet, only: FeedProfile?)
    }

    let path: String
    let content: Content
}

/// The files that the arguments of `load` and `void` name.
struct InputFiles {
    private let feeds: FeedSet
    /// What `--feed` says.
    private let feed: String?
    /// Whether a file's name can tell its feed.
    private let goesByName: Bool

    /// All files, in the order of the arguments; a folder's by name. Everything that is wrong with
    /// the arguments is said before anything is read.
    static func find(
        _ paths: [String], feed: String?, _ feeds: FeedSet, goesByName: Bool
    ) throws -> [InputFile] {
        try InputFiles(feeds: feeds, feed: feed, goesByName: goesByName).find(paths)
    }

    private func find(_ paths: [String]) throws -> [InputFile] {
        var files: [InputFile] = []
        var problems: [String] = []
        if paths.count(where: { $0 == FileLoader.standardInput }) > 1 {
            problems.append("standard input ('-') can be read once only")
        }
        for path in paths {
            if path == FileLoader.standardInput {
                do {
                    files.append(InputFile(path: path, content: .feed(try givenFeed())))
                } catch {
                    problems.append(error.message)
                }
                continue
            }
            var isDirectory: ObjCBool = false
            guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
                problems.append("there is no file or folder '\(path)'")
                continue
            }
            do {
                if isDirectory.boolValue {
                    files += try filesOfFolder(path)
                } else {
                    files.append(InputFile(path: path, content: try content(of: path)))
                }
            } catch let error as FeedError {
                problems.append("\(path): \(error)")
            } catch let error as NoFeedGiven {
                problems.append(error.message)
            }
        }
        guard problems.isEmpty else {
            throw CommandFailure.misused(problems.joined(separator: "\ncardstatus: "))
        }
        return files
    }

    /// A folder's files that have a feed. Others are named: nothing is left out in silence.
    private func filesOfFolder(_ folder: String) throws -> [InputFile] {
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
                files.append(InputFile(path: path, content: try content(of: path)))
            } catch FeedError.noFeed {
                Terminal.line("skipped: \(path) (no feed matches its name; --feed would name one)")
            }
        }
        if files.isEmpty {
            throw CommandFailure.misused("there is no file to read in the folder '\(folder)'")
        }
        return files
    }

    private func content(of path: String) throws -> InputFile.Content {
        // Before its name: a file of rejects has the name of the file that they came from.
        if FileLoader.holdsProblems(path) {
            return .mended(feeds, only: try feed.map(feeds.profile(named:)))
        }
        if feed != nil || !goesByName { return .feed(try givenFeed()) }
        return .feed(
            try feeds.profile(forFileNamed: URL(fileURLWithPath: path).lastPathComponent))
    }

    private struct NoFeedGiven: Error {
        let message: String
    }

    private func givenFeed() throws(NoFeedGiven) -> FeedProfile {
        guard let feed else {
            throw NoFeedGiven(
                message: goesByName
                    ? "standard input ('-') needs --feed"
                    : "void needs --feed: a file's name is not enough to undo it")
        }
        do {
            return try feeds.profile(named: feed)
        } catch {
            throw NoFeedGiven(message: "\(error)")
        }
    }
}
