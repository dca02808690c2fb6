import CardFeeds
import CardModel
import Foundation
import Testing

/// The files that keep rejected rows and rows with warnings.
@Suite struct ProblemFileTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"
    private static let goodRow = "R0,GOOD,0585949014,13-11-2023 14:00,fine\n"
    private static let badRow = "R1,,0585949014,13-11-2023 14:00,bad\n"

    private func mode(_ path: String) throws -> Int {
        let attributes = try FileManager.default.attributesOfItem(atPath: path)
        return try #require(attributes[.posixPermissions] as? Int)
    }

    /// Rows that every byte of must survive being a field of another CSV file.
    @Test(arguments: [
        Array("R1,\"a \"\"b\"\" c\",,13-11-2023 14:00,\"x, y\"".utf8),
        Array("R1,,,,\"one\ntwo\r\nthree\"".utf8),
        Array("R1,\"\",\"\"\"\",,\u{FEFF}=1+1".utf8),
        [0x52, 0x2C, 0xFF, 0xFE, 0x00, 0x80, 0x2C, 0xC3, 0x28],
        Array("R1 ,,,, ".utf8),
    ])
    func rawRow_isVerbatim(_ row: [UInt8]) throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Array(Self.header.utf8) + row + Array(("\r\n" + Self.goodRow).utf8))
        #expect(report.rejects == 1)
        #expect(report.counts.accepted == 1)
        #expect(try ProblemTable(report.rejectsPath).rows.map(\.rawRow) == [row])
    }

    /// The places of rows count a byte order mark in.
    @Test func rawRow_isVerbatim_behindAByteOrderMark() throws {
        let loading = try LoadingStore()
        let report = try loading.load("\u{FEFF}" + Self.header + Self.badRow)
        let noted = try ProblemTable(report.rejectsPath).rows
        #expect(noted.map { $0.rawText + "\n" } == [Self.badRow])
    }

    /// A row far beyond what is kept in memory is copied whole, from the file.
    @Test func rawRow_isWhole_whenItHas10Megabytes() throws {
        var row = Array("R1,C1,\"\"".utf8)
        for index in 0..<10_000_000 { row.append(UInt8(ascii: "a") + UInt8(index % 26)) }
        let loading = try LoadingStore()
        let report = try loading.load(
            Array((Self.header + Self.goodRow).utf8) + row
                + Array(("\n" + Self.goodRow.replacing("GOOD", with: "AFTER")).utf8))
        #expect(report.rejectsByReason == ["row_too_long": 1])
        #expect(report.counts.accepted == 2)
        let noted = try ProblemTable(report.rejectsPath).rows
        #expect(noted.map(\.line) == [3])
        // Compared by hand: a failure must not print 10 MB.
        let isWhole = noted.first?.rawRow == row
        #expect(isWhole)
    }

    /// Rows hold personal data, so nobody else may read the files.
    @Test func files_areForTheirOwnerAlone() throws {
        let loading = try LoadingStore()
        let report = try loading.load(
            Self.header + Self.badRow + "R2,C2,9.71535E+11,13-11-2023 14:00,x\n")
        #expect(try mode(try #require(report.rejectsPath)) == 0o600)
        #expect(try mode(try #require(report.warningsPath)) == 0o600)
        #expect(try mode(loading.problemDirectory) == 0o700)
    }

    /// Without a problem there is no file, nor a folder for it.
    @Test func files_areNotMade_whenThereIsNoProblem() throws {
        let loading = try LoadingStore()
        let report = try loading.load(Self.header + Self.goodRow)
        #expect(report.rejectsPath == nil)
        #expect(report.warningsPath == nil)
        #expect(!FileManager.default.fileExists(atPath: loading.problemDirectory))
    }

    /// Two files of one name, from two folders, in one run: each has a problem file of its own.
    @Test func files_haveDifferentNames_whenTheirSourcesHaveOneName() throws {
        let loading = try LoadingStore()
        let loader = loading.loader(runName: "run")
        let profile = try FeedSet.samples.profile(named: "delivered")
        var paths: [String] = []
        for folder in ["one", "two", "three"] {
            let path = try loading.directory.write(
                Self.header + Self.badRow.replacing("bad", with: folder),
                to: folder + "/same.csv")
            paths.append(try #require(try loader.load(path, as: profile).rejectsPath))
        }
        #expect(Set(paths).count == 3)
        for (path, folder) in zip(paths, ["one", "two", "three"]) {
            let noted = try ProblemTable(path).rows
            #expect(noted.map { $0.rawText.hasSuffix(folder) } == [true])
        }
        #expect(
            try loading.fileNames(in: loading.problemDirectory) == [
                "run-same.csv-2.rejects.csv", "run-same.csv-3.rejects.csv",
                "run-same.csv.rejects.csv",
            ])
    }

    /// A file system allows 255 bytes for a name, and the source's name may have all of them.
    @Test(arguments: [255, 254, 240, 200])
    func files_areMade_whenTheSourcesNameIsLong(_ count: Int) throws {
        let loading = try LoadingStore()
        let name = String(repeating: "é", count: 125) + "12345"
        let path = try loading.directory.write(
            Self.header + Self.badRow, to: String(name.suffix(count - 125)))
        let report = try loading.loader(runName: "20231201T000000Z-12345-1").load(
            path, as: try FeedSet.samples.profile(named: "delivered"))
        #expect(try ProblemTable(report.rejectsPath).rows.count == 1)
    }

    /// Where problems cannot be noted, loading stops and says where: nothing is dropped in silence.
    @Test func load_throws_whenTheFolderForProblemsCannotBeUsed() throws {
        let loading = try LoadingStore()
        let blocked = try loading.directory.write("not a folder", to: "blocked")
        let input = try loading.directory.write(
            Self.header + Self.goodRow + Self.badRow, to: "input.csv")
        let profile = try FeedSet.samples.profile(named: "delivered")
        for folder in [blocked, blocked + "/below", loading.directory.path + "/no/such"] {
            let error = #expect(throws: FileLoadError.self) {
                try loading.loader(problemDirectory: folder).load(input, as: profile)
            }
            guard case .file(let reason) = error else {
                Issue.record("\(String(describing: error))")
                continue
            }
            #expect(reason.path.hasPrefix(folder))
            #expect(!reason.reason.isEmpty)
        }
        // A file without problems needs no such folder.
        let clean = try loading.directory.write(Self.header + Self.goodRow, to: "clean.csv")
        #expect(
            try loading.loader(problemDirectory: blocked).load(clean, as: profile).rows == 1)
    }
}
