import CardBulk
import CardFeeds
import CardModel
import CardStore
import CardTesting
import Foundation
import Testing

/// A new store and a folder for problems: what a program that loads files has. The store is open
/// only while it is looked at.
final class LoadingStore {
    /// 2023-12-01T00:00:00Z: shortly after the samples.
    static let now: Int64 = 1_701_388_800

    let directory: ScratchDirectory
    private let mapSizeBytes: Int
    private var runs = 0

    init(mapSizeBytes: Int = 1 << 30) throws {
        directory = try ScratchDirectory()
        self.mapSizeBytes = mapSizeBytes
        _ = try store
    }

    var storeDirectory: String { directory.path + "/store" }

    var store: CardStore {
        get throws {
            try CardStore(directory: storeDirectory, create: true, mapSizeBytes: mapSizeBytes)
        }
    }

    var problemDirectory: String { directory.path + "/problems" }

    /// A loader as a command makes one for each file.
    func loader(
        _ mode: FileLoader.Mode = .add, problemDirectory: String? = nil, runName: String? = nil,
        chunkBytes: Int = 4 << 20, onProgress: @escaping (FileProgress) -> Void = { _ in }
    ) -> Loader {
        runs += 1
        let collector = FactCollector(
            inputBytes: 1 << 24, memoryBytes: BulkFacts.memoryBytesMin, directory: directory.path)
        let loader = FileLoader(
            collector: collector, mode: mode, threads: 2, chunkBytes: chunkBytes,
            problemDirectory: problemDirectory ?? self.problemDirectory,
            runName: runName ?? "run\(runs)", nowSeconds: Self.now, onProgress: onProgress)
        return Loader(
            files: loader, collector: collector,
            load: BulkLoad(
                directory: storeDirectory, mapSizeBytes: mapSizeBytes, files: 1, threads: 2))
    }

    /// Reads a file and brings into the store what was read of it.
    struct Loader {
        let files: FileLoader
        let collector: FactCollector
        let load: BulkLoad

        func load(_ path: String, as profile: FeedProfile) throws -> FileReport {
            files.sample(path, as: profile, pieces: 3)
            return try finish { () throws(FileLoadError) in try files.load(path, as: profile) }
        }

        func loadMended(
            _ path: String, _ feeds: FeedSet, only feed: FeedID? = nil
        ) throws -> FileReport {
            try finish { () throws(FileLoadError) in
                try files.loadMended(path, feeds, only: feed)
            }
        }

        private func finish(_ read: () throws(FileLoadError) -> FileReport) throws -> FileReport {
            let result = Result { () throws(FileLoadError) in try read() }
            let counts = try load.write(collector.finish()).counts
            var report = try result.get()
            report.counts = counts[0]
            return report
        }
    }

    /// Writes the bytes to a file and reads that.
    @discardableResult
    func load(
        _ bytes: [UInt8], _ mode: FileLoader.Mode = .add, as feed: String = "delivered",
        _ feeds: FeedSet = .samples
    ) throws -> FileReport {
        let path = try directory.write(bytes, to: "input\(runs).csv")
        return try loader(mode).load(path, as: try feeds.profile(named: feed))
    }

    @discardableResult
    func load(
        _ text: String, _ mode: FileLoader.Mode = .add, as feed: String = "delivered",
        _ feeds: FeedSet = .samples
    ) throws -> FileReport {
        try load(Array(text.utf8), mode, as: feed, feeds)
    }

    /// Every event of every card, a line each, after a check of the whole store.
    func contents(sourceLocation: SourceLocation = #_sourceLocation) throws -> [String] {
        let report = try store.check()
        #expect(report.findings == [], sourceLocation: sourceLocation)
        var lines: [String] = []
        try store.forEachHistory { card, history in
            for event in history.events {
                let identity = event.identity
                lines.append(
                    [
                        card.text, identity.occurredAt.iso8601, "\(identity.status)",
                        "\(identity.feed)", identity.reference.text, event.phone?.e164 ?? "",
                        event.comment.text, event.isVoid ? "void" : "",
                    ].joined(separator: "|"))
            }
        }
        return lines
    }

    /// The current state of every card, a line each.
    func states() throws -> [String] {
        var lines: [String] = []
        _ = try store.forEachCard { card in
            let phone = card.phone?.e164 ?? ""
            lines.append("\(card.id.text)|\(card.status)|\(card.updatedAt.iso8601)|\(phone)")
        }
        return lines
    }

    func fileNames(in directory: String) throws -> [String] {
        guard FileManager.default.fileExists(atPath: directory) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
    }
}

extension FeedSet {
    /// The partners' four feeds, whose files the repository has as samples.
    static let samples: FeedSet = {
        do {
            return try Configuration.builtIn().feeds
        } catch {
            preconditionFailure("the built-in configuration must be right: \(error)")
        }
    }()
}
