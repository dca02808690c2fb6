import CardIndex
import CardModel
import Glibc

/// Times and sizes of the index in memory, in one line of `name=value`.
///
///     index-benchmark [CARDS]             built with the count known before
///     index-benchmark [CARDS] grown       grown by inserting
///     index-benchmark [CARDS] filled      as when a server starts: in the order of the IDs
@main
enum IndexBenchmark {
    /// Look-ups of each kind.
    private static let draws = 4_000_000
    private static let batchSize = 1_000

    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let cards = arguments.first.flatMap { Int($0) } ?? 1_000_000
        let how = arguments.dropFirst().first ?? "sized"
        precondition(["sized", "grown", "filled"].contains(how), "there is no other way")
        precondition(cards > 0, "there is nothing to measure without cards")
        let index = try CardIndex(capacity: how == "grown" ? 0 : cards)
        var line = ["cards=\(cards)", "how=\(how)"]
        try line += fill(index, cards: cards, inOrder: how == "filled", isGrown: how == "grown")
        line += try find(index, cards: cards)
        print(line.joined(separator: " "))
    }

    /// Inserts the cards; bytes are those of `RssAnon`, at the end and, for an index that grows, at
    /// the worst count beyond half of them.
    private static func fill(
        _ index: CardIndex, cards: Int, inOrder: Bool, isGrown: Bool
    ) throws -> [String] {
        let numbers = inOrder ? (0..<cards).sorted { Sample.id($0) < Sample.id($1) } : []
        let before = anonymousBytes()
        // What it takes to make the cards is not the index's time.
        let making = Stopwatch()
        var sum = 0
        for number in 0..<cards { Sample.lend(number) { sum &+= $0.reference.count } }
        let makingNanos = making.nanos()
        precondition(sum == 9 * cards, "references have 9 bytes")
        let looksPerFill = 1_024
        var worst = 0.0
        let inserting = Stopwatch()
        if inOrder {
            try index.fill { add in for number in numbers { try Sample.lend(number, add) } }
        }
        for number in inOrder ? 0..<0 : 0..<cards {
            try Sample.lend(number) { try index.insert($0) }
            if isGrown, number > cards / 2, number % (cards / looksPerFill + 1) == 0 {
                worst = max(worst, Double(anonymousBytes() - before) / Double(number))
            }
        }
        let nanos = (inserting.nanos() - makingNanos) / Double(cards)
        // The order was there before, and has to be there still.
        let bytes = withExtendedLifetime(numbers) {
            Double(anonymousBytes() - before) / Double(cards)
        }
        let statistics = index.statistics
        return [
            "bytes=\(one(bytes))", "worst=\(one(max(worst, bytes)))",
            "tables=\(one(Double(statistics.tableBytes) / Double(cards)))",
            "records=\(one(Double(statistics.recordBytes) / Double(cards)))",
            "insert=\(one(nanos))",
        ]
    }

    /// Nanoseconds of a random look-up of each kind.
    private static func find(_ index: CardIndex, cards: Int) throws -> [String] {
        var random = Draw(seed: 1)
        let ids = (0..<draws).map { _ in Sample.id(random.next(below: cards)) }
        let absent = (0..<draws).map { _ in Sample.id(cards + random.next(below: cards)) }
        let phones = (0..<draws).map { _ in Sample.phone(random.next(below: cards)) }
        var sum: UInt64 = 0
        let find = time {
            for id in ids { _ = index.withFound(id) { sum &+= UInt64($0.updatedAt.seconds) } }
        }
        let findSum = sum
        let hit = time {
            for id in ids { _ = index.lend(id) { sum &+= UInt64($0.updatedAt.seconds) } }
        }
        let hitSum = sum - findSum
        precondition(hitSum == findSum, "both find the same cards")
        sum = hitSum
        let miss = time {
            for id in absent { index.withCard(id) { _ in sum &+= 1 << 40 } }
        }
        let batch = time {
            for start in stride(from: 0, to: draws, by: batchSize) {
                index.withCards(ids.span.extracting(start..<start + batchSize)) { _, card in
                    sum &+= UInt64(card.updatedAt.seconds)
                } absent: { _ in
                    sum &+= 1 << 40
                }
            }
        }
        precondition(sum == 2 * hitSum, "a miss finds nothing, and a batch what single finds do")
        let phone = time {
            for phone in phones {
                _ = index.withCards(phone: phone, limit: 100) {
                    sum &+= UInt64($0.updatedAt.seconds)
                }
            }
        }
        precondition(sum > 2 * hitSum, "phones have cards")
        return [
            "find=\(one(find))", "hit=\(one(hit))", "miss=\(one(miss))", "phone=\(one(phone))",
            "batch=\(one(batch))",
            "sum=\(hitSum)",
        ]
    }

    private static func time(_ body: () -> Void) -> Double {
        let watch = Stopwatch()
        body()
        return watch.nanos() / Double(draws)
    }

    private static func one(_ value: Double) -> String {
        "\((value * 10).rounded() / 10)"
    }

    /// `RssAnon`: memory of the process that is no file's.
    private static func anonymousBytes() -> Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, 256, file) != nil {
            var kibibytes = 0
            let found = withUnsafeMutablePointer(to: &kibibytes) { pointer in
                withVaList([pointer]) { vsscanf(line, "RssAnon: %ld", $0) }
            }
            if found == 1 { return kibibytes * 1_024 }
        }
        return 0
    }
}

/// The process's CPU time since it was made.
private struct Stopwatch {
    private let start = Stopwatch.now()

    func nanos() -> Double { Stopwatch.now() - start }

    private static func now() -> Double {
        var time = timespec()
        let result = clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        precondition(result == 0, "Linux has this clock")
        return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
    }
}

/// SplitMix64, by Sebastiano Vigna (public domain): the same draws in every run.
private struct Draw {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next(below limit: Int) -> Int {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        word ^= word >> 31
        return Int(word.multipliedFullWidth(by: UInt64(limit)).high)
    }
}

/// Cards as partners' files have them: IDs of 11 bytes, a phone, a reference, comments of a few
/// kinds on half of them. Made without allocating.
private enum Sample {
    private static let comments: [[UInt8]] = [
        "Left with the neighbour", "Nobody at home", "Address not found", "Refused",
        "Signed by the recipient", "Called twice, no answer", "Moved away", "Office closed",
    ].map { Array($0.utf8) }
    private static let noComment: [UInt8] = []

    static func id(_ number: Int) -> CardID {
        var bytes = InlineArray<11, UInt8>(repeating: UInt8(ascii: "0"))
        bytes[0] = UInt8(ascii: "Z")
        bytes[1] = UInt8(ascii: "Y")
        // Scattered, as real numbers are: consecutive ones would lie side by side. The factor and
        // the modulus have no common divisor, so all are different.
        var rest = UInt64(number) &* 387_420_489 % 1_000_000_000
        for place in stride(from: 10, through: 2, by: -1) {
            bytes[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        guard let id = CardID(canonical: bytes.span) else {
            preconditionFailure("eleven letters and digits are an ID")
        }
        return id
    }

    static func phone(_ number: Int) -> PhoneNumber {
        guard let phone = PhoneNumber(digits: 971_500_000_000 + UInt64(number)) else {
            preconditionFailure("the number is not 0")
        }
        return phone
    }

    static func lend(_ number: Int, _ body: (borrowing CardView) throws -> Void) rethrows {
        let comment = number % 2 == 0 ? noComment : comments[number / 2 % comments.count]
        var reference = InlineArray<9, UInt8>(repeating: UInt8(ascii: "R"))
        var rest = number
        for place in stride(from: 8, through: 1, by: -1) {
            reference[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
        }
        guard let time = Timestamp(seconds: Int64(1_700_000_000 + number)),
            let status = CardStatus(rawValue: UInt8(number % 4))
        else { preconditionFailure("the sample's values are in range") }
        try body(
            CardView(
                id: id(number), phone: phone(number), status: status, updatedAt: time,
                comment: comment.span, reference: reference.span))
    }
}
