import CardBulk
import CardFeeds
import CardModel
import CardService
import CardStore
import CardTesting
import Foundation
import Testing

@Suite struct FileLoaderTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"

    private static func row(_ number: Int, comment: String = "fine") -> String {
        "R\(number),C\(number),0585949014,13-11-2023 14:00,\(comment)\n"
    }

    private static func rows(_ numbers: Range<Int>) -> String {
        numbers.map { row($0) }.joined()
    }

    private static func event(_ number: Int, comment: String = "fine") -> String {
        "C\(number)|2023-11-13T10:00:00Z|delivered|delivered|R\(number)|+971585949014|\(comment)|"
    }

    // MARK: Files that are read

    /// A file with nothing in it is a run of no rows.
    @Test(arguments: ["", "\u{FEFF}", "\n\r\n\n", header, "\u{FEFF}\n" + header + "\n\n"])
    func load_isARunOfNoRows_whenThereAreNone(_ text: String) throws {
        let loading = try LoadingStore()
        let report = try loading.load(text)
        #expect(report.rows == 0)
        #expect(report.counts == CommitCounts())
        #expect(try loading.contents() == [])
    }

    /// Line ends, the last of which may be missing, and delimiters do not matter.
    @Test(arguments: ["\n", "\r\n", "\r"], [",", ";", "\t", "|"])
    func load_readsTheSame_whateverSeparatesRowsAndFields(
        _ end: String, _ delimiter: String
    ) throws {
        let text = (Self.header + Self.row(1) + Self.row(2))
            .replacing(",", with: delimiter).replacing("\n", with: end)
        for input in [text, String(text.unicodeScalars.dropLast(end.unicodeScalars.count))] {
            let loading = try LoadingStore()
            let report = try loading.load(input)
            #expect(report.rejects + report.warnings == 0)
            #expect(try loading.contents() == [Self.event(1), Self.event(2)])
        }
    }

    /// A feed's own delimiter is not guessed.
    @Test func load_usesTheFeedsDelimiter_whenItHasOne() throws {
        let yaml = Configuration.builtInYAML.replacing(
            "status: delivered", with: "status: delivered\n    delimiter: pipe")
        let feeds = try Configuration(yaml: yaml, source: "test").feeds
        let loading = try LoadingStore()
        try loading.load(
            "ID|Card ID|User contact|Timestamp|a,b,c,d,e,f\nR1|C1|0585949014|13-11-2023 14:00|x\n",
            as: "delivered", feeds)
        #expect(try loading.contents() == [Self.event(1, comment: "")])
        #expect(throws: FileLoadError.self) {
            try loading.load(Self.header + Self.row(1), as: "delivered", feeds)
        }
    }

    /// A quote that is never closed costs its line only.
    @Test func load_readsTheRowsBehindAnOpenQuote() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + Self.row(1) + "R9,C9,0585949014,13-11-2023 14:00,\"open\n"
                + Self.rows(2..<30_000))
        #expect(report.rejectsByReason == ["quote_not_closed": 1])
        #expect(report.shown.map(\.line) == [3])
        #expect(report.counts.accepted == 29_999)
    }

    /// Bytes without sense below a good header are rejected line by line, and nothing stops.
    @Test func load_rejectsBinaryRows() throws {
        var generator = SeededGenerator(seed: 7)
        var junk: [UInt8] = []
        for _ in 0..<300_000 { junk.append(UInt8.random(in: 0...255, using: &generator)) }
        let loading = try LoadingStore()
        let report = try loading.load(
            Array((Self.header + Self.row(1)).utf8) + junk + Array(("\n" + Self.row(2)).utf8))
        #expect(report.rejects == report.rows - report.counts.accepted)
        #expect(report.rejects > 100)
        #expect(try loading.contents() == [Self.event(1), Self.event(2)])
        let noted = try ProblemTable(report.rejectsPath).rows
        #expect(noted.count == report.rejects)
    }

    // MARK: What is no file

    /// Whatever is not a file is refused at once: reading a FIFO would wait for its writer.
    @Test func load_refuses_whatIsNotARegularFile() throws {
        let loading = try LoadingStore()
        let fifo = loading.directory.path + "/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let profile = try FeedSet.samples.profile(named: "delivered")
        for path in [fifo, loading.directory.path, "/dev/zero", "/dev/null"] {
            let error = #expect(throws: FileLoadError.self) {
                try loading.loader().load(path, as: profile)
            }
            #expect(error == .file(FileError(path: path, reason: "not a regular file")))
        }
        let missing = loading.directory.path + "/missing.csv"
        let error = #expect(throws: FileLoadError.self) {
            try loading.loader().load(missing, as: profile)
        }
        #expect(error == .file(FileError(path: missing, reason: "No such file or directory")))
    }

    /// A file that loses its name, or its end, while it is read is read as far as it goes.
    @Test func load_endsInOrder_whenTheFileVanishesOrShrinks() throws {
        let loading = try LoadingStore()
        let profile = try FeedSet.samples.profile(named: "delivered")
        let text = Self.header + Self.rows(0..<60_000)
        let vanishing = try loading.directory.write(text, to: "vanishing.csv")
        let loader = loading.loader { progress in
            if progress.rows < 60_000 { _ = unlink(progress.path) }
        }
        #expect(try loader.load(vanishing, as: profile).counts.accepted == 60_000)

        let shrinking = try loading.directory.write(text, to: "shrinking.csv")
        let other = loading.loader { _ in #expect(truncate(shrinking, 10) == 0) }
        let report = try other.load(shrinking, as: profile)
        #expect(report.rows > 10_000 && report.rows < 60_000)
    }

    /// Progress never goes back, and ends with the whole file.
    @Test func onProgress_isMonotonic() throws {
        final class Seen {
            var progress: [FileProgress] = []
        }
        let seen = Seen()
        let loading = try LoadingStore()
        let text = Self.header + Self.rows(0..<80_000)
        let path = try loading.directory.write(text, to: "input.csv")
        let loader = loading.loader { seen.progress.append($0) }
        _ = try loader.load(path, as: try FeedSet.samples.profile(named: "delivered"))
        #expect(seen.progress.count > 2)
        for (earlier, later) in zip(seen.progress, seen.progress.dropFirst()) {
            #expect(earlier.bytesRead < later.bytesRead && earlier.rows < later.rows)
        }
        #expect(seen.progress.allSatisfy { $0.path == path && $0.sizeBytes == text.utf8.count })
        #expect(seen.progress.last?.bytesRead == text.utf8.count)
        #expect(seen.progress.last?.rows == 80_000)
    }

    // MARK: Loads that fail half-way

    /// When the store takes no more, what was rejected until then is in the file of rejects.
    @Test func load_keepsRejects_whenTheStoreFails() throws {
        let loading = try LoadingStore(mapSizeBytes: 1 << 21)
        let path = try loading.directory.write(
            Self.header + "bad\n" + Self.rows(0..<200_000), to: "large.csv")
        let error = #expect(throws: BulkError.self) {
            try loading.loader(runName: "full").load(
                path, as: try FeedSet.samples.profile(named: "delivered"))
        }
        guard case .store(.mapFull) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        let rejectsPath = loading.problemDirectory + "/full-large.csv.rejects.csv"
        let noted = try ProblemTable(rejectsPath).rows
        #expect(noted.map(\.rawText) == ["bad"])
    }

    /// When rejects cannot be noted, the rows before are loaded all the same.
    @Test func load_commitsWhatItRead_whenProblemsCannotBeNoted() throws {
        let loading = try LoadingStore()
        let blocked = try loading.directory.write("not a folder", to: "blocked")
        let path = try loading.directory.write(
            Self.header + Self.rows(0..<20_000) + "bad\n" + Self.row(20_000), to: "first.csv")
        let profile = try FeedSet.samples.profile(named: "delivered")
        #expect(throws: FileLoadError.self) {
            try loading.loader(problemDirectory: blocked).load(path, as: profile)
        }
        #expect(try loading.store.statistics().cards == 20_000)
        let report = try loading.load(Self.header + Self.row(30_000))
        #expect(report.counts.accepted == 1)
        #expect(report.counts.duplicates == 0)
    }
}
