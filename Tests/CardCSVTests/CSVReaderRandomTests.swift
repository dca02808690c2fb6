import CardCSV
import CardTesting
import Foundation
import Testing

/// `CSVReader` against `ReferenceReader`. A failure names its seed, which CARDSTATUS_TEST_SEED
/// repeats.
@Suite struct CSVReaderRandomTests {
    private let seed =
        ProcessInfo.processInfo.environment["CARDSTATUS_TEST_SEED"].flatMap(UInt64.init)
        ?? .random(in: 0...UInt64.max)

    /// Compares rows, and holds every reading to the bounds on work and memory.
    private func check(_ bytes: [UInt8], _ reading: Reading, chunkSizes: [[Int]], _ seed: UInt64) {
        let expected = ReferenceReader(bytes: bytes, reading: reading).rows()
        for sizes in chunkSizes {
            let result = reading.read(bytes, chunkSizes: sizes)
            let limit = reading.maxRowBytes
            // Each byte three times, and the first row, or what fits of it, once for detection.
            let examinedMax = 3 * bytes.count + min(bytes.count, limit + 1)
            // A byte is copied once when its chunk ends, a second time when the row it is read in
            // goes back to its chunk, doubles at most as the buffer grows, and moves 8 times.
            let movedMax = 12 * bytes.count + 4096
            let isWithinBounds =
                result.bytesExamined <= examinedMax && result.bytesMoved <= movedMax
                && result.bytesHeld <= 2 * limit + limit / 8 + 4200
            guard result.rows != expected || !isWithinBounds else { continue }
            Issue.record(
                """
                seed \(seed): \(RowRecord.escaped(bytes.count < 500 ? bytes : []))
                \(reading), chunks of \(sizes), examined \(result.bytesExamined) of \
                \(examinedMax), moved \(result.bytesMoved) of \(movedMax), held \(result.bytesHeld)
                gave \(result.rows.prefix(50))
                not  \(expected.prefix(50))
                """)
        }
    }

    /// Every input of up to five bytes, at limits that cut it and that do not.
    @Test func read_equalsReference_onAllShortInputs() {
        let alphabet = Array(",\"\r\na".utf8)
        var inputs: [[UInt8]] = [[]]
        for length in 1...5 {
            let shorter = inputs.filter { $0.count == length - 1 }
            inputs += shorter.flatMap { input in alphabet.map { input + [$0] } }
        }
        for input in inputs {
            for limit in [1, 2, 3, 100] {
                let reading = Reading(
                    delimiter: UInt8(ascii: ","), maxRowBytes: limit, maxFields: 2)
                check(input, reading, chunkSizes: [[input.count], [1], [2], [3, 100]], 0)
            }
        }
    }

    /// Random inputs of the bytes that matter, cut at random, at random limits.
    @Test func read_equalsReference_onRandomInputs() {
        let alphabet = Array(",,\"\"\"\r\nab; ".utf8)
        for number in 0..<20_000 {
            let seed = seed &+ UInt64(number)
            var random = SeededGenerator(seed: seed)
            let bytes = random.bytes(of: alphabet, count: Int.random(in: 0...60, using: &random))
            let reading = Reading(
                delimiter: [nil, UInt8(ascii: ","), UInt8(ascii: ";")].randomElement(using: &random)
                    ?? nil,
                maxRowBytes: [1, 2, 3, 5, 8, 13, 21, 1000].randomElement(using: &random) ?? 1,
                maxFields: [1, 2, 3, 1000].randomElement(using: &random) ?? 1)
            let cuts = (0..<8).map { _ in Int.random(in: 0...20, using: &random) }
            check(bytes, reading, chunkSizes: [[bytes.count], [1], cuts + [7]], seed)
        }
    }

    /// Rows long enough to grow, move and leave the carry buffer, and quotes left open in most.
    @Test func read_equalsReference_onLongRows() {
        let alphabets = ["a\"b,\"c\n", "aaaaaaaaa,\"\n", "\"\"\"\n,a", "\"\"\"\"aaaaa\r\n,"]
        for number in 0..<40 {
            let seed = seed &+ UInt64(number)
            var random = SeededGenerator(seed: seed)
            let words = Array((alphabets.randomElement(using: &random) ?? "").utf8)
            let rowLength = Int.random(in: 1...2000, using: &random)
            var bytes: [UInt8] = []
            while bytes.count < 12_000 {
                bytes += random.bytes(of: words, count: Int.random(in: 0...8, using: &random))
                bytes += words
                if Int.random(in: 0..<8, using: &random) == 0 {
                    bytes += Array(repeating: 120, count: rowLength)
                }
            }
            let limit = Int.random(in: 1...6000, using: &random)
            let reading = Reading(delimiter: UInt8(ascii: ","), maxRowBytes: limit)
            let sizes = [[bytes.count], [random.size(), random.size(), random.size()], [64]]
            check(bytes, reading, chunkSizes: sizes, seed)
        }
    }

    /// Any bytes at all are read, without a trap, and none is left out: what lies between the rows
    /// reported is line breaks and the byte order mark.
    @Test func read_accountsForEveryByte_onRandomBytes() {
        for number in 0..<300 {
            let seed = seed &+ UInt64(number)
            var random = SeededGenerator(seed: seed)
            var bytes = random.bytes(
                of: Array(0...255), count: Int.random(in: 0...3000, using: &random))
            if number % 3 == 0 { bytes = [0xEF, 0xBB, 0xBF] + bytes }
            let reading = Reading(maxRowBytes: Int.random(in: 1...500, using: &random))
            check(bytes, reading, chunkSizes: [[bytes.count], [random.size()], [1]], seed)
            var end = 0
            for row in reading.readWhole(bytes) {
                let gap = bytes[end..<row.byteRange.lowerBound]
                let isMark = end == 0 && gap.starts(with: [0xEF, 0xBB, 0xBF])
                #expect(
                    gap.dropFirst(isMark ? 3 : 0).allSatisfy { $0 == 10 || $0 == 13 },
                    "seed \(seed)")
                end = row.byteRange.upperBound
            }
        }
    }
}

extension SeededGenerator {
    mutating func bytes(of alphabet: [UInt8], count: Int) -> [UInt8] {
        (0..<count).map { _ in alphabet[Int.random(in: 0..<alphabet.count, using: &self)] }
    }

    /// A chunk size: mostly small, at times large.
    mutating func size() -> Int { 1 << Int.random(in: 0...13, using: &self) }
}
