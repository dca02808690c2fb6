import CardFeeds
import CardModel
import CardTesting
import Foundation
import Testing

/// Undoing files, and loading them in pieces.
@Suite struct FileLoaderVoidTests {
    private static let header = "ID,Card ID,User contact,Timestamp,Comment\n"

    /// Rows of few cards and moments, so that many share an identity, with every kind of problem.
    private static func rows(_ count: Int, _ generator: inout SeededGenerator) -> [String] {
        let phones = [
            "0585949014", "+971 50 123 4567", "", "9.71535E+11", "\"\"\"545576586\"\"\"",
        ]
        let comments = ["", "fine", "\"a, b\"", "\"say \"\"yes\"\"\"", "ünten"]
        return (0..<count).map { _ in
            var fields = [
                "R\(Int.random(in: 0..<4, using: &generator))",
                "C\(Int.random(in: 0..<15, using: &generator))",
                phones[Int.random(in: 0..<phones.count, using: &generator)],
                "1\(Int.random(in: 0..<4, using: &generator))-11-2023 14:00",
                comments[Int.random(in: 0..<comments.count, using: &generator)],
            ]
            switch Int.random(in: 0..<25, using: &generator) {
            case 0: fields[1] = ""
            case 1: fields[3] = "31-02-2024 10:00"
            case 2: fields.append("too much")
            case 3: fields[1] = "12\(Int.random(in: 0..<9, using: &generator)).0"
            default: break
            }
            return fields.joined(separator: ",")
        }
    }

    /// Voiding a file marks the events of its rows, and those only, whichever came first.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func void_undoesExactlyTheFile_inEitherOrder(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let kept = Self.header + Self.rows(150, &generator).joined(separator: "\n")
        let undone = Self.header + Self.rows(60, &generator).joined(separator: "\n")

        let alone = try LoadingStore()
        try alone.load(undone)
        let identities = Set(try alone.contents().map(Self.identity))
        #expect(identities.count > 20)

        let plain = try LoadingStore()
        try plain.load(kept)
        try plain.load(undone)
        let expected = try plain.contents().map { line in
            identities.contains(Self.identity(of: line)) ? line + "void" : line
        }
        #expect(expected.contains { !$0.hasSuffix("void") })

        let after = try LoadingStore()
        try after.load(kept)
        try after.load(undone)
        let report = try after.load(undone, .void)
        #expect(report.counts.accepted == identities.count)
        #expect(report.warnings == 0 && report.warningsPath == nil)
        #expect(report.rejects > 0 && report.rejectsPath != nil)
        #expect(try after.contents() == expected, "seed \(seed)")

        let before = try LoadingStore()
        try before.load(undone, .void)
        try before.load(undone)
        try before.load(kept)
        try before.load(undone, .void)
        #expect(try before.contents() == expected, "seed \(seed)")
    }

    /// A void belongs to one feed: the same rows of another stay.
    @Test func void_leavesOtherFeedsAlone() throws {
        let loading = try LoadingStore()
        let text = Self.header + "R1,C1,0585949014,13-11-2023 14:00,x\n"
        try loading.load(text, as: "delivered")
        try loading.load(text, as: "returned")
        try loading.load(text, .void, as: "returned")
        #expect(
            try loading.contents() == [
                "C1|2023-11-13T10:00:00Z|delivered|delivered|R1|+971585949014|x|",
                "C1|2023-11-13T10:00:00Z|returned|returned|R1|+971585949014|x|void",
            ])
        #expect(try loading.states() == ["C1|delivered|2023-11-13T10:00:00Z|+971585949014"])
    }

    /// However rows are split into files and whatever their order, the store is the same.
    @Test func load_givesTheSameContents_howeverTheRowsAreSplit() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = SeededGenerator(seed: seed)
        let rows = Self.rows(300, &generator)
        let whole = try LoadingStore()
        let report = try whole.load(Self.header + rows.joined(separator: "\n"))
        #expect(report.rows == rows.count, "seed \(seed)")
        let expected = try whole.contents()
        #expect(expected.count > 50, "seed \(seed)")

        for _ in 0..<8 {
            let split = try LoadingStore()
            var rest = rows.shuffled(using: &generator)
            var rejects = 0
            while !rest.isEmpty {
                let count = Int.random(in: 1...rest.count, using: &generator)
                let end = ["\n", "\r\n", "\n\n"].randomElement(using: &generator) ?? "\n"
                let file = [String(Self.header.dropLast())] + rest.prefix(count)
                rejects += try split.load(file.joined(separator: end)).rejects
                // Some rows come once more with the next file.
                let again = Int.random(in: 0...2, using: &generator) == 0 ? count / 3 : 0
                rest.removeFirst(count - min(again, count - 1))
            }
            #expect(rejects >= report.rejects, "seed \(seed)")
            #expect(try split.contents() == expected, "seed \(seed)")
        }
    }

    /// Card, moment, status, feed and reference of a line of contents.
    private static func identity(of line: String) -> String {
        line.split(separator: "|", omittingEmptySubsequences: false).prefix(5)
            .joined(separator: "|")
    }
}
