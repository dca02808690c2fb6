import CardGenerator
import CardModel
import CardTesting
import Foundation
import Testing

/// What a run writes, and that it writes it every time.
@Suite struct CardGeneratorTests {
    private static func files(
        _ options: CardGenerator.Options
    ) throws -> [String: [UInt8]] {
        let directory = try ScratchDirectory()
        _ = try CardGenerator(options).run(in: directory.path)
        let names = try FileManager.default.contentsOfDirectory(atPath: directory.path)
        return Dictionary(
            uniqueKeysWithValues: try names.map { ($0, try directory.bytes($0)) })
    }

    /// The same bytes again, for any number of threads and more than one block each.
    @Test func run_givesTheSameBytes_forEveryNumberOfThreads() throws {
        let seed = SeededGenerator.newSeed()
        let cards = 5 * 16_384 + 77
        let expected = try Self.files(.init(cards: cards, seed: seed))
        #expect(
            Set(expected.keys) == Set(CardGenerator.fileNames + [CardGenerator.manifestName]))
        for threads in [1, 2, 7] {
            let files = try Self.files(.init(cards: cards, seed: seed, threads: threads))
            // The names only: a failure must not print the files.
            let others = expected.keys.filter { files[$0] != expected[$0] }
            #expect(others == [], "seed \(seed), \(threads) threads")
        }
    }

    /// The bytes of a small run, as they were when they were last meant to change. Whoever changes
    /// what is generated puts the new hashes here and says so in the changelog.
    @Test func run_givesTheBytesOfThisVersion() throws {
        let expected: [String: UInt64] = [
            "Card Status Info - Pickup.csv": 16_806_064_631_149_652_120,
            "Card Status Info - Delivery exceptions.csv": 13_039_248_239_461_620_994,
            "Card Status Info - Delivered.csv": 5_894_673_990_447_377_137,
            "Card Status Info - Returned.csv": 2_466_351_407_738_086_591,
            "manifest.json": 4_661_509_379_850_265_762,
        ]
        let files = try Self.files(.init(cards: 300, seed: 42, hasFutureRows: true))
        #expect(files.mapValues { XXH64.hash($0.span.bytes) } == expected)
    }

    /// Seeds, cards and times make a difference.
    @Test func run_givesOtherBytes_forOtherOptions() throws {
        let options: [CardGenerator.Options] = [
            .init(cards: 500, seed: 1), .init(cards: 500, seed: 2), .init(cards: 501, seed: 1),
            .init(cards: 500, seed: 1, nowSeconds: 1_700_000_000),
            .init(cards: 5_000, seed: 1, hasFutureRows: true), .init(cards: 5_000, seed: 1),
        ]
        #expect(Set(try options.map(Self.files)).count == options.count)
    }

    /// Without cards there are the four headers, and a manifest of zeros.
    @Test func run_givesHeaders_withoutCards() throws {
        let files = try Self.files(.init(cards: 0, seed: 0))
        #expect(
            files["Card Status Info - Pickup.csv"]
                == Array("ID,Card ID,User Mobile,Timestamp\n".utf8))
        #expect(
            files["Card Status Info - Delivery exceptions.csv"]
                == Array("ID ,Card ID,User contact,Timestamp,Comment\r\n".utf8))
        #expect(
            files["Card Status Info - Delivered.csv"]
                == Array("\u{FEFF}ID ,Card ID,User contact,Timestamp,Comment\n".utf8))
        #expect(
            files["Card Status Info - Returned.csv"]
                == Array("\u{FEFF}ID ,Card ID,User contact,Timestamp".utf8))
    }

    /// Files of an earlier run stay as they are, unless the caller says otherwise.
    @Test(arguments: CardGenerator.fileNames + [CardGenerator.manifestName])
    func run_refuses_whenAFileIsThere(_ name: String) throws {
        let directory = try ScratchDirectory()
        let path = directory.path + "/" + name
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        #expect(throws: GeneratorError.exists([path])) {
            try CardGenerator(.init(cards: 10)).run(in: directory.path)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory.path) == [name])
        #expect(try directory.bytes(name) == Array("mine".utf8))

        _ = try CardGenerator(.init(cards: 10, overwrites: true)).run(in: directory.path)
        let again = try Self.files(.init(cards: 10))
        #expect(try directory.bytes(name) == again[name])
    }

    /// The folder is made, but not those above it.
    @Test func run_makesTheFolder() throws {
        let directory = try ScratchDirectory()
        _ = try CardGenerator(.init(cards: 1)).run(in: directory.path + "/new")
        #expect(throws: GeneratorError.self) {
            try CardGenerator(.init(cards: 1)).run(in: directory.path + "/no/new")
        }
    }

    /// A full disk ends the run with the reason, on every thread, and without a manifest.
    @Test func run_fails_whenAFileCannotBeWritten() throws {
        let directory = try ScratchDirectory()
        let full = directory.path + "/" + CardGenerator.fileNames[2]
        try FileManager.default.createSymbolicLink(
            atPath: full, withDestinationPath: "/dev/full")
        let options = CardGenerator.Options(cards: 200_000, threads: 3, overwrites: true)
        #expect(throws: GeneratorError.failed(path: full, reason: "No space left on device")) {
            try CardGenerator(options).run(in: directory.path)
        }
        let manifest = directory.path + "/" + CardGenerator.manifestName
        #expect(!FileManager.default.fileExists(atPath: manifest))
    }
}
