import CardAPI
import CardBulk
import CardFeeds
import CardGenerator
import CardModel
import CardService
import CardStore
import CardTesting
import Foundation
import HTTPFront
import Testing

/// A run of the generator, loaded into an empty store by the real loader.
final class LoadedRun {
    let options: CardGenerator.Options
    let directory: ScratchDirectory
    let manifest: Manifest

    init(_ options: CardGenerator.Options) throws {
        self.options = options
        directory = try ScratchDirectory()
        manifest = try CardGenerator(options).run(in: directory.path)
    }

    /// Loads the files in an order of their indexes, and holds what comes of it against the
    /// manifest.
    func check(
        order: [Int] = [0, 1, 2, 3], nowSeconds: Int64? = nil,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let context = Comment(rawValue: "seed \(options.seed), order \(order)")
        let place = try ScratchDirectory()
        let collector = FactCollector(
            inputBytes: 1 << 24, memoryBytes: BulkFacts.memoryBytesDefault, directory: place.path)
        var reports: [(FileReport, Manifest.File)] = []
        let feeds = try Configuration.builtIn().feeds
        for index in order {
            let file = manifest.files[index]
            let profile = try feeds.profile(forFileNamed: file.name)
            #expect(profile.id.description == file.feed, context, sourceLocation: sourceLocation)
            let loader = FileLoader(
                collector: collector, number: reports.count,
                problemDirectory: place.path + "/problems",
                runName: "run\(index)", nowSeconds: nowSeconds ?? options.nowSeconds)
            let report = try loader.load(directory.path + "/" + file.name, as: profile)
            reports.append((report, file))
        }
        let bulk = BulkLoad(
            directory: place.path + "/store", mapSizeBytes: 1 << 36, files: reports.count,
            threads: 2)
        let counts = try bulk.write(collector.finish()).counts
        for (index, (report, file)) in reports.enumerated() {
            var report = report
            report.counts = counts[index]
            Self.compare(report, file, context, sourceLocation)
        }
        let store = try CardStore(
            directory: place.path + "/store", create: false, mapSizeBytes: 1 << 36)
        try compare(store, context, sourceLocation)
    }

    private static func compare(
        _ report: FileReport, _ file: Manifest.File, _ context: Comment,
        _ sourceLocation: SourceLocation
    ) {
        #expect(report.rows == file.rows, context, sourceLocation: sourceLocation)
        #expect(report.counts.accepted == file.accepted, context, sourceLocation: sourceLocation)
        #expect(
            report.counts.duplicates == file.duplicates, context, sourceLocation: sourceLocation)
        #expect(report.counts.beyondLimit == 0, context, sourceLocation: sourceLocation)
        #expect(report.counts.forgotten == 0, context, sourceLocation: sourceLocation)
        #expect(
            report.warningsByReason == file.warningsByReason, context,
            sourceLocation: sourceLocation)
        #expect(
            report.rejectsByReason == file.rejectsByReason, context,
            sourceLocation: sourceLocation)
        #expect(report.unusedColumns == [], context, sourceLocation: sourceLocation)
    }

    private func compare(
        _ store: CardStore, _ context: Comment, _ sourceLocation: SourceLocation
    ) throws {
        let check = try store.check()
        #expect(check.findings == [], context, sourceLocation: sourceLocation)
        #expect(check.events == manifest.events, context, sourceLocation: sourceLocation)
        #expect(check.phones == manifest.phones, context, sourceLocation: sourceLocation)
        var digest: UInt64 = 0
        var cards = 0
        let spelledOut = Set(manifest.firstCards)
        var found: Set<[UInt8]> = []
        _ = try store.forEachCard { card in
            var json = ByteBuffer()
            CardJSON.append(card, to: &json)
            digest &+= XXH64.hash(json.bytes.span.bytes)
            cards += 1
            let bytes = Array(json.bytes)
            if spelledOut.contains(bytes) { found.insert(bytes) }
        }
        #expect(cards == manifest.cards, context, sourceLocation: sourceLocation)
        #expect(digest == manifest.stateDigest, context, sourceLocation: sourceLocation)
        let missing = spelledOut.subtracting(found).map { String(decoding: $0, as: UTF8.self) }
        #expect(missing == [], context, sourceLocation: sourceLocation)
    }
}
