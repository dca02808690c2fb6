import CardTesting
import Foundation
import Testing

/// The state is a function of the set of everything said, whatever the way it came.
@Suite struct SetOfEventsTests {
    /// One thing to be said: a row of a feed's file, to be loaded or voided.
    private struct Statement {
        let feed: String
        let row: String
        let isVoid: Bool
    }

    /// The real program, with random statements in random files, runs and processes: the exports
    /// are the same bytes, and so are the answers of two servers.
    @Test func exportsAndAnswers_areEqual_forAnyOrderRepetitionAndSplit() throws {
        let seed = SeededGenerator.newSeed()
        var random = SeededGenerator(seed: seed)
        for round in 0..<6 {
            let statements = Self.statements(&random)
            var exports: Set<String> = []
            var answers: Set<[String]> = []
            for _ in 0..<3 {
                let directory = TemporaryDirectory()
                let data = directory.file("data")
                try Self.tell(statements, directory, data, &random)
                exports.insert(try Program.succeed(["export", "--data-dir", data]))
                try Program.succeed(["check", "--data-dir", data])
                let server = try Server(data)
                answers.insert(try Self.answers(server))
            }
            #expect(exports.count == 1, "seed \(seed), round \(round)")
            #expect(answers.count == 1, "seed \(seed), round \(round)")
            #expect(exports.first?.isEmpty == false, "seed \(seed), round \(round)")
        }
    }

    private static let cards = ["CARD-A", "CARD-B", "CARD-C"]
    private static let phones = ["", "0501111111", "0502222222", "+971503333333"]

    /// Few cards, moments and references, so that identities meet.
    private static func statements(_ random: inout SeededGenerator) -> [Statement] {
        (0..<Int.random(in: 10...40, using: &random)).map { _ in
            let card = cards.randomElement(using: &random)!
            let phone = phones.randomElement(using: &random)!
            let comment = ["", "left with the guard", "called"].randomElement(using: &random)!
            let day = Int.random(in: 10...13, using: &random)
            let reference = ["", "R1"].randomElement(using: &random)!
            return Statement(
                feed: ["pickup", "delivered", "returned"].randomElement(using: &random)!,
                row: "\(reference),\(card),\(phone),\(day)-11-2023 10:00,\(comment)",
                isVoid: Int.random(in: 0..<4, using: &random) == 0)
        }
    }

    /// Says the statements in a random order, some of them twice, in files of random size, by one
    /// process a file or one for several.
    private static func tell(
        _ statements: [Statement], _ directory: TemporaryDirectory, _ data: String,
        _ random: inout SeededGenerator
    ) throws {
        let repeated = statements.filter { _ in Bool.random(using: &random) }
        var rest = (statements + repeated).shuffled(using: &random)
        try Program.succeed(["load", "--data-dir", data, try empty(directory)])
        var number = 0
        while !rest.isEmpty {
            let part = rest.prefix(Int.random(in: 1...8, using: &random))
            rest.removeFirst(part.count)
            for isVoid in [false, true] {
                for (feed, group) in Dictionary(
                    grouping: part.filter { $0.isVoid == isVoid }, by: \.feed)
                {
                    number += 1
                    let text =
                        "ID,Card ID,User Mobile,Timestamp,Comment\n"
                        + group.map(\.row).joined(separator: "\n")
                    let file = try directory.write("\(number).csv", text)
                    try Program.succeed(
                        [isVoid ? "void" : "load", "--data-dir", data, "--feed", feed, file])
                }
            }
        }
    }

    private static func empty(_ directory: TemporaryDirectory) throws -> String {
        try directory.write("empty pickup.csv", "")
    }

    private static func answers(_ server: Server) throws -> [String] {
        try cards.flatMap { card in
            [
                try server.get("/api/cards/\(card)").body,
                try server.get("/api/cards/\(card)/history").body,
            ]
        } + phones.dropFirst().map { try server.get("/api/cards?phone=\($0)").body }
    }
}
