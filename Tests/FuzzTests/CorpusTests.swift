import Foundation
import FuzzTargets
import Testing

/// What libFuzzer found worth keeping, once more: Scripts/fuzz looks for more.
@Suite struct CorpusTests {
    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .appendingPathComponent("Corpus")

    /// An input that breaks a rule ends the process, and the last name printed is its own.
    @Test(arguments: FuzzTarget.all.map(\.name))
    func run_returns_whenGivenTheCorpus(name: String) throws {
        let target = try #require(FuzzTarget.named(name))
        let folder = Self.folder.appendingPathComponent(name)
        let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        #expect(!files.isEmpty)
        for file in files {
            let bytes = try Data(contentsOf: folder.appendingPathComponent(file))
            target.run(Array(bytes))
        }
    }

    /// Every folder belongs to a target: none is left behind by a change of names.
    @Test func corpus_hasATargetForEachFolder() throws {
        let folders = try FileManager.default.contentsOfDirectory(atPath: Self.folder.path)
        #expect(folders.filter { FuzzTarget.named($0) == nil } == [])
    }
}
