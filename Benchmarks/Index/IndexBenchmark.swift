import CardIndex
import CardModel
import Glibc

/// Times and sizes of the index in memory.
///
///     index-benchmark [CARDS]             built with the count known before
///     index-benchmark [CARDS] grown       grown by inserting
///     index-benchmark [CARDS] filled      as when a server starts
@main
enum IndexBenchmark {
    static func main() throws {
        let arguments = CommandLine.arguments.dropFirst()
        let cards = arguments.first.flatMap { Int($0) } ?? 1_000_000
        let isGrown = arguments.dropFirst().first == "grown"
        let isFilled = arguments.dropFirst().first == "filled"
        precondition(cards > 0, "there is nothing to measure without cards")
        let before = anonymousBytes()
        let index = try CardIndex(capacity: isGrown ? 0 : cards)
        var inserting = Stopwatch()
        if isFilled {
            // In the order of the IDs, as the store has them.
            let numbers = (0..<cards).sorted { Sample.id($0) < Sample.id($1) }
            inserting = Stopwatch()
            try index.fill { add in for number in numbers { try Sample.lend(number, to: add) } }
        } else {
            for number in 0..<cards { try Sample.lend(number) { try index.insert($0) } }
        }
        let grossNanos = inserting.nanos()
        // Making the samples takes its time, too.
        var making = Stopwatch()
        var made = 0
        for number in 0..<cards { try Sample.lend(number) { made += $0.comment.count } }
        precondition(made >= 0, "nothing is optimised away")
        let insertNanos = (grossNanos - making.nanos()) / Double(cards)
        let bytes = Double(anonymousBytes() - before) / Double(cards)
        let statistics = index.statistics

        let draws = 4_000_000
        var random = Draw(seed: 1)
        let ids = (0..<draws).map { _ in Sample.id(random.next(below: cards)) }
        let absent = (0..<draws).map { _ in Sample.id(cards + random.next(below: cards)) }
        let phones = (0..<draws).map { _ in Sample.phone(random.next(below: cards)) }
        var sum: UInt64 = 0
        var watch = Stopwatch()
        for id in ids { index.withCard(id) { sum &+= UInt64($0.updatedAt.seconds) } }
        let hitNanos = watch.nanos() / Double(draws)
        watch = Stopwatch()
        for id in absent { index.withCard(id) { _ in sum &+= 1 << 40 } }
        let missNanos = watch.nanos() / Double(draws)
        watch = Stopwatch()
        for phone in phones {
            _ = index.withCards(phone: phone, limit: 100) {
                sum &+= UInt64($0.updatedAt.seconds)
            }
        }
        let phoneNanos = watch.nanos() / Double(draws)
        watch = Stopwatch()
        let batch = 1_000
        for start in stride(from: 0, to: draws, by: batch) {
            index.withCards(ids.span.extracting(start..<start + batch)) { _, card in
                sum &+= UInt64(card.updatedAt.seconds)
            } absent: { _ in
                sum &+= 1 << 40
            }
        }
        let batchNanos = watch.nanos() / Double(draws)
        precondition(sum < 1 << 60, "no card of a miss may be found")
        print(
            "cards \(cards) \(isGrown ? "grown" : isFilled ? "filled" : "sized")",
            "bytes/card \(one(bytes)) (tables "
                + "\(one(Double(statistics.tableBytes) / Double(cards))), records "
                + "\(one(Double(statistics.recordBytes) / Double(cards))))",
            "insert \(one(insertNanos)) ns", "hit \(one(hitNanos)) ns", "miss \(one(missNanos)) ns",
            "phone \(one(phoneNanos)) ns", "batch \(one(batchNanos)) ns",
            "hit/batch \(one(hitNanos / batchNanos))", separator: "  ")
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

    mutating func nanos() -> Double { Stopwatch.now() - start }

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
/// kinds on half of them.
private enum Sample {
    private static let comments: [[UInt8]] = [
        "Left with the neighbour", "Nobody at home", "Address not found", "Refused",
        "Signed by the recipient", "Called twice, no answer", "Moved away", "Office closed",
    ].map { Array($0.utf8) }

    static func id(_ number: Int) -> CardID {
        // Scattered, as real numbers are: consecutive ones would lie side by side.
        let bytes = text("ZY", UInt64(number) &* 387_420_489 % 1_000_000_000, digits: 9)
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

    static func lend(
        _ number: Int, to body: (borrowing CardView) throws -> Void
    ) throws {
        let none: [UInt8] = []
        let comment = number % 2 == 0 ? none : comments[number / 2 % comments.count]
        let reference = text("R", UInt64(number), digits: 8)
        guard let time = Timestamp(seconds: Int64(1_700_000_000 + number)),
            let status = CardStatus(rawValue: UInt8(number % 4))
        else { preconditionFailure("the sample's values are in range") }
        let card = CardView(
            id: id(number), phone: phone(number), status: status, updatedAt: time,
            comment: comment.span, reference: reference.span)
        try body(card)
    }

    private static func text(_ prefix: String, _ number: UInt64, digits: Int) -> [UInt8] {
        var bytes = Array(prefix.utf8)
        let start = bytes.count
        bytes += [UInt8](repeating: UInt8(ascii: "0"), count: digits)
        var rest = number
        var place = start + digits - 1
        while rest > 0, place >= start {
            bytes[place] = UInt8(ascii: "0") + UInt8(rest % 10)
            rest /= 10
            place -= 1
        }
        return bytes
    }
}
