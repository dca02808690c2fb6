import CardModel
import CardTesting
import Foundation
import Testing

@testable import CardIndex

/// Millions of random changes, each followed by a look-up, against a Dictionary.
///
/// `CARDSTATUS_INDEX_OPERATIONS` sets how many of them there are in all (100 million take an hour
/// of an optimised build), `CARDSTATUS_TEST_SEED` draws a failure again.
struct CardIndexModelTests {
    private static let operations =
        ProcessInfo.processInfo.environment["CARDSTATUS_INDEX_OPERATIONS"].flatMap { Int($0) }
        ?? 2_000_000

    struct Population: Sendable, CustomTestStringConvertible {
        var ids: Int
        var phones: Int
        /// Of a hundred operations.
        var share: Int
        var stepsPerCheck: Int
        var testDescription: String { "\(ids) IDs, \(phones) phones" }
    }

    private static let populations = [
        // Everything collides with everything.
        Population(ids: 24, phones: 3, share: 10, stepsPerCheck: 500),
        // Phones go to and fro across the limit of 64 cards.
        Population(ids: 400, phones: 4, share: 30, stepsPerCheck: 5_000),
        Population(ids: 3_000, phones: 300, share: 30, stepsPerCheck: 20_000),
        // Tables grow some twenty times.
        Population(ids: 40_000, phones: 20_000, share: 30, stepsPerCheck: 75_000),
    ]

    /// The index answers like a Dictionary, and keeps its invariants, while cards come, change and
    /// go.
    @Test(arguments: populations)
    func index_isADictionary(_ population: Population) throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        let shape = CardShape(phones: population.phones)
        let ids = makeIDs(0..<population.ids)
        var model = try ModelledIndex(seed: seed, shape)
        let steps = Self.operations / 100 * population.share
        // It fills, stays, empties and stays, some five times.
        let percents = [80, 50, 20, 35]
        let stepsPerPhase = min(max(population.ids * 3, 200), max(steps / 4, 1))
        for step in 1...max(steps, 1) {
            let percent = percents[step / stepsPerPhase % percents.count]
            if let difference = try model.step(&random, ids, percentInserts: percent) {
                Issue.record("seed \(seed), step \(step): \(difference)")
                return
            }
            guard step % population.stepsPerCheck == 0 || step == steps else { continue }
            let problems = model.problems(&random, ids)
            guard problems.isEmpty else {
                Issue.record("seed \(seed), step \(step): \(problems.prefix(10))")
                return
            }
        }
        for id in ids { model.remove(id) }
        #expect(model.problems(&random, ids) == [], "seed \(seed), all removed")
        #expect(model.index.statistics.sharedComments == 0, "seed \(seed)")
    }
}
