internal import CardModel
internal import CardService
internal import CardStore
internal import LMDBKit

/// Brings facts into a store in ordinary transactions, in the order of their cards, so that each
/// card is rewritten once and neighbours in the B+tree together.
struct StoreUpdate {
    private static let batchFacts = 20_000

    private let load: BulkLoad

    init(_ load: BulkLoad) {
        self.load = load
    }

    func run(
        _ facts: consuming BulkFacts, _ onProgress: (BulkProgress) -> Void
    ) throws -> BulkReport {
        var clock = PhaseClock()
        var report = BulkReport()
        report.way = .committed
        let store = try CardStore(
            directory: load.directory, create: true, mapSizeBytes: load.mapSizeBytes)
        load.priority.settle(in: load.directory)
        let writer = BatchWriter(store: store, on: load.priority.takeCommitter())
        defer { writer.stop() }
        let total = facts.count
        var written = 0
        var sorter = RecordSorter()
        var batch: [CardFact] = []
        var files: [Int] = []
        for range in 0..<facts.cards.count {
            let records = try facts.records.takeOut(range)
            sorter.sort(records)
            for item in sorter.sorted {
                // A card's facts stay together, so that it is rewritten once.
                let card = Self.card(item.record)
                if batch.count >= Self.batchFacts, batch.last?.card != card {
                    try writer.write(batch, of: files)
                    written += batch.count
                    batch.removeAll(keepingCapacity: true)
                    files.removeAll(keepingCapacity: true)
                    onProgress(
                        BulkProgress(
                            phase: "writing", share: Double(written) / Double(max(total, 1))))
                }
                batch.append(CardFact(card: card, event: FactRecord.event(item.record).event))
                files.append(FactRecord.file(item.record))
            }
        }
        try writer.write(batch, of: files)
        let counts = try writer.flush()
        report.counts = (0..<load.files).map { counts[$0] ?? CommitCounts() }
        clock.end("write")
        report.phases = clock.phases
        return report
    }

    private static func card(_ record: Record) -> CardID {
        guard let card = CardID(canonical: Span(_bytes: RawSpan(_unsafeBytes: record.key))) else {
            preconditionFailure("a fact that this process wrote has a card")
        }
        return card
    }
}
