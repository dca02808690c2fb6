import AllocationCount
import Benchmark
import CardAPI
import CardCSV
import CardIndex
import CardModel
import HTTPFront

// The small steps that every request or row takes, a thousand times each.
//
// The gates are counts of allocations, which do not depend on the machine; times are to look at.
// They stand here, as the package's files of thresholds hold none of a metric of our own.

private let allocations = BenchmarkMetric.custom("Allocations", useScalingFactor: false)
private let repetitions = 1_000

/// Measures `body`, which does its work `repetitions` times and gives a sum of what it found, so that
/// nothing can be left out.
///
/// - Parameter limit: the allocations of such a run. More in each of a hundred runs are an error.
private func measure(_ name: String, allocating limit: Int, _ body: @escaping () -> UInt64) {
    var runs = 0
    var fewest = Int.max
    Benchmark(name) { benchmark in
        benchmark.startMeasurement()
        // Counted within, since starting and stopping allocate.
        let before = allocation_count()
        let sum = body()
        let count = Int(allocation_count() - before)
        benchmark.stopMeasurement()
        benchmark.measurement(allocations, count)
        blackHole(sum)
        runs += 1
        fewest = min(fewest, count)
        if runs == 100, fewest > limit {
            benchmark.error("\(name): \(fewest) allocations in \(repetitions), not \(limit)")
        }
    }
}

let benchmarks: @Sendable () -> Void = {
    Benchmark.defaultConfiguration = .init(
        metrics: [.wallClock, .throughput, allocations], warmupIterations: 10,
        scalingFactor: .kilo, maxDuration: .seconds(2), maxIterations: 2_000)
    let sample = Sample(cards: 200_000)
    addFinds(sample)
    addInserts(sample)
    addReading()
    addAnswers(sample)
}

private func addFinds(_ sample: Sample) {
    let index = sample.index
    let ids = sample.drawIDs(repetitions)
    let absent = (0..<repetitions).map { Sample.id(sample.cards + $0) }
    let phones = sample.drawPhones(repetitions)
    measure("find, hit", allocating: 0) {
        var sum: UInt64 = 0
        for id in ids { index.withCard(id) { sum &+= UInt64($0.updatedAt.seconds) } }
        return sum
    }
    measure("find, miss", allocating: 0) {
        var sum: UInt64 = 0
        for id in absent { index.withCard(id) { sum &+= UInt64($0.updatedAt.seconds) } }
        precondition(sum == 0, "no card of a miss may be found")
        return sum
    }
    measure("find, a batch of hits", allocating: 0) {
        var sum: UInt64 = 0
        index.withCards(ids.span) { _, card in
            sum &+= UInt64(card.updatedAt.seconds)
        } absent: { _ in
            preconditionFailure("all are there")
        }
        return sum
    }
    measure("find by phone", allocating: 0) {
        var sum: UInt64 = 0
        for phone in phones {
            _ = index.withCards(phone: phone, limit: 100) { sum &+= UInt64($0.updatedAt.seconds) }
        }
        return sum
    }
}

private func addInserts(_ sample: Sample) {
    let replaced = Sample(cards: 20_000)
    var number = 0
    measure("insert, replacing a card", allocating: 0) {
        for _ in 0..<repetitions {
            do throws(CardIndexError) {
                try replaced.insert(number % replaced.cards)
            } catch {
                preconditionFailure("\(error)")
            }
            number += 7
        }
        return UInt64(replaced.index.count)
    }
}

private func addReading() {
    guard let region = PhoneRegion("AE") else { preconditionFailure("AE is a region") }
    let phones = PhoneParser(region: region)
    let timestamps = TimestampParser(timeZone: .fixed(offsetSeconds: 4 * 3_600))
    let phone = Array("0585949014".utf8)
    let time = Array("13-11-2023 14:00".utf8)
    let id = Array(" zyw8827000 ".utf8)
    measure("normalise a phone", allocating: 0) {
        var sum: UInt64 = 0
        for _ in 0..<repetitions {
            do throws(PhoneError) {
                sum &+= try phones.parse(phone.span).digits
            } catch {
                preconditionFailure("\(error)")
            }
        }
        return sum
    }
    measure("read a timestamp", allocating: 0) {
        var sum: UInt64 = 0
        for _ in 0..<repetitions {
            do throws(TimestampError) {
                sum &+= UInt64(try timestamps.parse(time.span).seconds)
            } catch {
                preconditionFailure("\(error)")
            }
        }
        return sum
    }
    measure("read a card ID", allocating: 0) {
        var sum: UInt64 = 0
        for _ in 0..<repetitions {
            do throws(CardIDError) {
                sum &+= UInt64(try CardID.parse(id.span).id.count)
            } catch {
                preconditionFailure("\(error)")
            }
        }
        return sum
    }
    addCSV()
}

private func addCSV() {
    var file = Array("ID,Card ID,User Mobile,Timestamp,Comment\n".utf8)
    for number in 1..<repetitions {
        let comment = number % 4 == 0 ? "\"Left with \"\"the\"\" neighbour\"" : "Delivered"
        file += Array("\(number),ZYW\(number),0585949014,13-11-2023 14:00,\(comment)\n".utf8)
    }
    let bytes = file
    measure("read a file of CSV", allocating: 4) {
        var sum: UInt64 = 0
        var reader = CSVReader()
        reader.read(bytes.span) { row in
            for field in 0..<row.fieldCount { sum &+= row.withField(field) { UInt64($0.count) } }
        }
        reader.finish { _ in }
        return sum
    }
}

private func addAnswers(_ sample: Sample) {
    let ids = sample.drawIDs(repetitions)
    // Each answer is a buffer of its own: one allocation a card.
    measure("answer in JSON") {
        var sum: UInt64 = 0
        for id in ids {
            sample.index.withCard(id) { card in
                var json = ByteBuffer()
                CardJSON.append(card, to: &json)
                sum &+= UInt64(json.bytes.count)
            }
        }
        return sum
    }
}
